"""Layers of tiles: the tile of one collection, and those of several in one tile."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import NamedTuple
from urllib.parse import quote

import psycopg

from api.catalog.live import LiveCatalog
from api.formats.mvt import weigh
from api.http.compression import comment_of, compress, decompress, with_comment
from api.params.tiles import parse_collections
from api.query.items import WHOLE_TILE, TileQuery
from api.query.source_errors import reading
from api.tiles.budget import TileMaker, fair_share, most_of
from api.tiles.grids import Grids
from api.tiles.keys import CacheEntry
from api.tms.tile import Tile, TileMatrixSet
from api.tms.tileset import Tileset
from core.catalog.collections import Catalog, Collection
from core.database.connections import Database
from core.errors import BadParameter, BadValue, CollectionBroken, IsthmusError, NoGeometry, QueryTooSlow
from core.settings import Settings

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
    """What a tile shows of one collection.

    entry:  where it is cached, as a tile of its own; None of a source, whose data change without our knowing
    packed: that tile once it is made, compressed, or empty bytes
    """

    collection: Collection
    query: TileQuery = WHOLE_TILE
    entry: CacheEntry | None = None
    packed: bytes = b""


Make = Callable[[Layer], bytes]


@dataclass(frozen=True, slots=True)
class LayerMaker:
    """Makes layers from the database, within the budgets of the settings."""

    database: Database
    settings: Settings
    grids: Grids

    def maker(self, layer: Layer, tile: Tile, most_bytes: int | None = None, *, ends_s: float = inf) -> TileMaker:
        """What makes a layer. Raises: DatabaseUnavailable, which knows where a tile of a registered set lies"""
        placed = self.grids.placed(tile)
        return TileMaker(self.database, self.settings, layer.collection, placed, layer.query, most_bytes, ends_s)

    def make(self, layer: Layer, tile: Tile, *, ends_s: float = inf) -> bytes:
        """The tile of one collection, compressed; empty bytes for an empty one.

        ends_s: when the time of all layers of a tile ends
        Raises: QueryTooSlow, DatabaseUnavailable, CollectionBroken, BadValue for what a function refuses
        """
        with reading_layer(layer):
            return self.maker(layer, tile, ends_s=ends_s).make()

    def make_smaller(self, layer: Layer, tile: Tile, most_bytes: int) -> bytes:
        """The tile of a layer that was made, again of fewer features, so that it weighs so much. Raises: as `make`"""
        with reading_layer(layer):
            return self.maker(layer, tile, most_bytes).make_smaller(layer.packed)

    def find_or_make(self, layer: Layer, tile: Tile, *, ends_s: float = inf) -> bytes:
        """The tile of one collection as it is cached, or made now. Raises: as `make`"""

        def make() -> bytes:
            return self.make(layer, tile, ends_s=ends_s)

        return make() if layer.entry is None else layer.entry.get_or_make(make)

    def join(self, layers: Sequence[Layer], tile: Tile, *, skip_broken: bool = False) -> bytes:
        """The layers one after the other, which is a tile again: a message of Protocol Buffers with a repeated field.

        Compressed, or empty bytes. `skip_broken`: a source that cannot be read, or not in time, is left out, since
        nobody named it. Raises: as `make`
        """

        def made(wanted: Sequence[Layer], make: Make) -> list[Layer]:
            return self._made(wanted, tile, make, skip_broken=skip_broken)

        ends_s = monotonic() + TOGETHER * self.settings.tile_timeout_s
        found = made(layers, lambda layer: self.find_or_make(layer, tile, ends_s=ends_s))
        joined, most = joined_layers(found), most_of(self.settings)
        if len(joined) <= most or len(found) == 1:
            return joined
        share, heavy = too_heavy(found, most)
        smaller = made(heavy, lambda layer: self.make_smaller(layer, tile, share))
        by_id = {layer.collection.id: layer for layer in smaller}
        return joined_layers([by_id.get(layer.collection.id, layer) for layer in found])

    def _made(self, wanted: Sequence[Layer], tile: Tile, make: Make, *, skip_broken: bool) -> list[Layer]:
        """Layers of a tile, made, but for those that are to be skipped."""
        layers: list[Layer] = []
        for layer in wanted:
            try:
                layers.append(layer._replace(packed=make(layer)))
            except IsthmusError as error:
                if not skip_broken or not is_of_source(self._told_apart(layer, tile, error), layer.collection):
                    raise
                log.warning("the tile of all collections goes without %s: %s", layer.collection.id, error)
        return layers

    def _told_apart(self, layer: Layer, tile: Tile, error: IsthmusError) -> IsthmusError:
        """The error of a layer; of a source that seems to refuse a value of the request, that without any, if there is
        one.
        """
        if layer.collection.source is not None and isinstance(error, BadValue):
            try:
                self.make(layer._replace(query=WHOLE_TILE), tile)
            except IsthmusError as other:
                return other
        return error


def reading_layer(layer: Layer) -> AbstractContextManager[None]:
    """Around statements that read the collection of a layer."""
    filter = layer.query.filter
    return reading(layer.collection, has_values=not filter.is_everything, filter=filter)


def too_heavy(layers: Sequence[Layer], most: int) -> tuple[int, list[Layer]]:
    """What a layer may weigh so that all together weigh so much, and those that weigh more. Without some of its
    features a small collection, such as countries, would be another map, so those stay as they are.
    """
    large = [layer for layer in layers if not is_small(layer)]
    small_bytes = sum(len(layer.packed) for layer in layers) - sum(len(layer.packed) for layer in large)
    room = max(AIM_OF_SEVERAL * most - small_bytes, LEAST_FOR_LARGE * most)
    share = fair_share([len(layer.packed) for layer in large], int(room))
    return share, [layer for layer in large if len(layer.packed) > share]


def is_small(layer: Layer) -> bool:
    """Whether it is of a collection with few features; where nobody counted them, whether the tile has few."""
    rows = layer.collection.row_count
    if rows is None:
        rows = sum(weight.features for weight in weigh(decompress(layer.packed))) if layer.packed else 0
    return rows <= FEW_ROWS


def joined_layers(layers: Sequence[Layer]) -> bytes:
    """The tile that has them, compressed, or empty bytes; its comment says what each lacks, as a list (RFC 9651)."""
    mvt = b"".join(decompress(layer.packed) for layer in layers if layer.packed)
    comments = [(comment_of(layer.packed), layer.collection.id) for layer in layers]
    lacks = [f'{lack};layer="{quote(id)}"' for lack, id in comments if lack is not None]
    packed = compress(mvt) if mvt else b""
    return with_comment(packed, ", ".join(lacks)) if lacks else packed


def is_of_source(error: IsthmusError, collection: Collection) -> bool:
    """Whether a source is at fault, and not the database: of a foreign table, its server may not answer."""
    if isinstance(error.__cause__, psycopg.Error) and error.__cause__.sqlstate == NO_FOREIGN_SERVER:
        return True
    return collection.source is not None and isinstance(error, CollectionBroken | QueryTooSlow)


def with_tiles(collection: Collection) -> Collection:
    """A collection that has tiles. Raises: NoGeometry for a plain table, or coordinates of an unknown system"""
    if not collection.has_geometry:
        hint = f"its rows are at /collections/{collection.id}/items"
        raise NoGeometry(f"'{collection.id}' has no geometry", hint=hint)
    if not collection.has_tiles:
        hint = "its geometry column has SRID 0: give it the SRID of its coordinates"
        raise NoGeometry(f"nobody knows where on Earth '{collection.id}' lies", hint=hint)
    return collection


def chosen_tileset(grids: Grids, catalog: LiveCatalog, matrix_set: TileMatrixSet, names: str | None) -> Tileset:
    """The tileset of the collections that are named; None: of all.

    Raises: BadParameter, NoTiles, DatabaseUnavailable
    """
    try:
        return tileset_of(grids, catalog.current_or_last(), matrix_set, names)
    except BadParameter:  # one may have been loaded just now
        return tileset_of(grids, catalog.fresh(), matrix_set, names)


def tileset_of(grids: Grids, catalog: Catalog, matrix_set: TileMatrixSet, names: str | None) -> Tileset:
    """The same in a catalogue. Functions that need an argument are in no tileset of several."""
    known = {id: found for id, found in catalog.collections.items() if found.has_tiles and not found.needs_arguments}
    if names is None:
        return grids.dataset(tuple(known.values()), matrix_set, {})
    chosen = parse_collections(names, known)
    return grids.dataset(chosen, matrix_set, {"collections": ",".join(collection.id for collection in chosen)})
