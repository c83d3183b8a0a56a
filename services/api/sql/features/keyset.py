"""Order, and where in it a page begins: paging by key, so that page 10,000 costs what page 2 costs.

The order is that of the sort keys, then of the collection's key. Features without a value come last in both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query.items import Cursor, ItemsQuery, SortKey
from api.sql.filters.filter import where_clause
from api.sql.relation import all_columns, column_of, key_cast, key_column, type_of
from core.catalog.collections import Collection, Column, ColumnType, Key

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


def cursor_type(column: Column) -> sql.SQL:
    """The type that values of a column have in a cursor: its own, if it is none of the loader's."""
    return type_of(column.sql_type) if column.sql_type else CURSOR_TYPE[column.type]


def select_key(key: Key) -> sql.Composable:
    """The values of the key, to be put after another column of a SELECT: whole numbers as such, others as text."""
    parts = [sql.SQL(", {}" if part.type == "integer" else ", {}::text").format(key_column(part)) for part in key.parts]
    return sql.Composed(parts)


def select_places(sort: Sequence[SortKey]) -> sql.Composable:
    """The sort values of each row as text, to be put after the other columns of a SELECT."""
    places = [sql.SQL(", {}::{}::text").format(column_of(key.column), cursor_type(key.column)) for key in sort]
    return sql.Composed(places)


def order_by(sort: Sequence[SortKey], collection: Collection, key: Key, *, backwards: bool) -> sql.Composable:
    """The list after ORDER BY; the reverse order when the page is fetched from its end.

    key: what the walk goes along after the sort keys
    """
    keys = [order_of(by, collection, backwards=backwards) for by in sort]
    ends = [*map(key_column, key.parts), *([] if key.unique else every_value(collection))]
    parts = [sql.SQL("{} DESC" if backwards else "{} ASC").format(end) for end in ends]
    return sql.SQL(", ").join([*keys, *parts]) if keys or parts else sql.SQL("1")


def order_of(by: SortKey, collection: Collection, *, backwards: bool) -> sql.Composable:
    """An item of ORDER BY, or two.

    Where every row has a value nothing is said of NULL, since an index that is read backwards has it first. Where not,
    no index is walked: the place of a cursor cannot be looked up in it then, and all rows before that would be read,
    the late ones at 3.5 times the cost of sorting (881 ms of a million points, 250 sorted). A source keeps its own
    index.
    """
    column, descends = column_of(by.column), by.descending is not backwards
    direction = sql.SQL("DESC" if descends else "ASC")
    if by.column.is_filled:
        return sql.SQL("{} {}").format(column, direction)
    if collection.source is None and not by.descending:
        return sql.SQL("{} IS NULL {}, {} {}").format(column, direction, column, direction)
    return sql.SQL("{} {} {}").format(column, direction, sql.SQL("NULLS FIRST" if backwards else "NULLS LAST"))


def lies_in_order(collection: Collection, query: ItemsQuery) -> bool:
    """Whether rows are wanted in the order of the heap, which PostgreSQL reads them in anyway and
    would sort them by all the same.
    """
    in_places = [part.sql_type for part in collection.key.parts] == ["tid"]
    return in_places and not query.sort and not query.backwards


def every_value(collection: Collection) -> list[sql.Composable]:
    """All values of a row, in an order of which only equal rows are a tie."""
    values: list[sql.Composable] = [
        sql.SQL("{}" if column.type in CURSOR_TYPE else "{}::text").format(column_of(column))
        for column in collection.columns
    ]
    return [*values, sql.Identifier("t", "geom")] if collection.has_geometry else values


