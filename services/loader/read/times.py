"""Times as files have them, where GDAL's Arrow stream would lose some.

Formats with times as text: each value has an offset of its own or none. GDAL leaves out offsets that differ, and those
of FlatGeobuf, GML, GPX and KML always, so such columns are read as text. GeoPackage: the standard has texts alone, but
SQLite takes numbers too, of which GDAL's own stream makes 1970, where its reader of rows finds no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
import pyogrio.raw

from loader.errors import CannotRead
from loader.report import Note

TEXT_KINDS = frozenset({"fgb", "gpx", "gml", "kml", "geojson", "geojsonseq", "topojson"})
"""Formats whose times are read as text."""

NAIVE = pa.timestamp("us")
INSTANT = pa.timestamp("us", "UTC")

MOST_LOOKED_AT = 4
"""Batches of about 16 MB that are held to see what the times of a column are."""

OFFSET = r"(Z|[+-]\d\d(:?\d\d)?)$"
LEAP_SECOND = ":60"


def parse_times(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """The schema and the batches with times in place of GDAL's texts of them. A column is one of instants where its
    first rows hold an offset, or hold nothing for long; what has none counts as UTC there, and what has one later in
    another column becomes UTC.

    Raises: pa.ArrowInvalid for a time that no calendar has, while batches are walked; what reading the first raises
    """
    places = [place for place, field in enumerate(schema) if is_text_of_time(field)]
    if not places:
        return schema, iter(batches)
    rest = iter(batches)
    first = first_ones(rest, places)
    for place in places:
        unknown = len(first) == MOST_LOOKED_AT and not holds_any(first, place)
        instants = unknown or any(has_offset(batch.column(place)) for batch in first)
        schema = schema.set(place, pa.field(schema.field(place).name, INSTANT if instants else NAIVE))
    return schema, (with_times(batch, schema, places) for batch in chain(first, rest))


def first_ones(batches: Iterator[pa.RecordBatch], places: list[int]) -> list[pa.RecordBatch]:
    """The next batches, until each of some columns has a value, or there are many."""
    found: list[pa.RecordBatch] = []
    for batch in batches:
        found += [batch] if batch.num_rows else []
        if len(found) == MOST_LOOKED_AT or all(holds_any(found, place) for place in places):
            break
    return found


def holds_any(batches: list[pa.RecordBatch], place: int) -> bool:
    """Whether a column has a value in one of some batches."""
    return any(batch.column(place).null_count < batch.num_rows for batch in batches)


def is_text_of_time(field: pa.Field) -> bool:
    """Whether GDAL made texts of times, so the column is none of texts."""
    return (field.metadata or {}).get(b"GDAL:OGR:type") == b"DateTime"


def has_offset(texts: pa.Array) -> bool:
    """Whether any of the times has an offset."""
    return bool(pc.any(pc.match_substring_regex(texts, OFFSET)).as_py())


def with_times(batch: pa.RecordBatch, schema: pa.Schema, places: list[int]) -> pa.RecordBatch:
    """The batch with its texts of times as the schema has them."""
    columns = batch.columns
    for place in places:
        columns[place] = parse(columns[place]).cast(schema.field(place).type)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def parse(texts: pa.Array) -> pa.Array:
    """Instants of ISO 8601 times. A leap second is the one before it."""
    whole = pc.replace_substring(texts, LEAP_SECOND, ":59")
    known = pc.match_substring_regex(whole, OFFSET)
    return pc.if_else(known, whole, pc.binary_join_element_wise(whole, "Z", "")).cast(INSTANT)


OF_ROWS = "OGR_GPKG_STREAM_BASE_IMPL"
"""The setting of GDAL that has its Arrow stream made of rows, which takes five times as long."""

HINT = "write times as text, such as 2024-05-01T12:00:00Z, and days as 2024-05-01"


NO_DAY = "NOT GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]*'"
ODD = {
    "datetime64": ("typeof({0}) NOT IN ('text', 'null')", "holds times that are no text", HINT),
    "datetime": ("typeof({0}) = 'text' AND {0} " + NO_DAY, "holds times that no calendar has", HINT),
    "int32": (
        "typeof({0}) NOT IN ('integer', 'null') OR {0} NOT BETWEEN -2147483648 AND 2147483647",
        "holds values that are no whole numbers of 32 bits",
        "say in the file that the column is one of text, or of 64 bits",
    ),
    "int64": ("typeof({0}) NOT IN ('integer', 'null')", "holds values that are no whole numbers", "correct them"),
    "float64": ("typeof({0}) NOT IN ('integer', 'real', 'null')", "holds values that are no numbers", "correct them"),
}
"""Values that are not of their column's type, which SQLite takes all the same: how they are found, what is said."""


def odd_value_notes(path: str, layer: str) -> tuple[list[Note], bool]:
    """A warning for each column of a GeoPackage that holds values of another type, and whether some times are numbers.

    Cost: 0.3 s a million rows and column. Raises: CannotRead where a column holds nothing else
    """
    described = pyogrio.read_info(path, layer=layer)
    columns = zip(cast("list[str]", described["fields"]), cast("list[str]", described["dtypes"]), strict=True)
    looks = [(name, key) for name, dtype in columns for key in ODD if dtype.partition("[")[0].startswith(key)]
    if not looks:
        return [], False
    counts = odd_counts(path, layer, looks)
    notes: list[Note] = []
    for (name, key), (odd, filled) in zip(looks, counts, strict=True):
        if odd and odd == filled and filled > 1:
            raise CannotRead(f"'{name}' {ODD[key][1]}, and nothing else", hint=ODD[key][2])
        if odd:
            message = f"'{name}' {ODD[key][1]}: {odd} are missing"
            notes.append(Note("warning", "values-of-other-type", message, ODD[key][2]))
    return notes, any(odd and key == "datetime64" for (_, key), (odd, _) in zip(looks, counts, strict=True))


def odd_counts(path: str, layer: str, looks: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """How many values are odd, and how many there are, for each column and kind of look."""
    parts = [
        f"coalesce(sum({ODD[key][0].format(quoted(name))}), 0) AS o{number}, count({quoted(name)}) AS f{number}"
        for number, (name, key) in enumerate(looks)
    ]
    text = f"SELECT {', '.join(parts)} FROM {quoted(layer)}"  # noqa: S608 (names, quoted)
    with pyogrio.raw.open_arrow(path, sql=text, use_pyarrow=True) as (_, reader):
        [batch] = [batch for batch in cast("Iterable[pa.RecordBatch]", reader) if batch.num_rows]
    values = [int(column[0].as_py()) for column in batch.columns[-2 * len(looks) :]]
    return list(zip(values[::2], values[1::2], strict=True))


def quoted(name: str) -> str:
    """A name as SQLite reads it."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def literal(text: str) -> str:
    """A text as SQLite reads it."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
