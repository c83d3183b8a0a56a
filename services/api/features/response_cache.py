"""Responses that are requested again and again: the first page of a collection, the view that a map opens with.

Only of loaded collections, whose versions never change: what is cached of one is not used once there is another. And
only what was requested before: boxes of somebody who moves a map hardly ever come again, and would fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from api.http.request import Request
from api.http.response import ApiResponse, Validator, not_modified
from core.cache import Cache
from core.catalog.collections import Catalog, Collection

CacheKey = tuple[str, str, str, str]
"""What a response depends on but for the data: the base of its addresses, the path, its query, and what is accepted."""

MOST_SEEN = 5000
"""Requests that are known to have been made once."""

ENTRY_BYTES = 4400
"""What is cached beside the body."""

LARGEST_SHARE = 16
"""A response takes at most one in so many parts of the cache."""

LONGEST = 2000
"""Characters of a request that is cached."""


class Repeatable(NamedTuple):
    """A response that can be rendered again without the database.

    validator: right as long as the collection is the same; lasts: another look would find the same
    """

    collection: Collection
    validator: Validator
    render: Callable[[], ApiResponse]
    lasts: bool = True

    def respond(self, request: Request) -> ApiResponse:
        """The response to a request, a 304 where the client has it."""
        return not_modified(self.validator) if self.validator.unchanged(request.environ) else self.render()


class ResponseCache:
    """Responses by their requests, within a bound of bytes."""

    def __init__(self, capacity_bytes: int) -> None:
        """Nothing is cached yet. `capacity_bytes` 0: nothing ever is."""
        self._seen = Cache[CacheKey, bool](MOST_SEEN)
        self._entries = Cache[CacheKey, tuple[Repeatable, int]](capacity_bytes, lambda entry: entry[1])

    def find(self, key: CacheKey, id: str, catalog: Catalog) -> Repeatable | None:
        """What is cached, if it is of the collection as it is now."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        return entry[0] if catalog.collections.get(id) is entry[0].collection else None

    def offer(self, key: CacheKey, found: Repeatable, response: ApiResponse) -> None:
        """Cache what lasts and was requested before."""
        if found.validator.etag is None or not found.lasts or not self._entries.capacity:
            return
        if self._seen.get(key) and isinstance(response.body, bytes):
            size_bytes = ENTRY_BYTES + len(response.body)
            if size_bytes * LARGEST_SHARE <= self._entries.capacity:
                self._entries.put(key, (found, size_bytes))
        elif sum(map(len, key)) <= LONGEST:
            self._seen.put(key, value=True)


def key_of(request: Request) -> CacheKey:
    """What the response to a request is cached by."""
    return request.base, request.path, request.query, request.accept
