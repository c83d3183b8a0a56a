"""Places on the globe, and the boxes around what is within some metres of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, cos, degrees, inf, pi, radians, sin

from core.bbox import BBox
from core.catalog.collections import Collection, Column

LEAST_RADIUS_M = 6_335_000.0
"""Less than any radius of curvature of WGS 84, so that a distance is no smaller angle than one of this sphere."""

SLACK_DEG = 1e-6
WORLD = BBox(-180, -90, 180, 90)


@dataclass(frozen=True, slots=True)
class Around:
    """What is within some metres of a place; `metres` infinite: whatever is at a place at all."""

    longitude: float
    latitude: float
    metres: float = inf


def distance_column(collection: Collection) -> Column:
    """The property of a feature's distance in metres, under a name that no other one has."""
    return Column(collection.free_name("distance"), collection.free_column("distance"), "number", is_filled=True)


def box_around(box: BBox, metres: float, bulge_deg: float = 0) -> BBox:
    """A box that holds everything within some metres of another one; it may cross 180 degrees.

    bulge_deg: how far edges may be from where they are drawn in degrees, as `bulge` says
    """
    angle = metres / LEAST_RADIUS_M
    if angle >= pi / 2:
        return WORLD
    south = box.south - degrees(angle) - bulge_deg - SLACK_DEG
    north = box.north + degrees(angle) + bulge_deg + SLACK_DEG
    reach = sin(angle) * 1.01
    narrowest = cos(radians(max(abs(box.south), abs(box.north))))
    south, north = max(south, -90.0), min(north, 90.0)
    if reach >= narrowest:
        return BBox(-180, south, 180, north)
    aside = degrees(asin(reach / narrowest)) + SLACK_DEG
    east = box.east if box.west <= box.east else box.east + 360
    if east - box.west + 2 * aside >= 360:
        return BBox(-180, south, 180, north)
    return BBox(turned(box.west - aside), south, turned(east + aside), north)


def turned(longitude: float) -> float:
    """A longitude from -180 to 180 degrees."""
    return (longitude + 180) % 360 - 180


def bulge(width_deg: float) -> float:
    """How many degrees of latitude an edge of the globe can be from one drawn in degrees, by the width of that.

    An edge follows a great circle, which at latitude f rises to atan(tan f / cos(width / 2)).
    """
    if width_deg >= 180:
        return 180.0
    half = cos(radians(width_deg / 2))
    return degrees(asin((1 - half) / (1 + half)))
