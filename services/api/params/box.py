"""The parameter `bbox`, in any system that the collection has."""

from __future__ import annotations

import math

from api.query.crs import CRS84, Crs
from api.query.items import GridBox
from core.bbox import BBox, parse_bbox, parse_numbers
from core.catalog import Collection
from core.errors import BadBBox

WEB_MERCATOR = 3857
RADIUS_M = 6378137.0
FAR_M = 1e9
"""Where nothing but the pole is."""


def parse_box(text: str, crs: Crs, collection: Collection) -> BBox | GridBox:
    """A box in some system, its numbers in the official order of the axes. Raises: BadBBox"""
    srid = 0 if collection.srid == 0 else crs.srid
    if crs is CRS84 and srid:
        return parse_bbox(text)
    west, south, east, north = parse_numbers(text)
    if crs.northing_first:
        west, south, east, north = south, west, north, east
    if srid == CRS84.srid:
        return BBox(west, south, east, north)
    if west > east or south > north or not all(map(math.isfinite, (west, south, east, north))):
        raise BadBBox(f"'{text}' is no box", hint=f"the lower corner comes first, in {crs.uri}", parameter="bbox")
    if srid == WEB_MERCATOR and collection.srid != WEB_MERCATOR:
        return in_degrees(west, south, east, north)
    return GridBox(srid, west, south, east, north)


def in_degrees(west: float, south: float, east: float, north: float) -> BBox:
    """A box of EPSG:3857, which is one of degrees too, and without the turns around the world that it may reach into.

    Source: EPSG Guidance Note 7-2, Popular Visualisation Pseudo-Mercator
    """
    longitudes = [math.degrees(min(max(x / RADIUS_M, -math.pi), math.pi)) for x in (west, east)]
    latitudes = [
        math.degrees(math.pi / 2 - 2 * math.atan(math.exp(-y / RADIUS_M))) if y > -FAR_M else -90.0
        for y in (south, north)
    ]
    return BBox(longitudes[0], latitudes[0], longitudes[1], latitudes[1])


def box_of_source(box: BBox | GridBox, collection: Collection) -> BBox | GridBox:
    """The box in the numbers of a source's table, where no database is needed to tell them."""
    if collection.srid != WEB_MERCATOR or isinstance(box, GridBox) or box.west > box.east:
        return box
    return in_mercator(box)


def in_mercator(box: BBox) -> GridBox:
    """A box of degrees, in EPSG:3857, where its sides are parallel to the axes too. As PROJ has it, to the last bit.

    Source: as `in_degrees`
    """
    west, east = (math.radians(longitude) * RADIUS_M for longitude in (box.west, box.east))
    south, north = (math.asinh(math.tan(math.radians(latitude))) * RADIUS_M for latitude in (box.south, box.north))
    return GridBox(WEB_MERCATOR, west, south, east, north)


def condition_of(box: BBox | GridBox, collection: Collection) -> BBox | GridBox | None:
    """The box, or None when every feature meets it: there is nothing to look for then, and the count is known.

    The extent of a source is not exact, so its features are always looked at.
    """
    if not collection.has_geometry:
        return None
    if collection.source is not None:
        return box_of_source(box, collection)
    if isinstance(box, GridBox):
        extent, parts = (collection.storage_bbox if box.srid == collection.srid else None), (box,)
    else:
        extent, parts = (collection.bbox_crs84.as_list() if collection.bbox_crs84 else None), box.halves()
    if extent is None:
        return box
    west, south, east, north = extent
    whole = any(
        part.west <= west and part.south <= south and part.east >= east and part.north >= north for part in parts
    )
    return None if whole else box
