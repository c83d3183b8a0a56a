"""Sheets of a workbook, XLSX or ODS, as layers: read by pandas, placed by GeoPandas.

pandas has calamine read both, which takes a twentieth of the time of openpyxl, and follows no link and no entity. A
workbook is read whole: 1,048,576 rows at most are in a sheet.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
from python_calamine import CalamineError, PasswordError

from loader.chunks import MAX_CHUNK_ROWS, Chunk, LayerRef, OpenLayer
from loader.errors import CannotRead
from loader.geometry.wkb import Shape
from loader.read.cells.dialect import is_head
from loader.read.cells.names_of_places import NO_GEOMETRY
from loader.read.cells.places import SHOWN, PlaceColumns, find_places, refuse_unplaced, unplaced_notes
from loader.read.content import readable
from loader.read.files import open_bytes
from loader.report import Note
from loader.scan import Dataset

HEAD_ROWS = 30
"""Among so many the names of the columns are looked for."""

BETWEEN_TAGS = re.compile(rb">\s*\n\s*<")
EXACT = 2**53
"""Whole numbers beyond it are none: a sheet holds floats."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows below the names, without empty columns. `first_row`: the number of the first, as the sheet shows it"""

    frame: pd.DataFrame
    names: list[str]
    first_row: int
    notes: tuple[Note, ...] = ()


def sheet_names(dataset: Dataset, address: str) -> list[str]:
    """The names of the sheets that hold something. Raises: CannotRead"""
    with opened(dataset):
        names = [str(name) for name, frame in frames(address).items() if frame.size]
    if not names:
        raise CannotRead(f"{dataset.path} holds no filled sheet", hint="is it empty in a spreadsheet program, too?")
    return names


@contextmanager
def opened(dataset: Dataset) -> Generator[None]:
    """Turn what calamine raises inside into CannotRead."""
    with readable(dataset):
        try:
            yield
        except PasswordError as error:
            raise CannotRead(f"{dataset.path} is locked by a password", hint="save it without one") from error
        except CalamineError as error:
            hint = "is the copy complete, and does it open in a spreadsheet program? Then save it again"
            raise CannotRead(f"{dataset.path} cannot be read: {error}", hint=hint) from error


@lru_cache(maxsize=1)
def frames(address: str) -> dict[Any, pd.DataFrame]:
    """Every sheet of a workbook, cell by cell as typed. Raises: CalamineError, OSError"""
    with open_bytes(address) as file:
        data = file.read()
    try:
        return read_frames(data)
    except CalamineError:
        if not address.lower().endswith(".ods"):
            raise
        return read_frames(without_line_ends(data))


def read_frames(data: bytes) -> dict[Any, pd.DataFrame]:
    """Every sheet of a workbook. Raises: CalamineError"""
    options: dict[str, Any] = {"header": None, "dtype": object, "keep_default_na": False, "na_values": [""]}
    return pd.read_excel(io.BytesIO(data), sheet_name=None, engine="calamine", **options)


