"""Boxes of grids and of degrees: what two have in common, and which one is around a ring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from api.query.items import GridBox
from api.tms.matrix_set import TileMatrixSet
from core.bbox import BBox


def whole_box(matrix_set: TileMatrixSet) -> GridBox:
    """The box around all matrices of a set."""
    matrices = matrix_set.matrices
    return GridBox(
        matrix_set.crs.srid,
        min(matrix.left for matrix in matrices),
        min(matrix.top - matrix.rows * matrix.height for matrix in matrices),
        max(matrix.left + matrix.columns * matrix.width for matrix in matrices),
        max(matrix.top for matrix in matrices),
    )


def common_box(one: GridBox, other: GridBox) -> GridBox | None:
    """What two boxes of one system have in common; None: nothing."""
    west, south = max(one.west, other.west), max(one.south, other.south)
    east, north = min(one.east, other.east), min(one.north, other.north)
    return GridBox(one.srid, west, south, east, north) if west <= east and south <= north else None


def overlap(one: BBox, other: BBox | None) -> list[BBox]:
    """What two boxes have in common, none of the parts across 180 degrees. `other` None: the world."""
    parts = ((a, b) for a in one.halves() for b in (other.halves() if other else (a,)))
    sides = [(max(a.west, b.west), max(a.south, b.south), min(a.east, b.east), min(a.north, b.north)) for a, b in parts]
    return [BBox(*found) for found in sides if found[0] <= found[2] and found[1] <= found[3]]


def widened(box: BBox, margin_deg: float) -> BBox:
    """A box with a margin, which may take it across 180 degrees."""
    south, north = max(box.south - margin_deg, -90), min(box.north + margin_deg, 90)
    wide = (box.east - box.west) % 360 if box.west != -180 or box.east != 180 else 360
    if wide + 2 * margin_deg >= 360:
        return BBox(-180, south, 180, north)
    return BBox(within(box.west - margin_deg), south, within(box.east + margin_deg), north)


def around_ring(ring: Sequence[tuple[float, float]]) -> BBox:
    """The box around a closed ring of places in degrees, each near the next. `west > east` when it crosses 180 degrees;
    all the way round and to the pole when the ring goes round the pole.
    """
    longitudes, latitudes = unwrapped(longitude for longitude, _ in ring), [latitude for _, latitude in ring]
    south, north = max(min(latitudes), -90), min(max(latitudes), 90)
    if abs(longitudes[-1] - longitudes[0]) > 180:
        return BBox(-180, -90 if south + north < 0 else south, 180, 90 if south + north > 0 else north)
    west, east = min(longitudes), max(longitudes)
    if east - west >= 360:
        return BBox(-180, south, 180, north)
    return BBox(within(west), south, within(east), north)


def unwrapped(longitudes: Iterable[float]) -> list[float]:
    """Longitudes without jumps at 180 degrees: each goes on from the one before, beyond 180 where it has to."""
    given = list(longitudes)
    found = given[:1]
    for before, after in pairwise(given):
        found.append(found[-1] + (after - before + 180) % 360 - 180)
    return found


def within(longitude: float) -> float:
    """A longitude from -180 to 180."""
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180
