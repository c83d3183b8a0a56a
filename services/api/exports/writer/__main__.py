"""Reads a job from standard input, writes its file, and says on standard output how it went (`-m api.exports.writer`).

Standard input stays open as long as the worker that asked lives; when it closes, this process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
from pathlib import Path
from threading import Thread

import psycopg
import pyarrow as pa
import pyogrio

from api.exports.job import TOO_LARGE_HINT, FileJob
from api.exports.writer.failures import FAILURES
from api.exports.writer.size_limit import BLOCK_BYTES, is_full, too_large
from api.exports.writer.write import write
from core.errors import FileTooLarge, IsthmusError

GDAL_CONFIG = {
    "GDAL_NUM_THREADS": "1",
    "OGR_SQLITE_SYNCHRONOUS": "OFF",  # a file that a crash leaves half done is thrown away
    "OGR_GPKG_MAX_RAM_USAGE_RTREE": "100000000",
}
MODEST = 5
M_MMAP_THRESHOLD = -3
"""The parameter's number in malloc.h."""

MMAP_THRESHOLD_BYTES = 131_072
MOST_MEMORY_BYTES = 3_000_000_000
"""Of address space; Arrow keeps 1.1 GB in reserve. The index of FlatGeobuf takes 250 bytes for each feature."""


def main() -> None:
    """Do the job that standard input holds."""
    job = FileJob.from_json(sys.stdin.readline())
    Thread(target=end_with_worker, daemon=True).start()
    be_modest(job.most_bytes)
    pyogrio.set_gdal_config_options(GDAL_CONFIG)
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what is not needed any more
    try:
        write(job)
    except IsthmusError as error:
        answer(told(error))
    except psycopg.Error as error:
        answer({"sqlstate": error.sqlstate, "detail": str(error)})
    except MemoryError:
        detail = "the file takes more memory than a writer may have"
        answer(told(FileTooLarge(detail, hint=TOO_LARGE_HINT, parameter="f")))
    except FAILURES:
        if not wrote_too_much(job):
            raise
        answer(told(too_large(job)))
    else:
        answer(told(too_large(job)) if is_full(job) else {})


def end_with_worker() -> None:
    """End this process when the worker that started it is gone."""
    sys.stdin.read()
    os._exit(1)


def be_modest(most_bytes: int) -> None:
    """Let requests go first, write no larger file than allowed, and be the one that ends when memory runs out.

    Blocks of Arrow go back to the system at once: beside GDAL's small objects in the heap they would leave holes.
    """
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
    os.nice(MODEST)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def wrote_too_much(job: FileJob) -> bool:
    """Whether the writer wrote as much as a file may hold: libraries name the limit in many ways, and clear up."""
    written = Path("/proc/self/io").read_text().partition("wchar: ")[2].partition("\n")[0]
    return int(written) >= job.most_bytes - BLOCK_BYTES


def told(error: IsthmusError) -> dict[str, str | None]:
    """An error, as the worker is told it."""
    return {"code": error.code, "detail": error.detail, "hint": error.hint, "parameter": error.parameter}


def answer(members: dict[str, str | None]) -> None:
    """One line for the worker."""
    sys.stdout.write(json.dumps(members) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
