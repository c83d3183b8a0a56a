"""How many bodies of requests are read at once. Who sends one slowly holds a thread for as long as it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from threading import BoundedSemaphore
from time import monotonic

from core.errors import TooManyBodies

WAIT_S = 0.2
"""A body that comes with its request is read in far less, so honest clients wait for a place and get it."""

STUCK_S = 1.0
"""Where no place was taken or left for so long, nobody waits for one: who waits holds a thread, too."""


class Bodies:
    """The bodies on their way to a worker: fewer than half of its threads wait for them.

    Exports have half of them, so that one is left for what takes no time.
    """

    def __init__(self, threads: int) -> None:
        """`threads`: of the worker."""
        self._slots = BoundedSemaphore(max(1, threads // 2 - 1))
        self._moved_s = -inf

    @contextmanager
    def one(self) -> Generator[None]:
        """Read one body inside. Raises: TooManyBodies"""
        if not (self._slots.acquire(blocking=False) or self._comes_free()):
            raise TooManyBodies("other requests send their bodies at the moment", hint="try again in a few seconds")
        self._moved_s = monotonic()
        try:
            yield
        finally:
            self._moved_s = monotonic()
            self._slots.release()

    def _comes_free(self) -> bool:
        """Whether a place that was waited for was taken."""
        return monotonic() - self._moved_s < STUCK_S and self._slots.acquire(timeout=WAIT_S)
