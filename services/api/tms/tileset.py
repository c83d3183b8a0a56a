"""Tilesets as values: the tiles of one collection, or of several, in one tile matrix set; and the boxes that tell where
they are: around others, and what two have in common.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from api.query.items import GridBox
from api.tms.tile import TileMatrixSet
from core.bbox import BBox
from core.catalog.collections import Collection

MARGIN_DEG = 0.001


@dataclass(frozen=True, slots=True)
class Tileset:
    """Tiles of some collections, a layer each, in one set.

    path:   the segments of its address
    extent: where its tiles are, in the CRS of the set; None: in all of it
    given:  parameters of its address that its tiles are asked for with
    """

    matrix_set: TileMatrixSet
    collections: tuple[Collection, ...]
    path: tuple[str, ...]
    title: str
    extent: GridBox | None
    description: str | None = None
    given: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def bbox_crs84(self) -> BBox | None:
        """The box around all features, as far as it is known."""
        return union(collection.bbox_crs84 for collection in self.collections)

    @property
    def attribution(self) -> str | None:
        """Who is to be named, each once."""
        names = dict.fromkeys(collection.attribution for collection in self.collections if collection.attribution)
        return ", ".join(names) or None


def of_collection(collection: Collection, matrix_set: TileMatrixSet, extent: GridBox | None) -> Tileset:
    """The tileset of a collection."""
    path = ("collections", collection.id, "tiles", matrix_set.id)
    return Tileset(matrix_set, (collection,), path, collection.title, extent, collection.description)


def of_dataset(
    collections: Sequence[Collection], matrix_set: TileMatrixSet, extent: GridBox | None, given: Mapping[str, str]
) -> Tileset:
    """The tileset of several collections. `given`: by what they were chosen; nothing for all that there are."""
    title = ", ".join(collection.title for collection in collections) if given else "All collections"
    return Tileset(matrix_set, tuple(collections), ("tiles", matrix_set.id), title, extent, given=given)


def around(extents: Iterable[GridBox | None]) -> GridBox | None:
    """The box around some of one system; None, all of the set, when one of them is that or there is none."""
    found = list(extents)
    known = [extent for extent in found if extent is not None]
    if not known or len(known) < len(found):
        return None
    west, south = min(box.west for box in known), min(box.south for box in known)
    return GridBox(known[0].srid, west, south, max(box.east for box in known), max(box.north for box in known))


def union(boxes: Iterable[BBox | None]) -> BBox | None:
    """The box around some; all the way round when one of them crosses 180 degrees. None where there is none."""
    known = [box for box in boxes if box is not None]
    if not known:
        return None
    if len(known) == 1:
        return known[0]
    south, north = min(box.south for box in known), max(box.north for box in known)
    if any(box.west > box.east for box in known):
        return BBox(-180, south, 180, north)
    return BBox(min(box.west for box in known), south, max(box.east for box in known), north)


def tiled_box(collection: Collection) -> BBox | None:
    """The box whose tiles a collection has: the bounds of its TileJSON, or the world when no extent is known.

    The extent of a source is what was found some time ago; its tiles go as far as its data may.
    """
    return BBox(*padded(collection.domain_crs84)) if collection.domain_crs84 else None


def padded(box: BBox) -> list[float]:
    """A box with a margin, within the degrees; the whole way round when it crosses 180.

    MapLibre asks for no tile that only touches the bounds, and draws no point on a tile's far edge: a point on the
    equator, at the southern end of its collection, would belong to a tile that nobody asks for.
    """
    west, east = (box.west, box.east) if box.west <= box.east else (-180.0, 180.0)
    south, north = box.south - MARGIN_DEG, box.north + MARGIN_DEG
    return [max(west - MARGIN_DEG, -180.0), max(south, -90.0), min(east + MARGIN_DEG, 180.0), min(north, 90.0)]


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
