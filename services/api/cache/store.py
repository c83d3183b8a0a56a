"""Compressed tiles by key: in memory, behind it on the disk, and each missing one made once.

One flight for each missing tile: one thread makes it, the others wait for its bytes, in this worker and in all.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from api.cache.sqlite import TileDisk, WriteBehind, number_of
from core.cache import Cache
from core.settings import Settings

MB = 1_000_000
ENTRY_BYTES = 400
"""What an entry in memory takes beside its tile."""

TOUCHED_OF = 64
"""One in so many uses in memory is noted on the disk, which would else drop the most used tile as the least used."""

WAIT_S = 10.0
"""How long one waits for another's bytes. Then it makes them itself: the other may hang."""

LOOK_FIRST_S, LOOK_LAST_S = 0.001, 0.02
"""Between two looks whether the lock is free: the first time, and at most."""

Find = Callable[[], bytes | None]
Make = Callable[[], bytes]
Put = Callable[[bytes, Callable[[], None]], None]


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


class Flight:
    """A tile that is being made: who made it, or failed, releases `done`."""

    def __init__(self) -> None:
        """Begun."""
        self.done = Lock()
        self.done.acquire()
        self.tile = b""
        self.error: BaseException | None = None


class LockFile:
    """An open file of locks."""

    def __init__(self, folder: Path) -> None:
        """Opened, and made where it is not there. Raises: OSError"""
        folder.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(folder / "locks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def __del__(self) -> None:
        """Close it, once nobody holds a lock in it any more."""
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)

    @property
    def is_there(self) -> bool:
        """Whether the next who opens the file would open this one: somebody may have removed the folder."""
        return os.fstat(self.descriptor).st_nlink > 0


class SingleFlight:
    """Flights of this worker, and locks that stand for those of others: bytes of a file, by the number of the key.

    The locks are those of POSIX, which a process holds as long as it lives, also between containers on one machine.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder`: of the file of locks; None: there are no other workers."""
        self._folder = folder
        self._file: LockFile | None = None
        self._flights: dict[str, Flight] = {}
        self._lock = Lock()

    def run(self, key: str, find: Find, make: Make, put: Put = lambda _, done: done()) -> bytes:
        """The tile that `make` gives, called by one at a time.

        find: looks for what another worker made meanwhile
        put: caches what was made where `find` looks, and calls what it is given once it is there
        Raises: what `make` raises, as do all who wait in this worker
        """
        mine = Flight()
        with self._lock:
            first = self._flights.setdefault(key, mine)
        return self._fly(key, mine, find, make, put) if first is mine else result_of(first, make)

    def _fly(self, key: str, mine: Flight, find: Find, make: Make, put: Put) -> bytes:
        """The tile, made by this thread for those who wait."""
        try:
            mine.tile = self._in_turn(key, find, make, put)
        except BaseException as error:
            mine.error = error
            raise
        finally:
            with self._lock:
                del self._flights[key]
            mine.done.release()
        return mine.tile

    def _in_turn(self, key: str, find: Find, make: Make, put: Put) -> bytes:
        """The tile, found or made with the lock of its key held, or after WAIT_S without it. Made, it is locked until
        others can find it."""
        file, number = self._open(), abs(number_of(key))
        if file is not None:
            lock(file.descriptor, number)
        try:
            found = find()
            tile = make() if found is None else found
        except BaseException:
            unlock(file, number)
            raise
        if found is None:
            put(tile, lambda: unlock(file, number))
        else:
            unlock(file, number)
        return tile

    def _open(self) -> LockFile | None:
        """The file of locks; None where there can be none."""
        if self._folder is None:
            return None
        with self._lock:
            if self._file is None or not self._file.is_there:
                try:
                    self._file = LockFile(self._folder)
                except OSError:
                    self._file = None
            return self._file


def result_of(flight: Flight, make: Make) -> bytes:
    """What another thread makes; what `make` gives when it takes too long. Raises: what the other raised"""
    if not flight.done.acquire(timeout=WAIT_S):
        return make()
    flight.done.release()
    if flight.error is not None:
        raise flight.error
    return flight.tile


def lock(descriptor: int, number: int) -> bool:
    """Lock a byte of an open file. False when it is not free within WAIT_S, or the file system has no locks."""
    deadline, pause_s = time.monotonic() + WAIT_S, LOOK_FIRST_S
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LOOK_LAST_S)
        except OSError:
            return False
        else:
            return True


def unlock(file: LockFile | None, number: int) -> None:
    """Unlock a byte of an open file, if there is one and it was locked."""
    if file is not None:
        with suppress(OSError):
            fcntl.lockf(file.descriptor, fcntl.LOCK_UN, 1, number)
