"""Spatial predicates, and geometries: columns, literals in the collection's own system, and the functions of them.

PostGIS compares in the plane: heights play no part. Literals are transformed, never columns, so that the spatial index
is used. One in degrees is cut to the collection's extent before it goes into a national grid, where the rest of the
world has no image, and its edges are split, since what is straight in degrees is not straight there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import BBox, Geometry, GeometryCollection, Node, Position, mistake
from api.cql2.tree.geometry import all_positions, lines, wkt
from api.sql.filters.around import LONGEST_M, near_boxes
from api.sql.filters.cql2.scope import SQL, Scope
from api.sql.relation import domain, where_placed
from core.bbox import BBox as Box

STEP_DEG = 0.1
FINER = 10
"""How much shorter the pieces of a short literal are: its edges are right to a centimetre, not to a metre."""

FEW_STEPS, MOST_STEPS = 200, 4000
"""Pieces that the edges of a short literal, and of any, are split into at most."""
MARGIN_DEG = 0.01

WEB_MERCATOR = 3857
MERCATOR = sql.SQL("ST_MakeEnvelope(-20037508.342789244, -1e8, 20037508.342789244, 1e8, 3857)")
STEP_M = 10_000.0

FUNCTIONS: dict[str, sql.SQL] = {
    "s_area": sql.SQL("ST_Area({})::numeric"),
    "s_length": sql.SQL("ST_Length({})::numeric"),
    "s_distance": sql.SQL("ST_Distance({}, {})::numeric"),
    "s_centroid": sql.SQL("ST_Centroid({})"),
}
FUNCTIONS["distance"] = FUNCTIONS["s_distance"]
Literal = Geometry | GeometryCollection | BBox


PREDICATES = {op: sql.SQL(f"ST_{op[2:].capitalize()}({{}}, {{}})") for op in ast.SPATIAL_OPS}
PREDICATES["s_disjoint"] = sql.SQL("NOT ST_Intersects({}, {})")
"""PostGIS has the names of the standard; its ST_Disjoint goes by no index."""

INSIDE_LEFT, INSIDE_RIGHT = ("s_contains", "s_equals"), ("s_within", "s_equals")
"""Operators that are false when the right (left) operand is not inside the left (right) one."""


def spatial(node: ast.Spatial, scope: Scope) -> SQL:
    """A spatial predicate."""
    left, right = node.left, node.right
    if isinstance(right, Literal) and not isinstance(left, Literal):
        return beside_literal(node.op, shape(left, scope), right, scope, literal_first=False)
    if isinstance(left, Literal) and not isinstance(right, Literal):
        return beside_literal(node.op, shape(right, scope), left, scope, literal_first=True)
    return sql.SQL("({})").format(PREDICATES[node.op].format(shape(left, scope), shape(right, scope)))


def beside_literal(op: str, other: SQL, node: Literal, scope: Scope, *, literal_first: bool) -> SQL:
    """A predicate between a column and a literal."""
    if isinstance(node, ast.BBox) and op in ast.MEETING_OPS:
        return meets_box(op, other, node, scope)
    geometry = whole(node, scope)
    inside = op in (INSIDE_RIGHT if literal_first else INSIDE_LEFT)
    area = in_target(geometry, node, scope, cut=not inside)
    pair = (area, other) if literal_first else (other, area)
    predicate = sql.SQL("({})").format(PREDICATES[op].format(*pair))
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
    meets = sql.SQL(" OR ").join(PREDICATES["s_intersects"].format(other, area) for area in areas)
    return sql.SQL("({})" if op == "s_intersects" else "(NOT ({}))").format(meets)


def target_srid(scope: Scope) -> int:
    """The system that geometries are compared in: the collection's, or the filter's for a plain table."""
    return scope.srid_in if scope.collection.srid is None else scope.collection.srid


def shape(node: Node, scope: Scope) -> SQL:
    """A geometry in the system of `target_srid`."""
    match node:
        case Geometry() | GeometryCollection() | BBox():
            return in_target(whole(node, scope), node, scope)
        case ast.FunctionCall():
            return shape_function(node, scope)
        case _:
            return scope.identifier(node)


def shape_function(node: ast.FunctionCall, scope: Scope) -> SQL:
    """The call of a function of geometries. Measures are taken on the ellipsoid."""
    args = [shape(arg, scope) for arg in node.args]
    if node.name != "s_centroid":
        args = [geography(arg, scope, node) for arg in args]
    return FUNCTIONS[node.name].format(*args)


def geography(geometry: SQL, scope: Scope, node: Node) -> SQL:
    """A geometry on the ellipsoid. Raises: BadFilter when nobody knows where on Earth it is"""
    srid = target_srid(scope)
    if srid == 0:
        raise mistake(f"{scope.collection.id} has no known coordinate system to measure in", node.at)
    degrees = geometry
    if srid != 4326:
        degrees = where_placed(scope.collection, sql.SQL("ST_Transform({}, 4326)").format(geometry))
    return sql.SQL("({})::geography").format(degrees)


def is_within(node: ast.FunctionCall, metres: SQL, scope: Scope) -> SQL:
    """Whether geometries are within some metres of each other, for which the index of a column serves where the other
    is a literal in degrees, and the metres are a number.
    """
    left, right = (geography(shape(arg, scope), scope, node) for arg in node.args[:2])
    text = sql.SQL("(ST_DWithin({0}, {1}, LEAST(GREATEST({2}, 0), {3})::float8) AND {2} >= 0)")
    measured = text.format(left, right, metres, sql.Literal(LONGEST_M))
    near = near_literal(node, scope)
    return measured if near is None else sql.SQL("({} AND {})").format(near, measured)


def near_literal(node: ast.FunctionCall, scope: Scope) -> SQL | None:
    """The condition that the column can be as near as that; None where nobody knows."""
    column, other, metres = node.args
    if isinstance(column, Literal):
        column, other = other, column
    if not isinstance(column, ast.Property) or not isinstance(other, Geometry | GeometryCollection):
        return None
    if scope.srid_in != 4326 or not isinstance(metres, ast.Number) or metres.value < 0:
        return None
    x, y = (1, 0) if scope.northing_first else (0, 1)
    places = [(position[x], position[y]) for position in all_positions(other)]
    if not places:
        return None
    easts, norths = zip(*places, strict=True)
    box = Box(min(easts), min(norths), max(easts), max(norths))
    near, values = near_boxes(scope.collection, box, float(metres.value), f"{scope.prefix}near{len(scope.params)}_")
    scope.params.update(values)
    return near


def literal(scope: Scope, text: str) -> SQL:
    """Well-known text as a geometry in the filter's own system."""
    return sql.SQL("ST_GeomFromText({}, {})").format(scope.bind(text), sql.Literal(scope.srid_in))


