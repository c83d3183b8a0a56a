"""A response as a value, and what every response gets on its way out: a validator, compression, the common headers.

A validator tells whether a client's copy is still right (conditional requests, RFC 9110), of loaded data without a
query.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from werkzeug.http import HTTP_STATUS_CODES, http_date, is_resource_modified

from api.http.compression import ENCODERS, LEAST_BYTES, compressed_stream, encoding_for
from api.http.request import Request
from core.cache import CollectionCache
from core.catalog.collections import Collection

Headers = list[tuple[str, str]]

TEXTS = ("application/", "text/", "image/svg")
COMMON_HEADERS = (
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Expose-Headers",
        "Accept-Ranges, Content-Crs, Content-Disposition, Content-Range, ETag, Isthmus-Tile, Link, Retry-After,"
        " Server-Timing, X-Request-Id",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Timing-Allow-Origin", "*"),
)
"""Headers that are the same in every response: any page may read it (CORS, W3C Resource Timing)."""

VARY_ALL = "Accept, Accept-Encoding"
OK = "200 OK"
BODILESS = (204, 304)

REVALIDATE = "public, no-cache"
"""Clients and proxies store the response and ask each time whether it changed, which costs no query."""

FORM = 3
"""Rises when the form of responses changes, so that no client keeps one of an older Isthmus."""

digests: CollectionCache[str, Any] = CollectionCache(capacity=20)
"""What the tags of a collection's responses of a media type begin with."""


@dataclass(frozen=True, slots=True)
class Validator:
    """What tells a response from an older or newer one: the version of the data and the request alone.

    etag: without its quotes. None for a source: nobody knows when its data change, so the bytes validate a response
    """

    etag: str | None
    modified: datetime | None
    cache_control: str

    def unchanged(self, environ: Mapping[str, Any]) -> bool:
        """Whether the client of a request has the response already."""
        if self.etag is None or ("HTTP_IF_NONE_MATCH" not in environ and "HTTP_IF_MODIFIED_SINCE" not in environ):
            return False
        return not is_resource_modified(conditions(environ), etag=f'W/"{self.etag}"', last_modified=self.modified)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of the response that tell it."""
        etag = [] if self.etag is None else [("ETag", f'W/"{self.etag}"')]
        modified = [("Last-Modified", date_of(self.modified))] if self.modified else []
        return [*etag, *modified, ("Cache-Control", self.cache_control)]


def conditions(environ: Mapping[str, Any]) -> dict[str, Any]:
    """A request without If-Match, which is for changes: of weak tags none ever meets it (RFC 9110, 13.1.1)."""
    return {name: value for name, value in environ.items() if name != "HTTP_IF_MATCH"}


@lru_cache(maxsize=1000)
def date_of(moment: datetime) -> str:
    """A moment as headers have it."""
    return http_date(moment)


def validator_of(collection: Collection, media_type: str, request: Request, cache_control: str) -> Validator:
    """The validator of a response about a collection's features. Links are part of it, so the address is too.

    cache_control: of collections that do not say it themselves
    """
    cache_control = collection.cache_control or cache_control
    if collection.source is not None:
        return Validator(None, None, cache_control)
    tag = digests.get(collection, media_type, lambda: begin_tag(collection, media_type)).copy()
    tag.update(f"{request.here}\n{request.query}".encode())
    return Validator(tag.hexdigest()[:20], collection.changed_at, cache_control)


def begin_tag(collection: Collection, media_type: str) -> Any:
    """The digest of what the tags of a collection's responses have in common."""
    version = f"{collection.version} {collection.changed_at.timestamp()}"
    return hashlib.sha256(f"{FORM}\n{version}\n{media_type}\n".encode())