def without_line_ends(data: bytes) -> bytes:
    """An ODS without line ends between its tags, which GDAL writes and calamine does not expect."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, BETWEEN_TAGS.sub(b"><", content) if name == "content.xml" else content)
    return written.getvalue()


@contextmanager
def open_sheet(dataset: Dataset, ref: LayerRef) -> Generator[OpenLayer]:
    """Open a sheet as a layer. Raises: CannotRead, BadSideCar"""
    with opened(dataset):
        sheet = find_sheet(frames(ref.gdal_path)[ref.gdal_layer])
    columns = {place: list(sheet.frame.iloc[:, place]) for place in range(len(sheet.names))}
    samples = {place: [as_text(value) for value in values if not is_empty(value)] for place, values in columns.items()}
    places = find_places(sheet.names, samples, ref)
    wkb, unplaced = located(sheet, places) if places else (None, [])
    kept = [place for place in columns if places is None or place not in places.columns]
    notes = [*sheet.notes, *unplaced, *([] if places else [NO_GEOMETRY])]
    arrays: list[pa.Array] = []
    for place in kept:
        array, told = typed(sheet, place, columns[place])
        arrays.append(array)
        notes += told
    schema = pa.schema([pa.field(sheet.names[place], array.type) for place, array in zip(kept, arrays, strict=True)])
    shape = None if places is None else Shape("Point" if len(places.columns) == 2 else "Geometry")
    rows = len(sheet.frame)
    yield OpenLayer(schema, shape, None, rows, chunks_of(rows, arrays, schema.names, wkb), notes)


def find_sheet(frame: pd.DataFrame) -> Sheet:
    """The rows of a sheet below the row that names the columns; titles above it, empty rows and columns are left out"""
    filled = frame.dropna(how="all").dropna(how="all", axis="columns")
    counts = filled.head(HEAD_ROWS).notna().sum(axis="columns")
    wide = [row for row in counts.index if counts[row] * 2 > counts.max()]
    head = wide[0]
    values = [as_text(value) for value in filled.loc[head]]
    if not is_text_row(filled.loc[head]) or not is_head(values):
        message = "the first row holds no names, so it is a row, and the columns are named field_1, field_2 …"
        note = Note("warning", "names-missing", message, "write the names of the columns into the first row")
        return Sheet(
            filled, [f"field_{number}" for number in range(1, len(values) + 1)], int(filled.index[0]) + 1, (note,)
        )
    below = filled.loc[head:].iloc[1:]
    names = [value.strip() or f"field_{number}" for number, value in enumerate(values, 1)]
    above = [row for row in filled.index if row < head]
    notes: tuple[Note, ...] = ()
    if above:
        title = next(as_text(value) for value in filled.loc[above[0]] if not is_empty(value))
        message = f"{len(above)} rows above the names of the columns are left out ('{title[:40]}')"
        notes = (Note("info", "rows-above-left-out", message),)
    return Sheet(below, names, int(head) + 2, notes)


def is_text_row(values: Sequence[Any]) -> bool:
    """Whether the cells of a row are texts, years, or empty."""
    return all(is_empty(value) or isinstance(value, str | int | float) for value in values)


def is_empty(value: object) -> bool:
    """Whether a cell holds nothing."""
    return value is None or value == "" or (isinstance(value, float) and np.isnan(value)) or value is pd.NaT


def as_text(value: object) -> str:
    """A cell as its sheet shows it: whole numbers without a point."""
    if is_empty(value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).removesuffix(" 00:00:00")


def located(sheet: Sheet, places: PlaceColumns) -> tuple[pa.Array, list[Note]]:
    """The geometries of rows as WKB, and what the report says of those that cannot be read."""
    texts = {place: [as_text(value) or None for value in sheet.frame.iloc[:, place]] for place in places.columns}
    arrays = {place: pa.array(values, pa.string()) for place, values in texts.items()}
    by_place = [arrays.get(place, pa.nulls(0, pa.string())) for place in range(max(places.columns) + 1)]
    wkb, odd = places.wkb(by_place)
    shapes = geopandas.GeoSeries.from_wkb(wkb.to_pylist(), index=sheet.frame.index)
    rows = [int(row) for row in odd.nonzero()[0]]
    said = [f"row {shapes.index[row] + 1}: {places.said(by_place, row)}" for row in rows[:SHOWN]]
    refuse_unplaced(len(rows), len(shapes), said)
    return pa.array(list(shapes.to_wkb(flavor="iso")), pa.binary()), [*unplaced_notes(len(rows), said)]


def typed(sheet: Sheet, place: int, values: list[Any]) -> tuple[pa.Array, list[Note]]:
    """A column of one type, that of all its cells; text where they are of several, with a note where few are odd."""
    cells = [None if is_empty(value) else value for value in values]
    kinds = [kind_of_cell(cell) for cell in cells if cell is not None]
    found = set(kinds)
    if len(found) == 1:
        return of_kind(cells, found.pop()), []
    return pa.array([cell if cell is None else as_text(cell) for cell in cells], pa.string()), [
        *mixed(sheet, place, cells)
    ]


def kind_of_cell(cell: object) -> str:
    """What a cell holds."""
    for kind, types in (("flag", bool), ("number", int | float), ("moment", datetime), ("clock", time)):
        if isinstance(cell, types):
            return kind
    return "span" if isinstance(cell, timedelta) else "text"


def of_kind(cells: list[Any], kind: str) -> pa.Array:
    """A column of one kind of cells."""
    if kind == "number":
        whole = all(cell is None or (float(cell).is_integer() and abs(cell) < EXACT) for cell in cells)
        return pa.array([cell if cell is None else int(cell) if whole else float(cell) for cell in cells])
    if kind == "moment" and all(cell is None or cell.time() == time.min for cell in cells):
        return pa.array([cell and cell.date() for cell in cells], pa.date32())
    types = {"flag": pa.bool_(), "moment": pa.timestamp("us"), "clock": pa.time64("us")}
    if kind in types:
        return pa.array(cells, types[kind])
    return pa.array([cell if cell is None else str(cell) for cell in cells], pa.string())


PLURALS = {"flag": "yes or no", "number": "numbers", "moment": "days or times", "clock": "times of day"}


def mixed(sheet: Sheet, place: int, cells: list[Any]) -> Iterator[Note]:
    """Why a column is text of which most cells are of another kind."""
    kinds = [kind_of_cell(cell) for cell in cells if cell is not None]
    most = max(set(kinds), key=kinds.count, default="text")
    odd = len(kinds) - kinds.count(most)
    if most in PLURALS and odd <= max(1, len(kinds) // 10):
        row = next(row for row, cell in enumerate(cells) if cell is not None and kind_of_cell(cell) != most)
        where = f"row {sheet.frame.index[row] + 1}: '{as_text(cells[row])[:40]}'"
        message = f"'{sheet.names[place]}' is text: {odd} of {len(kinds)} values are no {PLURALS[most]} ({where})"
        yield Note("info", "column-of-text", message, "correct them in the file if they should be")


def chunks_of(rows: int, arrays: list[pa.Array], names: list[str], wkb: pa.Array | None) -> Iterator[Chunk]:
    """The rows in pieces, numbered from 1."""
    for begin in range(0, rows, MAX_CHUNK_ROWS):
        size = min(MAX_CHUNK_ROWS, rows - begin)
        parts = [array.slice(begin, size) for array in arrays]
        fids = pa.array(range(begin + 1, begin + size + 1), pa.int64())
        properties = pa.RecordBatch.from_arrays(parts, names=names)
        yield Chunk(fids, properties, None if wkb is None else wkb.slice(begin, size))
