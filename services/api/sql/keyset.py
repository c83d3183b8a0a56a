"""Order, and where in it a page begins: paging by key, so that page 10,000 costs what page 2 costs.

The order is that of the sort keys, then of the feature ids. Features without a value come last, in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query import Cursor, SortKey
from core.catalog import ColumnType

FID = sql.SQL("t.fid")

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


def select_places(sort: Sequence[SortKey]) -> sql.Composable:
    """The sort values of each row as text, to be put after the other columns of a SELECT."""
    places = [sql.SQL(", {}::{}::text").format(column_of(key), CURSOR_TYPE[key.column.type]) for key in sort]
    return sql.Composed(places)


def order_by(sort: Sequence[SortKey], *, backwards: bool) -> sql.Composable:
    """The list after ORDER BY; the reverse order when the page is fetched from its end."""
    nulls = sql.SQL("NULLS FIRST" if backwards else "NULLS LAST")
    keys = [
        sql.SQL("{} {} {}").format(column_of(key), sql.SQL("DESC" if key.descending is not backwards else "ASC"), nulls)
        for key in sort
    ]
    return sql.SQL(", ").join([*keys, sql.SQL("t.fid DESC" if backwards else "t.fid ASC")])


def beyond(cursor: Cursor, sort: Sequence[SortKey]) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row comes after the cursor's place (`next`), or before it (`prev`)."""
    backwards = cursor.direction == "prev"
    condition: sql.Composable = sql.SQL("t.fid < %(fid)s" if backwards else "t.fid > %(fid)s")
    params: dict[str, Any] = {"fid": cursor.fid}
    for number in reversed(range(len(sort))):
        key, value = sort[number], cursor.place[number]
        name = f"place{number}"
        if value is not None:
            params[name] = value
        place = sql.SQL("{}::{}").format(sql.Placeholder(name), CURSOR_TYPE[key.column.type])
        further = beyond_key(key, place if value is not None else None, backwards=backwards)
        equal = sql.SQL("{} IS NULL" if value is None else "{} = {}").format(column_of(key), place)
        condition = sql.SQL("({} OR ({} AND {}))").format(further, equal, condition)
    return condition, params


def beyond_key(key: SortKey, place: sql.Composable | None, *, backwards: bool) -> sql.Composable:
    """The condition on one key alone. `place` None: the cursor's feature has no value, so it is among the last."""
    column = column_of(key)
    if place is None:
        return sql.SQL("{} IS NOT NULL").format(column) if backwards else sql.SQL("false")
    comparison = sql.SQL("{} < {}" if key.descending is not backwards else "{} > {}").format(column, place)
    return comparison if backwards else sql.SQL("({} OR {} IS NULL)").format(comparison, column)
