"""The rows of a job, as Arrow record batches: CSV from PostgreSQL, a few megabytes at a time. Their columns have names
that are unique as the format counts names, and as long as it takes them; what WKB holds is told without a loop.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import LiteralString, cast
from xml.sax.saxutils import escape

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.types as pt
from numpy.typing import NDArray
from psycopg import sql

from api.exports.job import FileJob
from core.catalog.collections import ColumnType, KeyType
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import IsthmusError

CHUNK_BYTES = 4_000_000

KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
"""By the last digit of the code of ISO WKB, from 1."""

NO_CODE = -1
HEIGHT, MEASURE = 1000, 2000
"""What is added to a code for a third and a fourth coordinate; 3000 for both."""

# column type -> how it travels, what it is in the file
WIRE_TYPES: dict[ColumnType, tuple[pa.DataType, pa.DataType]] = {
    "integer": (pa.int64(), pa.int64()),
    "number": (pa.float64(), pa.float64()),
    "boolean": (pa.bool_(), pa.bool_()),
    "string": (pa.string(), pa.string()),
    "date": (pa.int32(), pa.date32()),
    "datetime": (pa.int64(), pa.timestamp("us", "UTC")),
    "time": (pa.int64(), pa.time64("us")),
    "json": (pa.string(), pa.string()),
    "binary": (pa.string(), pa.binary()),
}
ID_TYPES: dict[KeyType, pa.DataType] = {"integer": pa.int64(), "text": pa.string()}
AS_JSON = {"ARROW:extension:name": "arrow.json"}

GEOMETRY_NAMES = {"gpkg": "geom"}
BOUNDS = ("xmin", "ymin", "xmax", "ymax")
DBF_NAME_BYTES = 10
LONG_NAME = "the_geometry"
"""Longer than any name of a property in a Shapefile, so that it is none."""

ANY_LENGTH = 1_000_000

NO_TABLE = re.compile(r"[!-/:-@\[-^`{-~]|gpkg|sqlite_", re.IGNORECASE)
"""How no table of a GeoPackage may begin: GDAL and SQLite refuse it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file: id, properties, geometry when there is one, and bounds of it in GeoParquet.

    bbox: the name of the struct that GeoParquet keeps the bounds in
    """

    id: str | None
    columns: tuple[str, ...]
    geometry: str | None
    bounds: tuple[str, ...] = ()
    bbox: str = ""


def layout_of(job: FileJob) -> Layout:
    """The layout of a job's file."""
    names = [column.name for column in job.columns]
    short = job.format == "shp"
    columns = tuple(unique_names(names, DBF_NAME_BYTES if short else ANY_LENGTH))
    if job.format == "kml":  # GDAL 3.12 writes names into its XML as they are
        columns = tuple(escape(name, {'"': "&quot;"}) for name in columns)
    # properties keep their names, what is ours steps aside
    taken = {name.lower() for name in columns}
    id = free(id_name(job), taken) if job.id else None
    if job.geometry_type is None:
        return Layout(id, columns, None)
    geometry = LONG_NAME if short else free(GEOMETRY_NAMES.get(job.format, "geometry"), taken)
    if job.format != "parquet":
        return Layout(id, columns, geometry)
    return Layout(id, columns, geometry, tuple(free(name, taken) for name in BOUNDS), free("bbox", taken))


