"""How much a file and its writer may take: bytes on the disk, memory, time of the processor."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from pathlib import Path

from api.exports.job import TOO_LARGE_HINT, FileJob
from core.errors import FileTooLarge

BLOCK_BYTES = 65_536
NICENESS = 5
M_MMAP_THRESHOLD = -3
"""The parameter's number in malloc.h."""

MMAP_THRESHOLD_BYTES = 131_072
MOST_MEMORY_BYTES = 3_000_000_000
"""Of address space; Arrow keeps 1.1 GB in reserve. The index of FlatGeobuf takes 250 bytes for each feature."""


def limit_process(most_bytes: int) -> None:
    """Let requests go first, write no larger file than allowed, and be the one that ends when memory runs out.

    Blocks of Arrow go back to the system at once: beside GDAL's small objects in the heap they would leave holes.
    """
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def is_full(job: FileJob) -> bool:
    """Whether a file of the job is as large as one may be, which GDAL's KML driver does not notice."""
    sizes = [path.stat().st_size for path in job.path.parent.iterdir()]
    return max(sizes, default=0) >= job.most_bytes - BLOCK_BYTES


def wrote_too_much(job: FileJob) -> bool:
    """Whether the writer wrote as much as a file may hold: libraries name the limit in many ways, and clear up."""
    written = Path("/proc/self/io").read_text().partition("wchar: ")[2].partition("\n")[0]
    return int(written) >= job.most_bytes - BLOCK_BYTES


def too_large(job: FileJob) -> FileTooLarge:
    """The error of a file beyond its limit."""
    detail = f"the file would be larger than {job.most_bytes // 1_000_000} MB"
    return FileTooLarge(detail, hint=TOO_LARGE_HINT, parameter="f")
