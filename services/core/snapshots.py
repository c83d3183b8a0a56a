"""One state of the database that several connections see at once."""

from __future__ import annotations

import psycopg
from psycopg import sql

from core.leases import Connection

UNKNOWN = (
    psycopg.errors.UndefinedObject,
    psycopg.errors.InvalidParameterValue,
    psycopg.errors.FeatureNotSupported,
)
"""What a server says to a snapshot that is not its own: since PostgreSQL 17, before that, or of another database."""


class OnAnotherServer(Exception):
    """The connection leads to another server than that of the snapshot."""


class Snapshot:
    """The state that the first transaction in it sees, which the others are given while that one is open."""

    def __init__(self) -> None:
        """Of no transaction yet."""
        self._name: str | None = None

    def enter(self, connection: Connection) -> None:
        """Have the transaction of a connection, which has asked nothing yet, see this state. Raises: OnAnotherServer"""
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        if self._name is None:
            [(self._name,)] = connection.execute("SELECT pg_export_snapshot()").fetchall()
            return
        try:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self._name)))
        except UNKNOWN as error:
            raise OnAnotherServer from error
