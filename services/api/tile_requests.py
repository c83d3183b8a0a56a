"""What a request for a tile asks for, worked out without Flask: the key that the tile is kept under, and headers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header, parse_etags, quote_etag

from api.asked import query_args
from api.context import Api
from api.formats.negotiation import format_for
from api.formats.offered import TILE_FORMATS
from api.links import MVT
from api.metrics import HitSlots
from api.params.common import Args
from api.params.tiles import dataset_queries, tile_query
from api.tile_keys import etag_of
from api.tile_layers import chosen_tileset, layered, tiled
from api.tile_making import kept, key_of, make_packed_tile, store_of
from api.tile_store import TileStore
from api.tiles import Tile, check_limits, parse_tile
from core.catalog import Catalog
from core.errors import IsthmusError

Headers = tuple[tuple[str, str], ...]
Request = tuple[str, str, str, str]
"""Path, query, `Accept` and `Accept-Encoding` of a request, as WSGI has them."""

Make = Callable[[], bytes]
Found = tuple[str, str, TileStore, Make | None]
"""The key of a tile that may be kept, its `Cache-Control`, where it would be kept, and how a missing one is made
there; None where that is left to the routes.
"""

DATASET_ROUTE = "/tiles/<tms>/<z>/<row>/<column>"
COLLECTION_ROUTE = f"/collections/<id>{DATASET_ROUTE}"

PATH = re.compile(r"(?:/collections/([^/]+))?/tiles/([^/]+)/([^/]+)/([^/]+)/([^/]+)")


@dataclass(frozen=True, slots=True)
class Ready:
    """What answers a request, but for the tile.

    catalog: the catalogue that it holds for
    of_body: headers that only an answer with a tile has
    packed:  whether the client takes the tile as it is kept
    slots:   where its answers are counted
    make:    what makes the tile, which was looked for in vain, and keeps it; None where that is left to the routes
    """

    catalog: Catalog
    store: TileStore
    key: str
    etag: str
    headers: Headers
    of_body: Headers
    packed: bool
    zoom: int
    slots: HitSlots
    make: Make | None

    def is_known(self, if_none_match: str) -> bool:
        """Whether a client that sends this header has the tile."""
        return if_none_match == self.etag or parse_etags(if_none_match).contains_weak(etag_of(self.key))


def find_ready(api: Api, catalog: Catalog, request: Request) -> Ready | None:
    """What is asked for; None for whatever is no tile that could be kept, and for every mistake."""
    path, query, accept, accept_encoding = request
    found = PATH.fullmatch(path.encode("latin-1").decode("utf-8", "replace"))
    if found is None or not query.isascii():
        return None
    args = query_args(query)
    id, tms, z, row, column = found.groups()
    try:
        format_for(args.get("f"), accept, TILE_FORMATS)
        place = parse_tile(z, row, column, api.grids.find(tms))
        kept = of_dataset(api, catalog, place, args) if id is None else of_collection(api, catalog, id, place, args)
    except (IsthmusError, HTTPException):
        return None
    if kept is None:
        return None
    slots = api.metrics.hit_slots(DATASET_ROUTE if id is None else COLLECTION_ROUTE, place.z)
    return make_ready(catalog, kept, place.z, slots, packed=takes_gzip(accept_encoding))


def of_collection(api: Api, catalog: Catalog, id: str, place: Tile, args: Args) -> Found | None:
    """A collection's tile. Raises: IsthmusError"""
    collection = catalog.collections.get(id)
    if collection is None or collection.source is not None or not collection.has_tiles:
        return None
    query = tile_query(args, collection)
    check_limits(place, api.grids.extent(collection, place.matrix_set))
    key, store = key_of(api, collection, place, query), store_of(api, query)

    def make() -> bytes:
        return kept(store.make_missing, key, lambda: make_packed_tile(api, collection, place, query))

    return key, api.cache_control(collection), store, make


def of_dataset(api: Api, catalog: Catalog, place: Tile, args: Args) -> Found | None:
    """A tile of several. Raises: IsthmusError"""
    tileset = chosen_tileset(api, tiled(catalog), place.matrix_set, args.get("collections"))
    tile = layered(api, tileset, place, dataset_queries(args, tileset.collections))
    return (tile.key, tile.cache_control, tile.store, None) if tile.key is not None else None


def make_ready(catalog: Catalog, found: Found, zoom: int, slots: HitSlots, *, packed: bool) -> Ready:
    """The answer with a tile."""
    key, cache_control, store, make = found
    etag = quote_etag(etag_of(key), weak=True)  # weak: the packed and the plain bytes have one
    headers = (("Vary", "Accept, Accept-Encoding"), ("Cache-Control", cache_control), ("ETag", etag))
    encoding = (("Content-Encoding", "gzip"),) if packed else ()
    return Ready(catalog, store, key, etag, headers, (("Content-Type", MVT), *encoding), packed, zoom, slots, make)


@lru_cache(maxsize=1000)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, by its header."""
    return parse_accept_header(accept_encoding)["gzip"] > 0
