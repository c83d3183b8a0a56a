"""The fast path of tiles: WSGI layer that calls their service without Flask's routing, which costs more than a cached
tile.

Of a request that meets an error, a layer behind the proxies tells it, which know the address that the client called.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

import psycopg
from werkzeug.exceptions import HTTPException

from api.http.request import ROUTE as REQUEST_ROUTE, TOLD, names_host
from api.http.response import COMMON_HEADERS, new_request_id, server_timing
from api.monitoring.metrics import Metrics
from api.tiles.resources import TileRequest, TileResource
from api.tiles.service import TileService
from core.database.connections import spent
from core.errors import CatalogueMissing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"(?:/collections/([^/]+))?/tiles/([^/]+)/([^/]+)/([^/]+)/([^/]+)")
ROUTE = "/tiles/<tms>/<z>/<row>/<column>"
COLLECTION_ROUTE = f"/collections/<id>{ROUTE}"


class FastTiles:
    """Before all other layers: tiles need no address of the client's, so no proxy matters."""

    def __init__(
        self,
        app: WSGIApplication,
        tiles: TileService,
        metrics: Metrics,
        failed: Callable[[Exception], WSGIApplication],
    ) -> None:
        """`app` answers what is left, `failed` what meets an error."""
        self._app = app
        self._tiles = tiles
        self._metrics = metrics
        self._failed = failed

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        request = tile_request(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if request is None:
            return self._app(environ, start_response)
        began = time.perf_counter()
        spent.begin()
        try:
            response = self._tiles.respond(request, environ.get("HTTP_IF_NONE_MATCH", ""))
        except CatalogueMissing:  # Flask looks for the catalogue of this moment
            return self._app(environ, start_response)
        except (HTTPException, psycopg.Error, *TOLD) as error:
            environ[REQUEST_ROUTE] = ROUTE if request.collection is None else COLLECTION_ROUTE
            return self._failed(error)(environ, start_response)
        if isinstance(response, TileResource):
            return self._app(environ, start_response)
        took_s = time.perf_counter() - began
        route = ROUTE if request.collection is None else COLLECTION_ROUTE
        self._metrics.answered(route, int(response.status[:3]), took_s, spent.db_s)
        own = ("X-Request-Id", new_request_id()), ("Server-Timing", server_timing(took_s))
        start_response(response.status, [*response.headers, *own, *COMMON_HEADERS])
        return response.blocks


def tile_request(environ: WSGIEnvironment) -> TileRequest | None:
    """The request as a value; None for whatever else is asked for."""
    if "/tiles/" not in environ["PATH_INFO"]:
        return None
    accept, accept_encoding = environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
    return parse_request(
        environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_HOST", ""), accept, accept_encoding
    )


@lru_cache(maxsize=5000)
def parse_request(path: str, query: str, host: str, accept: str, accept_encoding: str) -> TileRequest | None:
    """The same for its parts."""
    found = PATH.fullmatch(path.encode("latin-1").decode("utf-8", "replace"))
    if found is None or not query.isascii() or not names_host({"HTTP_HOST": host}):
        return None
    id, tms, z, row, column = found.groups()
    return TileRequest(id, tms, z, row, column, query, accept, accept_encoding)
