"""Tiles, answered before everything else: what a kept one costs is mostly the server's own work.

What a request asks for is worked out once, by the functions that the routes use, and remembered for as long as the
catalogue stays the same. A tile of one collection that is not kept, or never is, is made here too, as its route makes
it. Whatever else is asked for, and every error, is left to the routes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg
from werkzeug.exceptions import HTTPException

from api.context import Api
from api.http.gzip import decompress
from api.http.headers import COMMON_HEADERS, new_request_id, server_timing
from api.http.request import ERROR, TOLD, names_host
from api.middleware.tile_request import COLLECTION_ROUTE, LONGEST_QUERY, Make, Ready, Request, TileRequests
from api.monitoring.metrics import Metrics
from api.tiles.budget import is_hasty, lack_headers
from api.tiles.service import metered
from core.catalog import Catalog
from core.errors import CatalogueMissing, IsthmusError
from core.spent import spent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Told = tuple[str, list[tuple[str, str]], bytes]
"""Status, headers and body."""

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
        if environ["REQUEST_METHOD"] == "GET" and names_host(environ):
            began = time.perf_counter()
            ready = self._find(environ)
            if ready is not None:
                tile = found(ready)
                told = self._made(ready, environ, began) if tile is None else self._kept(ready, tile, environ, began)
                if told is not None:
                    start_response(told[0], told[1])
                    return [told[2]]
        return self._app(environ, start_response)

    def _kept(self, ready: Ready, tile: bytes, environ: WSGIEnvironment, began: float) -> Told:
        """The answer with a kept tile."""
        status, headers, body = answer(ready, tile, environ.get("HTTP_IF_NONE_MATCH"))
        took_s = time.perf_counter() - began
        self._api.metrics.hit(ready.slots, int(status[:3]), len(body), took_s)
        return status, [*headers, *own_headers(f"cache;desc=hit, total;dur={took_s * 1e3:.3f}")], body

    def _made(self, ready: Ready, environ: WSGIEnvironment, began: float) -> Told | None:
        """The answer with a tile that is made now. None to leave the request, or the error that it meets, to Flask."""
        if ready.make is None:
            return None
        spent.begin()
        try:
            status, headers, body = made(self._api.metrics, ready, ready.make, environ.get("HTTP_IF_NONE_MATCH"))
        except (CatalogueMissing, HTTPException, psycopg.Error):
            return None
        except TOLD as error:
            environ[ERROR] = error
            return None
        took_s = time.perf_counter() - began
        self._api.metrics.answered(COLLECTION_ROUTE, int(status[:3]), took_s, spent.db_s)
        return status, [*headers, *own_headers(server_timing(took_s))], body

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


def found(ready: Ready) -> bytes | None:
    """A tile that is kept; one on the disk is left to `make`, where there is one."""
    if ready.store is None:
        return None
    return ready.store.get(ready.key) if ready.make is None else ready.store.in_memory(ready.key)


def answer(ready: Ready, tile: bytes, if_none_match: str | None) -> Told:
    """The answer with a tile: 304 when the client has it, 204 when it is empty."""
    if if_none_match is not None and ready.is_known(if_none_match):
        return "304 NOT MODIFIED", [*ready.headers], b""
    if not tile:
        return "204 NO CONTENT", [*ready.headers], b""
    lacks = lack_headers(tile)
    if not ready.packed:
        tile = decompress(tile)
    return "200 OK", [*ready.headers, *ready.of_body, ("Content-Length", str(len(tile))), *lacks], tile


def made(metrics: Metrics, ready: Ready, make: Make, if_none_match: str | None) -> Told:
    """The answer with a tile that is not kept yet, as the route gives it.

    One that was made in a hurry is a better one the next time. Raises: as `kept_tile`
    """
    if if_none_match is not None and ready.is_known(if_none_match):
        return "304 NOT MODIFIED", [*ready.headers], b""
    tile = metered(metrics, ready.zoom, make)
    status, headers, body = answer(ready.validated(tile), tile, if_none_match)
    if is_hasty(tile):
        kept = [header for header in headers if header[0] not in ("ETag", "Cache-Control")]
        headers = [*kept, ("Cache-Control", "no-store")]
    return status, headers, body


def own_headers(timing: str) -> Iterable[tuple[str, str]]:
    """The headers that every answer gets. `timing`: the value of Server-Timing"""
    return ("X-Request-Id", new_request_id()), ("Server-Timing", timing), *COMMON_HEADERS
