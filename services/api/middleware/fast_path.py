"""The fast paths: requests for features and for tiles go to their handlers without Flask, whose routing costs more than
some queries and than a cached tile.

They are adapters, as Flask's views are, and build nothing of a response themselves. What else is requested goes to
Flask.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from api.catalog.live import LiveCatalog
from api.features.service import FeatureService
from api.formats.html import HtmlPages
from api.http.request import Request, base_of, names_host, path_of
from api.http.response import COMMON_HEADERS, ApiResponse, complete
from api.monitoring.metrics import ROUTE, Metrics, new_request_id, server_timing
from api.tiles.resources import TileRequest, TileResource
from api.tiles.service import TileService
from core.database.connections import spent
from core.errors import CatalogueMissing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FEATURES = re.compile(r"/collections/([^/]+)/items(?:/([^/]+))?", re.ASCII)
PAGE_ROUTE, FEATURE_ROUTE = "/collections/<id>/items", "/collections/<id>/items/<path:feature_id>"

TILE = re.compile(r"(?:/collections/([^/]+))?/tiles/([^/]+)/([^/]+)/([^/]+)/([^/]+)")
DATASET_TILE_ROUTE = "/tiles/<tms>/<z>/<row>/<column>"
TILE_ROUTE = f"/collections/<id>{DATASET_TILE_ROUTE}"


class FastPath:
    """The one of features: the WSGI layer before Flask."""

    def __init__(self, app: WSGIApplication, features: FeatureService, catalog: LiveCatalog, html: HtmlPages) -> None:
        """`app` responds to what else is requested."""
        self._app = app
        self._features = features
        self._catalog = catalog
        self._html = html
        self._public_url = html.settings.public_url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        environ["QUERY_STRING"] = query = spelt_out(environ.get("QUERY_STRING", ""))
        is_ours = environ["REQUEST_METHOD"] == "GET" and names_host(environ) and query.isascii()
        found = FEATURES.fullmatch(path_of(environ)) if is_ours else None
        if found is None:
            return self._app(environ, start_response)
        environ[ROUTE] = PAGE_ROUTE if found[2] is None else FEATURE_ROUTE
        request = request_of(environ, self._public_url)
        return send(complete(self._respond(request, *found.groups()), request), start_response)

    def _respond(self, request: Request, id: str, feature_id: str | None) -> ApiResponse:
        """The response of the handler, or that to the error which it meets. Flask does the same for its views."""

        def handle() -> ApiResponse:
            if feature_id is None:
                return self._features.page(request, id)
            return self._features.feature(request, id, feature_id)

        try:
            return self._catalog.retrying(handle)
        except Exception as error:  # noqa: BLE001  the log gets it
            return self._html.problem(error, request)


class FastTiles:
    """The one of tiles, before all other layers: tiles need no address of the client's, so no proxy matters."""

    def __init__(
        self, app: WSGIApplication, tiles: TileService, metrics: Metrics, failed: Callable[[Exception], WSGIApplication]
    ) -> None:
        """`app` responds to what else is requested, `failed` where an error is met: behind the proxies, which know the
        address that the client called.
        """
        self._app = app
        self._tiles = tiles
        self._metrics = metrics
        self._failed = failed

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        request = tile_request(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if request is None:
            return self._app(environ, start_response)
        began = time.perf_counter()
        spent.begin()
        route = DATASET_TILE_ROUTE if request.collection is None else TILE_ROUTE
        try:
            response = self._tiles.respond(request, environ.get("HTTP_IF_NONE_MATCH", ""))
        except CatalogueMissing:  # Flask looks for the catalogue of this moment
            return self._app(environ, start_response)
        except Exception as error:  # noqa: BLE001  the log gets it
            environ[ROUTE] = route
            return self._failed(error)(environ, start_response)
        if isinstance(response, TileResource):
            return self._app(environ, start_response)
        took_s = time.perf_counter() - began
        self._metrics.answered(route, int(response.status[:3]), took_s, spent.db_s)
        own = ("X-Request-Id", new_request_id()), ("Server-Timing", server_timing(took_s))
        headers = [*response.headers, *own, *COMMON_HEADERS]
        return send(ApiResponse(response.status, headers, response.body), start_response)


def failed(error: Exception, html: HtmlPages) -> WSGIApplication:
    """What responds to a request that met an error in a layer above those that know the client's address."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = request_of(environ, html.settings.public_url)
        return send(complete(html.problem(error, request), request), start_response)

    return respond


def spelt_out(query: str) -> str:
    """A query with the plus signs of its filter as %2B, where that has spaces as %20: who means them has none.

    GDAL and QGIS write spaces so, and plus signs as they are, which elsewhere stand for spaces. As it comes
    `name = 'A + B'` would find nothing, and `size > 1e+20` could not be read.
    """
    if "+" not in query or "filter=" not in query:
        return query
    parts = query.split("&")
    return "&".join(
        part.replace("+", "%2B") if part.startswith("filter=") and "%20" in part else part for part in parts
    )


def request_of(environ: WSGIEnvironment, public_url: str) -> Request:
    """The request as a value. Its query is in ASCII."""
    base, path = base_of(environ, public_url), path_of(environ)
    return Request.of(base, path, environ["QUERY_STRING"], environ, new_request_id())


def tile_request(environ: WSGIEnvironment) -> TileRequest | None:
    """The request for a tile as a value; None for whatever else is requested."""
    if "/tiles/" not in environ["PATH_INFO"]:
        return None
    accept, accept_encoding = environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", "")
    return parse_tile_request(
        environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_HOST", ""), accept, accept_encoding
    )


@lru_cache(maxsize=5000)
def parse_tile_request(path: str, query: str, host: str, accept: str, accept_encoding: str) -> TileRequest | None:
    """The same for its parts."""
    found = TILE.fullmatch(path.encode("latin-1").decode("utf-8", "replace"))
    if found is None or not query.isascii() or not names_host({"HTTP_HOST": host}):
        return None
    id, tms, z, row, column = found.groups()
    return TileRequest(id, tms, z, row, column, query, accept, accept_encoding)


def send(response: ApiResponse, start_response: StartResponse) -> Iterable[bytes]:
    """Begin a response, and give its body as WSGI takes it."""
    start_response(response.status, response.headers)
    return [response.body] if isinstance(response.body, bytes) else response.body
