"""A checked CQL2 tree as a condition in SQL. Every literal is bound; names come from the collection only. PostgreSQL
has the three values of the standard.

Days among days are compared as days. Beside a time, a day lasts from its midnight in UTC to its last microsecond.
Arrays are sets: PostgreSQL compares the elements as JSON, not their order or number. A property that holds no array,
such as an object, compares as NULL. Days and times in arrays are JSON texts; times are compared without their `Z` or
`+00:00` and without zeros at the end of a fraction, as JSON and PostgreSQL write one time in several ways, and
`timestamp` has no zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any, LiteralString, cast

from psycopg import sql

from api.cql2.check.queryables import Queryables
from api.cql2.json_encoding.writer import dumps, render_shape
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.literals import instant_text
from api.sql.filters.cql2.scope import SQL, Scope
from api.sql.filters.cql2.spatial import spatial, whole
from api.sql.filters.cql2.values import BIGINT, comparable, function, instant, pattern, text, value
from core.catalog.collections import Collection

COMPARISONS = {op: sql.SQL(f"({{}} {op} {{}})") for op in ast.COMPARISON_OPS}

MOST_IN_A_LIST = 500
"""Values of a list that are no literals: PostgreSQL nests one comparison in the other, thousands too deep."""


def filter_condition(
    node: Node, collection: Collection, srid_in: int = 4326, *, northing_first: bool = False, prefix: str = "c"
) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition on the table `t`, and its parameters `c0`, `c1`, … (or of another prefix).

    srid_in:        the system that the geometries of the filter are in (filter-crs)
    northing_first: their positions have northing or latitude first, as in EPSG:4326
    NULL:           as in the standard; WHERE takes it as no match
    Index:          GiST on t.geom for S_INTERSECTS and every other operator that needs the geometries to meet
    Raises:         BadFilter for positions beyond the degrees
    """
    scope = Scope(collection, Queryables.of(collection), srid_in, northing_first, condition_sql, prefix=prefix)
    condition = condition_sql(node, scope)
    return condition, scope.params


def condition_sql(node: Node, scope: Scope) -> SQL:
    """A boolean expression in parentheses."""
    match node:
        case ast.And(args):
            return sql.SQL("({})").format(sql.SQL(" AND ").join(condition_sql(arg, scope) for arg in args))
        case ast.Or(args):
            return sql.SQL("({})").format(sql.SQL(" OR ").join(condition_sql(arg, scope) for arg in args))
        case ast.Not(arg):
            return sql.SQL("(NOT {})").format(condition_sql(arg, scope))
        case ast.Boolean(truth):
            return sql.SQL("true" if truth else "false")
        case ast.Property():
            return scope.identifier(node)
        case ast.FunctionCall():
            return function(node, scope)
        case _:
            return predicate(node, scope)


def predicate(node: Node, scope: Scope) -> SQL:
    """A predicate."""
    match node:
        case ast.Comparison(op, left, right):
            return COMPARISONS[op].format(*comparable([left, right], scope))
        case ast.Between(inner, low, high) if has_days_and_times([inner, low, high], scope):
            ends = ast.Comparison(">=", inner, low), ast.Comparison("<=", inner, high)
            return condition_sql(ast.And(ends), scope)
        case ast.In(inner, items) if has_days_and_times([inner, *items], scope):
            return condition_sql(ast.Or(tuple(ast.Comparison("=", inner, item) for item in items)), scope)
        case ast.Between(inner, low, high):
            return sql.SQL("({} BETWEEN {} AND {})").format(*comparable([inner, low, high], scope))
        case ast.Like(inner, like):
            return sql.SQL("({} LIKE {})").format(text(inner, scope), pattern(like, scope))
        case ast.In():
            return in_list(node, scope)
        case ast.IsNull(inner):
            return is_null(inner, scope)
        case ast.Spatial():
            return spatial(node, scope)
        case ast.Temporal():
            return temporal(node, scope)
        case _:
            return array_predicate(cast("ast.ArrayPredicate", node), scope)


