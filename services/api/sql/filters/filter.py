"""The conditions of a filter as SQL: times, texts and values, boxes and CQL2 by their own modules; and the shape of a
filter, which decides on their text.

Values are bound, and constants are transformed, so that the indexes are used. Filters that differ in the values that
they compare with alone have one shape, so the text is composed once, and connections keep the statement prepared.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.query.items import NO_FILTER, Equals, Filter, GridBox, Interval
from api.sql.filters.around import within
from api.sql.filters.bbox import Condition, Test, at_heights, box_values, in_box, is_geography
from api.sql.filters.cql2.conditions import filter_condition
from api.sql.filters.cql2.values import fits_real, is_whole
from api.sql.relation import among_keys, argument_place, column_of, text_of, type_of
from core.catalog.collections import RANGES, Collection, Column

FilterShape = tuple[Hashable, dict[str, Any]]
"""A shape, and the values of the filter by the names of their places."""

MOST_NODES = 50
"""Of a filter in CQL2. A larger one seldom comes twice, and its text would take much room."""

OF_NO_FILTER = (None, (), None)

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


def hidden(conditions: Sequence[sql.Composable]) -> list[sql.Composable]:
    """Conditions of which the planner learns nothing: it would go by their indexes, in the order of those."""
    return [sql.SQL("COALESCE({}, false)").format(condition) for condition in conditions]


def where(
    collection: Collection, filter: Filter, boxes_by: Test = "shape"
) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The conditions of a filter, and the values for them."""
    parts: list[Condition] = []
    if filter.box is not None and collection.has_geometry:
        parts.append(in_box(collection, filter.box, boxes_by))
    if filter.heights is not None and collection.has_geometry:
        parts.append(at_heights(filter.heights))
    if filter.around is not None and collection.has_geometry:
        parts.append(within(collection, filter.around))
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


OR_NULL = sql.SQL("({} OR {} IS NULL)")
RANGE_OF = {"tstzrange": sql.SQL("timestamptz"), "tsrange": sql.SQL("timestamp"), "daterange": sql.SQL("date")}


def in_interval(times: Sequence[Column], interval: Interval) -> Condition:
    """Features whose time meets the interval, and those without one. Time kept in another kind of column is a further
    case. Source: OGC API Features Part 1, /req/core/fc-time-response

    times: a column of instants, or of ranges, or one of starts and one of ends, of which each may be open
    """
    given = {name: end for name, end in (("start", interval.start), ("end", interval.end)) if end is not None}
    start, end = times[0], times[-1]
    if start is end and start.sql_type in RANGES:
        return meets_range(start, given), given
    sides = (end, sql.SQL(">="), "start"), (start, sql.SQL("<="), "end")
    tests = [(compare(*side), column_of(side[0])) for side in sides if side[2] in given]
    if start is end:
        return OR_NULL.format(sql.SQL(" AND ").join(test for test, _ in tests), column_of(start)), given
    return sql.SQL("({})").format(sql.SQL(" AND ").join(OR_NULL.format(*test) for test in tests)), given


def meets_range(column: Column, given: Mapping[str, Any]) -> sql.Composable:
    """A range meets the interval. Index: GiST on the column. A range of days holds the whole of its days."""
    kind = column.sql_type or ""
    start, end = (
        sql.SQL("{}::timestamptz::{}").format(sql.Placeholder(name), RANGE_OF[kind]) if name in given else sql.NULL
        for name in ("start", "end")
    )
    text = sql.SQL("({name} && {kind}({start}, {end}, '[]') OR {name} IS NULL)")
    return text.format(name=column_of(column), kind=type_of(kind), start=start, end=end)


def compare(column: Column, operator: sql.SQL, place: str) -> sql.Composable:
    """A column beside an end of the interval. A date is its whole day, so the end counts as its day there."""
    kind = sql.SQL("date" if column.type == "date" else "timestamptz")
    return sql.SQL("{} {} {}::timestamptz::{}").format(column_of(column), operator, sql.Placeholder(place), kind)


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


class Unlike(Exception):
    """A filter has no shape."""


def filter_shape(collection: Collection, filter: Filter) -> FilterShape | None:
    """None for what has no shape: the text of its conditions depends on more, or it seldom comes twice."""
    if filter is NO_FILTER:
        return OF_NO_FILTER, {}
    key = "shape", collection.id, collection.revision
    return filter.found(key, lambda: find_shape(collection, filter))


def find_shape(collection: Collection, filter: Filter) -> FilterShape | None:
    """The shape of a filter."""
    if filter.interval or filter.heights or filter.ids is not None or filter.text is not None or filter.arguments:
        return None
    if filter.around is not None:
        return None
    if filter.box is not None and is_geography(collection):
        return None
    literals = Literals()
    try:
        cql2 = filter.cql2 and literals.shape(filter.cql2)
    except Unlike:
        return None
    values: dict[str, Any] = {f"c{number}": value for number, value in enumerate(literals.values)}
    values.update((f"equal{number}", equal_value(some)) for number, some in enumerate(filter.equals))
    box = filter.box
    if box is not None and collection.has_geometry:
        values.update(box_values(collection, box))
    area = box and (("srid", box.srid) if isinstance(box, GridBox) else ("halves", len(box.halves())))
    return (area, tuple(some.column.column for some in filter.equals), cql2), values


@dataclass(slots=True)
class Literals:
    """Collects the values of a filter in CQL2, in the order in which they are bound."""

    values: list[str] = field(default_factory=list[str])
    nodes: int = 0

    def shape(self, node: Node) -> Hashable:
        """A tree without its values: comparisons of properties with texts and numbers. Raises: Unlike"""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Unlike
        match node:
            case ast.Junction(args):
                return (type(node), *map(self.shape, args))
            case ast.Not(arg) | ast.IsNull(arg):
                return type(node), self.shape(arg)
            case ast.Comparison(op, left, right):
                return op, self.shape(left), self.shape(right)
            case ast.Between(value, low, high):
                return type(node), self.shape(value), self.shape(low), self.shape(high)
            case ast.Like(value, ast.String() as pattern):
                return type(node), self.shape(value), self.shape(pattern)
            case ast.Property(name):
                return name
            case ast.Boolean(truth):
                return truth
            case ast.String(value) | ast.Number(value):
                self.values.append(str(value))
                return kind_of_literal(value)
            case _:
                raise Unlike


def kind_of_literal(value: str | int | Decimal) -> Hashable:
    """What of a literal decides on its place. Raises: Unlike for a number that is bound otherwise"""
    if isinstance(value, str) or (isinstance(value, int) and is_whole(value)):
        return type(value)
    if isinstance(value, int) or is_whole(value) or not fits_real(value):
        raise Unlike
    return type(value)
