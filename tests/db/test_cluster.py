"""The tests' own cluster: what the other tests rely on."""

from __future__ import annotations

from core.db import connect
from support.cluster import Database


def test_a_clone_is_migrated_and_the_owner_can_make_tables(database: Database) -> None:
    with database.connect() as connection:
        assert connection.execute("SELECT number FROM isthmus.generation").fetchone() == (1,)
        connection.execute("CREATE TABLE data.probe (fid bigint)")


def test_the_reader_reads_what_the_owner_makes_later(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE data.probe AS SELECT 7 AS fid")
    with connect(database.reader) as connection:
        assert connection.execute("SELECT fid FROM data.probe").fetchone() == (7,)


def test_text_sorts_in_byte_order(database: Database) -> None:
    with database.connect() as connection:
        assert connection.execute("SELECT 'Zürich' < 'a', 'København' < 'Köln'").fetchone() == (True, False)
