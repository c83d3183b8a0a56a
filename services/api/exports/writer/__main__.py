"""Reads a job from standard input, writes its file, and says on standard output how it went (`-m api.exports.writer`).

Standard input stays open as long as the worker that started it lives; when it closes, this process ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

import psycopg
import pyarrow as pa
import pyogrio

from api.exports.job import BLOCK_BYTES, OUT_OF_MEMORY, FileFormat, FileJob, file_too_large
from api.exports.writer.ogr import FAILURES, write_fgb, write_gpkg, write_kml
from api.exports.writer.parquet import write_parquet
from api.exports.writer.rows import Rows, layout_of
from api.exports.writer.shapefile import write_shp
from core.errors import IsthmusError

WRITERS: Mapping[FileFormat, Callable[[FileJob, Rows], None]] = {
    "fgb": write_fgb,
    "gpkg": write_gpkg,
    "parquet": write_parquet,
    "shp": write_shp,
    "kml": write_kml,
}
NICENESS = 5
M_MMAP_THRESHOLD = -3
"""The parameter's number in malloc.h."""

MMAP_THRESHOLD_BYTES = 131_072
MOST_MEMORY_BYTES = 3_000_000_000
"""Of address space; Arrow keeps 1.1 GB in reserve. The index of FlatGeobuf takes 250 bytes for each feature."""

GDAL_CONFIG = {
    "GDAL_NUM_THREADS": "1",
    "OGR_SQLITE_SYNCHRONOUS": "OFF",  # a file that a crash leaves half done is thrown away
    "OGR_GPKG_MAX_RAM_USAGE_RTREE": "100000000",
}


def main() -> None:
    """Do the job that standard input holds."""
    job = FileJob.from_json(sys.stdin.readline())
    Thread(target=end_with_worker, daemon=True).start()
    limit_process(job.most_bytes)
    pyogrio.set_gdal_config_options(GDAL_CONFIG)
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what is not needed any more
    sys.stdout.write(json.dumps(write(job)) + "\n")
    sys.stdout.flush()


def write(job: FileJob) -> dict[str, str | None]:
    """Make the file of a job. Returns nothing, or the members of the error that the client is to see.

    Raises: OSError and GDAL's errors that are nobody's fault but ours
    """
    try:
        WRITERS[job.format](job, Rows(job, layout_of(job)))
    except IsthmusError as error:
        return members(error)
    except psycopg.Error as error:
        return {"sqlstate": error.sqlstate, "detail": str(error)}
    except MemoryError:
        return members(file_too_large(OUT_OF_MEMORY))
    except FAILURES:
        if not (wrote_too_much(job) or job.lacks_room):
            raise
        return members(job.too_large())
    return members(job.too_large()) if job.is_full else {}


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


def wrote_too_much(job: FileJob) -> bool:
    """Whether the writer wrote as much as a file may hold: libraries name the limit in many ways, and clear up."""
    written = Path("/proc/self/io").read_text().partition("wchar: ")[2].partition("\n")[0]
    return int(written) >= job.most_bytes - BLOCK_BYTES


def end_with_worker() -> None:
    """End this process when the worker that started it is gone."""
    sys.stdin.read()
    os._exit(1)


def members(error: IsthmusError) -> dict[str, str | None]:
    """An error as JSON values, from which the worker makes it again."""
    return {"code": error.code, "detail": error.detail, "hint": error.hint, "parameter": error.parameter}


if __name__ == "__main__":
    main()
