"""What tells the rows of a relation apart: a declared key, an index, a column that looks like one, or their places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from api.catalog.sources.columns import BEHIND, PropertyColumn
from api.catalog.sources.model import Relation, literal
from core.catalog.collections import HEAP_ORDER, Key, KeyPart
from core.database.statement import Statement, quoted

LIKELY_NAMES = ("id", "fid", "gid", "ogc_fid", "objectid")
"""Columns that are looked at in relations that can have no index, in this order."""

INTEGERS = ("int2", "int4", "int8")
ID_TYPES = (*INTEGERS, "text", "varchar", "uuid")
WITH_PLACES = ("r", "m")
"""Tables and materialised views: a row has a place on the disk."""

NO_KEY = Key((), unique=False, is_id=False)
PLACE_IN_TABLE = Key((KeyPart("tableoid", "oid", "text"), KeyPart("ctid", "tid", "text")), is_id=False)


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
