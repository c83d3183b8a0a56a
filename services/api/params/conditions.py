"""The parameters that say which features: `bbox` in any system that the collection has, `datetime` (RFC 3339, OGC API
Features Part 1, 7.15.4), `ids` and `q`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta

from api.cql2.tree.ast import Date
from api.cql2.tree.literals import parse_instant
from api.params.values import parse_id
from api.query.crs import CRS84, Crs
from api.query.items import FeatureKey, GridBox, Interval
from core.bbox import BBox, parse_bbox, parse_numbers
from core.catalog.collections import Collection
from core.errors import BadBBox, BadParameter

WEB_MERCATOR = 3857
RADIUS_M = 6378137.0
FAR_M = 1e9
"""Where nothing but the pole is."""

MOST_IDS = 1000
LONGEST_SEARCH = 500
LISTED = re.compile(r'(?:^|,)("(?:[^"]|"")*"(?=,|\Z)|[^,]*)')
"""An element of a list of ids, in quotes or not."""


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


def parse_interval(text: str) -> Interval:
    """An instant, or `start/end` where an end is open when it is empty or `..` (RFC 3339, or a date alone).

    A date alone is the whole day.
    """
    parts = text.split("/")
    if len(parts) > 2 or all(part in ("", "..") for part in parts):
        raise bad_datetime(text)
    start = parse_end(parts[0], text, day_end=False)
    end = parse_end(parts[-1], text, day_end=True)
    if start and end and start > end:
        raise BadParameter(
            f"datetime '{text}' ends before it starts", hint="the order is start/end", parameter="datetime"
        )
    return Interval(start, end)


def parse_end(part: str, whole: str, *, day_end: bool) -> datetime | None:
    """One end of an interval in UTC, which a time without a zone is taken to be in; None when it is open."""
    if part in ("", ".."):
        return None
    try:
        instant = parse_instant(part, zone_needed=False)
        if not isinstance(instant, Date):
            return instant.value
        day = datetime.combine(instant.value, time(tzinfo=UTC))
        return day + timedelta(days=1, microseconds=-1) if day_end else day
    except (ValueError, OverflowError) as error:
        raise bad_datetime(whole) from error


def bad_datetime(text: str) -> BadParameter:
    """The error for a `datetime` that is neither an instant nor an interval."""
    hint = "write 2024-05-01, 2024-05-01T12:00:00Z, 2024-01-01/2024-12-31 or 2024-01-01/.."
    return BadParameter(f"datetime is '{text}'", hint=hint, parameter="datetime")


def parse_ids(text: str, collection: Collection) -> tuple[FeatureKey, ...]:
    """Ids of features. One that no feature can have is left out. Raises: BadParameter"""
    names = list(listed_ids(text))
    if "" in names:
        raise BadParameter(f"ids is '{text}'", hint="it takes ids with commas between them", parameter="ids")
    if len(names) > MOST_IDS:
        raise BadParameter(f"ids has {len(names)} ids", hint=f"ask for {MOST_IDS} at a time", parameter="ids")
    if not collection.key.is_id:
        raise BadParameter(f"the features of {collection.id} have no ids", hint="use filter", parameter="ids")
    found = {parse_id(name, collection.key) for name in names}
    return tuple(sorted(key for key in found if key is not None))


def listed_ids(text: str) -> Iterator[str]:
    """The ids of a list. One that holds commas stands in double quotes, with its own quotes doubled as in CSV."""
    for match in LISTED.finditer(text):
        name = match[1]
        is_quoted = name.startswith('"') and "," in name
        yield name[1:-1].replace('""', '"') if is_quoted else name


def parse_search(text: str) -> str:
    """A text to look for. Raises: BadParameter"""
    if not text.strip() or "\0" in text or len(text) > LONGEST_SEARCH:
        hint = f"it takes a word or a part of one, {LONGEST_SEARCH} characters at most"
        raise BadParameter(f"q is '{text}'", hint=hint, parameter="q")
    return text.strip()