def whole(node: Literal, scope: Scope) -> SQL:
    """A literal as one geometry, in the filter's own system."""
    if not isinstance(node, BBox):
        check_degrees(all_positions(node), scope, node)
        return literal(scope, wkt(node, swap=scope.northing_first))
    return literal(scope, wkt(together(halves(node, scope))))


def together(boxes: list[Geometry]) -> Geometry:
    """The halves of a box as one geometry: of several kinds, those of the most dimensions."""
    areas = [box for box in boxes if box.type == "Polygon"]
    edges = [box for box in boxes if box.type == "LineString"]
    best = areas or edges or boxes
    if len(best) == 1 or best is boxes:
        return best[0]
    return Geometry("MultiPolygon" if areas else "MultiLineString", tuple(part.coordinates for part in best))


def halves(node: BBox, scope: Scope) -> list[Geometry]:
    """A box as one area, or two when it crosses 180 degrees; easting first. Heights are left out.

    Raises: BadFilter
    """
    low, high = node.corners
    (west, south), (east, north) = (low[::-1], high[::-1]) if scope.northing_first else (low, high)
    check_degrees([low, high], scope, node)
    if south > north:
        raise mistake(f"the south of the box, {south:g}, is above its north, {north:g}", node.at)
    if west <= east:
        return [rectangle(west, south, east, north)]
    if not scope.in_degrees:
        raise mistake(f"the west of the box, {west:g}, is beyond its east, {east:g}", node.at)
    return [rectangle(west, south, 180.0, north), rectangle(-180.0, south, east, north)]


def rectangle(west: float, south: float, east: float, north: float) -> Geometry:
    """A box as an area; one without area is the line or point that it is."""
    if (west, south) == (east, north):
        return Geometry("Point", (west, south))
    if west == east or south == north:
        return Geometry("LineString", ((west, south), (east, north)))
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Geometry("Polygon", (ring,))


