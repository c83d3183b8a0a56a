"""One builder for each missing tile: the others wait for its bytes, in this worker and in all others."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from api.cache.keys import number_of

WAIT_S = 10.0
"""How long one waits for another's bytes. Then it makes them itself: the other may hang."""

LOOK_FIRST_S, LOOK_LAST_S = 0.001, 0.02
"""Between two looks whether the lock is free: the first time, and at most."""

FLOCK = struct.Struct("hhqqi4x")
"""struct flock of fcntl(2) on 64-bit Linux."""


Find = Callable[[], bytes | None]
Make = Callable[[], bytes]
Keep = Callable[[bytes, Callable[[], None]], None]


def forget(_: bytes, done: Callable[[], None]) -> None:
    """Keep nothing."""
    done()


class Building:
    """A tile that is being made: who made it, or failed, lets go of `done`."""

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


class Builders:
    """Builders of this worker, and locks that tell those of others: bytes of a file, by the number of the key.

    The locks belong to the open file (F_OFD_SETLK), so they hold between containers on one machine, and go with the
    process.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder`: of the file of locks; None: there are no other workers."""
        self._folder = folder
        self._file: LockFile | None = None
        self._building: dict[str, Building] = {}
        self._lock = Lock()

    def build(self, key: str, find: Find, make: Make, keep: Keep = forget) -> bytes:
        """The tile that `make` gives, called by one at a time.

        `find`: looks for what another worker made meanwhile; `keep`: has what was made kept where `find` looks, and
        calls what it is given once it is there. An error of `make` is that of all who wait in this worker.
        """
        mine = Building()
        with self._lock:
            first = self._building.setdefault(key, mine)
        return self._build(key, mine, find, make, keep) if first is mine else result_of(first, make)

    def _build(self, key: str, mine: Building, find: Find, make: Make, keep: Keep) -> bytes:
        """The tile, made by this thread and told to those who wait."""
        try:
            mine.tile = self._in_turn(key, find, make, keep)
        except BaseException as error:
            mine.error = error
            raise
        finally:
            with self._lock:
                del self._building[key]
            mine.done.release()
        return mine.tile

    def _in_turn(self, key: str, find: Find, make: Make, keep: Keep) -> bytes:
        """The tile, found or made with the lock of its key held, or after WAIT_S without it. Made, it is locked until
        others can find it."""
        file, place = self._open(), abs(number_of(key))
        if file is not None:
            wait_for(file.descriptor, place)
        try:
            found = find()
            tile = make() if found is None else found
        except BaseException:
            let_go(file, place)
            raise
        if found is None:
            keep(tile, lambda: let_go(file, place))
        else:
            let_go(file, place)
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


def result_of(building: Building, make: Make) -> bytes:
    """What another thread makes; what `make` gives when it takes too long. Raises: what the other raised"""
    if not building.done.acquire(timeout=WAIT_S):
        return make()
    building.done.release()
    if building.error is not None:
        raise building.error
    return building.tile


def wait_for(descriptor: int, place: int) -> bool:
    """Lock a byte of an open file. False when it is not free within WAIT_S, or the file system has no locks."""
    deadline, pause_s = time.monotonic() + WAIT_S, LOOK_FIRST_S
    while True:
        try:
            set_lock(descriptor, place, fcntl.F_WRLCK)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LOOK_LAST_S)
        except OSError:
            return False
        else:
            return True


def let_go(file: LockFile | None, place: int) -> None:
    """Unlock a byte of an open file, if there is one and it was locked."""
    if file is None:
        return
    try:
        set_lock(file.descriptor, place, fcntl.F_UNLCK)
    except OSError:
        return


def set_lock(descriptor: int, place: int, kind: int) -> None:
    """Lock a byte of an open file, or let go of it. Raises: OSError"""
    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))
