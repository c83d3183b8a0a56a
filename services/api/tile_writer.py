"""Tiles on their way to the disk: an answer does not wait for it, and those that are made about the same time are
written together.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock, Thread

from api.tile_disk import TileDisk
from api.visits import Bell

log = logging.getLogger("isthmus.api.tiles")

TOGETHER_S = 0.01
"""How long a tile waits for others. About as long waits who looks for it from another worker."""

MOST_BYTES = 4_000_000
"""What may wait, if the disk takes so much at once. Who makes a tile more writes them all before it goes on."""


@dataclass(frozen=True, slots=True)
class Made:
    """A tile that waits. `written`: to be called once others find it on the disk."""

    tile: bytes
    written: Callable[[], None]


class TileWriter:
    """Writes to a disk, by a thread that begins with the first tile. Safe for threads."""

    def __init__(self, disk: TileDisk) -> None:
        """Nothing waits."""
        self._disk = disk
        self._most_bytes = min(MOST_BYTES, disk.look_bytes)
        self._waiting: dict[str, Made] = {}
        self._bytes = 0
        self._lock, self._writing = Lock(), Lock()
        self._comes = Bell()
        self._thread: Thread | None = None

    def get(self, key: str) -> bytes | None:
        """A tile that waits."""
        made = self._waiting.get(key)
        return None if made is None else made.tile

    def put(self, key: str, tile: bytes, written: Callable[[], None]) -> None:
        """Have a tile written. `written` is called then, or at once where nothing can be."""
        if not self._disk.works:
            written()
            return
        with self._lock:
            self._waiting[key] = Made(tile, written)
            self._bytes += len(tile)
            if self._thread is None:
                self._thread = Thread(target=self._run, name="isthmus-tile-writer", daemon=True)
                self._thread.start()
        if self._bytes > self._most_bytes:
            self.write()
        elif not self._comes.is_rung:
            self._comes.ring()

    def write(self) -> None:
        """Write all that wait."""
        with self._writing:
            with self._lock:
                waiting, self._bytes = dict(self._waiting), 0
            try:
                self._disk.put_all({key: made.tile for key, made in waiting.items()})
            finally:
                self._forget(waiting)

    def _forget(self, written: Mapping[str, Made]) -> None:
        """Let others look for what is written, or could not be."""
        with self._lock:
            self._waiting = {key: made for key, made in self._waiting.items() if written.get(key) is not made}
        for made in written.values():
            made.written()

    def _run(self) -> None:
        while True:
            self._comes.wait()
            time.sleep(TOGETHER_S)
            self._comes.quiet()
            try:
                self.write()
            except Exception:
                log.exception("tiles were not written to the disk")
