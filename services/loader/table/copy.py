"""Rows of an open layer into a new table: binary COPY, one per chunk; the table widens when the file surprises."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import psycopg
import pyarrow as pa
from psycopg import sql

from core.database.connections import Connection
from loader.chunks import Chunk, OpenLayer
from loader.errors import CannotRead, GeometryRefused
from loader.geometry.wkb import Codes, Shape, changes, is_plain, only_numbers, pad, promoted, shape_of, type_codes
from loader.names import MAX_BYTES
from loader.report import Note
from loader.table import ddl
from loader.table.binary_copy import Encoder
from loader.table.columns import TableColumn, table_columns
from loader.table.ddl import Table
from loader.table.heap_order import along_curve

MAX_COLUMNS = 1500
"""PostgreSQL's limit is 1,600, with the columns that Isthmus adds."""

REPAIRED = (
    Note("info", "curves-straightened", "{count} curves became lines: neither GeoJSON nor tiles have curves"),
    Note("info", "surfaces-as-polygons", "{count} surfaces became polygons"),
    Note("info", "collections-flattened", "{count} collections held others, or curves: they are one collection now"),
    Note("info", "measures-dropped", "{count} features have measures (M), which are dropped"),
    Note("info", "heights-added", "{count} features have no height where others do: theirs is 0"),
    Note(
        "warning",
        "geometry-without-place",
        "{count} features have coordinates that are no numbers, and are published without geometry",
        "give them coordinates in the file",
    ),
    Note(
        "warning",
        "geometry-padded",
        "{count} features have lines of one point, or rings of fewer than four or that are not closed; "
        "points of them were repeated",
        "repair them in the file, or leave them out",
    ),
    Note("info", "heights-missing", "{count} features have heights or measures that are no numbers; they became 0"),
)
"""What the report says of geometries that had to be changed to be stored."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What the copying left: the table as it is now, how many rows went in, and what had to be repaired."""

    table: Table
    rows: int
    notes: tuple[Note, ...]


@dataclass(slots=True)
class Copy:
    """The copying of one layer. `table` is replaced when it had to be widened; `padding`: fill up lines and rings."""

    connection: Connection
    table: Table
    encoder: Encoder
    padding: bool = False
    rows: int = 0
    repaired: Counter[str] = field(default_factory=Counter[str])
    """How many features had to be changed, by the code of the note."""

    def add(self, chunk: Chunk) -> None:
        """Send one chunk. Raises: CannotRead for geometries that are no WKB"""
        if chunk.wkb is None or self.table.shape is None or self.table.srid is None:
            self.send(ddl.copy_into(self.table), chunk)
        else:
            self.add_geometries(chunk, chunk.wkb, self.table.shape, self.table.srid)
        self.rows += len(chunk)

    def add_geometries(self, chunk: Chunk, wkb: pa.Array, shape: Shape, srid: int) -> None:
        """Send a chunk with geometries, straight or through the staging table; widen the table first if need be."""
        wkb = self.only_numbers(wkb)
        if self.padding:
            wkb, count = pad(wkb)
            self.repaired["geometry-padded"] += count
        all_codes = codes_of(wkb)
        codes = set(all_codes.tolist())
        found = shape_of(codes)
        wide = shape if found is None else shape.joined(found)
        if wide != shape:
            self.widen(wide, srid)
            self.repaired["heights-added"] += self.rows if wide.z and not shape.z else 0
        if all(is_plain(code, wide) for code in codes):
            self.send(ddl.copy_into(self.table), replace(chunk, wkb=promoted(wkb, wide)))
            return
        self.repaired.update(changes(all_codes, wide))
        self.run(ddl.create_staging(self.table))
        self.send(ddl.copy_into_staging(self.table), replace(chunk, wkb=wkb))
        [(nested,)] = self.connection.execute(ddl.count_nested()).fetchall()
        self.repaired["collections-flattened"] += nested
        self.run(*ddl.move_from_staging(self.table))

    def only_numbers(self, wkb: pa.Array) -> pa.Array:
        """The geometries without coordinates that are no numbers, which are counted."""
        cleaned = only_numbers(wkb)
        self.repaired["geometry-without-place"] += cleaned.placeless
        self.repaired["heights-missing"] += cleaned.flattened
        return cleaned.wkb

    def widen(self, shape: Shape, srid: int) -> None:
        """Give the table a geometry column that takes more."""
        self.run(*ddl.widen(self.table, shape, srid))
        self.table = replace(self.table, shape=shape)

    def refuse_lost(self) -> None:
        """Raises: CannotRead where no row has a place, as none has coordinates that are numbers"""
        if self.rows and self.repaired["geometry-without-place"] == self.rows:
            raise CannotRead("all coordinates of the layer are no numbers", hint="write the file again")

    def notes(self) -> Iterator[Note]:
        """What the report says of geometries that were changed."""
        for note in REPAIRED:
            if count := self.repaired[note.code]:
                yield replace(note, message=note.message.format(count=count))

    def run(self, *statements: sql.Composed) -> None:
        """Execute statements without rows."""
        for statement in statements:
            self.connection.execute(statement)

    def send(self, text: sql.Composed, chunk: Chunk) -> None:
        """One COPY. Raises: CannotRead when PostgreSQL refuses a value, GeometryRefused when PostGIS does"""
        try:
            with self.connection.cursor() as cursor, cursor.copy(text) as copy:
                for data in self.encoder.copy_data(chunk):
                    copy.write(data)
        except (psycopg.DataError, psycopg.errors.InternalError_) as error:
            message = f"PostgreSQL refuses a value of {feature_of(error, chunk)}: {str(error).splitlines()[0]}"
            refused = GeometryRefused if isinstance(error, psycopg.errors.InternalError_) else CannotRead
            raise refused(message, hint="repair it in the file") from error


