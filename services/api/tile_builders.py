"""One builder for each missing tile: the others wait for its bytes, in this worker and in all others."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from api.tile_keys import number_of

WAIT_S = 10.0
"""How long one waits for another's bytes. Then it makes them itself: the other may hang."""

LOOK_FIRST_S, LOOK_LAST_S = 0.001, 0.02
"""Between two looks whether the lock is free: the first time, and at most."""

FLOCK = "hhqqi4x"
"""struct flock of fcntl(2) on 64-bit Linux."""


class Builders:
    """Builders of this worker, and locks that tell those of others: bytes of a file, by the number of the key.

    The locks belong to the open file (F_OFD_SETLK), so they hold between containers on one machine, and go with the
    process.
    """

    def __init__(self, folder: Path | None) -> None:
        """`folder`: of the file of locks; None: there are no other workers."""
        self._folder = folder
        self._building: dict[str, Future[bytes]] = {}
        self._lock = Lock()

    def build(self, key: str, find: Callable[[], bytes | None], make: Callable[[], bytes]) -> bytes:
        """The tile that `make` gives, called by one at a time.

        `find`: looks for what another worker made meanwhile. An error of `make` is that of all who wait in this worker.
        """
        mine: Future[bytes] = Future()
        with self._lock:
            first = self._building.setdefault(key, mine)
        if first is not mine:
            return result_of(first, make)
        try:
            with self._turn(key):
                tile = find()
                mine.set_result(make() if tile is None else tile)
        except BaseException as error:
            mine.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._building[key]
        return mine.result()

    @contextmanager
    def _turn(self, key: str) -> Generator[None]:
        """Hold the lock of a key, or after WAIT_S go on without it."""
        descriptor = self._open()
        if descriptor is None:
            yield
            return
        try:
            wait_for(descriptor, abs(number_of(key)))
            yield
        finally:
            os.close(descriptor)

    def _open(self) -> int | None:
        """The file of locks, open; None where there can be none. An open file of its own for each lock."""
        if self._folder is None:
            return None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.open(self._folder / "locks", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None


def result_of(building: Future[bytes], make: Callable[[], bytes]) -> bytes:
    """What another thread makes; what `make` gives when it takes too long. Raises: what the other raised"""
    wait([building], timeout=WAIT_S)
    return building.result() if building.done() else make()


def wait_for(descriptor: int, place: int) -> bool:
    """Lock a byte of an open file. False when it is not free within WAIT_S, or the file system has no locks."""
    request = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0)
    deadline, pause_s = time.monotonic() + WAIT_S, LOOK_FIRST_S
    while True:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.5, LOOK_LAST_S)
        except OSError:
            return False
        else:
            return True
