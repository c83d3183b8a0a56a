"""What happens to every request and every answer: an id, a validator, compression, and who may read it."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime

from flask import Response, g, request
from werkzeug.http import is_resource_modified

from api.context import api
from api.formats.encoding import ENCODERS, LEAST_BYTES, choose_encoding
from core.catalog import Collection

FORM = 1
"""Rises when the form of answers changes, so that no client keeps one of an older Isthmus."""

TEXTS = ("application/", "text/", "image/svg")
REVALIDATE = "public, no-cache"
"""Clients and proxies keep the answer and ask each time whether it changed, which costs no query."""


@dataclass(frozen=True, slots=True)
class Validator:
    """Tells whether a client's copy is still right, from the version of the data and the request alone."""

    etag: str
    modified: datetime
    cache_control: str

    def unchanged(self) -> bool:
        """Whether the client has the answer already."""
        return not is_resource_modified(request.environ, etag=f'W/"{self.etag}"', last_modified=self.modified)

    def mark(self, response: Response) -> Response:
        """Give an answer its validators."""
        response.set_etag(self.etag, weak=True)
        response.last_modified = self.modified
        response.headers["Cache-Control"] = self.cache_control
        return response


def validator_of(collection: Collection, media_type: str) -> Validator:
    """The validator of an answer about a collection's features. Links are part of it, so the address is too."""
    changed = f"{collection.version} {collection.changed_at.timestamp()}"
    parts = [str(FORM), changed, media_type, request.url_root, request.full_path]
    etag = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:20]
    return Validator(etag, collection.changed_at, api().cache_control(collection))


def begin() -> None:
    """Give the request an id, which its answer and the log carry."""
    g.request_id = uuid.uuid4().hex[:12]


def finish(response: Response) -> Response:
    """What every answer gets."""
    response.headers["X-Request-Id"] = g.request_id
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Expose-Headers"] = "Content-Crs, ETag, Link, X-Request-Id"
    response.headers["X-Content-Type-Options"] = "nosniff"
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "GET, HEAD, OPTIONS")
        response.headers["Access-Control-Allow-Headers"] = "Accept, Content-Type, If-None-Match"
    return pack(validate(response))


def validate(response: Response) -> Response:
    """Documents without a validator of their own get one from their bytes; a client that has them gets a 304."""
    readable = request.method in ("GET", "HEAD") and response.status_code == 200 and not response.is_streamed
    if not readable or "ETag" in response.headers:
        return response
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:20], weak=True)
    response.headers.setdefault("Cache-Control", REVALIDATE)
    response.make_conditional(request)
    return response


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
