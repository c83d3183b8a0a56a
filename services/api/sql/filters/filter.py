"""The conditions of a filter as SQL. Values are bound, and constants are transformed, so that the indexes are used."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query.items import Equals, Filter
from api.sql.filters.bbox import Condition, Test, at_heights, in_box
from api.sql.filters.cql2 import filter_condition
from api.sql.filters.datetime import in_interval
from api.sql.relation import among_keys, argument_place, column_of, text_of
from core.catalog import Collection

# SQL type that a column's value is cast to. A whole number may be larger than the column takes.
CASTS = {
    "integer": sql.SQL("bigint"),
    "date": sql.SQL("date"),
    "datetime": sql.SQL("timestamptz"),
    "time": sql.SQL("time"),
}


CONTAINS = sql.SQL('{text} COLLATE "default" ILIKE %(q)s')
CONTAINS_LONG = sql.SQL(
    'CASE WHEN octet_length({text}) >= {least} THEN {text} COLLATE "default" ILIKE %(q)s ELSE false END'
)
"""AND would not do: PostgreSQL takes the pattern for the cheaper condition, and asks it first."""

SHORT_SEARCH = 60
"""Characters up to which an index of trigrams may be wanted, which knows no CASE, and a pattern costs little."""


def where_clause(conditions: list[sql.Composable]) -> sql.Composable:
    """`WHERE a AND b`, or nothing."""
    return sql.SQL("\nWHERE ") + sql.SQL("\n  AND ").join(conditions) if conditions else sql.SQL("")


def where(
    collection: Collection, filter: Filter, boxes_by: Test = "shape"
) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The conditions of a filter, and the values for them."""
    parts: list[Condition] = []
    if filter.box is not None and collection.has_geometry:
        parts.append(in_box(collection, filter.box, boxes_by))
    if filter.heights is not None and collection.has_geometry:
        parts.append(at_heights(filter.heights))
    if filter.interval is not None and collection.times:
        parts.append(in_interval(collection.times, filter.interval))
    if filter.ids is not None:
        parts.append(among_keys(collection.key, filter.ids))
    if filter.text is not None:
        parts.append(contains(collection, filter.text))
    if filter.cql2 is not None:
        crs = filter.cql2_crs
        srid = crs.srid if collection.srid != 0 else 0
        parts.append(filter_condition(filter.cql2, collection, srid, northing_first=crs.northing_first))
    parts.extend(equal(condition, number) for number, condition in enumerate(filter.equals))
    params: dict[str, Any] = {argument_place(given): given.value for given in filter.arguments}
    for _, values in parts:
        params.update(values)
    return [text for text, _ in parts], params


def contains(collection: Collection, text: str) -> Condition:
    """Features of which some string property contains a text, in any case. Reads every row that is left.

    PostgreSQL 17 finds no patterns by collations of columns that are nondeterministic; that of a database never is. It
    writes the pattern in small letters for each row anew, which of a long one takes longer than all else.
    """
    columns = [column for column in collection.columns if column.type == "string"]
    if not columns:
        return sql.SQL("false"), {}
    form = CONTAINS if len(text) <= SHORT_SEARCH else CONTAINS_LONG
    least = sql.Literal(len(text) // 3)  # a letter may have three times the bytes of the same one in capitals
    names = [
        form.format(text=text_of(column) if column.sql_type else column_of(column), least=least) for column in columns
    ]
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return sql.SQL("({})").format(sql.SQL(" OR ").join(names)), {"q": f"%{escaped}%"}


def equal(condition: Equals, number: int) -> Condition:
    """A property that equals a value."""
    place: sql.Composable = sql.Placeholder(f"equal{number}")
    if condition.column.type in CASTS:
        place = sql.SQL("{}::{}").format(place, CASTS[condition.column.type])
    return sql.SQL("{} = {}").format(column_of(condition.column), place), {f"equal{number}": equal_value(condition)}


def equal_value(condition: Equals) -> str:
    """The value as a text that PostgreSQL reads."""
    value = condition.value
    return str(value).lower() if isinstance(value, bool) else str(value)
