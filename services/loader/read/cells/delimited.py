"""Text with a delimiter, CSV or TSV, as a layer: read twice, once for what the columns are, once for the rows.

A row that is none is left out and named, and so is a quote that is not closed; what the others hold is kept as it is.
GDAL's driver passes over such rows without a word.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from loader.chunks import CHUNK_BYTES, Chunk, LayerRef, OpenLayer
from loader.errors import CannotRead
from loader.geometry.wkb import Shape
from loader.read.cells.dialect import FALLBACK_ENCODING, Dialect, find_dialect, open_text
from loader.read.cells.names_of_places import NO_GEOMETRY
from loader.read.cells.places import SHOWN, PlaceColumns, find_places, refuse_unplaced, unplaced_notes
from loader.read.cells.quotes import Record, records
from loader.read.cells.text_types import OF_NAME, ColumnLook
from loader.read.content import readable
from loader.read.times import parse_times
from loader.report import Note
from loader.scan import Dataset
from loader.table.crs import unreadable

MOST_ROWS, SAMPLE_ROWS = 65_536, 1000
MOST_VALUE_BYTES = 500_000_000
PLACE_TYPES = {"coordx": "x", "coordy": "y", "wkt": "wkt"}
"""Of a `.csvt`, by the key of the side-car that says the same."""


@dataclass(slots=True)
class Look:
    """What the first pass found. `left_out`: the line and what is wrong, of rows that are none."""

    columns: list[ColumnLook]
    places: PlaceColumns | None = None
    rows: int = 0
    short: int = 0
    left_out: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    recoded: Counter[str] = field(default_factory=Counter[str])

    def kept(self, dialect: Dialect) -> list[int]:
        """The columns that are properties: no coordinates, and neither without a name nor without any value."""
        hidden = self.places.columns if self.places else ()
        empty = {place for place, name in enumerate(dialect.names) if not name and not self.columns[place].filled}
        return [place for place in range(len(self.columns)) if place not in hidden and place not in empty]


@contextmanager
def open_delimited(dataset: Dataset, ref: LayerRef) -> Generator[OpenLayer]:
    """Open the file as a layer. Raises: CannotRead, also while its chunks are walked; BadSideCar"""
    csv.field_size_limit(MOST_VALUE_BYTES)
    with readable(dataset):
        dialect = find_dialect(ref.gdal_path)
        look = first_pass(dataset, ref, dialect)
        refuse_mess(dataset, look)
        kept = look.kept(dialect)
        notes = [*look_notes(dialect, look, kept)]
        fields = [pa.field("fid", pa.int64()), *(look.columns[place].field for place in kept)]
        if look.places:
            fields.append(pa.field("wkb", pa.binary()))
        found = second_pass(ref, dialect, look, kept, pa.schema(fields), notes)
        schema, batches = parse_times(pa.schema(fields), found)
    properties = pa.schema([schema.field(place + 1) for place in range(len(kept))])
    crs = crs_beside(dataset)
    yield OpenLayer(properties, shape_of(look), crs, look.rows, chunks_of(dataset, batches, len(kept)), notes)


def first_pass(dataset: Dataset, ref: LayerRef, dialect: Dialect) -> Look:
    """What the columns are. Raises: what reading raises, BadSideCar, CannotRead"""
    look = Look([ColumnLook(name) for name in dialect.column_names])
    ref = believe_types(dataset, ref, look)
    for number, rows in enumerate(groups(ref.gdal_path, dialect, look)):
        arrays = texts_of(rows, look, look.recoded)
        if number == 0:
            samples = {place: filled(array) for place, array in enumerate(arrays)}
            look.places = find_places(dialect.column_names, samples, ref)
        lines = [line for line, _ in rows]
        for place, (column, array) in enumerate(zip(look.columns, arrays, strict=True)):
            if look.places is None or place not in look.places.columns:
                column.add(array, lines)
        look.rows += len(rows)
    if not look.rows:
        look.places = find_places(dialect.column_names, {}, ref)
    return look


def believe_types(dataset: Dataset, ref: LayerRef, look: Look) -> LayerRef:
    """Give the columns the types that a `.csvt` beside the file says. What is no value of them makes a column text."""
    path = next((file for file in dataset.files if file.suffix.lower() == ".csvt"), None)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path else []
    row = next(csv.reader(lines), list[str]())
    for word, column in zip(row, look.columns, strict=False):
        name = word.partition("(")[0].strip().lower() if word.lower() != "integer(boolean)" else word.lower()
        column.candidates = (OF_NAME[name],) if name in OF_NAME else ()
        if name in PLACE_TYPES and not (ref.x or ref.y or ref.wkt):
            ref = replace(ref, **{PLACE_TYPES[name]: column.name})
    return ref


def filled(texts: pa.Array) -> list[str]:
    """The first texts that are not empty."""
    return [text for text in texts.slice(0, SAMPLE_ROWS).to_pylist() if text]


def groups(address: str, dialect: Dialect, look: Look | None = None) -> Iterator[list[Record]]:
    """Rows as wide as the head, some 16 MB at a time. `look`: hears of those that are left out, or too short"""
    heard = look or Look([])
    rows: list[Record] = []
    size = 0
    with open_text(address, dialect) as file:
        for line, values in records(file, dialect, heard.left_out):
            missing = len(dialect.names) - len(values)
            if missing < 0 and any(values[missing:]):
                what = f"has {len(values)} values, and the head {len(dialect.names)} names"
                heard.left_out.append((line, what))
                continue
            heard.short += missing > 0
            rows.append((line, values[: len(dialect.names)] + [""] * missing))
            size += sum(map(len, values))
            if len(rows) == MOST_ROWS or size > CHUNK_BYTES:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows


def texts_of(rows: Sequence[Record], look: Look, recoded: Counter[str]) -> list[pa.Array]:
    """The columns of some rows as texts, null where a value is empty. `recoded`: hears of those that are no UTF-8"""
    columns = zip(*(values for _, values in rows), strict=True)
    return [text_array(values, column.name, recoded) for values, column in zip(columns, look.columns, strict=True)]


def text_array(values: Sequence[str], name: str, recoded: Counter[str]) -> pa.Array:
    """Texts, null for empty ones. Those that hold bytes which are no UTF-8 are read in the fallback encoding."""
    try:
        texts = pa.array(values, pa.string())
    except UnicodeEncodeError:
        decoded = [text if text.isascii() else recode(text) for text in values]
        recoded[name] += sum(one != other for one, other in zip(values, decoded, strict=True))
        texts = pa.array(decoded, pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def recode(text: str) -> str:
    """A text whose bytes are no UTF-8, read in the fallback encoding; others as they are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="surrogateescape").decode(FALLBACK_ENCODING, errors="replace")
    return text


