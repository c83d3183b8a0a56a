"""Statements that tell where boxes lie in another system. They read no data."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from api.query.items import GridBox
from api.sql.filters.bbox import ewkb
from core.bbox import BBox
from core.database.statement import Statement

PARTS = 32
"""Into so many parts each edge is split, since it is no straight line in another system."""


def select_extent(boxes: Sequence[BBox], srid: int) -> Statement:
    """The extent of boxes in degrees, none of them across 180, in a system.

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
