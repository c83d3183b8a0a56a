"""What a request for a tile asks for, worked out without Flask: what makes the tile, the key that it is kept under, and
headers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header, parse_etags

from api.cache.keys import etag_of
from api.cache.store import TileStore
from api.context import Api
from api.formats.registry import TILE_FORMATS
from api.http.links import MVT
from api.http.negotiation import format_for
from api.http.request import query_args
from api.monitoring.metrics import HitSlots
from api.params.tiles import dataset_queries, tile_query
from api.query.items import GridBox, TileQuery
from api.tiles.layers import chosen_tileset, layered, tiled
from api.tiles.service import kept, key_of, make_packed_tile, making, store_of
from api.tms.matrix_set import TileMatrixSet
from api.tms.tile import Tile, check_limits, parse_tile
from core.catalog import Catalog, Collection
from core.errors import IsthmusError

Headers = tuple[tuple[str, str], ...]
Request = tuple[str, str, str, str]
"""Path, query, `Accept` and `Accept-Encoding` of a request, as WSGI has them."""

Make = Callable[[], bytes]

MOST_FRAMES = 1000
LONGEST_QUERY = 1000
"""Characters of a query that is remembered. Filters may be longer; they are worked out each time."""

DATASET_ROUTE = "/tiles/<tms>/<z>/<row>/<column>"
COLLECTION_ROUTE = f"/collections/<id>{DATASET_ROUTE}"

VARY = ("Vary", "Accept, Accept-Encoding")
BODY_HEADERS: dict[bool, Headers] = {
    False: (("Content-Type", MVT),),
    True: (("Content-Type", MVT), ("Content-Encoding", "gzip")),
}
"""Headers that only an answer with a tile has, by whether it is packed."""

PATH = re.compile(r"(?:/collections/([^/]+))?/tiles/([^/]+)/([^/]+)/([^/]+)/([^/]+)")


class Ready(NamedTuple):
    """What answers a request, but for the tile.

    catalog: the catalogue that it holds for
    store:   where it is kept, under `key`; None of a source, whose data change without our knowing
    etag:    nothing of those, whose tiles are told apart by their bytes
    of_body: headers that only an answer with a tile has
    packed:  whether the client takes the tile as it is kept
    slots:   where its answers are counted
    make:    what makes the tile, which was looked for in vain, and keeps it; None where that is left to the routes
    """

    catalog: Catalog
    store: TileStore | None
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
        return if_none_match == self.etag or parse_etags(if_none_match).contains_weak(self.etag[3:-1])

    def validated(self, tile: bytes) -> Ready:
        """The same with what tells this tile apart."""
        if self.store is not None:
            return self
        etag = weak(hashlib.sha256(tile).hexdigest()[:20])
        return self._replace(etag=etag, headers=(*self.headers, ("ETag", etag)))


FrameKey = tuple[str, str, str, str, str]
"""Collection, set, query, `Accept` and `Accept-Encoding`."""


class Frame(NamedTuple):
    """What requests for tiles of one collection in one set have in common."""

    catalog: Catalog
    collection: Collection
    matrix_set: TileMatrixSet
    query: TileQuery
    extent: GridBox | None
    cache_control: str
    packed: bool


class TileRequests:
    """Tells what requests for tiles ask for."""

    def __init__(self, api: Api) -> None:
        """Nothing is worked out yet."""
        self._api = api
        self._frames: dict[FrameKey, Frame] = {}

    def find(self, catalog: Catalog, request: Request) -> Ready | None:
        """What is asked for; None for whatever is no tile that could be kept, and for every mistake."""
        path, query, accept, accept_encoding = request
        found = PATH.fullmatch(path.encode("latin-1").decode("utf-8", "replace"))
        if found is None or not query.isascii():
            return None
        id, tms, z, row, column = found.groups()
        try:
            if id is None:
                place = parse_tile(z, row, column, self._api.grids.find(tms))
                return of_dataset(self._api, catalog, place, request)
            frame = self._frame(catalog, (id, tms, query, accept, accept_encoding))
            if frame is None:
                return None
            return of_collection(self._api, frame, parse_tile(z, row, column, frame.matrix_set))
        except (IsthmusError, HTTPException):
            return None

    def _frame(self, catalog: Catalog, key: FrameKey) -> Frame | None:
        frame = self._frames.get(key)
        if frame is not None and frame.catalog is catalog:
            return frame
        frame = make_frame(self._api, catalog, key)
        if frame is not None and len(key[2]) <= LONGEST_QUERY:
            if len(self._frames) >= MOST_FRAMES:
                self._frames.clear()
            self._frames[key] = frame
        return frame


def make_frame(api: Api, catalog: Catalog, key: FrameKey) -> Frame | None:
    """The frame of a request; None where there are no tiles. Raises: IsthmusError, HTTPException"""
    id, tms, query, accept, accept_encoding = key
    args = query_args(query)
    format_for(args.get("f"), accept, TILE_FORMATS)
    matrix_set, collection = api.grids.find(tms), catalog.collections.get(id)
    if collection is None or not collection.has_tiles:
        return None
    asked, extent = tile_query(args, collection), api.grids.extent(collection, matrix_set)
    cache_control = api.cache_control(collection)
    return Frame(catalog, collection, matrix_set, asked, extent, cache_control, takes_gzip(accept_encoding))


def of_collection(api: Api, frame: Frame, place: Tile) -> Ready:
    """A collection's tile. Raises: TileOutside"""
    check_limits(place, frame.extent)
    collection, query = frame.collection, frame.query

    def make() -> bytes:
        return make_packed_tile(api, collection, place, query)

    slots = api.metrics.hit_slots(COLLECTION_ROUTE, place.z)
    rest = BODY_HEADERS[frame.packed], frame.packed, place.z, slots
    if collection.source is not None:
        headers = VARY, ("Cache-Control", frame.cache_control)
        return Ready(frame.catalog, None, "", "", headers, *rest, lambda: making(make))
    key, store = key_of(api, collection, place, query), store_of(api, query)
    etag, headers = headers_of(key, frame.cache_control)
    return Ready(frame.catalog, store, key, etag, headers, *rest, lambda: kept(store.make_missing, key, make))


def of_dataset(api: Api, catalog: Catalog, place: Tile, request: Request) -> Ready | None:
    """A tile of several. Raises: IsthmusError, HTTPException"""
    args, packed = query_args(request[1]), takes_gzip(request[3])
    format_for(args.get("f"), request[2], TILE_FORMATS)
    tileset = chosen_tileset(api, tiled(catalog), place.matrix_set, args.get("collections"))
    tile = layered(api, tileset, place, dataset_queries(args, tileset.collections))
    if tile.key is None:
        return None
    slots = api.metrics.hit_slots(DATASET_ROUTE, place.z)
    etag, headers = headers_of(tile.key, tile.cache_control)
    return Ready(catalog, tile.store, tile.key, etag, headers, BODY_HEADERS[packed], packed, place.z, slots, None)


def headers_of(key: str, cache_control: str) -> tuple[str, Headers]:
    """The ETag of a tile, and the headers of each answer. It is weak: the packed and the plain bytes have one."""
    etag = weak(etag_of(key))
    return etag, (VARY, ("Cache-Control", cache_control), ("ETag", etag))


def weak(etag: str) -> str:
    """A validator as headers have it."""
    return f'W/"{etag}"'


@lru_cache(maxsize=1000)
def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client takes gzip, by its header."""
    return parse_accept_header(accept_encoding)["gzip"] > 0