class ApiResponse(NamedTuple):
    """A response, as WSGI has it. `body`: a generator is sent as it comes."""

    status: str
    headers: Headers
    body: bytes | Generator[bytes] = b""

    @property
    def code(self) -> int:
        """The status as a number."""
        return int(self.status[:3])

    def header(self, name: str) -> str | None:
        """The first value of a header; None without one."""
        for known, value in self.headers:
            if known == name:
                return value
        return None

    def with_headers(self, more: Iterable[tuple[str, str]]) -> ApiResponse:
        """The response with more headers."""
        return ApiResponse(self.status, [*self.headers, *more], self.body)

    def replacing(self, *headers: tuple[str, str]) -> ApiResponse:
        """The response with headers in place of those of the same names."""
        names = [name for name, _ in headers]
        kept = [known for known in self.headers if known[0] not in names]
        return ApiResponse(self.status, [*kept, *headers], self.body)


def status_line(code: int) -> str:
    """A status as WSGI has it."""
    return f"{code} {HTTP_STATUS_CODES.get(code, 'Unknown').upper()}"


def not_modified(validator: Validator, vary: str = VARY_ALL) -> ApiResponse:
    """The response to a client that has it. Last-Modified is left out where ETag stands (RFC 9110, 15.4.5)."""
    known = [header for header in validator.headers if header[0] != "Last-Modified"]
    return ApiResponse(status_line(304), [("Vary", vary), *known])


def streamed(blocks: Generator[bytes], headers: Headers, request: Request) -> ApiResponse:
    """A response that is sent while it is made, compressed as it comes. `headers`: all but its encoding."""
    encoding = encoding_for(request.accept_encoding)
    response = ApiResponse(OK, headers, blocks).replacing(("Vary", VARY_ALL))
    if encoding is None:
        return response
    return ApiResponse(OK, [*response.headers, ("Content-Encoding", encoding)], compressed_stream(blocks, encoding))


def common_headers(request: Request) -> Headers:
    """The headers that every response to a request has."""
    return [("X-Request-Id", request.id), *COMMON_HEADERS]


def complete(response: ApiResponse, request: Request, modified: datetime | None = None) -> ApiResponse:
    """The response as it is sent: with a validator, or as a 304 where the client has it, and compressed.

    modified: since when a body is what it is, for a response without a validator of its own
    """
    body = response.body
    if isinstance(body, bytes):
        encodes = is_worth_compressing(response, body)
        if encodes:
            response = response.replacing(("Vary", varying(response.header("Vary"))))
        response = validated(response, body, request, modified)
        if response.code not in BODILESS:
            response = sized(response, body, encoding_for(request.accept_encoding) if encodes else None)
    return response.with_headers(common_headers(request))


def is_worth_compressing(response: ApiResponse, body: bytes) -> bool:
    """Whether a response is a text that is long enough. Vector tiles come compressed."""
    if len(body) < LEAST_BYTES or response.header("Content-Encoding") is not None:
        return False
    return (response.header("Content-Type") or "").startswith(TEXTS)


def varying(vary: str | None) -> str:
    """A value of `Vary` with what compression depends on."""
    if vary is None:
        return "Accept-Encoding"
    return vary if "Accept-Encoding" in vary else f"{vary}, Accept-Encoding"


def validated(response: ApiResponse, body: bytes, request: Request, modified: datetime | None) -> ApiResponse:
    """The response with a validator of its bytes where it has none; a 304 where the client has these bytes."""
    if response.code != 200 or request.method not in ("GET", "HEAD") or response.header("ETag") is not None:
        return response
    cache_control = response.header("Cache-Control") or REVALIDATE
    if "no-store" in cache_control:
        return response
    validator = Validator(hashlib.sha256(body).hexdigest()[:20], modified, cache_control)
    if validator.unchanged(request.environ):
        return not_modified(validator, response.header("Vary") or VARY_ALL)
    return response.replacing(*validator.headers)


def sized(response: ApiResponse, body: bytes, encoding: str | None) -> ApiResponse:
    """The response in an encoding, and with the length that it has then."""
    if encoding is not None:
        body, response = ENCODERS[encoding](body), response.with_headers([("Content-Encoding", encoding)])
    return ApiResponse(response.status, response.headers, body).replacing(("Content-Length", str(len(body))))
