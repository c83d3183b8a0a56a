"""Exports: everything that matches, streamed from PostgreSQL to the client with flat memory.

Each holds a connection and a thread for as long as it runs, so only some run at once: the rest is for small requests.
Most exports take milliseconds, so one more waits for a moment.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import BoundedSemaphore

from core.db import Database
from core.errors import TooManyExports
from core.statement import Statement

WAIT_S = 1.0
"""How long an export waits for others. Of 6 small ones at once to two workers one in nine was refused without."""


class Exports:
    """The exports of a worker: at most half of its connections, and one more. Fewer wait, as each holds a thread."""

    def __init__(self, database: Database, pool_size: int, timeout_s: int) -> None:
        """`timeout_s`: how long one may take in the database."""
        self._database = database
        self._timeout_s = timeout_s
        self._slots = BoundedSemaphore(max(1, pool_size // 2))
        self._waiting = BoundedSemaphore(max(1, pool_size // 2 - 1))

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
            self._slots.release()

    def _take(self) -> None:
        if not self._slots.acquire(blocking=False) and not self._wait():
            raise TooManyExports("other exports run at the moment", hint="try again in a minute")

    def _wait(self) -> bool:
        """Wait for a slot, unless enough others do. Whether there was one in time."""
        if not self._waiting.acquire(blocking=False):
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
            self._slots.release()


def resumed(first: bytes, blocks: Generator[bytes]) -> Generator[bytes]:
    """The first block and the rest. Closing this closes the rest, which a chain of iterators would not."""
    try:
        yield first
        yield from blocks
    finally:
        blocks.close()
