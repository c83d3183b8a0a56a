"""Boxes in SQL: the conditions that features meet one, and where one lies in another system. A box goes to PostgreSQL
as one binary geometry, which costs less than a call that makes it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Literal

from psycopg import sql

from api.query.items import GridBox, halves, srid_of
from api.sql.relation import compared_column, domain
from core.bbox import BBox
from core.catalog.collections import GEOM, Collection
from core.database.statement import Statement

SRID_FLAG = 0x20000000
POINT, LINE, POLYGON = 1, 2, 3
"""Types of EWKB (PostGIS, doc/ZMSgeoms.txt)."""

WIDE_DEG = 90
"""Boxes wider than this hold so much of the globe that the index of a geography helps little."""
AROUND_DEG = 0.01
FINEST_DEG, COARSEST_DEG = 0.01, 0.1
"""How finely the edges of boxes in degrees are split: a parallel is off its chord in a grid by a centimetre, or by a
metre (at 60 degrees; it goes with the square of the step).
"""

PIECES = 50
"""Into so many an edge is split, between these. With 100 a page of a box 4 degrees wide took 0.43 ms, and not 0.26."""

WORLD = sql.SQL("ST_MakeEnvelope(-180, -90, 180, 90)")

WITHOUT_HEIGHTS = 2
"""Values of ST_Zmflag below it: no heights, and perhaps measures."""

AS_HIGH = sql.SQL(
    "(t.geom IS NULL OR ST_Zmflag(t.geom) < {}"
    " OR (ST_ZMin(t.geom) <= %(high)s::float8 AND ST_ZMax(t.geom) >= %(low)s::float8))"
).format(WITHOUT_HEIGHTS)

SIDES = ("west", "south", "east", "north")

Condition = tuple[sql.Composable, dict[str, Any]]

Test = Literal["shape", "place", "numbers", "strip", "walk", "box"]
"""What is held against a box: the geometry; the coordinates of a point, which is faster, but the planner does not know
how many rows to expect; these without the index; of those alone that have a geometry; for rows of which few are in the
box, its own box first; that alone.
"""

BY_NUMBERS: tuple[Test, ...] = ("place", "numbers", "strip", "walk")
WITHOUT_INDEX: tuple[Test, ...] = ("numbers", "strip")


def in_box(collection: Collection, box: BBox | GridBox, by: Test = "shape") -> Condition:
    """Features that meet the box, and those without geometry (Part 1, /req/core/fc-bbox-response, C)."""
    meets_half: list[sql.Composable] = []
    for number, half in enumerate(halves(box)):
        area = (area_once if by in BY_NUMBERS else area_of)(collection, half, number)
        if by in BY_NUMBERS and has_places(collection, half):
            meets_half.append(at_place(None if by in WITHOUT_INDEX else area, number))
        else:
            meets_half.append(meets(collection, half, area, by))
    if collection.null_geometries and by != "strip":
        meets_half.append(sql.SQL("t.geog IS NULL" if is_geography(collection) else "t.geom IS NULL"))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(meets_half)), box_values(collection, box)


def box_values(collection: Collection, box: BBox | GridBox) -> dict[str, Any]:
    """The values for the condition of a box, and for its order (api/query/bbox_bands.py)."""
    values: dict[str, Any] = {}
    for number, half in enumerate(halves(box)):
        values.update(area_values(collection, half, number))
        if srid_of(half) == collection.srid:
            values.update({f"{side}{number}": getattr(half, side) for side in SIDES})
    return values


def has_places(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a box is one in the CRS of a collection of points."""
    if collection.geometry_type != "Point" or collection.srid != srid_of(box):
        return False
    return not is_geography(collection) and compared_column(collection) == GEOM


def at_place(area: sql.Composable | None, number: int) -> sql.Composable:
    """A point lies in a box, by the index where there is an `area`. ST_Intersects says the same in twice the time."""
    places = {side: sql.SQL("{}::float8").format(sql.Placeholder(f"{side}{number}")) for side in SIDES}
    indexed = sql.SQL("" if area is None else "t.geom && {} AND ").format(area)
    text = sql.SQL("({indexed}ST_X(t.geom) BETWEEN {west} AND {east} AND ST_Y(t.geom) BETWEEN {south} AND {north})")
    return text.format(indexed=indexed, **places)


def at_heights(heights: tuple[float, float]) -> Condition:
    """What is as high as a box of six numbers somewhere, and what has no heights, or no geometry."""
    return AS_HIGH, dict(zip(("low", "high"), heights, strict=True))


def meets(collection: Collection, box: BBox | GridBox, area: sql.Composable, by: Test) -> sql.Composable:
    """A geometry meets an area, or its box does.

    ST_Intersects goes by the index itself; with `&&` beside it the planner expects the square of the share.
    """
    own, beside = compared_column(collection), sql.SQL("t.geom && {}").format(area)
    condition = beside if by == "box" else sql.SQL("ST_Intersects({}, {})").format(own, area)
    if by == "walk" or (by != "box" and own != GEOM):  # which no index is of
        condition = sql.SQL("({} AND {})").format(beside, condition)
    near = near_on_globe(collection, box, area)
    return condition if near is None else sql.SQL("({} AND {})").format(near, condition)


