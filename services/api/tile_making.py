"""Tiles of one collection, made or found again: what routes, the layer before Flask and commands have in common."""

from __future__ import annotations

from api.context import Api
from api.formats.gzip import compress
from api.query import WHOLE_TILE, TileQuery
from api.reading import reading
from api.sql.tiles import select_tile
from api.tile_store import TileStore
from api.tiles import Tile
from core.catalog import Collection


def make_tile(api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE) -> bytes:
    """The tile from the database, a layer of MVT; empty bytes for an empty tile.

    Raises: QueryTooSlow, DatabaseUnavailable, CollectionBroken, BadValue for what a function refuses
    """
    with reading(collection):
        [(mvt,)] = api.database.run(select_tile(collection, place, query), binary=True)
    return mvt or b""


def make_packed_tile(api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE) -> bytes:
    """The same, compressed."""
    mvt = make_tile(api, collection, place, query)
    return compress(mvt) if mvt else b""


def key_of(api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE) -> str:
    """What a tile of loaded data is kept under."""
    return api.tiles.key(collection, (place.matrix_set.id, place.z, place.row, place.column), query.key)


def store_of(api: Api, query: TileQuery) -> TileStore:
    """Where a collection's tiles are kept."""
    return api.filtered_tiles if query.key else api.tiles


def kept_tile(api: Api, collection: Collection, place: Tile, query: TileQuery = WHOLE_TILE) -> bytes:
    """The tile of loaded data as it was made before, or made now: compressed, or empty bytes."""
    key = key_of(api, collection, place, query)
    return store_of(api, query).get_or_make(key, lambda: make_packed_tile(api, collection, place, query))
