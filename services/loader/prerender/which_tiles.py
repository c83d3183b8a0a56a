"""Which tiles are rendered ahead of requests: those of low zooms, after a load. Pure: values in, values out.

A collection with an overview has tiles of many rows, which a request would wait for; one without is small, and its
tiles are made on request. What the first map shows, all collections in one tile, is made of both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from core.bbox import MERCATOR_LIMIT_DEG, BBox
from core.catalog.collections import Collection, count_made_later, tiles_version

LARGEST_ZOOM = 14
"""The largest full zoom that there is (see docs/tiles.md)."""

MOST_OF_ALL = 85
"""Tiles of all collections in one: zooms 0 to 3 of the world, or further down where the data are in one place."""

Place = tuple[int, int, int]
"""Zoom, row and column of WebMercatorQuad."""


@dataclass(frozen=True, slots=True)
class OverviewTiles:
    """Tiles that are to be there: those of a collection, or of all collections in one, whose `id` is None.

    versions:   of each collection in them, by which they are other tiles after a load
    places:     zoom by zoom
    made_later: how many of the collections have an overview that was made after they were served
    """

    id: str | None
    versions: tuple[tuple[str, int], ...]
    places: tuple[Place, ...]
    made_later: int = 0

    @property
    def path(self) -> tuple[str, ...]:
        """The segments of the tileset's address."""
        return (*(() if self.id is None else ("collections", self.id)), "tiles", "WebMercatorQuad")

    @property
    def version(self) -> str:
        """What the API calls their version."""
        return tiles_version((version for _, version in self.versions), self.made_later)

    @property
    def last_zoom(self) -> int:
        """The largest zoom."""
        return self.places[-1][0]


def tiles_to_render(
    collections: Sequence[Collection],
    most: int,
    *,
    beside_sources: bool = False,
    waiting: frozenset[str] = frozenset(),
) -> list[OverviewTiles]:
    """The tiles to make, in this order: all in one, then each large collection, the one loaded last first.

    most:           tiles of a collection; 0: nothing is made, of all in one neither
    beside_sources: whether tables of sources are published too: tiles of theirs are never cached
    waiting:        collections whose overview is still to be made, without which tiles of low zooms cost much
    """
    shown = [collection for collection in collections if collection.has_tiles]
    by_load = sorted(shown, key=lambda collection: collection.loaded_at, reverse=True)
    chosen = [] if beside_sources or waiting else [of_all(shown, min(most, MOST_OF_ALL))]
    chosen += [of_collection(collection, most) for collection in by_load]
    return [found for found in chosen if found.places]


def of_all(collections: Sequence[Collection], most: int) -> OverviewTiles:
    """Those of all collections in one."""
    versions = tuple((collection.id, collection.version) for collection in collections)
    boxes = [collection.bbox_crs84 for collection in collections if collection.bbox_crs84]
    return OverviewTiles(None, versions, tiles_within(boxes, range(LARGEST_ZOOM), most), count_made_later(collections))


def of_collection(collection: Collection, most: int) -> OverviewTiles:
    """Those of one, below the zoom from which on its tiles are made of few rows; none where it is small."""
    below = collection.tiling.full_zoom if collection.tiling else 0
    boxes = [collection.bbox_crs84] if collection.bbox_crs84 else []
    versions = ((collection.id, collection.version),)
    return OverviewTiles(
        collection.id, versions, tiles_within(boxes, range(below), most), count_made_later([collection])
    )


def tiles_within(boxes_crs84: Sequence[BBox], zooms: range, most: int) -> tuple[Place, ...]:
    """The tiles in which boxes lie, of as many whole zooms, from the first on, as have at most so many together."""
    found: list[Place] = []
    for zoom in zooms:
        more = sorted(set(chain.from_iterable(covering(box, zoom) for box in boxes_crs84)))
        if len(found) + len(more) > most:
            break
        found += more
    return tuple(found)


def covering(box_crs84: BBox, zoom: int) -> Iterator[Place]:
    """The tiles of a zoom in which a box lies."""
    for half in box_crs84.halves():
        columns = range(column(half.west, zoom), column(half.east, zoom) + 1)
        for line in range(row(half.north, zoom), row(half.south, zoom) + 1):
            yield from ((zoom, line, place) for place in columns)


def column(longitude: float, zoom: int) -> int:
    """The column of the tiles that a place is in."""
    return clamped(math.floor((longitude + 180) / 360 * 2**zoom), zoom)


def row(latitude: float, zoom: int) -> int:
    """The row of the tiles that a place is in; beyond the edge of the set, the nearest."""
    degrees = max(-MERCATOR_LIMIT_DEG, min(MERCATOR_LIMIT_DEG, latitude))
    north = math.asinh(math.tan(math.radians(degrees))) / math.pi
    return clamped(math.floor((1 - north) / 2 * 2**zoom), zoom)


def clamped(number: int, zoom: int) -> int:
    """The nearest number that a row or column of a zoom has."""
    return max(0, min(2**zoom - 1, number))
