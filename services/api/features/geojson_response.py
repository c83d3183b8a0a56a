"""Answers in GeoJSON as Flask's routes give them, for what is answered before Flask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from api.context import Api
from api.http.compression import ENCODERS, LEAST_BYTES, encoding_for
from api.http.conditional import Validator, validator, validator_of_body
from api.http.links import GEOJSON
from api.http.request import ApiResponse, Request
from api.query.items import Presentation
from core.catalog import Collection

VARY = ("Vary", "Accept, Accept-Encoding")


class Made(NamedTuple):
    """What a query found, of which an answer is made in a moment.

    known: its validator, which says that it is right as long as the collection is the same; None for a source
    body:  the bytes as they are now; headers: those beside the usual ones
    lasts: another look would find the same
    """

    collection: Collection
    shown: Presentation
    known: Validator | None
    body: Callable[[], bytes]
    headers: tuple[tuple[str, str], ...] = ()
    lasts: bool = True

    def answer(self, api: Api, environ: Mapping[str, Any]) -> ApiResponse:
        """The answer to a request."""
        if self.known and self.known.unchanged(environ):
            return not_modified(self.known)
        answer = geojson(api, self.body(), self.collection, self.shown, self.known, environ)
        return answer if answer.is_unchanged else answer.with_headers(self.headers)


def validator_for(api: Api, collection: Collection, request: Request) -> Validator | None:
    """The validator of an answer; None for a source, whose data change without our knowing."""
    if collection.source is not None:
        return None
    return validator(collection, GEOJSON, request, api.cache_control(collection))


def geojson(
    api: Api,
    body: bytes,
    collection: Collection,
    shown: Presentation,
    known: Validator | None,
    environ: Mapping[str, Any],
) -> ApiResponse:
    """The answer of a body: compressed when it is worth it, with the headers that Flask's route gives it."""
    if known is None:
        known = validator_of_body(body, api.cache_control(collection))
        if known.unchanged(environ):
            return not_modified(known)
    headers = [("Content-Type", GEOJSON), ("Vary", "Accept"), ("Content-Crs", f"<{shown.crs.uri}>"), *known.headers]
    if len(body) >= LEAST_BYTES:
        headers[1] = VARY
        encoding = encoding_for(environ.get("HTTP_ACCEPT_ENCODING", ""))
        if encoding is not None:
            body = ENCODERS[encoding](body)
            headers.append(("Content-Encoding", encoding))
    return ApiResponse("200 OK", [*headers, ("Content-Length", str(len(body)))], body)


def not_modified(known: Validator) -> ApiResponse:
    """The answer to a client that has it. Last-Modified is left out where ETag stands (RFC 9110, 15.4.5)."""
    return ApiResponse(
        "304 NOT MODIFIED", [VARY, *(header for header in known.headers if header[0] != "Last-Modified")]
    )
