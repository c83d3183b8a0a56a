"""Order, and where in it a page begins: paging by key, so that page 10,000 costs what page 2 costs.

The order is that of the sort keys, then of the collection's key. Features without a value come last, both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query import Cursor, SortKey
from api.sql.relation import key_cast, key_column
from core.catalog import ColumnType, Key

# The type in which values of a column are written into a cursor and compared again. A real becomes a double on
# both sides, since 0.1 as a real and as a double differ.
CURSOR_TYPE: dict[ColumnType, sql.SQL] = {
    "integer": sql.SQL("bigint"),
    "number": sql.SQL("float8"),
    "boolean": sql.SQL("boolean"),
    "string": sql.SQL("text"),
    "date": sql.SQL("date"),
    "datetime": sql.SQL("timestamptz"),
    "time": sql.SQL("time"),
}


def column_of(key: SortKey) -> sql.Composable:
    """The column that a key sorts by."""
    return sql.Identifier("t", key.column.column)


def select_key(key: Key) -> sql.Composable:
    """The values of the key, to be put after another column of a SELECT: whole numbers as such, others as text."""
    parts = [sql.SQL(", {}" if part.type == "integer" else ", {}::text").format(key_column(part)) for part in key.parts]
    return sql.Composed(parts)


def select_places(sort: Sequence[SortKey]) -> sql.Composable:
    """The sort values of each row as text, to be put after the other columns of a SELECT."""
    places = [sql.SQL(", {}::{}::text").format(column_of(key), CURSOR_TYPE[key.column.type]) for key in sort]
    return sql.Composed(places)


def order_by(sort: Sequence[SortKey], key: Key, *, backwards: bool) -> sql.Composable:
    """The list after ORDER BY; the reverse order when the page is fetched from its end."""
    nulls = sql.SQL("NULLS FIRST" if backwards else "NULLS LAST")
    keys = [
        sql.SQL("{} {} {}").format(column_of(by), sql.SQL("DESC" if by.descending is not backwards else "ASC"), nulls)
        for by in sort
    ]
    parts = [sql.SQL("{} DESC" if backwards else "{} ASC").format(key_column(part)) for part in key.parts]
    return sql.SQL(", ").join([*keys, *parts])


def beyond(cursor: Cursor, sort: Sequence[SortKey], key: Key) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row comes after the cursor's place (`next`), or before it (`prev`)."""
    backwards = cursor.direction == "prev"
    condition = beyond_row(key, backwards=backwards)
    params: dict[str, Any] = {f"key{number}": value for number, value in enumerate(cursor.key)}
    for number in reversed(range(len(sort))):
        by, value = sort[number], cursor.place[number]
        name = f"place{number}"
        if value is not None:
            params[name] = value
        place = sql.SQL("{}::{}").format(sql.Placeholder(name), CURSOR_TYPE[by.column.type])
        further = beyond_key(by, place if value is not None else None, backwards=backwards)
        equal = sql.SQL("{} IS NULL" if value is None else "{} = {}").format(column_of(by), place)
        condition = sql.SQL("({} OR ({} AND {}))").format(further, equal, condition)
    return condition, params


def beyond_row(key: Key, *, backwards: bool) -> sql.Composable:
    """The condition on the collection's key: a comparison of rows, which goes by the index of all its columns."""
    names = [key_column(part) for part in key.parts]
    values = [
        sql.SQL("{}::{}").format(sql.Placeholder(f"key{number}"), key_cast(part))
        for number, part in enumerate(key.parts)
    ]
    sides = (names[0], values[0]) if len(names) == 1 else (row(names), row(values))
    return sql.SQL("{} < {}" if backwards else "{} > {}").format(*sides)


def row(parts: Sequence[sql.Composable]) -> sql.Composable:
    """A row of values."""
    return sql.SQL("({})").format(sql.SQL(", ").join(parts))


def beyond_key(key: SortKey, place: sql.Composable | None, *, backwards: bool) -> sql.Composable:
    """The condition on one key alone. `place` None: the cursor's feature has no value, so it is among the last."""
    column = column_of(key)
    if place is None:
        return sql.SQL("{} IS NOT NULL").format(column) if backwards else sql.SQL("false")
    comparison = sql.SQL("{} < {}" if key.descending is not backwards else "{} > {}").format(column, place)
    return comparison if backwards else sql.SQL("({} OR {} IS NULL)").format(comparison, column)
