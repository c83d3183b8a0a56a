"""The columns of a relation as properties: their types, how they are read, which of them say when, and what
tells its rows apart: a declared key, an index, a column that looks like one, or their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from api.catalog.sources.model import Attribute, Relation, literal
from core.catalog.collections import HEAP_ORDER, RANGES, Column, ColumnType, Key, KeyPart
from core.database.statement import Statement, quoted
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

LIKELY_NAMES = ("id", "fid", "gid", "ogc_fid", "objectid")
"""Columns that are looked at in relations that can have no index, in this order."""

INTEGERS = ("int2", "int4", "int8")
ID_TYPES = (*INTEGERS, "text", "varchar", "uuid")
WITH_PLACES = ("r", "m")
"""Tables and materialised views: a row has a place on the disk."""

NO_KEY = Key((), unique=False, is_id=False)
PLACE_IN_TABLE = Key((KeyPart("tableoid", "oid", "text"), KeyPart("ctid", "tid", "text")), is_id=False)


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
    column = Column(a.name, alias, type, sql_type, a.comment, a.labels, not_null=a.filled)
    return PropertyColumn(column, a, item)


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


@dataclass(frozen=True, slots=True)
class KeyCandidate:
    """Columns that may be a key, and what must be found out about their values before they are one.

    believed: they are taken for one until their values say otherwise
    """

    columns: tuple[PropertyColumn, ...]
    unique: bool
    check_filled: bool = False
    check_unique: bool = False
    believed: bool = False

    @property
    def key(self) -> Key:
        """The key that it is."""
        return Key(tuple(map(part_of, self.columns)), unique=self.unique)

    @property
    def is_certain(self) -> bool:
        """Whether PostgreSQL itself sees to it."""
        return not self.check_filled and not self.check_unique


def part_of(read: PropertyColumn) -> KeyPart:
    """A column as a part of a key, in the type that it is read as."""
    is_integer = read.attribute.type in INTEGERS
    sql_type = read.column.sql_type or read.attribute.sql_type
    return KeyPart(read.column.column, sql_type, "integer" if is_integer else "text")


def candidate(relation: Relation, columns: Sequence[PropertyColumn], declared: Sequence[str]) -> KeyCandidate | None:
    """The best key that a relation may have. `declared`: the names that its comment says."""
    return declared_key(columns, declared) or indexed_key(relation, columns) or likely_key(relation, columns)


def declared_key(columns: Sequence[PropertyColumn], names: Sequence[str]) -> KeyCandidate | None:
    """What a comment says. Nobody guarantees that values are unique, and rows without one would be lost."""
    sortable = [read for read in columns if read.attribute.ordered or read.attribute.type == "varchar"]
    by_name = {read.column.name: read for read in sortable}
    if not names or not all(name in by_name for name in names):
        return None
    return KeyCandidate(tuple(by_name[name] for name in names), unique=False, check_filled=True)


def indexed_key(relation: Relation, columns: Sequence[PropertyColumn]) -> KeyCandidate | None:
    """The primary key, or the shortest unique index. Those of materialised views do not say that they are filled, and
    that of a table that others inherit from does not know their rows.
    """
    by_number = {read.attribute.number: read for read in columns}
    for numbers in relation.indexes:
        found = tuple(by_number[number] for number in numbers if number in by_number)
        filled = all(read.attribute.filled for read in found)
        if len(found) == len(numbers) and (filled or relation.kind == "m"):
            shared = relation.inherited
            return KeyCandidate(found, not shared, check_filled=not filled, check_unique=shared, believed=shared)
    return None


def likely_key(relation: Relation, columns: Sequence[PropertyColumn]) -> KeyCandidate | None:
    """A column named like an id, of a view or a foreign table, if its values turn out to be one."""
    if relation.kind not in ("v", "f"):
        return None
    by_name = {read.column.name.lower(): read for read in reversed(columns) if read.attribute.type in ID_TYPES}
    found = next((by_name[name] for name in LIKELY_NAMES if name in by_name), None)
    return found and KeyCandidate((found,), unique=False, check_filled=True, check_unique=True)


def place_key(relation: Relation) -> Key:
    """What the rows of a relation without a key are walked along; they have no ids."""
    if not all(attribute.readable for attribute in relation.attributes):
        return NO_KEY
    if relation.kind == "p" or relation.inherited:
        return PLACE_IN_TABLE
    return HEAP_ORDER if relation.kind in WITH_PLACES else NO_KEY


def select_check(relation: Relation, candidate: KeyCandidate) -> Statement:
    """Whether the columns of a candidate are as they have to be. Rows: one (boolean). Cost: reads all of them."""
    names = [quoted(BEHIND, read.attribute.name) for read in candidate.columns]
    missing = sql.SQL(" OR ").join(sql.SQL("{} IS NULL").format(name) for name in names)
    if not candidate.check_unique:
        text = sql.SQL("SELECT NOT EXISTS (SELECT FROM {} AS s WHERE {})")
        return Statement(text.format(relation.sql_name, missing))
    text = sql.SQL("SELECT count(*) = count(DISTINCT ({})) AND NOT COALESCE(bool_or({}), false) FROM {} AS s")
    return Statement(text.format(sql.SQL(", ").join(names), missing, relation.sql_name))


def key_items(key: Key) -> list[sql.Composable]:
    """The items of SELECT for the columns of a key that are no properties: places."""
    return [
        sql.SQL("s.{} AS {}").format(literal(part.column), literal(part.column))
        for part in key.parts
        if part.sql_type in ("tid", "oid") and not key.is_id
    ]
