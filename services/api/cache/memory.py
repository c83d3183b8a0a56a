"""What a worker keeps in its memory: bounded in bytes, the least used dropped first."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

ENTRY_OVERHEAD_BYTES = 400
"""What a key and its place take up beside the value."""


class Memory(Generic[K, V]):
    """Values by key. Safe for threads."""

    def __init__(self, capacity_bytes: int) -> None:
        """A capacity of 0 keeps nothing."""
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, or None."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, value_bytes: int) -> None:
        """Keep a value, and drop the least used ones until the capacity holds."""
        size_bytes = value_bytes + ENTRY_OVERHEAD_BYTES
        with self._lock:
            _, old_bytes = self._kept.pop(key, (None, 0))
            self._kept[key] = value, size_bytes
            self.size_bytes += size_bytes - old_bytes
            while self.size_bytes > self.capacity_bytes:
                _, (_, dropped_bytes) = self._kept.popitem(last=False)
                self.size_bytes -= dropped_bytes
