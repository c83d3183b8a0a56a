"""The tests' own cluster: what the other tests rely on."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from core.database.connections import connect
from support.cluster import Cluster, Database
from support.publish import publish


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


CATALOGUE = "SELECT (SELECT count(*) FROM isthmus.collections), (SELECT number FROM isthmus.generation)"


def used(cluster: Cluster, *statements: LiteralString) -> str:
    """The name of a database that a test had, loaded into, and gave up."""
    database = cluster.clone()
    publish(database, "points", "SELECT 1 AS fid, ST_Point(1, 2) AS geom", columns={})
    with psycopg.connect(cluster.superuser(database.owner.db_name), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.replace("NAME", database.owner.db_name))
    cluster.drop(database)
    return database.owner.db_name


def test_a_used_database_comes_back_as_a_new_one(cluster: Cluster) -> None:
    name = used(cluster)
    again = cluster.clone()
    assert again.owner.db_name == name
    with again.connect() as connection:
        assert connection.execute(CATALOGUE).fetchone() == (0, 1)
        assert connection.execute("SELECT FROM pg_class WHERE relnamespace = 'data'::regnamespace").fetchall() == []
    assert publish(again, "points", "SELECT 1 AS fid, ST_Point(1, 2) AS geom", columns={}) == 1
    cluster.drop(again)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW public.view AS SELECT 1 AS fid",
        "CREATE FUNCTION data.one() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "REVOKE SELECT ON isthmus.versions FROM isthmus_reader",
        "ALTER TABLE isthmus.loads ADD extra text",
        "COMMENT ON TABLE isthmus.loads IS 'loads'",
        "INSERT INTO spatial_ref_sys (srid, srtext) VALUES (990000, 'x')",
        "DELETE FROM isthmus.migrations WHERE number = 14",
        "DROP SCHEMA published CASCADE",
        "DROP SCHEMA isthmus CASCADE",
        "ALTER DATABASE NAME SET work_mem = '1MB'",
    ],
)
def test_a_database_that_was_altered_is_given_to_nobody(cluster: Cluster, statement: LiteralString) -> None:
    name = used(cluster, statement)
    assert name not in cluster.spares
    with psycopg.connect(cluster.superuser("postgres")) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None
