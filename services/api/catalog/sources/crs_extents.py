"""Where on Earth the geometries of a source lie at least: a larger box has no image in a system on a grid."""

from __future__ import annotations

from api.catalog.sources.geometry_columns import is_in_degrees
from api.catalog.sources.model import Systems
from core.bbox import BBox

EVERYWHERE = BBox(-180, -90, 180, 90)
MARGIN_DEG = 1.0


def domain(srid: int, systems: Systems, extent: BBox | None) -> BBox | None:
    """Where the system is made for and, a little wider, where geometries were seen. None: anywhere."""
    if srid == 0 or is_in_degrees(srid, systems):
        return EVERYWHERE
    made_for, seen = area_of_use(srid, systems), extent and wider(extent)
    if made_for is None or seen is None:
        return made_for or seen
    west, south, east, north = zip(made_for.as_list(), seen.as_list(), strict=True)
    return BBox(min(west), min(south), max(east), max(north))


def area_of_use(srid: int, systems: Systems) -> BBox | None:
    """Where a system is made for, as far as PostGIS knows; one across 180 degrees is taken as unknown."""
    system = systems.get(srid)
    if system is None or None in (system.west, system.south, system.east, system.north):
        return None
    west, south, east, north = (float(side or 0) for side in (system.west, system.south, system.east, system.north))
    return BBox(west, south, east, north) if west < east else None


def wider(box: BBox) -> BBox:
    """A box with a margin, within the degrees."""
    if box.west > box.east:
        return EVERYWHERE
    west, south = max(box.west - MARGIN_DEG, -180), max(box.south - MARGIN_DEG, -90)
    return BBox(west, south, min(box.east + MARGIN_DEG, 180), min(box.north + MARGIN_DEG, 90))
