"""Tiles of single features with very many corners, which nobody prepared for the zoom."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import LiteralString

import pytest
from flask.testing import FlaskClient
from psycopg import sql

from core.database.connections import Connection
from support.cluster import Cluster, Database
from support.mvt import check_tile, features_of
from support.odd import as_superuser, sources_app
from support.publish import publish

FRINGE = """
SELECT 1 AS fid, 'fringe' AS name, ST_SetSRID(ST_MakePolygon(ST_MakeLine(
    ST_Point(20 + r * cos(a), 10 + r * sin(a) / 2) ORDER BY n)), 4326) AS geom
FROM generate_series(0, 300000) AS n, LATERAL (SELECT 2 * pi() * (n % 300000) / 300000 AS a) AS turn,
     LATERAL (SELECT 25 + sin(15000 * a) / 4 AS r) AS fringe
"""
"""An ellipse whose edge goes in and out 15,000 times, which are folds of less than a unit at low zooms."""

ISLETS = """
SELECT 1 AS fid, 'islets' AS name, ST_Collect(ST_Expand(ST_SetSRID(ST_Point(x, y), 4326), 0.02) ORDER BY x, y) AS geom
FROM generate_series(-40, 40) AS x, generate_series(-40, 40) AS y
"""
CLOUD = """
SELECT 1 AS fid, 'cloud' AS name, ST_Collect(ST_SetSRID(ST_Point(sin(n) * 170, cos(n * 1.7) * 80), 4326)) AS geom
FROM generate_series(1, 20000) AS n
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with the shapes as tables of somebody's, and one of them loaded."""
    database = cluster.clone()
    publish(database, "loaded", FRINGE, columns={"name": "string"}, geometry_type="Polygon")
    with as_superuser(database) as connection:
        connection.execute("CREATE SCHEMA theirs; GRANT USAGE ON SCHEMA theirs TO isthmus_reader")
        for name, text in (("fringe", FRINGE), ("islets", ISLETS), ("cloud", CLOUD)):
            make_table(connection, name, text)
        connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO isthmus_reader")
    yield database
    cluster.drop(database)


def make_table(connection: Connection, name: str, text: LiteralString) -> None:
    """A table with a key."""
    table = sql.Identifier("theirs", name)
    connection.execute(sql.SQL("CREATE TABLE {} AS {}").format(table, sql.SQL(text)))
    connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(table))


@pytest.fixture
def client(database: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves them."""
    slow_machine = replace(database.reader, tile_timeout_s=4.0)
    with sources_app(replace(database, reader=slow_machine), "theirs") as app:
        yield app.test_client()


@pytest.mark.parametrize("place", ["0/0/0", "1/0/1", "2/1/2", "3/3/4"])
def test_tile_of_a_table_is_made_in_time(client: FlaskClient, place: str):
    response = client.get(f"/collections/fringe/tiles/WebMercatorQuad/{place}")
    assert response.status_code == 200, response.text  # ten seconds and more where nothing is made lighter
    assert check_tile(response.data) == {"fringe": 1}


@pytest.mark.parametrize("place", ["0/0/1", "1/0/2", "2/1/4"])
def test_tile_of_another_set_of_what_was_loaded_is_made_as_soon(client: FlaskClient, place: str):
    start = time.monotonic()
    response = client.get(f"/collections/loaded/tiles/WorldCRS84Quad/{place}")
    assert check_tile(response.data) == {"loaded": 1}
    assert time.monotonic() - start < 5  # half a minute where nothing is made lighter


def test_what_a_unit_shows_stays(client: FlaskClient):
    tile = client.get("/collections/islets/tiles/WorldCRS84Quad/2/1/4").data
    [islets] = features_of(tile, "islets")
    assert len(islets["geometry"]["coordinates"]) == 41 * 41
    tile = client.get("/collections/cloud/tiles/WorldCRS84Quad/0/0/1").data
    [cloud] = features_of(tile, "cloud")
    assert 9_000 < len(cloud["geometry"]["coordinates"]) < 11_000
