"""Conditional requests: whether a client's copy of a response is still right, told without a query on the data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from werkzeug.http import http_date, is_resource_modified

from api.http.request import Request
from core.cache import CollectionCache
from core.catalog.collections import Collection

REVALIDATE = "public, no-cache"
"""Clients and proxies store the response and ask each time whether it changed, which costs no query."""

FORM = 2
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


def validator_of_body(body: bytes, cache_control: str = REVALIDATE, modified: datetime | None = None) -> Validator:
    """The validator of a response of which nothing else tells whether it changed."""
    return Validator(hashlib.sha256(body).hexdigest()[:20], modified, cache_control)
