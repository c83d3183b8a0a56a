"""The layers of several collections in one tile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from math import inf
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote

import psycopg

from api.context import Api
from api.formats.mvt_weight import weigh
from api.http.gzip import compress, decompress, with_comment
from api.query.items import WHOLE_TILE, TileQuery
from api.tiles.budget import fair_share, lack_of, most_of
from api.tiles.layers import Layered
from api.tiles.service import kept, kept_tile, make_packed_tile, make_smaller_tile
from api.tms.tile import Tile
from core.catalog import Collection
from core.errors import BadValue, CollectionBroken, IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")

NO_FOREIGN_SERVER = "08001"
"""The state by which a database that answers says so."""

AIM_OF_SEVERAL = 0.95
"""So much of what a tile may weigh its layers may weigh one by one: together they compress a little differently."""

TOGETHER = 4
"""So many times the time of a tile its layers may take together. Each has a tenth of it all the same."""

FEW_ROWS = 300
"""A collection with so many features keeps all of them."""

LEAST_FOR_LARGE = 0.3
"""So much of a tile's weight is for large collections, however many small ones there are."""


class Layer(NamedTuple):
    """A layer of a tile: as a tile of its own, compressed, or empty bytes."""

    collection: Collection
    query: TileQuery
    packed: bytes = b""


Make = Callable[[Layer], bytes]


def kept_layers(api: Api, tile: Layered, key: str) -> bytes:
    """A tile that is kept under a key, or made now: compressed, or empty bytes."""
    return kept(tile.store.get_or_make, key, lambda: join_layers(api, tile))


def join_layers(api: Api, tile: Layered, *, skip_broken: bool = False) -> bytes:
    """The layers one after the other, which is a tile again: a message of Protocol Buffers with a repeated field.

    Compressed, or empty bytes. `skip_broken`: a source that cannot be read, or not in time, is left out, since nobody
    named it.
    """

    def made(wanted: Sequence[Layer], make: Make) -> list[Layer]:
        return made_layers(api, tile.place, wanted, make, skip_broken=skip_broken)

    ends_s = monotonic() + TOGETHER * api.settings.tile_timeout_s
    wanted = [Layer(*asked) for asked in tile.layers]
    layers = made(wanted, lambda found: make_layer(api, tile.place, found, ends_s=ends_s))
    joined, most = joined_layers(layers), most_of(api.settings)
    if len(joined) <= most or len(layers) == 1:
        return joined
    share, heavy = too_heavy(layers, most)
    smaller = made(heavy, lambda found: smaller_layer(api, tile.place, found, share))
    by_id = {found.collection.id: found for found in smaller}
    return joined_layers([by_id.get(found.collection.id, found) for found in layers])


def too_heavy(layers: Sequence[Layer], most: int) -> tuple[int, list[Layer]]:
    """What a layer may weigh so that all together weigh so much, and those that weigh more. Without some of its
    features a small collection, such as countries, would be another map, so those stay as they are.
    """
    large = [found for found in layers if not is_small(found)]
    small_bytes = sum(len(found.packed) for found in layers) - sum(len(found.packed) for found in large)
    room = max(AIM_OF_SEVERAL * most - small_bytes, LEAST_FOR_LARGE * most)
    share = fair_share([len(found.packed) for found in large], int(room))
    return share, [found for found in large if len(found.packed) > share]


def is_small(layer: Layer) -> bool:
    """Whether it is of a collection with few features; where nobody counted them, whether the tile has few."""
    rows = layer.collection.row_count
    if rows is None:
        rows = sum(weight.features for weight in weigh(decompress(layer.packed))) if layer.packed else 0
    return rows <= FEW_ROWS


def made_layers(api: Api, place: Tile, wanted: Sequence[Layer], make: Make, *, skip_broken: bool) -> list[Layer]:
    """Layers of a tile, made, but for those that are to be skipped."""
    layers: list[Layer] = []
    for found in wanted:
        try:
            layers.append(found._replace(packed=make(found)))
        except IsthmusError as error:
            if not skip_broken or not is_of_source(told_apart(api, found, place, error), found.collection):
                raise
            log.warning("the tile of all collections goes without %s: %s", found.collection.id, error)
    return layers


def joined_layers(layers: Sequence[Layer]) -> bytes:
    """The tile that has them, compressed, or empty bytes; its comment says what each lacks."""
    mvt = b"".join(decompress(found.packed) for found in layers if found.packed)
    lacks = [lack for found in layers for lack in lacks_of_layer(found.collection, found.packed)]
    packed = compress(mvt) if mvt else b""
    return with_comment(packed, ", ".join(lacks)) if lacks else packed


def lacks_of_layer(collection: Collection, packed: bytes) -> list[str]:
    """What a layer lacks, with its name: an item of a list (RFC 9651)."""
    lack = lack_of(packed)
    return [] if lack is None else [f'{lack};layer="{quote(collection.id)}"']


def told_apart(api: Api, layer: Layer, place: Tile, error: IsthmusError) -> IsthmusError:
    """The error of a layer; of a source that seems to refuse a value of the request, that without any, if there is."""
    if layer.collection.source is not None and isinstance(error, BadValue):
        try:
            make_layer(api, place, layer._replace(query=WHOLE_TILE))
        except IsthmusError as other:
            return other
    return error


def is_of_source(error: IsthmusError, collection: Collection) -> bool:
    """Whether a source is at fault, and not the database: of a foreign table, its server may not answer."""
    if isinstance(error.__cause__, psycopg.Error) and error.__cause__.sqlstate == NO_FOREIGN_SERVER:
        return True
    return collection.source is not None and isinstance(error, CollectionBroken | QueryTooSlow)


def make_layer(api: Api, place: Tile, layer: Layer, *, ends_s: float = inf) -> bytes:
    """The tile of one collection, compressed, as it is kept where it is. `ends_s`: when the time of all layers ends"""
    make = kept_tile if layer.collection.source is None else make_packed_tile
    return make(api, layer.collection, place, layer.query, ends_s=ends_s)


def smaller_layer(api: Api, place: Tile, layer: Layer, most_bytes: int) -> bytes:
    """The same of fewer features, so that it weighs so much."""
    return make_smaller_tile(api, layer.collection, place, (layer.query, layer.packed), most_bytes)
