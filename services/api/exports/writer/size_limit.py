"""How large a file may be: no larger one can be written, which GDAL's KML driver does not notice."""

from __future__ import annotations

from api.exports.job import TOO_LARGE_HINT, FileJob
from core.errors import FileTooLarge

BLOCK_BYTES = 65_536


def is_full(job: FileJob) -> bool:
    """Whether a file of the job is as large as one may be."""
    sizes = [path.stat().st_size for path in job.path.parent.iterdir()]
    return max(sizes, default=0) >= job.most_bytes - BLOCK_BYTES


def too_large(job: FileJob) -> FileTooLarge:
    """What the client is told."""
    detail = f"the file would be larger than {job.most_bytes // 1_000_000} MB"
    return FileTooLarge(detail, hint=TOO_LARGE_HINT, parameter="f")
