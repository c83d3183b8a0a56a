"""Array predicates between JSON arrays. They are sets: PostgreSQL compares the elements, not their order or number.

A property that holds no array, such as an object, compares as NULL. Days and times in arrays are JSON texts.
"""

from __future__ import annotations

from psycopg import sql

from api.cql2 import ast
from api.cql2.ast import Node
from api.cql2.geojson import render_shape
from api.cql2.json_writer import dumps
from api.cql2.literals import instant_text
from api.cql2.mistakes import mistake
from api.sql.cql2.scope import SQL, Scope, comma
from api.sql.cql2.shapes import whole
from api.sql.cql2.values import value

OPERATORS: dict[str, sql.SQL] = {
    "a_contains": sql.SQL("({left} @> {right})"),
    "a_containedBy": sql.SQL("({left} <@ {right})"),
    "a_overlaps": sql.SQL("({left} && {right})"),
    "a_equals": sql.SQL("({left} @> {right} AND {left} <@ {right})"),
}
ELEMENTS = sql.SQL("CASE WHEN jsonb_typeof({0}) = 'array' THEN ARRAY(SELECT jsonb_array_elements({0})) END")


def array_predicate(node: ast.ArrayPredicate, scope: Scope) -> SQL:
    """An array predicate."""
    left, right = (ELEMENTS.format(array(side, scope)) for side in (node.left, node.right))
    return OPERATORS[node.op].format(left=left, right=right)


def array(node: Node, scope: Scope) -> SQL:
    """A list as jsonb."""
    if not isinstance(node, ast.Array):
        return sql.SQL("to_jsonb({})").format(scope.identifier(name_of(node)))
    return sql.SQL("jsonb_build_array({})").format(comma([element(item, scope) for item in node.items]))


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
        case ast.Interval():
            raise mistake("an interval in a list has no value in JSON to compare with", node.at)
        case ast.BBox():
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(whole(node, scope))
        case ast.Property(name) if name == scope.queryables.geometry:
            return sql.SQL("ST_AsGeoJSON({})::jsonb").format(scope.identifier(name))
        case ast.Property(name) if scope.kind(node) in ("json", "binary", "time"):
            return sql.SQL("to_jsonb({})").format(scope.identifier(name))
        case _:
            return sql.SQL("to_jsonb({})").format(value(node, scope))
