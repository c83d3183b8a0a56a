"""Tiles as HTTP responses: of one collection, of several, of a function, of a file.

There is one handler. Flask's view and the fast path before Flask give it the request as a value.
"""

from __future__ import annotations

import hashlib
import time

from werkzeug.http import parse_etags

from api.catalog.live import LiveCatalog
from api.http.compression import COMMENTED, FLAGS, comment_of, recoded, takes
from api.http.links import MVT
from api.http.response import ApiResponse
from api.monitoring.metrics import Metrics
from api.tiles.archives import Archives, TileFunctions
from api.tiles.budget import HEADER, is_hasty
from api.tiles.grids import Grids
from api.tiles.keys import weak
from api.tiles.layers import LayerMaker
from api.tiles.resources import VARY, Headers, StoredResource, TileRequest, TileResource, TileResources
from api.tms.json_reader import SHIPPED
from api.tms.tile import WEB_MERCATOR_QUAD, check_limits, extent_in
from core.cache import Cache
from core.database.connections import Database, spent
from core.settings import Settings

CAPACITY = 5000
"""Requests whose resources are cached, about 1 KB each."""

LONGEST_QUERY = 1000
"""Characters of a query whose resource is cached. Filters may be longer; they are worked out each time."""


class TileService:
    """Answers requests for tiles. Safe for threads."""

    def __init__(self, settings: Settings, database: Database, catalog: LiveCatalog, metrics: Metrics) -> None:
        """Nothing is opened yet."""
        self._catalog = catalog
        self._metrics = metrics
        self._archives = Archives(settings.data_dir)
        self.grids = Grids(database, (SHIPPED, settings.matrix_sets_folder()))
        self.functions = TileFunctions(database, settings.tile_timeout_s)
        self.layers = LayerMaker(database, settings, self.grids)
        self._resources = TileResources(settings, catalog, self.grids, self.layers, self.functions)
        self._resolved = Cache[TileRequest, TileResource | StoredResource](CAPACITY)

    def respond(self, request: TileRequest, if_none_match: str = "") -> ApiResponse | TileResource:
        """The response; where the request is for an explanation, what to explain.

        200 with bytes; 204 when it is empty; 304 when the client has it
        Raises: as `TileResources.resolve`, and QueryTooSlow, CollectionBroken, SourceChanged; BadValue for what a
        function refuses
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
        if stored is None:
            return ApiResponse("204 NO CONTENT", [*found.headers])
        data, encoding = stored.accepted_by(accept_encoding)
        return content_response(data, archive.facts.media_type, encoding, [*found.headers])

    def _resolve(self, request: TileRequest) -> TileResource | StoredResource:
        """What a request leads to."""
        catalog = self._catalog.current_or_last()
        found = self._resolved.get(request)
        if found is None or found.catalog is not catalog:
            found = self._resources.resolve(request, catalog)
            if len(request.query) <= LONGEST_QUERY:
                self._resolved.put(request, found)
        return found


def mvt_response(packed: bytes, headers: Headers, accept_encoding: str) -> ApiResponse:
    """The response with a vector tile in the encoding that the client takes. A header says what it lacks."""
    if not packed:
        return ApiResponse("204 NO CONTENT", [*headers])
    lack = comment_of(packed) if packed[FLAGS] & COMMENTED else None
    data, encoding = (packed, "gzip") if takes(accept_encoding, "gzip") else recoded(packed, "gzip", accept_encoding)
    return content_response(data, MVT, encoding, [*headers, *([] if lack is None else [(HEADER, lack)])])


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
