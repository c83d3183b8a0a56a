"""Spatial predicates. PostGIS compares in the plane: heights play no part."""

from __future__ import annotations

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.geometry import wkt
from api.sql.filters.cql2.scope import SQL, Scope
from api.sql.filters.cql2.shapes import Literal, extent, halves, in_target, literal, shape, whole

FUNCTIONS: dict[str, sql.SQL] = {
    "s_contains": sql.SQL("ST_Contains({}, {})"),
    "s_crosses": sql.SQL("ST_Crosses({}, {})"),
    "s_disjoint": sql.SQL("NOT ST_Intersects({}, {})"),
    "s_equals": sql.SQL("ST_Equals({}, {})"),
    "s_intersects": sql.SQL("ST_Intersects({}, {})"),
    "s_overlaps": sql.SQL("ST_Overlaps({}, {})"),
    "s_touches": sql.SQL("ST_Touches({}, {})"),
    "s_within": sql.SQL("ST_Within({}, {})"),
}
MEETS = ("s_intersects", "s_disjoint")
INSIDE_LEFT, INSIDE_RIGHT = ("s_contains", "s_equals"), ("s_within", "s_equals")
"""Operators that are false when the right (left) operand is not inside the left (right) one."""


def spatial(node: ast.Spatial, scope: Scope) -> SQL:
    """A spatial predicate."""
    left, right = node.left, node.right
    if isinstance(right, Literal) and not isinstance(left, Literal):
        return beside_literal(node.op, shape(left, scope), right, scope, literal_first=False)
    if isinstance(left, Literal) and not isinstance(right, Literal):
        return beside_literal(node.op, shape(right, scope), left, scope, literal_first=True)
    return sql.SQL("({})").format(FUNCTIONS[node.op].format(shape(left, scope), shape(right, scope)))


def beside_literal(op: str, other: SQL, node: Literal, scope: Scope, *, literal_first: bool) -> SQL:
    """A predicate between a column and a literal."""
    if isinstance(node, ast.BBox) and op in MEETS:
        return meets_box(op, other, node, scope)
    geometry = whole(node, scope)
    inside = op in (INSIDE_RIGHT if literal_first else INSIDE_LEFT)
    area = in_target(geometry, node, scope, cut=not inside)
    pair = (area, other) if literal_first else (other, area)
    predicate = sql.SQL("({})").format(FUNCTIONS[op].format(*pair))
    if not inside or area is geometry or scope.srid_in != 4326:
        return predicate
    # Nothing in the collection holds what reaches beyond all of it. The planner decides this once, by the box alone, as
    # the crossings of a scribble would keep it busy for minutes.
    return sql.SQL("(CASE WHEN {} @ {} THEN {} WHEN {} IS NOT NULL THEN false END)").format(
        geometry, extent(scope), predicate, other
    )


def meets_box(op: str, other: SQL, node: ast.BBox, scope: Scope) -> SQL:
    """S_INTERSECTS or S_DISJOINT with a box. Two halves are compared one by one: their common box is the world."""
    areas = [in_target(literal(scope, wkt(half)), node, scope, cut=True) for half in halves(node, scope)]
    meets = sql.SQL(" OR ").join(FUNCTIONS["s_intersects"].format(other, area) for area in areas)
    return sql.SQL("({})" if op == "s_intersects" else "(NOT ({}))").format(meets)
