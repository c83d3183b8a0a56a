"""Tiles of several collections: which of them a tile has a layer of, and the layers in one tile."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import psycopg

from api.context import Api
from api.formats.gzip import compress, decompress, with_comment
from api.matrix_sets import TileMatrixSet
from api.params.collections import parse_collections
from api.query import WHOLE_TILE, TileQuery
from api.tile_budget import lack_of
from api.tile_keys import key_of_several
from api.tile_making import kept, kept_tile, key_of, make_packed_tile
from api.tile_store import TileStore
from api.tiles import Tile, check_limits, is_within
from api.tilesets import Tileset
from api.validators import REVALIDATE
from core.catalog import Collection
from core.errors import BadValue, CollectionBroken, IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")

NO_FOREIGN_SERVER = "08001"
"""The state by which a database that answers says so."""


@dataclass(frozen=True, slots=True)
class Layered:
    """A tile of several collections, not yet made.

    layers:      the collections that reach it, in order, each with what is asked of it
    key:         what it is kept under; None where a source is among them
    store:       where: of choices there is no end, as of filters
    """

    place: Tile
    layers: tuple[tuple[Collection, TileQuery], ...]
    cache_control: str
    key: str | None
    store: TileStore


def tiled(collections: Mapping[str, Collection]) -> dict[str, Collection]:
    """Those that have tiles whatever is asked: functions that need an argument have none here."""
    return {id: found for id, found in collections.items() if found.has_tiles and not found.needs_arguments}


def chosen_tileset(api: Api, known: Mapping[str, Collection], matrix_set: TileMatrixSet, names: str | None) -> Tileset:
    """The tileset of the collections that are named, None: of all that are known. Raises: BadParameter"""
    if names is None:
        return api.grids.dataset(tuple(known.values()), matrix_set, {})
    chosen = parse_collections(names, known)
    return api.grids.dataset(chosen, matrix_set, {"collections": ",".join(collection.id for collection in chosen)})


def layered(api: Api, tileset: Tileset, place: Tile, queries: Mapping[str, TileQuery]) -> Layered:
    """What a tile of a tileset is made of. `queries`: by the collection's id. Raises: TileOutside"""
    check_limits(place, tileset.extent)
    extents = ((collection, api.grids.extent(collection, place.matrix_set)) for collection in tileset.collections)
    here = tuple((found, queries.get(found.id, WHOLE_TILE)) for found, extent in extents if is_within(place, extent))
    cache_control = strictest([api.cache_control(collection) for collection in tileset.collections])
    has_sources = any(collection.source is not None for collection, _ in here)
    key = None if has_sources else key_of_several([key_of(api, found, place, query) for found, query in here])
    store = api.filtered_tiles if tileset.given or any(query.key for _, query in here) else api.tiles
    return Layered(place, here, cache_control, key, store)


def kept_layers(api: Api, tile: Layered, key: str) -> bytes:
    """A tile that is kept under a key, or made now: compressed, or empty bytes."""
    return kept(tile.store.get_or_make, key, lambda: join_layers(api, tile))


def join_layers(api: Api, tile: Layered, *, skip_broken: bool = False) -> bytes:
    """The layers one after the other, which is a tile again: a message of Protocol Buffers with a repeated field.

    Compressed, or empty bytes. `skip_broken`: a source that cannot be read, or not in time, is left out, since nobody
    named it.
    """
    found: list[bytes] = []
    lacks: list[str] = []
    for collection, query in tile.layers:
        try:
            packed = layer(api, collection, tile.place, query)
        except IsthmusError as error:
            if not skip_broken or not is_of_source(told_apart(api, collection, tile.place, error), collection):
                raise
            log.warning("the tile of all collections goes without %s: %s", collection.id, error)
            continue
        found.append(decompress(packed) if packed else b"")
        lacks += lacks_of_layer(collection, packed)
    mvt = b"".join(found)
    packed = compress(mvt) if mvt else b""
    return with_comment(packed, ", ".join(lacks)) if lacks else packed


def lacks_of_layer(collection: Collection, packed: bytes) -> list[str]:
    """What a layer lacks, with its name: an item of a list (RFC 9651)."""
    lack = lack_of(packed)
    return [] if lack is None else [f'{lack};layer="{quote(collection.id)}"']


def told_apart(api: Api, collection: Collection, place: Tile, error: IsthmusError) -> IsthmusError:
    """The error of a layer; of a source that seems to refuse a value of the request, that without any, if there is."""
    if collection.source is not None and isinstance(error, BadValue):
        try:
            layer(api, collection, place, WHOLE_TILE)
        except IsthmusError as other:
            return other
    return error


def is_of_source(error: IsthmusError, collection: Collection) -> bool:
    """Whether a source is at fault, and not the database: of a foreign table, its server may not answer."""
    if isinstance(error.__cause__, psycopg.Error) and error.__cause__.sqlstate == NO_FOREIGN_SERVER:
        return True
    return collection.source is not None and isinstance(error, CollectionBroken | QueryTooSlow)


def layer(api: Api, collection: Collection, place: Tile, query: TileQuery) -> bytes:
    """The tile of one collection, compressed, as it is kept where it is."""
    make = kept_tile if collection.source is None else make_packed_tile
    return make(api, collection, place, query)


def strictest(cache_controls: Sequence[str]) -> str:
    """How long an answer of several collections may be kept: where they differ, it is asked for each time."""
    different = dict.fromkeys(cache_controls)
    if len(different) == 1:
        return next(iter(different))
    return next((found for found in different if "no-store" in found or "private" in found), REVALIDATE)
