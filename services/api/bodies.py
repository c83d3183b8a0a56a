"""How many bodies of requests are read at once. Who sends one slowly holds a thread for as long as it takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import BoundedSemaphore

from core.errors import TooManyBodies

WAIT_S = 0.2
"""A body that comes with its request is read in far less, so honest clients wait for a place and get it."""


class Bodies:
    """The bodies on their way to a worker: at most half of its threads wait for them, so that the rest can serve."""

    def __init__(self, threads: int) -> None:
        """`threads`: of the worker."""
        self._slots = BoundedSemaphore(max(1, threads // 2))

    @contextmanager
    def one(self) -> Generator[None]:
        """Read one body inside. Raises: TooManyBodies"""
        if not self._slots.acquire(timeout=WAIT_S):
            raise TooManyBodies("other requests send their bodies at the moment", hint="try again in a few seconds")
        try:
            yield
        finally:
            self._slots.release()
