"""Tiles as HTTP responses: of one collection, of several, of a function, of a file.

There is one handler. Flask's view and the fast path before Flask give it the request as a value.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from werkzeug.http import parse_etags

from api.catalog.live import LiveCatalog
from api.catalog.sources.model import TileFunction
from api.formats.registry import TILE_FORMATS
from api.http.compression import takes
from api.http.conditional import REVALIDATE
from api.http.gzip import COMMENTED, FLAGS, decompress
from api.http.links import MVT
from api.http.negotiation import format_for
from api.http.request import ApiResponse, Args, query_args
from api.monitoring.metrics import Metrics
from api.params.common import reject_unknown
from api.params.tiles import EXPLAIN, dataset_queries, given_parameters, is_explained, tile_query
from api.params.values import parse_arguments
from api.query.items import TileQuery
from api.tiles.archives import Archives, StoredTile, etag_of, formats_of
from api.tiles.budget import is_hasty, lack_headers
from api.tiles.functions import TileFunctions, check_parameters
from api.tiles.grids import Grids
from api.tiles.keys import CacheEntry, TileCache, weak
from api.tiles.layers import Layer, LayerMaker, chosen_tileset, tiled, with_tiles
from api.tms.json_reader import SHIPPED
from api.tms.matrix_set import WEB_MERCATOR_QUAD, TileMatrixSet
from api.tms.tile import Tile, check_limits, check_zoom, extent_in, is_within, parse_tile
from api.tms.tileset import Tileset
from core.archives import TileArchive
from core.cache import Cache
from core.catalog import Catalog, Collection
from core.db import Database
from core.errors import BadParameter, UnknownTileMatrixSet
from core.settings import Settings
from core.spent import spent

Headers = tuple[tuple[str, str], ...]

VARY = ("Vary", "Accept, Accept-Encoding")
CAPACITY = 5000
"""Requests whose resources are cached, about 1 KB each."""

LONGEST_QUERY = 1000
"""Characters of a query whose resource is cached. Filters may be longer; they are worked out each time."""


class TileRequest(NamedTuple):
    """A request for a tile, as it came. `collection` None: of those that the query names, or of all."""

    collection: str | None
    tms: str
    z: str
    row: str
    column: str
    query: str = ""
    accept: str = ""
    accept_encoding: str = ""


class TileResource(NamedTuple):
    """What a request for a tile leads to while the catalogue stays the same.

    title:        of what it shows
    layers:       what it shows of collections; nothing of a function
    is_explained: the request is for an explanation of the tile, in its place
    headers:      those of every response
    etag:         empty of a source, whose tiles are validated by their bytes
    entry:        where it is cached; None of a source, whose data change without our knowing
    make:         makes it, compressed; empty bytes for an empty one
    """

    catalog: Catalog
    tile: Tile
    title: str
    layers: tuple[Layer, ...]
    is_explained: bool
    headers: Headers
    etag: str
    entry: CacheEntry | None
    make: Callable[[], bytes]


class StoredResource(NamedTuple):
    """The same of a tile that lies in a file."""

    catalog: Catalog
    tile: Tile
    archive: TileArchive
    headers: Headers
    etag: str


class TileService:
    """Answers requests for tiles. Safe for threads."""

    def __init__(self, settings: Settings, database: Database, catalog: LiveCatalog, metrics: Metrics) -> None:
        """Nothing is opened yet."""
        self._settings = settings
        self._catalog = catalog
        self._metrics = metrics
        self._cache = TileCache(settings)
        self._archives = Archives(settings.data_dir)
        self._resources = Cache[TileRequest, TileResource | StoredResource](CAPACITY)
        self.grids = Grids(database, (SHIPPED, settings.matrix_sets_folder()))
        self.functions = TileFunctions(database, settings.tile_timeout_s)
        self.layers = LayerMaker(database, settings, self.grids)

    def respond(self, request: TileRequest, if_none_match: str = "") -> ApiResponse | TileResource:
        """The response; where the request is for an explanation, what to explain.

        200 with bytes; 204 when it is empty; 304 when the client has it
        Raises: UnknownCollection, NoGeometry, UnknownTileMatrixSet, NoTiles, TileOutside, UnknownParameter,
        BadParameter and its kinds, NotAcceptable; DatabaseUnavailable, QueryTooSlow, CollectionBroken, SourceChanged;
        BadValue for what a function refuses
        """
        found = self._resolve(request)
        if isinstance(found, StoredResource):
            return self._respond_stored(found, request.accept_encoding, if_none_match)
        if found.is_explained:
            return found
        if found.etag and has_tile(if_none_match, found.etag):
            self._count_hit(found, b"")
            return ApiResponse("304 NOT MODIFIED", [*found.headers])
        cached = found.entry.store.in_memory(found.entry.key) if found.entry is not None else None
        if cached is None:
            return self._respond_made(found, request.accept_encoding, if_none_match)
        self._count_hit(found, cached)
        return mvt_response(cached, found.headers, request.accept_encoding)

    def _count_hit(self, found: TileResource, sent: bytes) -> None:
        spent.found += 1
        self._metrics.tile(found.tile.z, len(sent), None)

    def _respond_made(self, found: TileResource, accept_encoding: str, if_none_match: str) -> ApiResponse:
        """The response with a tile that is made now, or was by another worker. A hasty one is better the next time."""
        packed, headers = self._find_or_make(found), found.headers
        if is_hasty(packed):
            headers = (VARY, ("Cache-Control", "no-store"))
        elif not found.etag:
            etag = weak(hashlib.sha256(packed).hexdigest()[:20])
            headers = (*headers, ("ETag", etag))
            if has_tile(if_none_match, etag):
                return ApiResponse("304 NOT MODIFIED", [*headers])
        return mvt_response(packed, headers, accept_encoding)

    def _find_or_make(self, found: TileResource) -> bytes:
        """The tile. Counted, and how long it took this thread."""
        took_s: list[float] = []

        def make() -> bytes:
            began = time.perf_counter()
            packed = found.make()
            took_s.append(time.perf_counter() - began)
            return packed

        packed = make() if found.entry is None else found.entry.get_or_make(make)
        self._metrics.tile(found.tile.z, len(packed), sum(took_s) if took_s else None)
        spent.make_s, spent.made, spent.found = sum(took_s), len(took_s), int(not took_s)
        return packed

    def _respond_stored(self, found: StoredResource, accept_encoding: str, if_none_match: str) -> ApiResponse:
        """The response with a tile of a file. Raises: TileOutside where neither the file nor its bounds have it"""
        archive = found.archive
        stored = self._archives.tile(archive, found.tile)
        if stored is None:
            check_limits(found.tile, extent_in(WEB_MERCATOR_QUAD, archive.facts.bbox_crs84))
        if has_tile(if_none_match, found.etag):
            return ApiResponse("304 NOT MODIFIED", [*found.headers])
        return stored_response(stored, found.headers, archive.facts.media_type, accept_encoding)

    def _resolve(self, request: TileRequest) -> TileResource | StoredResource:
        """What a request leads to."""
        catalog = self._catalog.current_or_last()
        found = self._resources.get(request)
        if found is None or found.catalog is not catalog:
            found = self._work_out(request, catalog)
            if len(request.query) <= LONGEST_QUERY:
                self._resources.put(request, found)
        return found

    def _work_out(self, request: TileRequest, catalog: Catalog) -> TileResource | StoredResource:
        id, args = request.collection, query_args(request.query)
        if id is None:
            return self._of_several(request, catalog, args)
        if id not in catalog.collections and id not in catalog.archives:  # it may have been loaded just now
            catalog = self._catalog.fresh()
        archive = catalog.archives.get(id)
        if archive is None:
            return self._of_collection(request, catalog, args, with_tiles(catalog[id]))
        check_matrix_set(archive, request.tms)
        if isinstance(archive, TileFunction):
            return self._of_function(request, catalog, args, archive)
        return self._of_file(request, catalog, args, archive)

    def _of_collection(
        self, request: TileRequest, catalog: Catalog, args: Args, collection: Collection
    ) -> TileResource:
        """The tile of a collection."""
        matrix_set = self.grids.find(request.tms)
        tile = parse_tile(request.z, request.row, request.column, matrix_set)
        explained = is_explained(args, (collection,))
        query = tile_query(args, collection, (EXPLAIN,))
        if not explained:
            format_for(args.get("f"), request.accept, TILE_FORMATS)
        check_limits(tile, self.grids.extent(collection, matrix_set))
        layer = self._layer(collection, tile, query)
        headers, etag = headers_of(self._cache_control(collection), layer.entry)

        def make() -> bytes:
            return self.layers.make(layer, tile)

        return TileResource(catalog, tile, collection.title, (layer,), explained, headers, etag, layer.entry, make)

    def _of_several(self, request: TileRequest, catalog: Catalog, args: Args) -> TileResource:
        """The tile of the chosen collections, a layer each. Sources that cannot be read are missing, unless named."""
        matrix_set = self.grids.find(request.tms)
        tile = parse_tile(request.z, request.row, request.column, matrix_set)
        tileset = self._chosen_tileset(catalog, matrix_set, args.get("collections"))
        queries = dataset_queries(args, tileset.collections, (EXPLAIN,))
        explained = is_explained(args, tileset.collections)
        if not explained:
            format_for(args.get("f"), request.accept, TILE_FORMATS)
        check_limits(tile, tileset.extent)
        here = (found for found in tileset.collections if is_within(tile, self.grids.extent(found, matrix_set)))
        layers = tuple(self._layer(found, tile, queries[found.id]) for found in here)
        is_chosen = bool(tileset.given)
        entry = self._cache.entry_of_several([layer.entry for layer in layers], is_chosen=is_chosen)
        cache_control = strictest([self._cache_control(collection) for collection in tileset.collections])
        headers, etag = headers_of(cache_control, entry)

        def make() -> bytes:
            return self.layers.join(layers, tile, skip_broken=entry is None and not is_chosen)

        return TileResource(catalog, tile, tileset.title, layers, explained, headers, etag, entry, make)

    def _of_function(self, request: TileRequest, catalog: Catalog, args: Args, function: TileFunction) -> TileResource:
        """The tile that a function makes."""
        tile = parse_tile(request.z, request.row, request.column)
        check_parameters(args, function)
        given = parse_arguments(args, function)
        format_for(args.get("f"), request.accept, TILE_FORMATS)
        check_zoom(tile, function.facts.zooms)
        check_limits(tile, extent_in(WEB_MERCATOR_QUAD, function.facts.bbox_crs84))
        own = {argument.name for argument in function.arguments}
        rest = {name: value for name, value in given_parameters(args).items() if name not in own}
        headers, etag = headers_of(self._settings.cache_control, None)

        def make() -> bytes:
            return self.functions.tile(function, tile, given, rest)

        return TileResource(catalog, tile, function.title, (), False, headers, etag, None, make)

    def _of_file(self, request: TileRequest, catalog: Catalog, args: Args, archive: TileArchive) -> StoredResource:
        """The tile of a file."""
        reject_unknown(args, ("f",))
        tile = parse_tile(request.z, request.row, request.column)
        format_for(args.get("f"), request.accept, formats_of(archive.facts.media_type))
        check_zoom(tile, archive.facts.zooms)
        etag = weak(etag_of(archive, tile))
        cache_control = archive.cache_control or self._settings.cache_control
        return StoredResource(catalog, tile, archive, (VARY, ("Cache-Control", cache_control), ("ETag", etag)), etag)

    def dataset_tileset(self, tms: str, names: str | None) -> Tileset:
        """The tileset of the collections that are named; None: of all.

        Raises: UnknownTileMatrixSet, BadParameter, NoTiles, DatabaseUnavailable
        """
        return self._chosen_tileset(self._catalog.current(), self.grids.find(tms), names)

    def _chosen_tileset(self, catalog: Catalog, matrix_set: TileMatrixSet, names: str | None) -> Tileset:
        try:
            return chosen_tileset(self.grids, tiled(catalog.collections), matrix_set, names)
        except BadParameter:  # one may have been loaded just now
            return chosen_tileset(self.grids, tiled(self._catalog.fresh().collections), matrix_set, names)

    def _layer(self, collection: Collection, tile: Tile, query: TileQuery) -> Layer:
        return Layer(collection, query, self._cache.entry(collection, tile, query))

    def _cache_control(self, collection: Collection) -> str:
        return collection.cache_control or self._settings.cache_control


def check_matrix_set(archive: TileArchive, tms: str) -> None:
    """Raise UnknownTileMatrixSet for a set that files of tiles, and functions, are not in."""
    if tms != WEB_MERCATOR_QUAD.id:
        hint = f"it has them in {WEB_MERCATOR_QUAD.id}"
        raise UnknownTileMatrixSet(f"'{archive.id}' has no tiles in '{tms}'", hint=hint, parameter="tileMatrixSetId")


def mvt_response(packed: bytes, headers: Headers, accept_encoding: str) -> ApiResponse:
    """The response with a vector tile in the encoding that the client takes. A header says what it lacks."""
    if not packed:
        return ApiResponse("204 NO CONTENT", [*headers])
    lacks = lack_headers(packed) if packed[FLAGS] & COMMENTED else []
    if takes(accept_encoding, "gzip"):
        return content_response(packed, MVT, "gzip", [*headers, *lacks])
    return content_response(decompress(packed), MVT, None, [*headers, *lacks])


def stored_response(stored: StoredTile | None, headers: Headers, media_type: str, accept_encoding: str) -> ApiResponse:
    """The response with a tile of a file; None: it has none. Raises: CollectionBroken"""
    if stored is None:
        return ApiResponse("204 NO CONTENT", [*headers])
    data, encoding = stored.accepted_by(accept_encoding)
    return content_response(data, media_type, encoding, [*headers])


def content_response(data: bytes, media_type: str, encoding: str | None, headers: list[tuple[str, str]]) -> ApiResponse:
    """The response with bytes."""
    content = [("Content-Type", media_type), ("Content-Length", str(len(data)))]
    encoded = [("Content-Encoding", encoding)] if encoding is not None else []
    return ApiResponse("200 OK", [*headers, *content, *encoded], data)


def has_tile(if_none_match: str, etag: str) -> bool:
    """Whether a client that sends this header has the tile. `etag`: of it, as headers have it"""
    if not if_none_match:
        return False
    return if_none_match == etag or parse_etags(if_none_match).contains_weak(etag[len('W/"') : -1])


def headers_of(cache_control: str, entry: CacheEntry | None) -> tuple[Headers, str]:
    """The headers of each response about a tile, and its ETag; none where only its bytes tell that."""
    headers = VARY, ("Cache-Control", cache_control)
    if entry is None:
        return headers, ""
    etag = entry.etag
    return (*headers, ("ETag", etag)), etag


def strictest(cache_controls: Sequence[str]) -> str:
    """How long a tile of several collections may be cached: where they differ, it is asked for each time."""
    different = dict.fromkeys(cache_controls)
    if len(different) == 1:
        return next(iter(different))
    return next((found for found in different if "no-store" in found or "private" in found), REVALIDATE)
