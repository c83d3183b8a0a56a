"""Conditions in SQL: logic, comparisons, patterns, ranges, lists and NULL. PostgreSQL has the same three values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from psycopg import sql

from api.cql2.check.queryables import Queryables
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2 import texts
from api.sql.filters.cql2.arrays import array_predicate
from api.sql.filters.cql2.scope import SQL, Scope, comma
from api.sql.filters.cql2.spatial import spatial
from api.sql.filters.cql2.temporal import temporal
from api.sql.filters.cql2.values import BIGINT, comparable, function, text, value
from core.catalog.collections import Collection

OPERATORS: dict[str, sql.SQL] = {
    "=": sql.SQL("({} = {})"),
    "<>": sql.SQL("({} <> {})"),
    "<": sql.SQL("({} < {})"),
    ">": sql.SQL("({} > {})"),
    "<=": sql.SQL("({} <= {})"),
    ">=": sql.SQL("({} >= {})"),
}


MOST_IN_A_LIST = 500
"""Values of a list that are no literals: PostgreSQL nests one comparison in the other, thousands too deep."""


def filter_condition(
    node: Node, collection: Collection, srid_in: int = 4326, *, northing_first: bool = False
) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition on the table `t`, and its parameters `c0`, `c1`, ….

    srid_in:        the system that the geometries of the filter are in (filter-crs)
    northing_first: their positions have northing or latitude first, as in EPSG:4326
    NULL:           as in the standard; WHERE takes it as no match
    Index:          GiST on t.geom for S_INTERSECTS and every other operator that needs the geometries to meet
    Raises:         BadFilter for positions beyond the degrees
    """
    scope = Scope(collection, Queryables.of(collection), srid_in, northing_first, condition_sql)
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
        case ast.Property(name):
            return scope.identifier(name)
        case ast.FunctionCall():
            return function(node, scope)
        case _:
            return predicate(node, scope)


def predicate(node: Node, scope: Scope) -> SQL:
    """A predicate."""
    match node:
        case ast.Comparison(op, left, right):
            return OPERATORS[op].format(*comparable([left, right], scope))
        case ast.Between(inner, low, high) if has_days_and_times([inner, low, high], scope):
            ends = ast.Comparison(">=", inner, low), ast.Comparison("<=", inner, high)
            return condition_sql(ast.And(ends), scope)
        case ast.In(inner, items) if has_days_and_times([inner, *items], scope):
            return condition_sql(ast.Or(tuple(ast.Comparison("=", inner, item) for item in items)), scope)
        case ast.Between(inner, low, high):
            return sql.SQL("({} BETWEEN {} AND {})").format(*comparable([inner, low, high], scope))
        case ast.Like(inner, pattern):
            return sql.SQL("({} LIKE {})").format(text(inner, scope), texts.pattern(pattern, scope))
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
            return sql.SQL("({} = ANY ({}))").format(value_column(node.value, scope), scope.bind(literals, "bigint[]"))
    first, *rest = comparable([node.value, *node.items], scope)
    lists = [rest[start : start + MOST_IN_A_LIST] for start in range(0, len(rest), MOST_IN_A_LIST)]
    return sql.SQL("({})").format(
        sql.SQL(" OR ").join(sql.SQL("{} IN ({})").format(first, comma(part)) for part in lists)
    )


def value_column(node: Node, scope: Scope) -> SQL:
    """A property's column as it is."""
    return scope.identifier(cast("ast.Property", node).name)


def is_null(node: Node, scope: Scope) -> SQL:
    """IS NULL, of columns without a cast. The null of JSON is one too: features show no other. `json` may hold what no
    `jsonb` does, U+0000."""
    match node:
        case ast.Property(name) if scope.kind(node) == "json":
            return sql.SQL("(COALESCE(btrim(to_json({})::text, {}), 'null') = 'null')").format(
                scope.identifier(name), sql.Literal(" \n\r\t")
            )
        case ast.Property(name):
            return sql.SQL("({} IS NULL)").format(scope.identifier(name))
        case ast.TimeInterval(start, end):
            ends = [is_null(part, scope) for part in (start, end) if part is not None]
            return sql.SQL("({})").format(sql.SQL(" OR ").join(ends)) if ends else sql.SQL("false")
        case _:
            return sql.SQL("({} IS NULL)").format(value(node, scope))
