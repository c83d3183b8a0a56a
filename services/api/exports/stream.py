"""Exports: everything that matches, streamed from PostgreSQL to the client with flat memory.

Each holds a connection and a thread for as long as it runs, so only some run at once: the rest is for small requests.
Most exports take milliseconds, so one more waits for a moment.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from math import inf
from threading import BoundedSemaphore
from time import monotonic

from core.database.connections import Database
from core.database.statement import Statement
from core.errors import TooManyExports

WAIT_S = 1.0
"""How long an export waits for others. Of 6 small ones at once to two workers one in nine was refused without."""


class Exports:
    """The exports of a worker: as many as half of its threads, and at most half of its connections. Fewer wait."""

    def __init__(self, database: Database, most: int, timeout_s: int) -> None:
        """`most`: exports at once; `timeout_s`: how long one may take in the database."""
        self._database = database
        self._timeout_s = timeout_s
        self._slots = BoundedSemaphore(most)
        self._waiting = BoundedSemaphore(max(1, most - 1))
        self._moved_s = -inf

    def start(self, statement: Statement) -> Generator[bytes]:
        """The bytes of an export. The first ones are fetched here, so that errors come before a response.

        Raises: TooManyExports; whatever the database says to the statement
        """
        self._take()
        blocks = self._run(statement)
        first = next(blocks, b"")
        return resumed(first, blocks)

    @contextmanager
    def slot(self) -> Generator[None]:
        """The place of an export that a process of its own works on. Raises: TooManyExports"""
        self._take()
        try:
            yield
        finally:
            self._leave()

    def _take(self) -> None:
        if not self._slots.acquire(blocking=False) and not self._wait():
            raise TooManyExports("other exports run at the moment", hint="try again in a minute")
        self._moved_s = monotonic()

    def _leave(self) -> None:
        self._moved_s = monotonic()
        self._slots.release()

    def _wait(self) -> bool:
        """Wait for a slot, unless enough others do, or no slot was taken or left for so long. Whether there was one."""
        if monotonic() - self._moved_s > WAIT_S or not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._slots.acquire(timeout=WAIT_S)
        finally:
            self._waiting.release()

    def _run(self, statement: Statement) -> Generator[bytes]:
        """The blocks; the slot is free again at the end, however it comes."""
        try:
            yield from self._database.stream(statement, self._timeout_s)
        finally:
            self._leave()


def resumed(first: bytes, blocks: Generator[bytes]) -> Generator[bytes]:
    """The first block and the rest. Closing this closes the rest, which a chain of iterators would not."""
    try:
        yield first
        yield from blocks
    finally:
        blocks.close()
