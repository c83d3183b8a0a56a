"""Slots: how many requests that may hold a thread for long a worker has at once. Most take milliseconds, so one more
waits for a moment.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from math import inf
from threading import BoundedSemaphore
from time import monotonic

from core.errors import IsthmusError, TooManyBodies

STUCK_S = 1.0
"""Where no slot was taken or left for so long, nobody waits for one: who waits holds a thread, too."""

BODY_WAIT_S = 0.2
"""A body that comes with its request is read in far less, so honest clients wait for a slot and get it."""


class Slots:
    """As many as `most` at once, and `waiting` that wait for one of these, for `wait_s` at most."""

    def __init__(self, most: int, waiting: int, wait_s: float, refusal: Callable[[], IsthmusError]) -> None:
        """`refusal`: the error for those that get none."""
        self._free, self._waiting = BoundedSemaphore(most), BoundedSemaphore(waiting)
        self._wait_s = wait_s
        self._refusal = refusal
        self._moved_s = -inf

    @contextmanager
    def one(self) -> Generator[None]:
        """Have a slot inside. Raises: the refusal"""
        self.take()
        try:
            yield
        finally:
            self.leave()

    def take(self) -> None:
        """Take a slot. Raises: the refusal"""
        if not self._free.acquire(blocking=False) and not self._wait():
            raise self._refusal()
        self._moved_s = monotonic()

    def leave(self) -> None:
        """Leave a slot."""
        self._moved_s = monotonic()
        self._free.release()

    def _wait(self) -> bool:
        """Wait for a slot, unless enough others do, or none changes hands. Whether there was one."""
        if monotonic() - self._moved_s > STUCK_S or not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._free.acquire(timeout=self._wait_s)
        finally:
            self._waiting.release()


def body_slots(threads: int) -> Slots:
    """Those of bodies of requests. Who sends one slowly holds a thread for as long as it takes, so fewer than half of a
    worker's wait for bodies; exports have half of them, so that one is left for what takes no time.
    """
    hint = "try again in a few seconds"
    refusal = partial(TooManyBodies, "other requests send their bodies at the moment", hint=hint)
    return Slots(max(1, threads // 2 - 1), threads, BODY_WAIT_S, refusal)
