"""Features as GeoJSON, answered before Flask: routing, request and response objects cost more than the query does.

Only what is asked for most: GET of a page or of one feature, as GeoJSON. The answer is the one of the route, made by
the same functions (a test compares them). Whatever else is asked for, and every error, is left to Flask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import psycopg
from werkzeug.exceptions import HTTPException

from api.context import Api
from api.features.geojson_response import Made, not_modified, validator_for
from api.features.page_links import page_links_text
from api.features.service import find_page, page_geojson, page_tail
from api.features.streamed_pages import MOST_HELD
from api.formats.registry import MEDIA_TYPES
from api.http.headers import COMMON_HEADERS, new_request_id
from api.http.links import queryables_header
from api.http.negotiation import format_for
from api.http.request import ERROR, ROUTE, TOLD, ApiResponse, Request, called, names_host
from api.middleware.fast_features import HotFeatures
from api.middleware.response_cache import CacheKey, KeptAnswers
from api.params.items import items_query
from api.planner.choose_plan import Reader, choose_order
from core.errors import CatalogueMissing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/collections/([^/]+)/items(?:/([^/]+))?", re.ASCII)
PAGE_ROUTE, FEATURE_ROUTE = "/collections/<id>/items", "/collections/<id>/items/<path:feature_id>"
PAGE_FORMATS = tuple(MEDIA_TYPES.items())


class Hot:
    """WSGI layer before Flask."""

    def __init__(self, app: WSGIApplication, api: Api) -> None:
        """`app` answers what is left."""
        self._app = app
        self._api = api
        self._features = HotFeatures(api)
        self._kept = KeptAnswers(api)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self.attempt(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if answer is None:
            return self._app(environ, start_response)
        start_response(answer.status, [*answer.headers, ("X-Request-Id", new_request_id()), *COMMON_HEADERS])
        return [answer.body]

    def attempt(self, environ: WSGIEnvironment) -> ApiResponse | None:
        """The answer, or None to leave the request, or the error that it meets, to Flask."""
        try:
            return self.answer(environ)
        except (CatalogueMissing, HTTPException, psycopg.Error):
            return None
        except TOLD as error:
            environ[ERROR] = error
            return None

    def answer(self, environ: WSGIEnvironment) -> ApiResponse | None:
        """Features, or None for whatever else is asked for."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        found = PATH.fullmatch(path)
        if found is None or not names_host(environ) or not environ["QUERY_STRING"].isascii():
            return None
        base, id, feature_id = self._api.base(called(environ)), *found.groups()
        environ[ROUTE] = PAGE_ROUTE if feature_id is None else FEATURE_ROUTE
        request = (base, path, environ["QUERY_STRING"], environ.get("HTTP_ACCEPT", ""))
        made = self._kept.find(request, id) or self._make(request, id, feature_id, environ)
        return made.answer(self._api, environ) if isinstance(made, Made) else made

    def _make(
        self, request: CacheKey, id: str, feature_id: str | None, environ: WSGIEnvironment
    ) -> Made | ApiResponse | None:
        base, path, query, _ = request
        if feature_id is None:
            made = self.page(Request.of(base, path, query), environ, id)
        else:
            made = self._features.find(base, id, feature_id, environ)
        if isinstance(made, Made):
            self._kept.offer(request, made)
        return made

    def page(self, asked: Request, environ: WSGIEnvironment, id: str) -> Made | ApiResponse | None:
        """A page of features, or the answer that the client has it; None to leave the request to Flask."""
        accept = environ.get("HTTP_ACCEPT", "")
        if "profile" in asked.args or format_for(asked.args.get("f"), accept, PAGE_FORMATS) != "json":
            return None
        collection = self._api.collection(id)
        query = items_query(asked.args, collection, self._api.limits)
        known = validator_for(self._api, collection, asked)
        if known and known.unchanged(environ):
            return not_modified(known)
        query = choose_order(Reader(self._api.database, self._api.counts), collection, query)
        found = find_page(self._api, collection, query, most_bytes=MOST_HELD)
        if found.is_heavy:
            return None
        count = self._api.counts.of_page(collection, query, found)
        links = page_links_text(asked, collection, query, found)

        def body() -> bytes:
            return page_geojson(found, page_tail(collection, found, links, count))

        headers = (queryables_header(asked.links, collection),)
        lasts = count.exact is not None or not query.filter.is_heavy  # there was no time for the number
        return Made(collection, query.presentation, known, body, headers, lasts)
