"""One flight for each missing tile: one thread makes it, the others wait for its bytes, in this worker and in all."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock

from api.cache.sqlite import number_of

WAIT_S = 10.0
"""How long one waits for another's bytes. Then it makes them itself: the other may hang."""

LOOK_FIRST_S, LOOK_LAST_S = 0.001, 0.02
"""Between two looks whether the lock is free: the first time, and at most."""

Find = Callable[[], bytes | None]
Make = Callable[[], bytes]
Put = Callable[[bytes, Callable[[], None]], None]


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
