"""Exports: everything that matches, streamed from PostgreSQL to the client with flat memory.

Each holds a connection and a thread for as long as it runs, so only some run at once: the rest is for small requests.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from api.http.slots import Slots
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import TooManyExports

WAIT_S = 1.0
"""How long an export waits for others. Of 6 small ones at once to two workers one in nine was refused without."""


class Exports:
    """The exports of a worker: as many as half of its threads, and at most half of its connections. Fewer wait."""

    def __init__(self, database: Database, most: int, timeout_s: int) -> None:
        """`most`: exports at once; `timeout_s`: how long one may take in the database."""
        refusal = partial(TooManyExports, "other exports run at the moment", hint="try again in a minute")
        self.slots = Slots(most, max(1, most - 1), WAIT_S, refusal)
        self._database = database
        self._timeout_s = timeout_s

    def start(self, statement: Statement) -> Generator[bytes]:
        """The bytes of an export. The first ones are fetched here, so that errors come before a response.

        Raises: TooManyExports; whatever the database says to the statement
        """
        self.slots.take()
        blocks = self._run(statement)
        first = next(blocks, b"")
        return resumed(first, blocks)

    def _run(self, statement: Statement) -> Generator[bytes]:
        """The blocks; the slot is free again at the end, however it comes."""
        try:
            yield from self._database.stream(statement, self._timeout_s)
        finally:
            self.slots.leave()


def resumed(first: bytes, blocks: Generator[bytes]) -> Generator[bytes]:
    """The first block and the rest. Closing this closes the rest, which a chain of iterators would not."""
    try:
        yield first
        yield from blocks
    finally:
        blocks.close()
