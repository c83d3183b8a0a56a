"""Tiles already made, in the memory of the worker: compressed, bounded in bytes, the least used dropped first.

A key holds the collection's version, so a reload needs no purge: its tiles have other keys.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

Key = tuple[int, str, int, int, int]
"""The collection's version, the tile matrix set, zoom, row, column."""

ENTRY_OVERHEAD_BYTES = 300


class TileCache:
    """Compressed tiles by key. Safe for threads."""

    def __init__(self, capacity_bytes: int) -> None:
        """A capacity of 0 keeps nothing."""
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._tiles: OrderedDict[Key, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> bytes | None:
        """The compressed tile (empty: known to hold nothing), or None when it was not made yet."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: Key, tile: bytes) -> None:
        """Keep a tile, and drop the least used ones until the capacity holds."""
        with self._lock:
            old = self._tiles.pop(key, None)
            if old is not None:
                self.size_bytes -= len(old) + ENTRY_OVERHEAD_BYTES
            self._tiles[key] = tile
            self.size_bytes += len(tile) + ENTRY_OVERHEAD_BYTES
            while self.size_bytes > self.capacity_bytes:
                _, dropped = self._tiles.popitem(last=False)
                self.size_bytes -= len(dropped) + ENTRY_OVERHEAD_BYTES
