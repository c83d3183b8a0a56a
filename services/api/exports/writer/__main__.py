"""Reads a job from standard input, writes its file, and says on standard output how it went (`-m api.exports.writer`).

Standard input stays open as long as the worker that started it lives; when it closes, this process ends.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from threading import Thread

import psycopg
import pyarrow as pa
import pyogrio

from api.exports.job import TOO_LARGE_HINT, FileFormat, FileJob
from api.exports.writer.column_names import layout_of
from api.exports.writer.limits import is_full, limit_process, too_large, wrote_too_much
from api.exports.writer.ogr import FAILURES, write_fgb, write_gpkg, write_kml
from api.exports.writer.parquet import write_parquet
from api.exports.writer.rows import Rows
from api.exports.writer.shapefile import write_shp
from core.errors import FileTooLarge, IsthmusError

WRITERS: Mapping[FileFormat, Callable[[FileJob, Rows], None]] = {
    "fgb": write_fgb,
    "gpkg": write_gpkg,
    "parquet": write_parquet,
    "shp": write_shp,
    "kml": write_kml,
}
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
        detail = "the file takes more memory than a writer may have"
        return members(FileTooLarge(detail, hint=TOO_LARGE_HINT, parameter="f"))
    except FAILURES:
        if not wrote_too_much(job):
            raise
        return members(too_large(job))
    return members(too_large(job)) if is_full(job) else {}


def end_with_worker() -> None:
    """End this process when the worker that started it is gone."""
    sys.stdin.read()
    os._exit(1)


def members(error: IsthmusError) -> dict[str, str | None]:
    """An error as JSON values, from which the worker makes it again."""
    return {"code": error.code, "detail": error.detail, "hint": error.hint, "parameter": error.parameter}


if __name__ == "__main__":
    main()
