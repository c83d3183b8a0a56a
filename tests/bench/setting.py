"""What the cases of the benchmark work with: the two ways to the same data, and the CPU that each has used."""

from __future__ import annotations

import http.client
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from bench.measure import Result, Side, Work, compare
from support.cluster import Database

Pair = tuple[Work, Work]


@dataclass(slots=True)
class Bench:
    """Raw SQL and HTTP, each over one connection that is kept."""

    database: Database
    connection: psycopg.Connection
    http: http.client.HTTPConnection
    runs: int

    def table(self, id: str) -> sql.Identifier:
        """The table of a collection's served version."""
        row = self.connection.execute(
            "SELECT table_name FROM isthmus.versions JOIN isthmus.collections ON version = current_version"
            " WHERE id = %s",
            [id],
        ).fetchone()
        assert row is not None
        return sql.Identifier("data", row[0])

    def get(self, path: str, encoding: str = "identity") -> bytes:
        """The body of an answer that must be a 2xx."""
        response = self.ask(path, encoding)
        body = response.read()
        assert response.status in (200, 204), body
        return body

    def ask(self, path: str, encoding: str) -> http.client.HTTPResponse:
        """The answer, over the connection that is kept, or a fresh one where a long floor made the server end it."""
        for _ in range(2):
            self.http.request("GET", path, headers={"Accept-Encoding": encoding})
            try:
                return self.http.getresponse()
            except http.client.RemoteDisconnected:
                self.http.close()
        raise AssertionError(f"the server ends every connection that asks for {path}")

    def rows(
        self, statement: sql.Composed, params: dict[str, object], *, binary: bool = False
    ) -> list[tuple[Any, ...]]:
        """The rows of a statement."""
        return self.connection.execute(statement, params, binary=binary).fetchall()

    def floor(self, text: LiteralString, id: str) -> tuple[sql.Composed, str]:
        """A statement with `{table}` and `{feature}` filled in, and its text for the report."""
        statement = sql.SQL(text).format(table=self.table(id), feature=FEATURE)
        return statement, statement.as_string(None)

    def compare(  # noqa: PLR0913
        self,
        name: str,
        floor: str,
        pair: Callable[[], Pair],
        runs: int | None = None,
        *,
        over_http: bool = False,
        side: Side | None = None,
    ) -> Result:
        """Measure as many pairs as are wanted, after a few that warm both sides up. `over_http`: the floor is ours too;
        `side`: whose CPU the floor takes, where it is another server
        """
        for work in (work for _ in range(3) for work in pair()):
            work()
        pairs = [pair() for _ in range(runs or self.runs)]
        bare, ours = self.sides()
        return compare(name, floor, pairs, (side or (ours if over_http else bare), ours))

    def sides(self) -> tuple[Side, Side]:
        """The raw connection and its workers, with this process as its client; the API's processes and backends."""
        backend = self.connection.info.backend_pid
        bare = Side([backend], client=True, parent=parent_of(backend))
        return bare, Side([*self.servers(), *self.backends()])

    def servers(self) -> list[int]:
        """The API's processes: those below this one that run it."""
        return [pid for pid in below(os.getpid()) if "gunicorn.conf.py" in text_of(pid, "cmdline")]

    def backends(self) -> list[int]:
        """The backends of the reader."""
        statement = "SELECT pid FROM pg_stat_activity WHERE usename = %s"
        return [row[0] for row in self.connection.execute(statement, [self.database.reader.db_user])]


def parent_of(pid: int) -> int:
    """The process that started a process."""
    return int(text_of(pid, "stat").rsplit(")", 1)[1].split()[1])


def below(pid: int) -> list[int]:
    """The processes that a process started, and those that they started."""
    children = [int(name) for name in text_of(pid, f"task/{pid}/children").split()]
    return [*children, *(grandchild for child in children for grandchild in below(child))]


def text_of(pid: int, name: str) -> str:
    """A file of /proc about a process; empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/{name}").read_text(errors="replace")
    except OSError:
        return ""


FEATURE = sql.SQL(
    """'{{"type":"Feature","id":' || fid || ',"geometry":' || ST_AsGeoJSON(geom, 7) || ',"properties":' ||"""
    """ row_to_json(p)::text || '}}'"""
).format()
"""The text of a feature, as the API has PostgreSQL write it. `p` is a row of the properties."""