def check_degrees(positions: Iterator[Position] | list[Position], scope: Scope, node: Node) -> None:
    """Raises: BadFilter for a position that is on no globe (annex A, "invalid coordinate")"""
    if not scope.in_degrees:
        return
    for position in positions:
        longitude, latitude = position[1::-1] if scope.northing_first else position[:2]
        if abs(longitude) > 180 or abs(latitude) > 90:
            hint = "positions are longitude first, latitude second, unless filter-crs says otherwise"
            raise mistake(f"longitude {longitude:g}, latitude {latitude:g} is no place on Earth", node.at, hint=hint)


def in_target(geometry: SQL, node: Literal, scope: Scope, *, cut: bool = False) -> SQL:
    """A literal in the system of `target_srid`, with `cut` only the part of it near the collection."""
    srid = target_srid(scope)
    if srid == scope.srid_in:
        return geometry
    if srid == 0 or scope.srid_in == 0:
        raise mistake(f"{scope.collection.id} has no known coordinate system", node.at)
    if scope.srid_in == WEB_MERCATOR:
        geometry = degrees_of_mercator(geometry, node, edges_are_bent=srid != 4326)
    if srid == 4326:
        return geometry if scope.srid_in == WEB_MERCATOR else sql.SQL("ST_Transform({}, 4326)").format(geometry)
    if scope.srid_in in (4326, WEB_MERCATOR):
        geometry = cut_to(extent(scope), geometry, node) if cut else geometry
    if scope.srid_in == 4326:
        geometry = sql.SQL("ST_Segmentize({}, {})").format(geometry, sql.Literal(step(node)))
    return sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(srid))


def cut_to(area: SQL, geometry: SQL, node: Literal) -> SQL:
    """The part of a literal in a box.

    An area that crosses itself stays whole, as GEOS refuses to cut it or works on its crossings for minutes, whatever
    the time limit; so it does on those of a line, which is cut by a simpler way.
    """
    if isinstance(node, Geometry) and "Line" in node.type:
        return sql.SQL("ST_ClipByBox2D({}, {})").format(geometry, area)
    cut = sql.SQL("ST_Intersection({}, {})").format(geometry, area)
    if isinstance(node, BBox) or not has_area(node):
        return cut
    return sql.SQL("CASE WHEN ST_IsValid({0}) THEN {1} ELSE {0} END").format(geometry, cut)


def has_area(node: Geometry | GeometryCollection) -> bool:
    """Whether a geometry is an area, or has one among its parts."""
    parts = node.geometries if isinstance(node, GeometryCollection) else (node,)
    return any("Polygon" in part.type for part in parts)


def degrees_of_mercator(geometry: SQL, node: Literal, *, edges_are_bent: bool) -> SQL:
    """A literal in EPSG:3857 in degrees, without the turns around the world that it may reach into, which PROJ folds.

    edges_are_bent: they are to be split, since the next system bends them
    """
    inside = cut_to(MERCATOR, geometry, node)
    whole = sql.SQL("CASE WHEN {0} @ {1} THEN {0} ELSE {2} END").format(geometry, MERCATOR, inside)
    if edges_are_bent:
        whole = sql.SQL("ST_Segmentize({}, {})").format(whole, sql.Literal(step(node, STEP_M)))
    return sql.SQL("ST_Transform({}, 4326)").format(whole)


def extent(scope: Scope) -> SQL:
    """A little more than where the collection lies, in degrees."""
    west, south, east, north = domain(scope.collection)
    if west > east:
        west, east = -180.0, 180.0
    edges = (west - MARGIN_DEG, south - MARGIN_DEG, east + MARGIN_DEG, north + MARGIN_DEG)
    return sql.SQL("ST_MakeEnvelope({}, {}, {}, {}, 4326)").format(*map(sql.Literal, edges))


def step(node: Literal, most: float = STEP_DEG) -> float:
    """The longest edge that is left unsplit; longer for long literals, so that the pieces stay few."""
    length = length_of(node)
    found = min(most, max(most / FINER, length / FEW_STEPS))
    return found if isinstance(node, BBox) else max(found, length / MOST_STEPS)


def length_of(node: Literal) -> float:
    """The length of all edges, in the literal's own units."""
    if isinstance(node, BBox):
        return 2 * sum(abs(one - other) for one, other in zip(*node.corners, strict=True))
    parts = node.geometries if isinstance(node, GeometryCollection) else (node,)
    return sum(
        math.dist(start[:2], end[:2])
        for part in parts
        for line in lines(part.type, part.coordinates)
        for start, end in pairwise(line)
    )
