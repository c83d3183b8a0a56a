"""What is within some metres of a place, on the ellipsoid, by whatever index there is.

The index of a geometry knows boxes in its own system alone. So it is asked for a box around all that can be so near,
and what it finds is measured. An edge on the globe lies on a great circle, poleward of where it is drawn in degrees, by
more the wider it is: the box is higher by as much.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query.items import halves
from api.query.near import WORLD, Around, box_around, bulge
from api.sql.filters.bbox import AROUND_DEG, Condition, ewkb, is_geography, step
from api.sql.relation import compared_column, domain, where_placed
from core.bbox import BBox
from core.catalog.collections import Collection

PLACED = ("Point", "MultiPoint")
"""Geometries without edges."""

PRIME_MERIDIAN = BBox(0, -90, 0, 90)
"""Which every shape wider than half the globe meets. One of those may be drawn the long way around it, and be beyond
180 degrees in truth.
"""


def within(collection: Collection, around: Around) -> Condition:
    """Features within some metres. None is without a geometry. Values: `near`, and those of `near_boxes`"""
    geometry = sql.SQL("t.geog" if is_geography(collection) else "t.geom")
    if around.metres >= LONGEST_M:
        return sql.SQL("{} IS NOT NULL").format(geometry), {}
    place = BBox(around.longitude, around.latitude, around.longitude, around.latitude)
    near, values = near_boxes(collection, place, around.metres)
    measured = sql.SQL("ST_DWithin({}, {}, %(most_m)s::float8)").format(on_globe(collection), PLACE)
    both = measured if near is None else sql.SQL("({} AND {})").format(near, measured)
    return both, {**values, **place_values(around), "most_m": around.metres}


LONGEST_M = 30_000_000.0
"""More than half of the way around the globe, within which is everything."""

PLACE = sql.SQL("ST_SetSRID(ST_Point(%(near_x)s::float8, %(near_y)s::float8), 4326)::geography")


def place_values(around: Around) -> dict[str, Any]:
    """The values of `PLACE`."""
    return {"near_x": around.longitude, "near_y": around.latitude}


def on_globe(collection: Collection) -> sql.Composable:
    """The geometry of a row as a geography; NULL for what has no place in degrees."""
    if is_geography(collection):
        return sql.SQL("t.geog")
    own = compared_column(collection)
    degrees = (
        own if collection.srid == 4326 else where_placed(collection, sql.SQL("ST_Transform({}, 4326)").format(own))
    )
    return sql.SQL("({})::geography").format(degrees)


def near_boxes(
    collection: Collection, place: BBox, metres: float, name: str = "near_box"
) -> tuple[sql.Composable | None, dict[str, Any]]:
    """The condition that a geometry can be within some metres of a box, for which the index serves; None where it is no
    help. Values: by a name and numbers
    """
    if is_geography(collection) or not collection.srid:
        return None, {}
    west, _, east, _ = domain(collection)
    edges = 0.0 if collection.geometry_type in PLACED else bulge(east - west)
    box = box_around(place, metres, edges + bulge(place.east - place.west))
    if box == WORLD or place.east - place.west >= 180:
        return None, {}
    boxes = [*halves(box), *([PRIME_MERIDIAN] if edges >= 90 else [])]
    areas = [area_in(collection, half, f"{name}{number}") for number, half in enumerate(boxes)]
    found = sql.SQL(" OR ").join(sql.SQL("t.geom && {}").format(area) for area, _ in areas)
    return sql.SQL("({})").format(found), {key: value for _, values in areas for key, value in values.items()}


def area_in(collection: Collection, box: Any, name: str) -> Condition:
    """A box of degrees in the system of a collection, as far as that lies in it. Its edges are split there."""
    area: sql.Composable = sql.SQL("{}::geometry").format(sql.Placeholder(name))
    values: dict[str, Any] = {name: ewkb(4326, box.west, box.south, box.east, box.north)}
    if collection.srid == 4326:
        return area, values
    own = sql.SQL("ST_Expand({}::geometry, {})").format(
        sql.Literal(ewkb(4326, *domain(collection))), sql.Literal(AROUND_DEG)
    )
    text = sql.SQL("ST_Transform(ST_Segmentize(ST_Intersection({}, {}), {}), {})")
    return text.format(area, own, sql.Literal(step(box)), sql.Literal(collection.srid)), values
