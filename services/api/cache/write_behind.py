"""Tiles on their way to the disk: no response waits for it, and those made about the same time are written together."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

from api.cache.sqlite import TileDisk

TOGETHER_S = 0.01
"""How long a tile waits for others. About as long waits who looks for it from another worker."""

MOST_BYTES = 4_000_000
"""What may wait, if the disk takes so much at once. Who makes a tile more writes them all before it goes on."""


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
            self._thread.submit(self._write_soon).add_done_callback(raise_error)

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


def raise_error(done: Future[None]) -> None:
    """Raise the error that there was, which the executor logs."""
    done.result()
