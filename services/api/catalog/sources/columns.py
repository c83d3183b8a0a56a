"""The columns of a relation as properties: their types, how they are read, and which of them say when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from api.catalog.sources.model import Attribute, literal
from core.catalog.collections import RANGES, Column, ColumnType
from core.database.statement import quoted
from core.times import end_names

Published = tuple[ColumnType, str | None]
"""The type of the property, and the column's own type where it needs one in SQL."""

PLAIN: dict[str, ColumnType] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "number",
    "float8": "number",
    "bool": "boolean",
    "text": "string",
    "varchar": "string",
    "date": "date",
    "timestamptz": "datetime",
    "time": "time",
    "json": "json",
    "jsonb": "json",
    "hstore": "json",
    "bytea": "binary",
}
READ_AS: dict[str, tuple[str, ColumnType]] = {"money": ("numeric", "number")}
"""Types that are read as another one."""

OWN: dict[str, ColumnType] = {"numeric": "number", "timestamp": "datetime"}
"""Types that PostgreSQL must be told, as they are not what the loader stores."""

LEFT_OUT = ("geometry", "geography", "raster", "tsvector", "tsquery")
"""Types of no property: geometries are collections of their own, the others mean nothing outside."""

MOST_DIGITS = 18
"""Of which every whole number is a bigint."""

OURS = frozenset({"geom", "shape", "geom_3857", "geog", "ctid", "tableoid", "row_number"})
"""Names that a source's SELECT gives to columns of its own."""

BEHIND = "s"
"""The name of the relation inside of that SELECT."""


@dataclass(frozen=True, slots=True)
class PropertyColumn:
    """A property, the column that it is read from, and the item of SELECT that reads it."""

    column: Column
    attribute: Attribute
    item: sql.Composable


def read_columns(attributes: Sequence[Attribute]) -> tuple[PropertyColumn, ...]:
    """The properties of a relation: the columns that may be read and whose types mean something outside."""
    return tuple(read for read in map(read_column, attributes) if read is not None)


def read_column(attribute: Attribute) -> PropertyColumn | None:
    """A column as a property, or None when it is left out."""
    a = attribute
    found = published(a.type, a.sql_type, a.kind, a.category, ordered=a.ordered, typmod=a.typmod)
    if found is None or not a.readable:
        return None
    type, sql_type = found
    alias = f"c{a.number}" if a.name in OURS or "%" in a.name or "\0" in a.name else a.name
    cast = read_as(a.type, a.kind, a.category, ordered=a.ordered)
    value = quoted(BEHIND, a.name)
    item = sql.SQL("{} AS {}").format(sql.SQL("{}::{}").format(value, literal(cast)) if cast else value, quoted(alias))
    return PropertyColumn(Column(a.name, alias, type, sql_type, a.comment, a.labels), a, item)


def published(  # noqa: PLR0913
    type: str, sql_type: str, kind: str, category: str, *, ordered: bool, typmod: int = -1
) -> Published | None:
    """How a column is published; None when it is left out.

    Arrays, composite types and JSON are JSON; what has an order is a text of its own type; everything else is a text.
    """
    if type == "numeric" and is_whole(typmod):
        return "integer", sql_type
    if type in LEFT_OUT:
        return None
    if type in PLAIN:
        return PLAIN[type], None
    if type in READ_AS:
        return READ_AS[type][1], READ_AS[type][0]
    if type in OWN:
        return OWN[type], sql_type
    if category == "A" or kind == "c":
        return "json", None
    return "string", sql_type if ordered else None


def is_whole(typmod: int) -> bool:
    """Whether a numeric is declared to hold whole numbers alone, or NaN, and none too large (numeric.c: 16 bits for the
    precision, 11 for the scale, which has a sign; 4 is added).
    """
    precision, scale = (typmod - 4) >> 16 & 0xFFFF, ((typmod - 4 & 0x7FF) ^ 0x400) - 0x400
    return typmod >= 4 and scale <= 0 and precision - scale <= MOST_DIGITS


def read_as(type: str, kind: str, category: str, *, ordered: bool) -> str | None:
    """The type that a column is cast to where it is read: text, if its own cannot be compared. None: as it is."""
    if type in READ_AS:
        return READ_AS[type][0]
    is_text = published(type, "", kind, category, ordered=ordered) == ("string", None)
    return "text" if is_text and type not in PLAIN else None


Times = tuple[str | None, str | None]
"""The names of the column of instants or starts, and of the one of ends."""


def choose_times(columns: Sequence[Column], named: Sequence[str]) -> Times:
    """The columns that a comment names, else the first candidates."""
    temporal = {column.name: column for column in columns if is_temporal(column)}
    if named and all(name in temporal for name in named):
        return named[0], named[1] if len(named) > 1 else None
    return next(candidates(list(temporal.values())), (None, None))


def is_temporal(column: Column) -> bool:
    """Whether a column holds times, or ranges of them."""
    return column.type in ("datetime", "date") or column.sql_type in RANGES


def candidates(temporal: Sequence[Column]) -> Iterator[Times]:
    """Ranges, pairs whose names say so, then columns with date and time, then dates, in the order of the relation."""
    yield from ((column.name, None) for column in temporal if column.sql_type in RANGES)
    instants = [column for column in temporal if column.sql_type not in RANGES]
    by_name = {column.name.lower(): column.name for column in instants}
    for column in instants:
        for end in end_names(column.name):
            if end in by_name:
                yield column.name, by_name[end]
    for wanted in ("datetime", "date"):
        yield from ((column.name, None) for column in instants if column.type == wanted)
