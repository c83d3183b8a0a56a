"""Which writer makes which format."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from api.exports.job import FileFormat, FileJob
from api.exports.writer.column_names import layout_of
from api.exports.writer.ogr import write_fgb, write_gpkg, write_kml
from api.exports.writer.parquet import write_parquet
from api.exports.writer.rows import Rows
from api.exports.writer.shapefile import write_shp

WRITERS: Mapping[FileFormat, Callable[[FileJob, Rows], None]] = {
    "fgb": write_fgb,
    "gpkg": write_gpkg,
    "parquet": write_parquet,
    "shp": write_shp,
    "kml": write_kml,
}


def write(job: FileJob) -> None:
    """Make the file of a job.

    Raises: FormatUnsuitable; what the database says to the statement; OSError and GDAL's errors
    """
    WRITERS[job.format](job, Rows(job, layout_of(job)))