def second_pass(
    ref: LayerRef, dialect: Dialect, look: Look, kept: Sequence[int], schema: pa.Schema, notes: list[Note]
) -> Iterator[pa.RecordBatch]:
    """Ids, properties and geometries. `notes` grows by what is said of the geometries once all rows are read."""
    said: list[str] = []
    done = unplaced = 0
    for rows in groups(ref.gdal_path, dialect):
        arrays = texts_of(rows, look, Counter())
        columns = [pa.array(range(done + 1, done + len(rows) + 1), pa.int64())]
        columns += [look.columns[place].convert(arrays[place]) for place in kept]
        if look.places:
            wkb, odd = look.places.wkb(arrays)
            columns.append(wkb)
            unplaced += int(odd.sum())
            for row in odd.nonzero()[0][: SHOWN - len(said)]:
                said.append(f"line {rows[row][0]}: {look.places.said(arrays, int(row))}")
        done += len(rows)
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
    refuse_unplaced(unplaced, done, said)
    notes.extend(unplaced_notes(unplaced, said))


def chunks_of(dataset: Dataset, batches: Iterator[pa.RecordBatch], width: int) -> Iterator[Chunk]:
    """Batches of ids, properties and geometries as chunks. Raises: CannotRead"""
    with readable(dataset):
        for batch in batches:
            names = batch.schema.names[1 : width + 1]
            properties = pa.RecordBatch.from_arrays(batch.columns[1 : width + 1], names=names)
            yield Chunk(
                batch.column(0), properties, batch.column(width + 1) if width + 2 == batch.num_columns else None
            )


def shape_of(look: Look) -> Shape | None:
    """Points for coordinates, anything for texts of geometries."""
    if look.places is None:
        return None
    return Shape("Point" if len(look.places.columns) == 2 else "Geometry")


def refuse_mess(dataset: Dataset, look: Look) -> None:
    """Raises: CannotRead where more rows are none than are some"""
    if len(look.left_out) > look.rows:
        line, what = look.left_out[0]
        raise CannotRead(
            f"{dataset.path} cannot be read: {len(look.left_out)} rows do not fit its head (line {line} {what})",
            hint="the first line names the columns; values that hold a delimiter stand between quotes",
        )


def look_notes(dialect: Dialect, look: Look, kept: Sequence[int]) -> Iterator[Note]:
    """What the report says of the file, before its geometries are read."""
    if look.left_out:
        shown = "; ".join(f"line {line} {what}" for line, what in sorted(look.left_out)[:SHOWN])
        more = f"; and {len(look.left_out) - SHOWN} more" if len(look.left_out) > SHOWN else ""
        message = f"{len(look.left_out)} rows are left out ({shown}{more})"
        yield Note("warning", "rows-left-out", message, "values that hold a delimiter or a quote stand between quotes")
    if look.short:
        message = f"{look.short} rows have fewer values than the head has names: the last ones are empty"
        yield Note("info", "rows-short", message)
    if not dialect.has_head:
        message = "the first line holds numbers, so it is a row, and the columns are named field_1, field_2 …"
        yield Note("warning", "names-missing", message, "write the names of the columns into the first line")
    if dialect.recoded:
        message = "names of columns are no UTF-8 and were read as Windows-1252"
        yield Note("warning", "text-recoded", message, "save the file in UTF-8 if letters look wrong")
    for name, count in look.recoded.items():
        message = f"'{name}': {count} values are no UTF-8 and were read as Windows-1252"
        yield Note("warning", "text-recoded", message, "save the file in UTF-8 if letters look wrong")
    if look.places is None:
        yield NO_GEOMETRY
    for place in kept:
        yield from look.columns[place].notes()


def crs_beside(dataset: Dataset) -> str | None:
    """The CRS that a `.prj` beside the file says, None without one."""
    path = next((file for file in dataset.files if file.suffix.lower() == ".prj"), None)
    if path is None:
        return None
    from pyproj import CRS  # of the few that have one: it takes a fifth of a second
    from pyproj.exceptions import CRSError

    text = path.read_text(encoding="utf-8", errors="replace").strip()
    try:
        authority = CRS.from_user_input(text).to_authority()
    except CRSError:
        return unreadable(text)
    return ":".join(authority) if authority else text