def beyond(cursor: Cursor, sort: Sequence[SortKey], key: Key) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row comes after the cursor's place (`next`), or before it (`prev`).

    Index: of the first sort key, when every row has a value of it; the key's when nothing is sorted by
    """
    backwards = cursor.direction == "prev"
    params: dict[str, Any] = {f"key{number}": value for number, value in enumerate(cursor.key)}
    params |= {f"place{number}": value for number, value in enumerate(cursor.place) if value is not None}
    if all(by.column.is_filled and not by.descending for by in sort) and None not in cursor.place:
        return beyond_row(key, sort, backwards=backwards), params
    condition = beyond_row(key, backwards=backwards)
    for number in reversed(range(len(sort))):
        by, value = sort[number], cursor.place[number]
        place = place_of(by, number)
        further = beyond_key(by, place if value is not None else None, backwards=backwards)
        equal = sql.SQL("{} IS NULL" if value is None else "{} = {}").format(column_of(by.column), place)
        condition = sql.SQL("({} OR ({} AND {}))").format(further, equal, condition)
    return sql.Composed([*not_before(cursor, sort), condition]), params


def not_before(cursor: Cursor, sort: Sequence[SortKey]) -> list[sql.Composable]:
    """What follows from `beyond` for the first sort key alone, which its index finds; and AND."""
    if not sort or not sort[0].column.is_filled or cursor.place[0] is None:
        return []
    by = sort[0]
    operator = "{} <= {} AND " if by.descending is (cursor.direction == "next") else "{} >= {} AND "
    return [sql.SQL(operator).format(column_of(by.column), place_of(by, 0))]


def place_of(by: SortKey, number: int) -> sql.Composable:
    """The cursor's value of a sort key."""
    return sql.SQL("{}::{}").format(sql.Placeholder(f"place{number}"), cursor_type(by.column))


def beyond_row(key: Key, sort: Sequence[SortKey] = (), *, backwards: bool) -> sql.Composable:
    """The condition on the collection's key: a comparison of rows, which goes by the index of all its columns.

    `sort`: what is sorted by before, all of it upwards as the key is, and never NULL. Of a key that is not unique the
    place itself comes again, and the rows of it that were shown are skipped.
    """
    names = [*(column_of(by.column) for by in sort), *map(key_column, key.parts)]
    values = [place_of(by, number) for number, by in enumerate(sort)]
    values += [
        sql.SQL("{}::{}").format(sql.Placeholder(f"key{number}"), key_cast(part))
        for number, part in enumerate(key.parts)
    ]
    sides = (names[0], values[0]) if len(names) == 1 else (row(names), row(values))
    operator = sql.SQL("<" if backwards else ">") if key.unique else sql.SQL("<=" if backwards else ">=")
    return sql.SQL("{} {} {}").format(sides[0], operator, sides[1])


def row(parts: Sequence[sql.Composable]) -> sql.Composable:
    """A row of values."""
    return sql.SQL("({})").format(sql.SQL(", ").join(parts))


def beyond_key(key: SortKey, place: sql.Composable | None, *, backwards: bool) -> sql.Composable:
    """The condition on one key alone. `place` None: the cursor's feature has no value, so it is among the last."""
    column = column_of(key.column)
    if place is None:
        return sql.SQL("{} IS NOT NULL").format(column) if backwards else sql.SQL("false")
    comparison = sql.SQL("{} < {}" if key.descending is not backwards else "{} > {}").format(column, place)
    return comparison if backwards else sql.SQL("({} OR {} IS NULL)").format(comparison, column)


def at_offset(
    collection: Collection, query: ItemsQuery, key: Key, source: sql.Composable, conditions: list[sql.Composable]
) -> sql.Composable:
    """A relation of the rows of a page alone: PostgreSQL makes no text of a row that is skipped, as it would if it
    skipped texts. Cost: reads all before them; where nothing but a key decides, in its index only.
    """
    if lies_in_order(collection, query) and query.filter.is_everything:  # or the index of a condition orders them
        return ROWS.format(columns=sql.SQL("t.*"), source=source, where=where_clause(conditions), order=sql.SQL(""))
    order = sql.SQL("\nORDER BY ") + order_by(query.sort, collection, key, backwards=query.backwards)
    if conditions or query.sort or not key.unique:
        columns = all_columns(collection, key)
        return ROWS.format(columns=columns, source=source, where=where_clause(conditions), order=order)
    columns = list(map(key_column, key.parts))
    return ROWS_BY_KEY.format(source=source, key=row(columns), columns=sql.SQL(", ").join(columns), order=order)


ROWS = sql.SQL("(SELECT {columns} FROM {source} AS t{where}{order}\nLIMIT %(rows)s OFFSET %(offset)s)")
ROWS_BY_KEY = sql.SQL("""(SELECT t.* FROM {source} AS t
WHERE {key} >= (SELECT {columns} FROM {source} AS t{order}
    LIMIT 1 OFFSET %(offset)s){order}
LIMIT %(rows)s)""")
