"""The fast path: requests for features go to their handler without Flask, whose routing costs more than some queries.

It is an adapter, as Flask's views are, and builds nothing of a response itself. What else is requested goes to Flask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from api.catalog.live import LiveCatalog
from api.features.service import FeatureService
from api.http.problems import answered, problem_response
from api.http.request import ROUTE, Request, base_of, names_host, path_of
from api.http.response import ApiResponse, complete, new_request_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/collections/([^/]+)/items(?:/([^/]+))?", re.ASCII)
PAGE_ROUTE, FEATURE_ROUTE = "/collections/<id>/items", "/collections/<id>/items/<path:feature_id>"


class FastPath:
    """WSGI layer before Flask."""

    def __init__(self, app: WSGIApplication, features: FeatureService, catalog: LiveCatalog, public_url: str) -> None:
        """`app` responds to what else is requested."""
        self._app = app
        self._features = features
        self._catalog = catalog
        self._public_url = public_url

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to a request."""
        found = PATH.fullmatch(path_of(environ)) if environ["REQUEST_METHOD"] == "GET" and names_host(environ) else None
        if found is None or not environ["QUERY_STRING"].isascii():
            return self._app(environ, start_response)
        environ[ROUTE] = PAGE_ROUTE if found[2] is None else FEATURE_ROUTE
        request = request_of(environ, self._public_url)
        return send(self._respond(request, *found.groups()), request, start_response)

    def _respond(self, request: Request, id: str, feature_id: str | None) -> ApiResponse:
        def handle() -> ApiResponse:
            if feature_id is None:
                return self._features.page(request, id)
            return self._features.feature(request, id, feature_id)

        return answered(lambda: self._catalog.retrying(handle), request)


def failed(error: Exception, public_url: str) -> WSGIApplication:
    """What responds to a request that met an error in a layer above those that know the client's address."""

    def respond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = request_of(environ, public_url)
        return send(problem_response(error, request), request, start_response)

    return respond


def request_of(environ: WSGIEnvironment, public_url: str) -> Request:
    """The request as a value. Its query is in ASCII."""
    base, path = base_of(environ, public_url), path_of(environ)
    return Request.of(base, path, environ["QUERY_STRING"], environ, new_request_id())


def send(response: ApiResponse, request: Request, start_response: StartResponse) -> Iterable[bytes]:
    """Send a response as every response is sent."""
    done = complete(response, request)
    start_response(done.status, done.headers)
    return done.blocks