class Rows:
    """The rows of a job. Each walk runs its statement anew."""

    def __init__(self, job: FileJob, layout: Layout) -> None:
        """Runs nothing yet."""
        self.failure: Exception | None = None
        self.layout = layout
        self._job = job
        self._wire = wire_types(job, layout)
        self.schema = file_schema(job, layout)

    def nothing(self) -> pa.RecordBatch:
        """A batch without rows."""
        return pa.RecordBatch.from_pylist([], schema=self.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches of one walk, of `schema`. Raises: what the database says to the statement"""
        return self.guarded(self._walk())

    def guarded(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches. GDAL takes them through C, where an error loses its class: it is kept in `failure`."""
        try:
            yield from batches
        except (IsthmusError, psycopg.Error, pa.ArrowException, ValueError) as error:
            self.failure = error
            raise

    def _walk(self) -> Iterator[pa.RecordBatch]:
        database = Database(replace(self._job.settings, pool_size=1))
        statement = Statement(sql.SQL(cast(LiteralString, self._job.statement)))
        try:
            for chunk in gathered(database.stream(statement, self._job.timeout_s)):
                yield from self._parse(chunk)
        finally:
            database.close()

    def _parse(self, chunk: bytes) -> Iterator[pa.RecordBatch]:
        """The batches of whole lines."""
        table = pcsv.read_csv(
            pa.BufferReader(chunk),
            pcsv.ReadOptions(column_names=list(self._wire), block_size=len(chunk) + 1, use_threads=False),
            pcsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),  # a NULL alone is one
            pcsv.ConvertOptions(
                column_types=self._wire,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in table.to_batches():
            columns = [
                from_hex(array) if pt.is_binary(field.type) else array.cast(field.type)
                for array, field in zip(batch.columns, self.schema, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)


def wire_types(job: FileJob, layout: Layout) -> dict[str, pa.DataType]:
    """The columns as they travel, by name."""
    types = {layout.id: ID_TYPES[job.id]} if layout.id and job.id else {}
    types |= {name: WIRE_TYPES[column.type][0] for name, column in zip(layout.columns, job.columns, strict=True)}
    if layout.geometry:
        types[layout.geometry] = pa.string()
    return types | dict.fromkeys(layout.bounds, pa.float64())


def file_schema(job: FileJob, layout: Layout) -> pa.Schema:
    """The columns as they are written."""
    fields = [pa.field(layout.id, ID_TYPES[job.id], nullable=False)] if layout.id and job.id else []
    for name, column in zip(layout.columns, job.columns, strict=True):
        metadata = AS_JSON if column.type == "json" else None
        fields.append(pa.field(name, WIRE_TYPES[column.type][1], metadata=metadata))
    if layout.geometry:
        fields.append(pa.field(layout.geometry, pa.binary()))
    return pa.schema([*fields, *(pa.field(name, pa.float64()) for name in layout.bounds)])


def gathered(blocks: Iterable[bytes]) -> Generator[bytes]:
    """Blocks of whole lines put together to larger ones."""
    pending: list[bytes] = []
    size_bytes = 0
    for block in blocks:
        pending.append(block)
        size_bytes += len(block)
        if size_bytes >= CHUNK_BYTES:
            yield b"".join(pending)
            pending, size_bytes = [], 0
    if size_bytes:
        yield b"".join(pending)


def from_hex(array: pa.Array) -> pa.Array:
    """The bytes that a column of hexadecimal texts stands for."""
    offsets = offsets_of(array)
    first, last = int(offsets[0]), int(offsets[-1])
    data = unhexlify(memoryview(array.buffers()[2])[first:last]) if last > first else b""
    halves = ((offsets - first) // 2).astype(np.int32)
    whole = pa.Array.from_buffers(pa.binary(), len(array), [None, pa.py_buffer(halves), pa.py_buffer(data)])
    return pc.if_else(pc.is_valid(array), whole, pa.scalar(None, pa.binary())) if array.null_count else whole


def offsets_of(array: pa.Array) -> NDArray[np.int32]:
    """Where the values of a column of texts or bytes begin, and where the last one ends."""
    if len(array) == 0:
        return np.zeros(1, np.int32)
    return np.frombuffer(memoryview(array.buffers()[1]), np.int32)[array.offset : array.offset + len(array) + 1]


def codes_of(batch: pa.RecordBatch, geometry: str | None) -> NDArray[np.int64]:
    """The ISO code of each geometry of a column; -1 where there is none. Little-endian, as PostGIS writes it."""
    codes = np.full(batch.num_rows, NO_CODE, np.int64)
    if geometry is None:
        return codes
    array = batch.column(geometry)
    offsets = offsets_of(array)
    filled = np.flatnonzero(np.diff(offsets) > 0)
    if len(filled):
        places = offsets[filled].astype(np.int64)[:, None] + np.arange(1, 5)
        heads = np.frombuffer(memoryview(array.buffers()[2]), np.uint8)[places]
        codes[filled] = heads.view("<u4").ravel()
    return codes


def kind_of(code: int) -> str:
    """GeoJSON's name of a code."""
    return KINDS[code % 1000 - 1]


def table_name(name: str) -> str:
    """The name of a table of a GeoPackage."""
    return f"_{name}" if NO_TABLE.match(name) else name


def id_name(job: FileJob) -> str:
    """The name of the ids. GDAL reads the ids of KML's placemarks as `id`, which it numbers by itself."""
    return "fid" if job.format == "kml" or (job.format == "gpkg" and job.has_fids) else "id"


def free(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores put before it until nobody has it."""
    while name in taken:
        name = f"_{name}"
    return name


def unique_names(names: Iterable[str], most_bytes: int) -> list[str]:
    """The names cut to a length in UTF-8, and numbered where two are equal but for the case of letters."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        candidate, number = cut(name, most_bytes), 1
        while candidate.lower() in taken:
            number += 1
            candidate = cut(name, most_bytes - len(f"_{number}")) + f"_{number}"
        taken.add(candidate.lower())
        found.append(candidate)
    return found


def cut(name: str, most_bytes: int) -> str:
    """As much of a name as fits, whole characters only."""
    return name.encode()[:most_bytes].decode(errors="ignore")
