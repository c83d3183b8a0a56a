"""Compressed tiles by key: in memory, behind it on the disk, and each missing one made once.

No response waits for the disk: tiles that are made about the same time are written together by a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from api.cache.single_flight import SingleFlight
from api.cache.sqlite import TileDisk
from core.cache import Cache
from core.settings import Settings

MB = 1_000_000
ENTRY_BYTES = 400
"""What an entry in memory takes beside its tile."""

TOUCHED_OF = 64
"""One in so many uses in memory is noted on the disk, which would else drop the most used tile as the least used."""


TOGETHER_S = 0.01
"""How long a tile waits for others. About as long waits who looks for it from another worker."""

MOST_BYTES = 4_000_000
"""What may wait, if the disk takes so much at once. Who makes a tile more writes them all before it goes on."""


class Partition(NamedTuple):
    """A part of the cache that makes room for itself alone: its folder, and its share of the limits."""

    folder: str
    share: float


PLAIN = Partition("", 0.8)
FILTERED = Partition("filtered", 0.2)
"""Tiles by a request's filter or choice of collections. There is no end of these: they must not drop plain tiles."""


class TileStore:
    """A partition of the tile cache. Safe for threads, and shared with other processes on the disk.

    is_final: whether a tile that was made is to be cached
    """

    def __init__(
        self, settings: Settings, partition: Partition = PLAIN, is_final: Callable[[bytes], bool] = lambda _: True
    ) -> None:
        """Nothing is opened yet."""
        folder = tiles_folder(settings) / partition.folder
        self._is_final = is_final
        memory_bytes = int(settings.tile_cache_mb * MB * partition.share)
        self._memory = Cache[str, bytes](memory_bytes, lambda tile: len(tile) + ENTRY_BYTES)
        self._disk = TileDisk(folder, int(settings.tiles_mb * MB * partition.share))
        self._write_behind = WriteBehind(self._disk)
        self._flights = SingleFlight(folder if settings.tiles_mb else None)
        self._uses = 0

    def get(self, key: str) -> bytes | None:
        """The tile (empty: known to hold nothing), or None when it is not cached."""
        tile = self.in_memory(key)
        return self._from_disk(key) if tile is None else tile

    def in_memory(self, key: str) -> bytes | None:
        """The tile, or None when it is not in this worker's memory."""
        tile = self._memory.get(key)
        if tile is not None:
            self._uses += 1
            if self._uses % TOUCHED_OF == 0:
                self._disk.touch(key)
        return tile

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The tile; made, by one thread of all workers, when it is not cached. Raises: what `make` raises"""
        tile = self.in_memory(key)
        if tile is not None:
            return tile
        return self._flights.run(key, lambda: self.get(key), make, partial(self._put, key))

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._write_behind.close()
        self._disk.close()

    def _put(self, key: str, tile: bytes, written: Callable[[], None]) -> None:
        if self._is_final(tile):
            self._memory.put(key, tile)
            self._write_behind.put(key, tile, written)
        else:
            written()

    def _from_disk(self, key: str) -> bytes | None:
        tile = self._write_behind.get(key)
        if tile is not None:
            return tile
        tile = self._disk.get(key)
        if tile is not None:
            self._memory.put(key, tile)
            self._disk.touch(key)
        return tile


def tiles_folder(settings: Settings) -> Path:
    """The folder of the cached tiles."""
    return (Path(settings.tiles_dir) if settings.tiles_dir else settings.data_dir / "var" / "tiles").absolute()


class PendingTile(NamedTuple):
    """A tile that is to be written. `written`: to be called once others find it on the disk."""

    tile: bytes
    written: Callable[[], None]


class WriteBehind:
    """Writes to a disk, by a thread that begins with the first tile. Safe for threads."""

    def __init__(self, disk: TileDisk) -> None:
        """Nothing waits."""
        self._disk = disk
        self._most_bytes = min(MOST_BYTES, disk.look_bytes)
        self._pending: dict[str, PendingTile] = {}
        self._bytes = 0
        self._is_due = False
        self._lock, self._writing = Lock(), Lock()
        self._thread = ThreadPoolExecutor(1, "isthmus-tile-writer")

    def get(self, key: str) -> bytes | None:
        """A tile that waits."""
        found = self._pending.get(key)
        return None if found is None else found.tile

    def put(self, key: str, tile: bytes, written: Callable[[], None]) -> None:
        """Have a tile written. `written` is called then, or at once where nothing can be."""
        if not self._disk.works:
            written()
            return
        with self._lock:
            self._pending[key] = PendingTile(tile, written)
            self._bytes += len(tile)
            is_first, self._is_due = not self._is_due, True
        if self._bytes > self._most_bytes:
            self.write()
        elif is_first:
            self._thread.submit(self._write_soon).add_done_callback(lambda done: done.result())  # logs an error

    def write(self) -> None:
        """Write all that wait."""
        with self._writing:
            with self._lock:
                pending, self._bytes, self._is_due = dict(self._pending), 0, False
            try:
                self._disk.put_all({key: found.tile for key, found in pending.items()})
            finally:
                self._forget(pending)

    def close(self) -> None:
        """Write all that wait, and end."""
        self.write()
        self._thread.shutdown()

    def _write_soon(self) -> None:
        time.sleep(TOGETHER_S)
        self.write()

    def _forget(self, written: Mapping[str, PendingTile]) -> None:
        """Let others look for what is written, or could not be."""
        with self._lock:
            self._pending = {key: found for key, found in self._pending.items() if written.get(key) is not found}
        for found in written.values():
            found.written()
