"""Features as GeoJSON, answered before Flask: routing, request and response objects cost more than the query does.

Only what is asked for most: GET of a page or of one feature, as GeoJSON, and of tiles that are yet to be made. The
answer is the one of the route, made by the same functions (a test compares them). Whatever else is asked for, and every
error, is left to Flask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import psycopg
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.utils import get_current_url, get_host

from api.asked import Answer, Asked
from api.context import Api
from api.crs import CRS84, parse_crs
from api.delivery import FOR_EVERYONE, new_request_id
from api.features import (
    FEATURE_PARAMETERS,
    FORMATS,
    feature_geojson,
    find_feature,
    find_page,
    page_geojson,
    page_links,
)
from api.formats.encoding import ENCODERS, LEAST_BYTES, encoding_for
from api.formats.negotiation import format_for
from api.formats.offered import MEDIA_TYPES
from api.hot_tiles import make_missing
from api.links import GEOJSON
from api.params.common import reject_unknown
from api.params.items import items_query
from api.query import Presentation
from api.timing import ROUTE
from api.validators import Validator, validator, validator_of_body
from core.catalog import Collection
from core.errors import CatalogueMissing, IsthmusError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PATH = re.compile(r"/collections/([^/]+)/items(?:/([^/]+))?", re.ASCII)
PAGE_ROUTE, FEATURE_ROUTE = "/collections/<id>/items", "/collections/<id>/items/<path:feature_id>"
PAGE_FORMATS, FEATURE_FORMATS = tuple(MEDIA_TYPES.items()), tuple(FORMATS.items())

ERROR = "isthmus.error"
"""Where in the environment of a request an error waits for Flask to tell it."""


class Hot:
    """WSGI layer before Flask."""

    def __init__(self, app: WSGIApplication, api: Api) -> None:
        """`app` answers what is left."""
        self._app = app
        self._api = api

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        answer = self.attempt(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if answer is None:
            return self._app(environ, start_response)
        start_response(answer.status, [*answer.headers, ("X-Request-Id", new_request_id()), *FOR_EVERYONE])
        return [answer.body]

    def attempt(self, environ: WSGIEnvironment) -> Answer | None:
        """The answer, or None to leave the request, or the error that it meets, to Flask."""
        try:
            return make_missing(self._api, environ) or self.answer(environ)
        except (CatalogueMissing, HTTPException, psycopg.Error):
            return None
        except IsthmusError as error:
            environ[ERROR] = error
            return None

    def answer(self, environ: WSGIEnvironment) -> Answer | None:
        """Features, or None for whatever else is asked for."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        found = PATH.fullmatch(path)
        if found is None or "HTTP_HOST" not in environ or not environ["QUERY_STRING"].isascii():
            return None
        environ[ROUTE] = PAGE_ROUTE if found[2] is None else FEATURE_ROUTE
        answer, asked = self.page if found[2] is None else self.feature, self.asked(environ, path)
        if "profile" in asked.args:
            return None
        return answer(asked, environ, *filter(None, found.groups()))

    def asked(self, environ: WSGIEnvironment, path: str) -> Asked:
        """The request as a value. `path`: WSGI has that of the environment in Latin-1, whatever it is."""
        query = environ["QUERY_STRING"]
        root = url_root(environ["wsgi.url_scheme"], environ["HTTP_HOST"], environ.get("SCRIPT_NAME", ""))
        pairs = parse_qsl(query, keep_blank_values=True, errors="werkzeug.url_quote")
        return Asked(self._api.base(root), path, query, MultiDict(pairs))

    def page(self, asked: Asked, environ: WSGIEnvironment, id: str) -> Answer | None:
        """A page of features."""
        if format_for(asked.args.get("f"), environ.get("HTTP_ACCEPT", ""), PAGE_FORMATS) != "json":
            return None
        collection = self._api.collection(id)
        query = items_query(asked.args, collection, self._api.limits)
        known = self.validator(collection, asked)
        if known and known.unchanged(environ):
            return not_modified(known)
        found = find_page(self._api, collection, query)
        count = self._api.counts.of_page(collection, query, found)
        body = page_geojson(collection, found, page_links(asked, collection, query, found, "json"), count)
        known = known or validator_of_body(body, self._api.cache_control(collection))
        return geojson(body, query.presentation, known, environ)

    def feature(self, asked: Asked, environ: WSGIEnvironment, id: str, feature_id: str) -> Answer | None:
        """One feature."""
        if format_for(asked.args.get("f"), environ.get("HTTP_ACCEPT", ""), FEATURE_FORMATS) != "json":
            return None
        reject_unknown(asked.args, FEATURE_PARAMETERS)
        collection = self._api.collection(id)
        crs = parse_crs("crs", asked.args["crs"], collection) if "crs" in asked.args else CRS84
        known, shown = self.validator(collection, asked), Presentation(crs=crs)
        if known and known.unchanged(environ):
            return not_modified(known)
        found = find_feature(self._api, collection, feature_id, shown)
        body, _ = feature_geojson(asked, collection, found, "json")
        known = known or validator_of_body(body, self._api.cache_control(collection))
        return geojson(body, shown, known, environ)

    def validator(self, collection: Collection, asked: Asked) -> Validator | None:
        """The validator of a GeoJSON answer; None for a source, whose data change without our knowing."""
        if collection.source is not None:
            return None
        return validator(collection, GEOJSON, asked, self._api.cache_control(collection))


@lru_cache(maxsize=1000)
def url_root(scheme: str, host: str, root_path: str) -> str:
    """The address of the landing page as Flask has it."""
    return get_current_url(scheme, get_host(scheme, host), root_path)


def geojson(body: bytes, shown: Presentation, known: Validator, environ: WSGIEnvironment) -> Answer:
    """The answer of a body: compressed when it is worth it, with the headers that Flask's route gives it."""
    if known.unchanged(environ):
        return not_modified(known)
    headers = [("Content-Type", GEOJSON), ("Vary", "Accept"), ("Content-Crs", f"<{shown.crs.uri}>"), *known.headers]
    if len(body) >= LEAST_BYTES:
        headers[1] = ("Vary", "Accept, Accept-Encoding")
        encoding = encoding_for(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if encoding is not None:
            body = ENCODERS[encoding](body)
            headers.append(("Content-Encoding", encoding))
    return Answer("200 OK", [*headers, ("Content-Length", str(len(body)))], body)


def not_modified(known: Validator) -> Answer:
    """The answer to a client that has it. Last-Modified is left out where ETag stands (RFC 9110, 15.4.5)."""
    return Answer("304 NOT MODIFIED", [header for header in known.headers if header[0] != "Last-Modified"])
