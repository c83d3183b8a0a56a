"""Kept tiles, answered before everything else: what a hit costs is mostly the server's own work.

What a request asks for is worked out once, by the functions that the routes use, and remembered for as long as the
catalogue stays the same. Whatever is no hit, and every error, is left to the routes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.asked import Answer
from api.context import Api
from api.delivery import FOR_EVERYONE, new_request_id
from api.formats.gzip import decompress
from api.tile_budget import is_hasty, lack_headers
from api.tile_making import metered
from api.tile_requests import COLLECTION_ROUTE, LONGEST_QUERY, Ready, Request, TileRequests
from api.timing import ROUTE
from core.catalog import Catalog
from core.errors import IsthmusError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

READY = "isthmus.ready"
"""Where in the environment of a request waits what was worked out about the tile that it asks for, or None."""

MOST_READY = 5000
"""Requests that are remembered, about 1 KB each. All are forgotten then: those that matter are soon back."""


class HotTiles:
    """WSGI layer before all others: tiles need no address of the client's, so no proxy matters."""

    def __init__(self, app: WSGIApplication, api: Api) -> None:
        """`app` answers what is left."""
        self._app = app
        self._api = api
        self._requests = TileRequests(api)
        self._ready: dict[Request, Ready] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if environ["REQUEST_METHOD"] == "GET":
            began = time.perf_counter()
            ready = self._find(environ)
            tile = ready.store.get(ready.key) if ready is not None else None
            if ready is not None and tile is not None:
                status, headers, body = answer(ready, tile, environ.get("HTTP_IF_NONE_MATCH"))
                took_s = time.perf_counter() - began
                start_response(status, [*headers, *own_headers(took_s)])
                self._api.metrics.hit(ready.slots, int(status[:3]), len(body), took_s)
                return [body]
            environ[READY] = ready
        return self._app(environ, start_response)

    def _find(self, environ: WSGIEnvironment) -> Ready | None:
        """What is asked for; None for anything but a tile that may be kept."""
        get = environ.get
        request = (
            environ["PATH_INFO"],
            environ["QUERY_STRING"],
            get("HTTP_ACCEPT", ""),
            get("HTTP_ACCEPT_ENCODING", ""),
        )
        ready = self._ready.get(request)
        if ready is None or ready.catalog is not self._catalog():
            ready = self._look(request)
        return ready

    def _look(self, request: Request) -> Ready | None:
        if "/tiles/" not in request[0]:
            return None
        catalog = self._catalog()
        ready = self._requests.find(catalog, request) if catalog is not None else None
        if ready is not None and len(request[1]) <= LONGEST_QUERY:
            if len(self._ready) >= MOST_READY:
                self._ready.clear()
            self._ready[request] = ready
        return ready

    def _catalog(self) -> Catalog | None:
        """The catalogue; as it was last seen while the database does not answer."""
        try:
            return self._api.catalog
        except IsthmusError:
            return self._api.live_catalog.last


def answer(ready: Ready, tile: bytes, if_none_match: str | None) -> tuple[str, list[tuple[str, str]], bytes]:
    """The answer with a tile: 304 when the client has it, 204 when it is empty."""
    if if_none_match is not None and ready.is_known(if_none_match):
        return "304 NOT MODIFIED", [*ready.headers], b""
    if not tile:
        return "204 NO CONTENT", [*ready.headers], b""
    lacks = lack_headers(tile)
    if not ready.packed:
        tile = decompress(tile)
    return "200 OK", [*ready.headers, *ready.of_body, ("Content-Length", str(len(tile))), *lacks], tile


def make_missing(api: Api, environ: WSGIEnvironment) -> Answer | None:
    """The answer with a tile that is not kept yet, as the route gives it; None to leave the request to the route.

    One that was made in a hurry is a better one the next time. Raises: as `kept_tile`
    """
    ready: Ready | None = environ.get(READY)
    if ready is None or ready.make is None:
        return None
    environ[ROUTE] = COLLECTION_ROUTE
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and ready.is_known(known):
        return Answer("304 NOT MODIFIED", [*ready.headers])
    tile = metered(api.metrics, ready.zoom, ready.make)
    status, headers, body = answer(ready, tile, None)
    if is_hasty(tile):
        kept = [header for header in headers if header[0] not in ("ETag", "Cache-Control")]
        headers = [*kept, ("Cache-Control", "no-store")]
    return Answer(status, headers, body)


def own_headers(took_s: float) -> Iterable[tuple[str, str]]:
    """The headers that every answer gets."""
    timing = f"cache;desc=hit, total;dur={took_s * 1e3:.3f}"
    return ("X-Request-Id", new_request_id()), ("Server-Timing", timing), *FOR_EVERYONE