def feature_of(error: psycopg.Error, chunk: Chunk) -> str:
    """The feature that a COPY failed at, by the line that PostgreSQL names."""
    line = re.search(r"line (\d+)", error.diag.context or "")
    return f"feature {chunk.fids[int(line[1]) - 1].as_py()}" if line else "some feature"


def codes_of(wkb: pa.Array) -> Codes:
    """The WKB type codes of geometries that are not null. Raises: CannotRead for what is no WKB"""
    try:
        return type_codes(wkb)
    except ValueError as error:
        raise CannotRead(f"the geometry column holds no WKB: {error}", hint="write the file again") from error


def copy_layer(
    connection: Connection,
    name: str,
    layer: OpenLayer,
    srid: int | None,
    progress: Callable[[int], None],
    *,
    padding: bool = False,
) -> Copied:
    """Make the table `name` and fill it with the layer's rows; `progress` hears the number of rows after each chunk.

    The caller's transaction holds it all. Raises: CannotRead, GeometryRefused for what `padding` may mend
    """
    columns = table_columns(layer.schema)
    if len(columns) > MAX_COLUMNS:
        message = f"the layer has {len(columns)} columns, a table has at most {MAX_COLUMNS}"
        raise CannotRead(message, hint="leave some out")
    chunks = along_curve(layer.chunks)
    first = next(chunks, None)
    table = Table(name, columns, first_shape(layer, first), srid)
    copy = Copy(connection, table, Encoder(columns, geometry=table.shape is not None), padding)
    copy.run(ddl.create_table(table))
    for chunk in chain([] if first is None else [first], chunks):
        copy.add(chunk)
        progress(copy.rows)
    if layer.row_count is not None and layer.row_count != copy.rows:
        raise CannotRead(
            f"the file says that it holds {layer.row_count} rows, {copy.rows} could be read",
            hint="is the copy complete? Copy it again",
        )
    copy.refuse_lost()
    notes = (*cut_notes(layer.schema, columns), *copy.encoder.notes(), *copy.notes())
    return Copied(copy.table, copy.rows, notes)


def first_shape(layer: OpenLayer, first: Chunk | None) -> Shape | None:
    """The shape to begin with: as declared, or, when the file leaves it open, that of the first rows."""
    declared = layer.shape
    if declared is None or declared.type != "Geometry" or first is None or first.wkb is None:
        return declared
    found = shape_of(set(codes_of(first.wkb).tolist()))
    return Shape(found.type, found.z or declared.z) if found else declared


def cut_notes(schema: pa.Schema, columns: Sequence[TableColumn]) -> Iterator[Note]:
    """What the report says of names that are too long."""
    for part, column in zip(schema, columns, strict=True):
        if len(part.name.encode(errors="replace")) > MAX_BYTES:
            message = f"'{part.name}' is longer than {MAX_BYTES} bytes, and is published as '{column.name}'"
            yield Note("warning", "name-cut", message)