def near_on_globe(collection: Collection, box: BBox | GridBox, area: sql.Composable) -> sql.Composable | None:
    """The condition that a geography is near an area, for which its index serves; None where that is no help.

    The corners of the area's edges are set close, as the parallels are no straight lines on the globe.
    """
    if not is_geography(collection) or not isinstance(box, BBox) or box.east - box.west > WIDE_DEG:
        return None
    text = sql.SQL("t.geog && ST_Segmentize(ST_ClipByBox2D(ST_Expand({}, {}), {}), 1)::geography")
    return text.format(area, sql.Literal(AROUND_DEG), WORLD)


def is_geography(collection: Collection) -> bool:
    """Whether the geometries are stored on the globe, where edges are great circles."""
    return collection.source is not None and collection.source.is_geography


def area_once(collection: Collection, box: BBox | GridBox, number: int) -> sql.Composable:
    """The same for a plan for all boxes, which would transform it for each row."""
    area = area_of(collection, box, number)
    return area if srid_of(box) == collection.srid else sql.SQL("(SELECT {})").format(area)


def area_of(collection: Collection, box: BBox | GridBox, number: int) -> sql.Composable:
    """A box as an area in the collection's own CRS.

    A box in degrees is cut to where the collection lies before it is transformed, since a box of the world has no image
    in a national grid, and its edges are split, since a parallel is no straight line there.
    """
    area: sql.Composable = sql.SQL("{}::geometry").format(sql.Placeholder(f"box{number}"))
    if srid_of(box) == collection.srid:
        return area
    if isinstance(box, BBox):
        own = sql.SQL("ST_Expand({}::geometry, {})").format(
            sql.Literal(ewkb(4326, *domain(collection))), sql.Literal(AROUND_DEG)
        )
        area = sql.SQL("ST_Intersection({}, {})").format(area, own)
    area = sql.SQL("ST_Segmentize({}, {}::float8)").format(area, sql.Placeholder(f"step{number}"))
    return sql.SQL("ST_Transform({}, {})").format(area, sql.Literal(collection.srid))


def area_values(collection: Collection, box: BBox | GridBox, number: int) -> dict[str, Any]:
    """The values for the area of a box."""
    values: dict[str, Any] = {f"box{number}": ewkb(srid_of(box), box.west, box.south, box.east, box.north)}
    if srid_of(box) != collection.srid:
        values[f"step{number}"] = step(box)
    return values


def step(box: BBox | GridBox) -> float:
    """The longest piece of an edge that is left unsplit, in the units of the box."""
    if isinstance(box, GridBox):
        return max((box.east - box.west + box.north - box.south) / 100, 1)
    return min(COARSEST_DEG, max(FINEST_DEG, (box.east - box.west) / PIECES, (box.north - box.south) / PIECES))


def ewkb(srid: int, west: float, south: float, east: float, north: float) -> str:
    """A box as hexadecimal EWKB: a polygon, or a line or a point when it has no area: such a polygon meets nothing."""
    if west == east and south == north:
        return struct.pack("<BII2d", 1, POINT | SRID_FLAG, srid, west, south).hex()
    if west == east or south == north:
        return struct.pack("<BIII4d", 1, LINE | SRID_FLAG, srid, 2, west, south, east, north).hex()
    ring = (west, south, west, north, east, north, east, south, west, south)
    return struct.pack("<BIIII10d", 1, POLYGON | SRID_FLAG, srid, 1, 5, *ring).hex()


PARTS = 32
"""Into so many parts each edge is split, since it is no straight line in another system."""


def select_extent(boxes: Sequence[BBox], srid: int) -> Statement:
    """The extent of boxes in degrees, none of them across 180, in a system. Reads no data.

    Rows: one (west, south, east, north), easting first; infinite or missing where there is no image
    """
    text = sql.SQL("""
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (
    SELECT ST_Extent(ST_Transform(ST_Segmentize(box::geometry, step), {srid})) AS e
    FROM unnest(%(boxes)s::text[], %(steps)s::float8[]) AS of (box, step)
) AS whole""")
    params = {
        "boxes": [ewkb(4326, box.west, box.south, box.east, box.north) for box in boxes],
        "steps": [max(box.east - box.west, box.north - box.south, 1e-6) / PARTS for box in boxes],
    }
    return Statement(text.format(srid=sql.Literal(srid)), params)


def select_ring(box: GridBox) -> Statement:
    """Places along the edges of a box, the first again at the end. Rows: (longitude, latitude) in degrees, in order"""
    text = sql.SQL("""
SELECT ST_X(geom), ST_Y(geom)
FROM ST_DumpPoints(ST_Transform(ST_Segmentize(ST_ExteriorRing(%(box)s::geometry), %(step)s::float8), 4326))
ORDER BY path""")
    step = max(box.east - box.west, box.north - box.south) / PARTS
    return Statement(text, {"box": ewkb(box.srid, box.west, box.south, box.east, box.north), "step": step})
