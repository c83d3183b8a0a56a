"""Tilesets as values: the tiles of one collection, or of several, in one tile matrix set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from api.query.items import GridBox
from api.tms.matrix_set import TileMatrixSet
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
    known: list[GridBox] = []
    for extent in extents:
        if extent is None:
            return None
        known.append(extent)
    if not known:
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
