"""The tests' own cluster: what the other tests rely on."""

from __future__ import annotations

from pathlib import Path

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


def test_a_backend_keeps_the_memory_of_a_tile_for_the_next_one(database: Database) -> None:
    points = "SELECT n AS fid, 'name ' || n AS name, ST_Point(n, n) AS geom FROM generate_series(1, 9000) AS n"
    faults: list[int] = []
    with database.connect() as connection:
        for _ in range(5):
            connection.execute(f"SELECT ST_AsMVT(f, 'x', 4096, 'geom', 'fid') FROM ({points}) AS f").fetchall()
            fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
            faults.append(int(fields[7]))
    assert faults[-1] - faults[-2] < 100, faults
