"""Makes the catalogue's tables and brings them up to date, by the numbered files beside this one."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import LiteralString, cast

from psycopg import sql

from core.database.connections import Connection

MIGRATION_LOCK = 4_207_849
"""Key of the advisory lock under which one loader at a time migrates."""


def migrations() -> Iterator[tuple[int, LiteralString]]:
    """(number, text) of loader/sql/*.sql in order."""
    for path in sorted((files("loader") / "sql").iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".sql"):
            yield int(path.name[:3]), cast("LiteralString", path.read_text(encoding="utf-8"))


def migrate(connection: Connection) -> list[int]:
    """Bring the catalogue up to date as the owner; returns the numbers applied now. All of it or none.

    Two loaders that start at once wait for each other.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATION_LOCK])
        connection.execute("CREATE TABLE IF NOT EXISTS isthmus.migrations (number integer PRIMARY KEY)")
        done = {row[0] for row in connection.execute("SELECT number FROM isthmus.migrations")}
        applied: list[int] = []
        for number, text in migrations():
            if number not in done:
                connection.execute(sql.SQL(text))
                connection.execute("INSERT INTO isthmus.migrations (number) VALUES (%s)", [number])
                applied.append(number)
    return applied
