"""Tiles of one collection, made or found again: what routes, the layer before Flask and commands have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import inf

from api.cache.store import TileStore
from api.context import Api
from api.monitoring.metrics import Metrics
from api.query.items import WHOLE_TILE, TileQuery
from api.query.source_errors import reading
from api.tiles.budget import TileMaker, is_hasty
from api.tiles.revisions import tile_revision
from api.tms.tile import Tile
from core.catalog import Collection
from core.spent import spent

Find = Callable[[str, Callable[[], bytes]], bytes]


class NotKept(Exception):
    """Carries a tile past those who would keep it."""

    def __init__(self, packed: bytes) -> None:
        super().__init__()
        self.packed = packed


def make_packed_tile(
    api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE, *, ends_s: float = inf
) -> bytes:
    """The tile from the database, a layer of MVT within the budgets, compressed; empty bytes for an empty tile.

    ends_s: when the time of all layers of a tile ends
    Raises: QueryTooSlow, DatabaseUnavailable, CollectionBroken, BadValue for what a function refuses
    """
    with reading(collection, has_values=not query.filter.is_everything, filter=query.filter):
        return replace(maker(api, collection, place, query), ends_s=ends_s).make()


def make_smaller_tile(
    api: Api, collection: Collection, place: Tile, made: tuple[TileQuery, bytes], most_bytes: int
) -> bytes:
    """A tile again, of fewer features, so that it weighs so much. `made`: what was asked for, and the tile.

    Raises: as `make_packed_tile`
    """
    query, packed = made
    with reading(collection, has_values=not query.filter.is_everything, filter=query.filter):
        return maker(api, collection, place, query, most_bytes).make_smaller(packed)


def maker(api: Api, collection: Collection, place: Tile, query: TileQuery, most_bytes: int | None = None) -> TileMaker:
    """What makes a tile from the database."""
    return TileMaker(api.database, api.settings, collection, api.grids.placed(place), query, most_bytes)


def key_of(api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE) -> str:
    """What a tile of loaded data is kept under."""
    return api.tiles.key(
        tile_revision(collection, place), (place.matrix_set.key, place.z, place.row, place.column), query.key
    )


def store_of(api: Api, query: TileQuery) -> TileStore:
    """Where a collection's tiles are kept."""
    return api.filtered_tiles if query.key else api.tiles


def kept_tile(
    api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE, *, ends_s: float = inf
) -> bytes:
    """The tile of loaded data as it was made before, or made now: compressed, or empty bytes.

    One that was made in a hurry is not kept. Raises: as `make_packed_tile`
    """
    find = store_of(api, query).get_or_make

    def make() -> bytes:
        return make_packed_tile(api, collection, place, query, ends_s=ends_s)

    return kept(find, key_of(api, collection, place, query), make)


def metered(metrics: Metrics, zoom: int, find: Callable[[], bytes]) -> bytes:
    """What `find` gives: a tile that is asked for. Counted, and whether it was kept."""
    made, made_s = spent.made, spent.make_s
    tile = find()
    was_kept = spent.made == made
    metrics.tile(zoom, len(tile), None if was_kept else spent.make_s - made_s)
    spent.found += was_kept
    return tile


def making(make: Callable[[], bytes]) -> bytes:
    """What `make` gives, with the time noted that it took."""
    began, before_s = time.perf_counter(), spent.make_s
    tile = make()
    spent.made, spent.make_s = spent.made + 1, before_s + time.perf_counter() - began
    return tile


def kept(find: Find, key: str, make: Callable[[], bytes]) -> bytes:
    """The tile of a key, made now where there is none; one that was made in a hurry is not kept. `find`: of a store"""

    def make_unhurried() -> bytes:
        packed = making(make)
        if is_hasty(packed):
            raise NotKept(packed)
        return packed

    try:
        return find(key, make_unhurried)
    except NotKept as made:
        return made.packed
