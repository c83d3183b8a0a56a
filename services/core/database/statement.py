"""Statements as values, their text and their parameters, and as a connection keeps them prepared. Making one opens
nothing.

Prepared ones are run through libpq itself: a cursor of psycopg that runs a statement known to the server takes 45 µs of
this process, this 9 (2026-11-26).
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from select import POLLIN, POLLOUT, poll
from types import MappingProxyType
from typing import Any, LiteralString, NamedTuple, cast, overload

import psycopg
from psycopg import sql
from psycopg.adapt import Transformer
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGconn, PGresult

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})

PLACE = re.compile(r"%(?:%|\((\w+)\)s)")
WITHOUT_CAST = re.compile(r"%\((\w+)\)s(?!::)")
INTEGER, UNKNOWN = 23, 0
"""OIDs of types."""

MOST_PREPARED = 200
"""Statements that a connection keeps: each is a plan in the memory of its backend."""

FORGOTTEN = b"26000"
"""The state of a statement that the connection does not know: psycopg lets go of all of them after a ROLLBACK."""

TEXT, BINARY = 0, 1

CHUNK_ROWS, SMALL_CHUNK_ROWS = 4, 32
"""Rows that libpq hands over at once where each may have megabytes, and where rows are small.
One by one 10,000 rows cost this process twice as much as all at once, in fours 1.7 times, in chunks of 32 1.2 times (2
December 2026); all at once they would all be in memory.
"""

CANCEL_S = 5.0

Row = tuple[bytes | None, ...]
"""The values of a row in PostgreSQL's binary form: a text and a bytea as they are, a bigint in eight bytes."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the server knows it. `names`: what the values of `$1`, `$2`, … are called; `types`: their OIDs."""

    id: bytes
    text: bytes
    names: tuple[str, ...]
    types: tuple[int, ...]

    def values(self, params: Mapping[str, Any]) -> list[bytes]:
        """The values in their order, as PostgreSQL reads them. They are numbers and texts."""
        return [str(params[name]).encode() for name in self.names]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with `%(name)s` places, and the values for them. `prepared`: its form for connections that keep it."""

    text: sql.SQL | sql.Composed
    params: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMS)
    prepared: Prepared | None = None

    def given(self, params: Mapping[str, Any]) -> Statement:
        """The same with other values."""
        return Statement(self.text, params, self.prepared)

    def as_text(self) -> str:
        """The text as the server sees it, for tests and logs."""
        return self.text.as_string(None)


def prepare(statement: Statement) -> Prepared:
    """The form of a statement's text. What its values are does not matter, but that those which are there as whole
    numbers stay such: of four bytes, unless the text casts them. Cost: that of the text's length.
    """
    names: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    given = statement.as_text()
    text, bare = PLACE.sub(place, given).encode(), set(WITHOUT_CAST.findall(given))
    whole = {name for name in bare if isinstance(statement.params.get(name), int)}
    types = tuple(INTEGER if name in whole else UNKNOWN for name in names)
    digest = hashlib.sha256(text + repr(types).encode()).hexdigest()
    return Prepared(b"isthmus_" + digest[:20].encode(), text, tuple(names), types)


def kept_ready(statement: Statement) -> Statement:
    """The statement with its prepared form, for one whose text is used again."""
    return replace(statement, prepared=prepare(statement))


def quoted(*parts: str) -> sql.Composable:
    """A quoted name, such as `"schema"."table"`.

    psycopg reads a percent sign in the text of a statement with values as the place of one, so it becomes a code point.
    """
    if not any("%" in part for part in parts):
        return sql.Identifier(*parts)
    escaped = (part.replace("\\", "\\\\").replace('"', '""').replace("%", "\\0025") for part in parts)
    return sql.SQL(cast("LiteralString", ".".join(f'U&"{part}"' for part in escaped)))


class TextRows(NamedTuple):
    """The rows of a statement whose first column is a text.

    texts:    that column, as the bytes that came
    others:   the other columns of each row
    is_whole: whether these are all rows; else they have more bytes than were wanted
    """

    texts: list[bytes]
    others: Sequence[tuple[Any, ...]]
    is_whole: bool


class Others(Sequence[tuple[Any, ...]]):
    """The columns behind the first one, as PostgreSQL wrote them, read one by one."""

    def __init__(self, columns: Sequence[Sequence[bytes | None]], oids: Sequence[int], number: int) -> None:
        """`oids`: the types of the columns; number: of the rows."""
        types = Transformer()
        self._columns = [
            (types.get_loader(oid, Format.TEXT).load, column) for oid, column in zip(oids, columns, strict=True)
        ]
        self._number = number

    @overload
    def __getitem__(self, index: int) -> tuple[Any, ...]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[Any, ...]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Any, ...] | list[tuple[Any, ...]]:
        places = range(self._number)[index]
        return self._read(places) if isinstance(places, int) else list(map(self._read, places))

    def _read(self, row: int) -> tuple[Any, ...]:
        values = [(load, column[row]) for load, column in self._columns]
        return tuple([None if value is None else load(value) for load, value in values])

    def __len__(self) -> int:
        return self._number


class PreparedStatements:
    """Those that one connection has, the least used first."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """None yet."""
        self._connection = connection
        self._pgconn = connection.pgconn
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._types = Transformer(connection)

    def row(self, prepared: Prepared, values: Sequence[bytes]) -> Row | None:
        """The first row; None without one. Raises: psycopg.Error"""
        return first_row(self._result(prepared, values, BINARY))

    def rows(self, prepared: Prepared, values: Sequence[bytes]) -> list[tuple[Any, ...]]:
        """All rows, as psycopg reads their values. Raises: psycopg.Error"""
        result = self._result(prepared, values, TEXT)
        self._types.set_pgresult(result)
        return self._types.load_rows(0, result.ntuples, tuple)

    def texts(
        self, prepared: Prepared, values: Sequence[bytes], most_bytes: float, chunk_rows: int = CHUNK_ROWS
    ) -> TextRows:
        """The rows, until their texts have more bytes than wanted. Raises: psycopg.Error"""
        if prepared.id in self._known:
            self._known.move_to_end(prepared.id)
            try:
                return self._read(prepared, values, most_bytes, chunk_rows)
            except psycopg.errors.InvalidSqlStatementName:
                pass  # FORGOTTEN
        self._prepare(prepared)
        return self._read(prepared, values, most_bytes, chunk_rows)

    def _read(self, prepared: Prepared, values: Sequence[bytes], most_bytes: float, chunk_rows: int) -> TextRows:
        self._pgconn.send_query_prepared(prepared.id, values, None, TEXT)
        self._pgconn.set_chunked_rows_mode(chunk_rows)
        texts: list[bytes] = []
        others: list[list[bytes | None]] = []
        oids: list[int] = []
        left = most_bytes
        with closing(results(self._pgconn)) as chunks:
            for chunk in chunks:
                if not oids:
                    oids = [chunk.ftype(column) for column in range(1, chunk.nfields)]
                    others = [[] for _ in oids]
                value, rows = chunk.get_value, range(chunk.ntuples)
                some = [value(row, 0) or b"" for row in rows]
                texts += some
                for number, column in enumerate(others, 1):
                    column += [value(row, number) for row in rows]
                left -= sum(map(len, some))
                if left < 0:
                    self._connection.cancel_safe(timeout=CANCEL_S)
                    break
        return TextRows(texts, Others(others, oids, len(texts)), left >= 0)

    def _result(self, prepared: Prepared, values: Sequence[bytes], form: int) -> PGresult:
        if prepared.id in self._known:
            self._known.move_to_end(prepared.id)
            result = self._pgconn.exec_prepared(prepared.id, values, None, form)
            if result.status == ExecStatus.TUPLES_OK:
                return result
            if result.error_field(DiagnosticField.SQLSTATE) != FORGOTTEN:
                raise error_of(self._pgconn, result)
        self._prepare(prepared)
        result = self._pgconn.exec_prepared(prepared.id, values, None, form)
        if result.status != ExecStatus.TUPLES_OK:
            raise error_of(self._pgconn, result)
        return result

    def _prepare(self, prepared: Prepared) -> None:
        result = self._pgconn.prepare(prepared.id, prepared.text, prepared.types)
        if result.status != ExecStatus.COMMAND_OK:
            raise error_of(self._pgconn, result)
        self._known[prepared.id] = None
        if len(self._known) > MOST_PREPARED:
            oldest, _ = self._known.popitem(last=False)
            # an error: it was forgotten already
            self._pgconn.exec_(b"DEALLOCATE " + oldest)


def results(pgconn: PGconn) -> Generator[PGresult]:
    """The chunks of rows of the statement that was sent. Closed early, it takes the rest, so that the
    connection can be used again. Raises: psycopg.Error
    """
    try:
        while (result := next_result(pgconn)) is not None:
            if result.status not in (ExecStatus.TUPLES_CHUNK, ExecStatus.TUPLES_OK):
                raise error_of(pgconn, result)
            if result.ntuples:
                yield result
    finally:
        while next_result(pgconn) is not None:
            pass


def next_result(pgconn: PGconn) -> PGresult | None:
    """What `get_result` gives, which itself holds the interpreter's lock until the server has answered: here the other
    threads run meanwhile. Raises: psycopg.OperationalError
    """
    while (unsent := pgconn.flush()) or pgconn.is_busy():
        waiting = poll()
        waiting.register(pgconn.socket, POLLIN | POLLOUT if unsent else POLLIN)
        waiting.poll()
        pgconn.consume_input()
    return pgconn.get_result()


def texts_of(
    connection: psycopg.Connection[Any], statement: Statement, most_bytes: float, chunk_rows: int = CHUNK_ROWS
) -> TextRows:
    """What `PreparedStatements.texts` gives, of a statement that is not worth to be prepared."""
    texts: list[bytes] = []
    others: list[tuple[Any, ...]] = []
    left = most_bytes
    with connection.cursor() as cursor:
        found = cursor.stream(statement.text, statement.params or None, size=chunk_rows)
        with closing(cast("Generator[tuple[Any, ...]]", found)) as rows:
            for row in rows:
                texts.append(row[0].encode())
                others.append(row[1:])
                left -= len(texts[-1])
                if left < 0:
                    break
    return TextRows(texts, others, left >= 0)


def first_row(result: PGresult) -> Row | None:
    """The first row; None without one."""
    return tuple(result.get_value(0, column) for column in range(result.nfields)) if result.ntuples else None


def error_of(pgconn: PGconn, result: PGresult) -> psycopg.Error:
    """The error of a result, as psycopg has it. What has no state is libpq's own: the connection was lost."""
    if pgconn.status != ConnStatus.OK or result.error_field(DiagnosticField.SQLSTATE) is None:
        return psycopg.OperationalError(result.get_error_message())
    return psycopg.errors.error_from_result(result, encoding="utf-8")