def has_days_and_times(nodes: Sequence[Node], scope: Scope) -> bool:
    """Whether there are both: a time counts as its day beside a day, but not beside another time."""
    return {scope.kind(node) for node in nodes} == {"date", "datetime"}


def in_list(node: ast.In, scope: Scope) -> SQL:
    """IN. Long lists of texts and of whole numbers are one parameter."""
    literals = [item.value for item in node.items if isinstance(item, ast.String | ast.Number)]
    if len(literals) == len(node.items):
        if scope.kind(node.value) == "string":
            return sql.SQL("({} = ANY ({}))").format(text(node.value, scope), scope.bind(literals, "text[]"))
        whole = isinstance(node.value, ast.Property) and scope.column(node.value.name).type == "integer"
        if whole and all(isinstance(number, int) and number in BIGINT for number in literals):
            return sql.SQL("({} = ANY ({}))").format(scope.identifier(node.value), scope.bind(literals, "bigint[]"))
    first, *rest = comparable([node.value, *node.items], scope)
    lists = [rest[start : start + MOST_IN_A_LIST] for start in range(0, len(rest), MOST_IN_A_LIST)]
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(sql.SQL("{} IN ({})").format(first, sql.SQL(", ").join(part)) for part in lists)
    )


def is_null(node: Node, scope: Scope) -> SQL:
    """IS NULL, of columns without a cast. The null of JSON is one too: features show no other. `json` may hold what no
    `jsonb` does, U+0000."""
    match node:
        case ast.Property() if scope.kind(node) == "json":
            return sql.SQL("(COALESCE(btrim(to_json({})::text, {}), 'null') = 'null')").format(
                scope.identifier(node), sql.Literal(" \n\r\t")
            )
        case ast.Property():
            return sql.SQL("({} IS NULL)").format(scope.identifier(node))
        case ast.TimeInterval(start, end):
            ends = [is_null(part, scope) for part in (start, end) if part is not None]
            return sql.SQL("({})").format(sql.SQL(" OR ").join(ends)) if ends else sql.SQL("false")
        case _:
            return sql.SQL("({} IS NULL)").format(value(node, scope))


# s1, e1: start and end of the left operand; s2, e2: of the right one. An instant is an interval whose ends are equal.
# Source: OGC 21-065r2, clause 7.6, and OWL-Time for the relations between intervals
RELATIONS: dict[str, LiteralString] = {
    "t_after": "{s1} > {e2}",
    "t_before": "{e1} < {s2}",
    "t_disjoint": "({e1} < {s2} OR {s1} > {e2})",
    "t_equals": "{s1} = {s2} AND {e1} = {e2}",
    "t_intersects": "{s1} <= {e2} AND {e1} >= {s2}",
    "t_contains": "{s1} < {s2} AND {e1} > {e2}",
    "t_during": "{s1} > {s2} AND {e1} < {e2}",
    "t_finishedBy": "{s1} < {s2} AND {e1} = {e2}",
    "t_finishes": "{s1} > {s2} AND {e1} = {e2}",
    "t_meets": "{e1} = {s2}",
    "t_metBy": "{s1} = {e2}",
    "t_overlappedBy": "{s1} > {s2} AND {s1} < {e2} AND {e1} > {e2}",
    "t_overlaps": "{s1} < {s2} AND {e1} > {s2} AND {e1} < {e2}",
    "t_startedBy": "{s1} = {s2} AND {e1} > {e2}",
    "t_starts": "{s1} = {s2} AND {e1} < {e2}",
}


def temporal(node: ast.Temporal, scope: Scope) -> SQL:
    """A temporal predicate."""
    ends = [
        end
        for side in (node.left, node.right)
        for end in ((side.start, side.end) if isinstance(side, ast.TimeInterval) else (side, side))
    ]
    days = all(scope.kind(end) == "date" for end in ends if end is not None)
    relation = RELATIONS[node.op]
    limits = {
        name: limit(end, scope, days=days, late=name[0] == "e")
        for name, end in zip(("s1", "e1", "s2", "e2"), ends, strict=True)
        if f"{{{name}}}" in relation
    }
    return sql.SQL("({})").format(sql.SQL(relation).format(**limits))


