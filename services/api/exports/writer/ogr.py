"""FlatGeobuf, GeoPackage and KML by GDAL, from a stream of record batches."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
import pyogrio.raw
from pyogrio.errors import DataLayerError

from api.exports.job import FileJob
from api.exports.writer.rows import HEIGHT, MEASURE, Rows, codes_of, layout_of, table_name
from core.errors import FormatUnsuitable

NO_XML, REPLACEMENT = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]", "\N{REPLACEMENT CHARACTER}"
"""Characters that no XML 1.0 holds (2.2, Char), and what stands for them."""

FAILURES = (RuntimeError, pa.ArrowException, OSError, MemoryError)
"""What GDAL, whose errors are RuntimeErrors, and Arrow raise when a file cannot be written."""

MIXED = "Unknown"
"""GDAL's word for a layer of several kinds of geometries."""


def write_gpkg(job: FileJob, rows: Rows) -> None:
    """A GeoPackage of one layer with a spatial index. Ids that can be are its fids; GDAL numbers anew what is below 0,
    so where some id is, they become a column.
    """
    options = {"GEOMETRY_NAME": rows.layout.geometry or "geom", "IDENTIFIER": job.title}
    if rows.layout.id and job.has_fids:
        options["FID"] = rows.layout.id
    try:
        reader, type = opened(job, rows)
        table = replace(job, layer=table_name(job.layer))
        write_layer(table, rows, reader, driver="GPKG", type=type, options=options)
    except BelowZero:
        numbered = replace(job, unique=False)
        write_gpkg(numbered, Rows(numbered, layout_of(numbered)))


def write_kml(job: FileJob, rows: Rows) -> None:
    """KML, whose schema knows texts and numbers: dates and booleans are texts."""
    batches = rows.guarded(as_texts(with_room(batch, job)) for batch in rows.batches())
    schema = as_texts(rows.nothing()).schema
    reader = pa.RecordBatchReader.from_batches(schema, batches)
    write_layer(job, rows, reader, driver="KML", type=MIXED, options={})


def with_room(batch: pa.RecordBatch, job: FileJob) -> pa.RecordBatch:
    """The batch. Raises: FileTooLarge, StorageFull when there is no room for it"""
    if job.is_full:
        raise job.too_large()
    return batch


def write_fgb(job: FileJob, rows: Rows) -> None:
    """FlatGeobuf with a spatial index, unless the request sorts, which the index would undo, or some feature has no
    geometry, which an index cannot hold.
    """
    if not job.sorted:
        try:
            return write_fgb_once(job, rows, index="YES")
        except DataLayerError as error:
            if "NULL geometry" not in str(error):
                raise
    return write_fgb_once(job, rows, index="NO")


def write_fgb_once(job: FileJob, rows: Rows, *, index: str) -> None:
    """A FlatGeobuf. Where the kinds of the geometries turn out to differ, it is written again as one of mixed kinds."""
    options = {"SPATIAL_INDEX": index}
    reader, type = opened(job, rows)
    if type != MIXED:
        try:
            return write_layer(job, rows, reader, driver="FlatGeobuf", type=type, options=options)
        except DataLayerError as error:
            if "Mismatched geometry type" not in str(error):
                raise
    flat = rows.guarded(flat_only(batch, rows.layout.geometry) for batch in rows.batches())
    reader = pa.RecordBatchReader.from_batches(rows.schema, flat)
    return write_layer(job, rows, reader, driver="FlatGeobuf", type=MIXED, options=options)


class BelowZero(ValueError):
    """An id that is no fid."""


def checked(batch: pa.RecordBatch, id: str) -> pa.RecordBatch:
    """The batch. Raises: BelowZero"""
    if (pc.min(batch.column(id)).as_py() or 0) < 0:
        raise BelowZero(id)
    return batch


def opened(job: FileJob, rows: Rows) -> tuple[pa.RecordBatchReader, str | None]:
    """The rows as a stream, and the layer's type: the declared kind, with heights if the first batch has some."""
    batches = rows.batches()
    if job.has_fids and job.format == "gpkg":
        batches = rows.guarded(checked(batch, str(rows.layout.id)) for batch in batches)
    first = next(batches, None)
    reader = pa.RecordBatchReader.from_batches(rows.schema, batches if first is None else chain([first], batches))
    if job.geometry_type is None:
        return reader, None
    if job.geometry_type == "Geometry":
        return reader, MIXED
    largest = 0 if first is None else max(0, int(codes_of(first, rows.layout.geometry).max()))
    return reader, measured_type(job.geometry_type, largest // HEIGHT * HEIGHT)


def measured_type(kind: str, extra: int) -> str:
    """What pyogrio calls a kind with heights, measures or both."""
    if extra == HEIGHT:
        return f"{kind} Z"
    if extra == MEASURE:
        return "PointM" if kind == "Point" else f"Measured {kind}"
    return f"Measured 3D {kind}" if extra else kind


def flat_only(batch: pa.RecordBatch, geometry: str | None) -> pa.RecordBatch:
    """The batch. Raises: FormatUnsuitable when some geometry has heights or measures, which would be lost"""
    if (codes_of(batch, geometry) >= HEIGHT).any():
        detail = "FlatGeobuf loses the heights of geometries of several kinds"
        raise FormatUnsuitable(detail, hint="ask for f=gpkg or f=parquet", parameter="f")
    return batch


def as_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with booleans and dates as texts, and texts without characters that XML does not have."""
    return pa.RecordBatch.from_arrays([*map(as_text, batch.columns)], names=batch.schema.names)


def as_text(array: pa.Array) -> pa.Array:
    """A column as KML has it."""
    if pt.is_string(array.type):
        return pc.replace_substring_regex(array, NO_XML, REPLACEMENT)
    return pc.cast(array, pa.string()) if pt.is_boolean(array.type) or pt.is_date(array.type) else array


def write_layer(
    job: FileJob, rows: Rows, reader: pa.RecordBatchReader, *, driver: str, type: str | None, options: dict[str, str]
) -> None:
    """A layer by GDAL. Raises: DataLayerError; what reading the rows raises"""
    job.path.unlink(missing_ok=True)
    warnings.filterwarnings("ignore", message="'crs' was not provided")
    try:
        pyogrio.raw.write_arrow(
            reader,
            str(job.path),
            layer=job.layer,
            driver=driver,
            geometry_name=rows.layout.geometry,
            geometry_type=type,
            crs=job.crs if type else None,
            layer_options=options,
        )
    except FAILURES as error:
        if rows.failure is not None:
            raise rows.failure from error
        raise
