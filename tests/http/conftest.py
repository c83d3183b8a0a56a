"""A small world to ask questions of: places around the globe, a national grid, a table without geometry."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.network import leave_network
from support.odd import make_odd_tables, sources_app, surveyed
from support.publish import publish

PLACES = """
SELECT * FROM (VALUES
    (1, 'Helsinki', 658000, 0.5::real, true, date '1550-06-12', timestamptz '2024-01-01 10:00Z',
     ST_Point(24.94, 60.17)),
    (2, 'Tampere', 244000, 1.1, false, '1779-10-01', '2024-02-01 10:00Z', ST_Point(23.76, 61.50)),
    (3, 'Suva', 93000, 2.5, true, '1849-01-01', '2024-03-01 10:00Z', ST_Point(178.44, -18.14)),
    (4, 'Apia', 37000, 3.5, true, '1850-01-01', '2024-04-01 10:00Z', ST_Point(-171.76, -13.83)),
    (5, 'Quito "Luz"', 2011000, 4.5, true, '1534-12-06', '2024-05-01 10:00Z', ST_Point(-78.47, -0.18)),
    (6, '京都', 1464000, 5.5, false, '0794-11-17', '2024-06-01 10:00Z', ST_Point(135.77, 35.01)),
    (7, NULL, NULL, NULL, NULL, NULL, NULL, NULL::geometry),
    (9, 'O''Higgins', 9007199254740993, 7.5, false, '1900-01-01', '2024-07-01 10:00:00.5Z', ST_Point(-57.9, -63.3)),
    (10, 'South Pole', 150, 8.5, false, '1956-11-01', '2024-08-01 10:00Z', ST_Point(0, -90)),
    (12, 'Null Island', 0, 9.5, false, '2009-01-01', '2024-09-01 10:00Z', ST_Point(0, 0))
) AS places (fid, name, population, ratio, capital, founded, seen, geom)
"""
PLACES_COLUMNS = {
    "name": "string",
    "population": "integer",
    "ratio": "number",
    "capital": "boolean",
    "founded": "date",
    "seen": "datetime",
}

GRID = """
SELECT n AS fid, 'cell ' || n AS name,
       ST_Transform(ST_MakeEnvelope(24.0 + n * 0.1, 60.0, 24.1 + n * 0.1, 60.1, 4326), 3067) AS geom
FROM generate_series(0, 9) AS n
"""

STOCK = """SELECT n AS fid, n * 2 AS amount, '{"a": [1, 2]}'::jsonb AS detail FROM generate_series(1, 3) AS n"""


def publish_world(database: Database) -> None:
    """The collections that these tests ask."""
    publish(database, "places", PLACES, columns=PLACES_COLUMNS, temporal_column="seen")
    publish(database, "grid", GRID, columns={"name": "string"}, srid=3067, geometry_type="Polygon")
    columns = {"amount": "integer", "detail": "json"}
    publish(database, "stock", STOCK, columns=columns, srid=None, geometry_type=None)


@pytest.fixture(scope="package")
def world(cluster: Cluster) -> Iterator[Database]:
    """A database that holds the small world."""
    database = cluster.clone()
    publish_world(database)
    leave_network(database.reader.data_dir)
    yield database
    cluster.drop(database)


@pytest.fixture(scope="package")
def app(world: Database) -> Iterator[Flask]:
    """The API on that database."""
    pool = Pool(world.reader)
    yield create_app(world.reader, pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


@pytest.fixture(scope="package")
def odd(cluster: Cluster) -> Iterator[Database]:
    """A database of odd tables, and of one loaded collection."""
    database = cluster.clone()
    publish(database, "places", "SELECT 1 AS fid, 'loaded' AS name, ST_Point(1, 2) AS geom", columns={"name": "string"})
    make_odd_tables(database)
    yield database
    cluster.drop(database)


@pytest.fixture(scope="package")
def odd_app(odd: Database) -> Iterator[Flask]:
    """The API that publishes them."""
    with sources_app(odd) as app:
        yield app


@pytest.fixture
def odd_client(odd_app: Flask) -> FlaskClient:
    """A client of that API, after its look at the data."""
    return surveyed(odd_app)
