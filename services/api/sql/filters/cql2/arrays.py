"""Array predicates between JSON arrays. They are sets: PostgreSQL compares the elements, not their order or number.

A property that holds no array, such as an object, compares as NULL. Days and times in arrays are JSON texts; times are
compared without their `Z` or `+00:00` and without zeros at the end of a fraction, as JSON and PostgreSQL write one time
in several ways, and `timestamp` has no zone.
"""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from api.cql2.json_encoding.geojson import render_shape
from api.cql2.json_encoding.writer import dumps
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.literals import instant_text
from api.sql.filters.cql2.scope import SQL, Scope, comma
from api.sql.filters.cql2.shapes import whole
from api.sql.filters.cql2.values import value

OPERATORS: dict[str, sql.SQL] = {
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
    """An array predicate."""
    sides = [array(side, scope) for side in (node.left, node.right)]
    if has_times(node, scope):
        sides = [TIMES.format(side) for side in sides]
    left, right = map(ELEMENTS.format, sides)
    return OPERATORS[node.op].format(left=left, right=right)


def has_times(node: Node, scope: Scope) -> bool:
    """Whether an element is a time, or holds one."""
    if isinstance(node, ast.Timestamp | ast.Property):
        return scope.kind(node) == "datetime"
    return any(has_times(part, scope) for part in ast.children(node))


def array(node: Node, scope: Scope) -> SQL:
    """A list as jsonb."""
    if not isinstance(node, ast.Array):
        return sql.SQL("to_jsonb({})").format(scope.identifier(name_of(node)))
    return list_of(node.items, scope)


def list_of(items: Sequence[Node | None], scope: Scope) -> SQL:
    """A JSON array; None is the open end of an interval."""
    return LIST.format(comma([scope.bind('".."', "jsonb") if item is None else element(item, scope) for item in items]))


def name_of(node: Node) -> str:
    """The name of a property, which the check found to be one."""
    return node.name if isinstance(node, ast.Property) else ""


def element(node: Node, scope: Scope) -> SQL:
    """An element of a list as jsonb."""
    match node:
        case ast.Array():
            return array(node, scope)
        case ast.String(text):
            return scope.bind(dumps(text), "jsonb")
        case ast.Number(number) | ast.Boolean(number):
            return scope.bind(dumps(number), "jsonb")
        case ast.Date() | ast.Timestamp():
            return scope.bind(dumps(instant_text(node)), "jsonb")
        case ast.Geometry() | ast.GeometryCollection():
            return scope.bind(dumps(render_shape(node)), "jsonb")
        case ast.TimeInterval(start, end):
            return sql.SQL("jsonb_build_object('interval', {})").format(list_of((start, end), scope))
        case ast.BBox():
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(whole(node, scope))
        case ast.Property(name) if name == scope.queryables.geometry:
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(scope.identifier(name))
        case ast.Property(name) if scope.kind(node) in ("json", "binary", "time"):
            return sql.SQL("to_jsonb({})").format(scope.identifier(name))
        case _:
            return sql.SQL("to_jsonb({})").format(value(node, scope))
