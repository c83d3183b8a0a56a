"""What happens to every request and every answer: an id, a validator, compression, and who may read it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from flask import Response, g, request
from werkzeug.exceptions import BadRequest

from api.context import api, current_request
from api.http.compression import ENCODERS, LEAST_BYTES, choose_encoding
from api.http.conditional import REVALIDATE, Validator, conditions, validator
from api.http.headers import COMMON_HEADERS, new_request_id
from api.http.request import ROUTE, names_host
from core.catalog import Collection
from core.errors import CatalogueMissing, DatabaseUnavailable

TEXTS = ("application/", "text/", "image/svg")


@dataclass(frozen=True, slots=True)
class Marker:
    """The validator of this request's answer."""

    validator: Validator | None
    """None for a source: nobody knows when its data change, and the answer's bytes are its validator."""
    cache_control: str

    def unchanged(self) -> bool:
        """Whether the client has the answer already."""
        return self.validator is not None and self.validator.unchanged(request.environ)

    def mark(self, response: Response) -> Response:
        """Give an answer its validators."""
        response.headers["Cache-Control"] = self.cache_control
        if self.validator is not None:
            response.headers.update(self.validator.headers)
        return response


def validator_of(collection: Collection, media_type: str) -> Marker:
    """The validator of an answer about a collection's features."""
    cache_control = api().cache_control(collection)
    if collection.source is not None:
        return Marker(None, cache_control)
    return Marker(validator(collection, media_type, current_request(), cache_control), cache_control)


def begin() -> None:
    """Give the request an id, which its answer and the log carry.

    Raises: BadRequest where it does not say the host, or several (RFC 9112, 3.2)
    """
    g.request_id = new_request_id()
    if not names_host(request.environ) and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1":
        raise BadRequest("a request of HTTP/1.1 has one header Host")


def finish(response: Response) -> Response:
    """What every answer gets."""
    response.headers["X-Request-Id"] = g.request_id
    if request.url_rule is not None:
        request.environ[ROUTE] = request.url_rule.rule
    response.headers.update(COMMON_HEADERS)
    if "Allow" in response.headers:
        response.headers["Allow"] = ", ".join(sorted(response.headers["Allow"].split(", ")))
    if request.method == "OPTIONS":
        tell_methods(response)
    answer = pack(validate(response))
    if answer.status_code == 304:
        answer.headers.setdefault("Vary", "Accept, Accept-Encoding")  # as the 200 has it (RFC 9110, 15.4.5)
    return answer


QGIS = "QGIS/"
"""What is in the name that QGIS gives itself, with its version behind it."""


def tell_methods(response: Response) -> None:
    """What browsers want to know. QGIS is not told of POST: it takes that in `Allow` of items for leave to add features
    (Part 4), and would let people draw what cannot be kept; it posts no searches.
    """
    allowed = response.headers.get("Allow", "GET, HEAD, OPTIONS")
    response.headers["Access-Control-Allow-Methods"] = allowed
    response.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type, If-None-Match"
    response.vary.add("User-Agent")
    if QGIS in request.user_agent.string and "Allow" in response.headers:
        response.headers["Allow"] = allowed.replace(", POST", "")


def validate(response: Response) -> Response:
    """Documents without a validator of their own get one from their bytes; a client that has them gets a 304."""
    readable = request.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed
    if not readable or "ETag" in response.headers or response.cache_control.no_store:
        return response
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:20], weak=True)
    if modified := changed_at((request.view_args or {}).get("id")):
        response.last_modified = modified
    response.headers.setdefault("Cache-Control", REVALIDATE)
    response.make_conditional(conditions(request.environ))
    return response


def changed_at(id: str | None) -> datetime | None:
    """Since when documents about a loaded collection are what they are."""
    try:
        found = api().catalog.collections.get(id) if id is not None else None
    except (DatabaseUnavailable, CatalogueMissing):
        return None
    return found.changed_at if found is not None and found.source is None else None


def pack(response: Response) -> Response:
    """Compress a text that is worth it, in an encoding that the client takes."""
    if response.is_streamed or "Content-Encoding" in response.headers or not worth_packing(response):
        return response
    response.vary.add("Accept-Encoding")
    chosen = choose_encoding(request.accept_encodings)
    if chosen is not None:
        response.set_data(ENCODERS[chosen](response.get_data()))
        response.headers["Content-Encoding"] = chosen
    return response


def worth_packing(response: Response) -> bool:
    """Whether an answer is a text that is long enough. Vector tiles come packed."""
    return (response.content_type or "").startswith(TEXTS) and len(response.get_data()) >= LEAST_BYTES
