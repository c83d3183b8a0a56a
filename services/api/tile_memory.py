"""Tiles in the memory of a worker: bounded in bytes, the least used dropped first."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

ENTRY_OVERHEAD_BYTES = 400
"""What a key and its place take up beside the tile."""


class TileMemory:
    """Compressed tiles by key. Safe for threads."""

    def __init__(self, capacity_bytes: int) -> None:
        """A capacity of 0 keeps nothing."""
        self.capacity_bytes = capacity_bytes
        self.size_bytes = 0
        self._tiles: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> bytes | None:
        """The tile (empty: known to hold nothing), or None."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def put(self, key: str, tile: bytes) -> None:
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
