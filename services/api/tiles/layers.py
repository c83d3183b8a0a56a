"""Tiles of several collections: which of them a tile has a layer of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.cache.keys import key_of_several
from api.cache.store import TileStore
from api.context import Api
from api.http.conditional import REVALIDATE
from api.params.collections import parse_collections
from api.query.items import WHOLE_TILE, TileQuery
from api.tiles.service import key_of
from api.tms.matrix_set import TileMatrixSet
from api.tms.tile import Tile, check_limits, is_within
from api.tms.tileset import Tileset
from core.catalog import Collection

Wanted = tuple[Collection, TileQuery]


@dataclass(frozen=True, slots=True)
class Layered:
    """A tile of several collections, not yet made.

    layers:      the collections that reach it, in order, each with what is asked of it
    key:         what it is kept under; None where a source is among them
    store:       where: of choices there is no end, as of filters
    """

    place: Tile
    layers: tuple[Wanted, ...]
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


def strictest(cache_controls: Sequence[str]) -> str:
    """How long an answer of several collections may be kept: where they differ, it is asked for each time."""
    different = dict.fromkeys(cache_controls)
    if len(different) == 1:
        return next(iter(different))
    return next((found for found in different if "no-store" in found or "private" in found), REVALIDATE)