def limit(node: Node | None, scope: Scope, *, days: bool, late: bool) -> SQL:
    """One end: a date among days, else a time; `late` takes the last microsecond of a day. None is open."""
    if node is None:
        open_end = "'infinity'::{}" if late else "'-infinity'::{}"
        return sql.SQL(open_end).format(sql.SQL("date" if days else "timestamptz"))
    if days or scope.kind(node) == "datetime":
        return instant(node, scope)
    if isinstance(node, ast.Date):
        clock = time.max if late else time.min
        return scope.bind(datetime.combine(node.value, clock, tzinfo=UTC), "timestamptz")
    midnight = sql.SQL("({}::timestamp AT TIME ZONE 'UTC')").format(instant(node, scope))
    return sql.SQL("({} + interval '1 day' - interval '1 microsecond')").format(midnight) if late else midnight


ARRAY_PREDICATES: dict[str, sql.SQL] = {
    "a_contains": sql.SQL("({left} @> {right})"),
    "a_containedBy": sql.SQL("({left} <@ {right})"),
    "a_overlaps": sql.SQL("({left} && {right})"),
    "a_equals": sql.SQL("({left} @> {right} AND {left} <@ {right})"),
}
ELEMENTS = sql.SQL("CASE WHEN jsonb_typeof({0}) = 'array' THEN ARRAY(SELECT jsonb_array_elements({0})) END")
TIMES = sql.SQL(
    """regexp_replace({}::text, '("[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})"""
    """([.][0-9]*[1-9])?[.]?0*(Z|[+]00:00)?"', '\\1\\2"', 'g')::jsonb"""
)
LIST = sql.SQL("to_jsonb(ARRAY[{}]::jsonb[])")
"""A function, as `jsonb_build_array` is one, takes 100 arguments."""


def array_predicate(node: ast.ArrayPredicate, scope: Scope) -> SQL:
    """An array predicate, between lists and properties."""
    sides = [element(side, scope) for side in (node.left, node.right)]
    if has_times(node, scope):
        sides = [TIMES.format(side) for side in sides]
    left, right = map(ELEMENTS.format, sides)
    return ARRAY_PREDICATES[node.op].format(left=left, right=right)


def has_times(node: Node, scope: Scope) -> bool:
    """Whether an element is a time, or holds one."""
    if isinstance(node, ast.Timestamp | ast.Property):
        return scope.kind(node) == "datetime"
    return any(has_times(part, scope) for part in ast.children(node))


def list_of(items: Sequence[Node | None], scope: Scope) -> SQL:
    """A JSON array; None is the open end of an interval."""
    parts = [scope.bind('".."', "jsonb") if item is None else element(item, scope) for item in items]
    return LIST.format(sql.SQL(", ").join(parts))


def element(node: Node, scope: Scope) -> SQL:
    """A list, or an element of one, as jsonb."""
    match node:
        case ast.Array(items):
            return list_of(items, scope)
        case ast.String(literal) | ast.Number(literal) | ast.Boolean(literal):
            return scope.bind(dumps(literal), "jsonb")
        case ast.Date() | ast.Timestamp():
            return scope.bind(dumps(instant_text(node)), "jsonb")
        case ast.Geometry() | ast.GeometryCollection():
            return scope.bind(dumps(render_shape(node)), "jsonb")
        case ast.TimeInterval(start, end):
            return sql.SQL("jsonb_build_object('interval', {})").format(list_of((start, end), scope))
        case ast.BBox():
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(whole(node, scope))
        case ast.Property(name) if name == scope.queryables.geometry:
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(scope.identifier(node))
        case ast.Property() if scope.kind(node) in ("json", "binary", "time"):
            return sql.SQL("to_jsonb({})").format(scope.identifier(node))
        case _:
            return sql.SQL("to_jsonb({})").format(value(node, scope))
