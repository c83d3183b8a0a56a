"""What is asked for again and again: the first page of a collection, the view that a map opens with.

Only of loaded collections, whose versions never change: what is kept of one is not used once there is another. And only
what was asked for before: boxes of somebody who moves a map hardly ever come again, and would only fill the memory.
"""

from __future__ import annotations

from api.cache.memory import Memory
from api.context import Api
from api.features.geojson_response import Made
from core.errors import IsthmusError

CacheKey = tuple[str, str, str, str]
"""What depends on the client: the base of its addresses, the path, its query, and what it accepts."""

MOST_MET = 5000
"""Requests that are known to have been made once. All are forgotten then: those that matter are soon back."""

HEAD_BYTES = 4000
"""What is kept beside the body."""

LARGEST_SHARE = 16
"""An answer takes at most one in so many parts of the memory."""

LONGEST = 2000
"""Characters of a request that is remembered."""


class KeptAnswers:
    """What was made for requests, within a bound of bytes."""

    def __init__(self, api: Api) -> None:
        """Nothing is kept yet."""
        self._api = api
        self._memory: Memory[CacheKey, Made] = Memory(api.settings.answer_cache_mb * 1_000_000)
        self._met: dict[CacheKey, None] = {}

    def find(self, request: CacheKey, id: str) -> Made | None:
        """What is kept, if it is of the collection as it is now, or was last seen while the database is away."""
        kept = self._memory.get(request)
        if kept is None:
            return None
        try:
            catalog = self._api.catalog
        except IsthmusError:
            catalog = self._api.live_catalog.last
        return kept if catalog is not None and catalog.collections.get(id) is kept.collection else None

    def offer(self, request: CacheKey, made: Made) -> None:
        """Keep what lasts and was asked for before."""
        if made.known is None or not made.lasts or self._memory.capacity_bytes == 0:
            return
        if request in self._met:
            self._keep(request, made)
        elif sum(map(len, request)) <= LONGEST:
            if len(self._met) >= MOST_MET:
                self._met.clear()
            self._met[request] = None

    def _keep(self, request: CacheKey, made: Made) -> None:
        size_bytes = HEAD_BYTES + len(made.body())
        if size_bytes * LARGEST_SHARE <= self._memory.capacity_bytes:
            self._memory.put(request, made, size_bytes)
