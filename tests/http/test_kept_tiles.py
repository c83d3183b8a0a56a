"""Kept tiles over HTTP: made once by all workers, there after a restart, and never those of another database."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from api.app import create_app
from core.database.connections import Database as Pool, conninfo
from support.cluster import Cluster, Database
from support.publish import publish
from support.server import running_api

POINTS = "SELECT n AS fid, 'point ' || n AS name, ST_Point(n, n) AS geom FROM generate_series(1, 50) AS n"
URL = "/collections/points/tiles/WebMercatorQuad/{}/{}/{}"


@pytest.fixture
def watched(cluster: Cluster, database: Database) -> Iterator[tuple[Database, Statements]]:
    """A database whose one collection takes its time, and the statements on it."""
    publish(database, "points", POINTS, columns={"name": "string"})
    with database.connect() as connection:
        [(table,)] = connection.execute("SELECT table_name FROM isthmus.versions").fetchall()
        name = sql.Identifier("data", table)
        connection.execute(sql.SQL("ALTER TABLE {} RENAME TO stored").format(name))
        slow = "CREATE VIEW {} AS SELECT s.* FROM (SELECT pg_sleep(0.5) OFFSET 0) AS w, data.stored AS s"
        connection.execute(sql.SQL(slow).format(name))
        connection.execute(sql.SQL("GRANT SELECT ON {} TO isthmus_reader").format(name))
    as_superuser = conninfo(database.owner, user="isthmus_tests")
    with psycopg.connect(as_superuser, autocommit=True) as connection:
        for setting in ("log_statement = 'all'", "log_min_messages = 'log'"):
            text = f"ALTER DATABASE {{}} SET {setting}"
            connection.execute(sql.SQL(text).format(sql.Identifier(database.owner.db_name)))
    yield database, Statements(cluster.directory / "log", table)


class Statements:
    """The statements for tiles in the log of PostgreSQL."""

    def __init__(self, log: Path, table: str) -> None:
        self._log = log
        self._table = table
        self._seen = self._count()

    def _count(self) -> int:
        lines = self._log.read_text().splitlines()
        return sum(f'"data"."{self._table}"' in line for line in lines)

    def new(self) -> int:
        """How many there are since the last time."""
        before, self._seen = self._seen, self._count()
        return self._seen - before


def fetch(url: str, path: str, **headers: str) -> tuple[int, str | None, bytes]:
    """Status, ETag and bytes of an answer, over a connection of its own."""
    client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    found = response.status, response.headers["ETag"], response.read()
    client.close()
    return found


def test_one_statement_serves_all_who_ask_in_all_workers_and_the_next_start(
    watched: tuple[Database, Statements], tmp_path: Path
):
    database, statements = watched
    settings = {"ISTHMUS_TILES_DIR": str(tmp_path), "ISTHMUS_WORKERS": "2"}
    with running_api(database, **settings) as one, running_api(database, **settings) as other:
        for url in (one, other) * 4:
            fetch(url, "/collections/points")
        statements.new()
        with ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(fetch, url, URL.format(1, 0, 1)) for url in (one, other) * 8]
        answers = {answer.result() for answer in asked}
        assert statements.new() == 1
    [(status, etag, tile)] = answers
    assert (status, bool(tile)) == (200, True)
    with running_api(database, **settings) as url:
        assert fetch(url, URL.format(1, 0, 1)) == (200, etag, tile)
        assert fetch(url, URL.format(1, 0, 1), **{"If-None-Match": etag or ""}) == (304, etag, b"")
        assert fetch(url, URL.format(1, 0, 1), **{"Accept-Encoding": "gzip"})[2][:2] == b"\x1f\x8b"
    assert statements.new() == 0


def test_tile_of_a_database_that_was_made_anew_is_another(cluster: Cluster, database: Database, tmp_path: Path):
    second = cluster.clone()
    publish(database, "points", POINTS, columns={"name": "string"})
    publish(second, "points", POINTS.replace("n, n", "n, -n"), columns={"name": "string"})
    pools = [Pool(database.reader), Pool(second.reader)]
    first, anew = (
        create_app(replace(each.reader, tiles_dir=str(tmp_path)), pool).test_client()
        for each, pool in zip((database, second), pools, strict=True)
    )
    old = first.get(URL.format(0, 0, 0))
    found = anew.get(URL.format(0, 0, 0), headers={"If-None-Match": old.headers["ETag"]})
    assert found.status_code == 200
    assert found.data != old.data
    for pool in pools:
        pool.close()
    cluster.drop(second)


def test_tiles_are_served_when_the_folder_cannot_be_written(database: Database, tmp_path: Path):
    publish(database, "points", POINTS, columns={"name": "string"})
    (tmp_path / "file").touch()
    pool = Pool(database.reader)
    client = create_app(replace(database.reader, tiles_dir=str(tmp_path / "file")), pool).test_client()
    first, second = client.get(URL.format(0, 0, 0)), client.get(URL.format(0, 0, 0))
    assert (first.status_code, second.data) == (200, first.data)
    assert json.loads(client.get("/collections/points").data)["id"] == "points"
    pool.close()
