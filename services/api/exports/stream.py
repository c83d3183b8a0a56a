"""Exports: everything that matches, streamed from PostgreSQL to the client with flat memory.

Each holds a connection and a thread for as long as it runs, so only some run at once: the rest is for small requests.
Most exports take milliseconds, so one more waits for a moment. One at a time may use two connections.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import zip_longest
from threading import BoundedSemaphore, Semaphore

from core.db import Database
from core.errors import TooManyExports
from core.snapshots import OnAnotherServer, Snapshot
from core.statement import Statement

WAIT_S = 1.0
"""How long an export waits for others. Of 6 small ones at once to two workers one in nine was refused without."""

FOR_TWO = 6
"""Connections of a worker from which on an export may use two, if no other does."""


class Exports:
    """The exports of a worker: at most half of its connections, and one more. Fewer wait, as each holds a thread."""

    def __init__(self, database: Database, pool_size: int, timeout_s: int) -> None:
        """`timeout_s`: how long one may take in the database."""
        self._database = database
        self._timeout_s = timeout_s
        self._slots = BoundedSemaphore(max(1, pool_size // 2))
        self._waiting = BoundedSemaphore(max(1, pool_size // 2 - 1))
        self._beside = Semaphore(int(pool_size >= FOR_TWO))

    def start(self, whole: Statement, *parts: Statement) -> Generator[bytes]:
        """The bytes of an export. The first ones are fetched here, so that what is refused is refused before an answer.

        parts: statements whose rows, one of each in turn, are those of the whole: run side by side, unless others are
        Raises: TooManyExports; whatever the database says to the statement
        """
        self._take()
        blocks = self._run(whole, parts)
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

    def _run(self, whole: Statement, parts: Sequence[Statement]) -> Generator[bytes]:
        """The blocks; the slot is free again at the end, however it comes."""
        may_split = bool(parts) and not self._database.reads_replicas  # those have snapshots of their own
        is_split = may_split and self._beside.acquire(blocking=False)
        try:
            if is_split:
                with suppress(OnAnotherServer):  # raised before the first block
                    yield from self._run_together(parts)
                    return
            yield from self._database.stream(whole, self._timeout_s)
        finally:
            if is_split:
                self._beside.release()
            self._slots.release()

    def _run_together(self, parts: Sequence[Statement]) -> Generator[bytes]:
        """The blocks of parts in turns. Raises: OnAnotherServer"""
        shared = Snapshot()
        return in_turns([self._database.stream(part, self._timeout_s, shared) for part in parts])


def in_turns(parts: Sequence[Generator[bytes]]) -> Generator[bytes]:
    """One block of each, joined, and so on to the end of the longest. At the end, however it comes, all are closed."""
    with ExitStack() as closed:
        for part in parts:
            closed.callback(part.close)
        for blocks in zip_longest(*parts, fillvalue=b""):
            yield b"".join(blocks)


def resumed(first: bytes, blocks: Generator[bytes]) -> Generator[bytes]:
    """The first block and the rest. Closing this closes the rest, which a chain of iterators would not."""
    try:
        yield first
        yield from blocks
    finally:
        blocks.close()
