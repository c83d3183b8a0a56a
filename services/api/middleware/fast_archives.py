"""Tiles out of files, answered before Flask as its route answers them. Errors are left to the route."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.exceptions import HTTPException

from api.catalog.sources.model import TileFunction
from api.context import Api
from api.http.headers import COMMON_HEADERS, new_request_id
from api.http.request import ROUTE, ApiResponse, names_host
from api.tiles.archive_response import ROUTE as TILE_ROUTE, Wanted, archive_answer
from core.archives import TileArchive
from core.errors import IsthmusError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/collections/([^/]+)/tiles/WebMercatorQuad/([^/]+)/([^/]+)/([^/]+)")


class HotArchives:
    """WSGI layer before Flask."""

    def __init__(self, app: WSGIApplication, api: Api) -> None:
        """`app` answers what is left."""
        self._app = app
        self._api = api

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self.answer(environ)
        if answer is None:
            return self._app(environ, start_response)
        environ[ROUTE] = TILE_ROUTE
        start_response(answer.status, [*answer.headers, ("X-Request-Id", new_request_id()), *COMMON_HEADERS])
        return [answer.body]

    def answer(self, environ: WSGIEnvironment) -> ApiResponse | None:
        """The answer; None for whatever is no tile of a file that is known, and for every mistake."""
        if environ["REQUEST_METHOD"] != "GET" or environ["QUERY_STRING"] or not names_host(environ):
            return None
        found = PATH.fullmatch(environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace"))
        archive = self._find(found[1]) if found is not None else None
        if found is None or archive is None:
            return None
        headers = (environ.get(f"HTTP_{name}", "") for name in ("ACCEPT", "ACCEPT_ENCODING", "IF_NONE_MATCH"))
        try:
            return archive_answer(self._api, archive, (found[2], found[3], found[4]), Wanted(None, *headers))
        except (IsthmusError, HTTPException):
            return None

    def _find(self, id: str) -> TileArchive | None:
        """The archive; as it was last seen while the database does not answer, which its tiles do not need."""
        try:
            catalog = self._api.catalog
        except IsthmusError:
            catalog = self._api.live_catalog.last
        found = catalog.archives.get(id) if catalog is not None else None
        return None if isinstance(found, TileFunction) else found
