"""Tiles in other sets than WebMercatorQuad: which index they go by, and what lies across 180 degrees."""

from __future__ import annotations

from collections.abc import Iterator

import mapbox_vector_tile
import pytest
from flask.testing import FlaskClient
from psycopg import Connection

from api.app import create_app
from api.sql.tiles.tiles import select_tile
from api.tms.tile import WORLD_CRS84_QUAD, Tile
from core.catalog.collections import SELECT_COLLECTIONS, Collection, parse_catalog
from core.database.connections import Database as Pool
from support.cluster import Database
from support.publish import publish

# Six points around an island at 178 to -178 degrees, and a square far from it
ISLANDS = """
SELECT 1 AS fid, 'across' AS name,
       ST_GeomFromText('POLYGON((178 -18, 179 -19, -179 -19, -178 -18, -179 -17, 179 -17, 178 -18))') AS geom
UNION ALL SELECT 2, 'square', ST_MakeEnvelope(10, 10, 20, 20)
"""
# The island alone, in metres of a Mercator projection centred on 150 degrees
PACIFIC = """
SELECT 1 AS fid, 'across' AS name, ST_Transform(ST_SetSRID(geom, 4326), 3832) AS geom FROM (
    SELECT ST_GeomFromText('POLYGON((178 -18, 179 -19, -179 -19, -178 -18, -179 -17, 179 -17, 178 -18))') AS geom
) AS island
"""
SPREAD = """
SELECT n AS fid, 'p' || n AS name, ST_Point(n % 360 - 180, n % 180 - 90) AS geom FROM generate_series(1, 9000) AS n
"""


@pytest.fixture(scope="module")
def islands(module_database: Database) -> Database:
    """A database with shapes on both sides of 180 degrees."""
    columns = {"name": "string"}
    publish(module_database, "islands", ISLANDS, columns=columns, geometry_type="Polygon")
    publish(module_database, "pacific", PACIFIC, columns=columns, srid=3832, geometry_type="Polygon")
    publish(module_database, "spread", SPREAD, columns=columns)
    return module_database


@pytest.fixture
def client(islands: Database) -> Iterator[FlaskClient]:
    """A client of the API on it."""
    pool = Pool(islands.reader)
    yield create_app(islands.reader, pool).test_client()
    pool.close()


def sides(client: FlaskClient, name: str, place: str) -> list[tuple[int, int]]:
    """West and east of each part of the first feature in a tile."""
    response = client.get(f"/collections/{name}/tiles/WorldCRS84Quad/{place}")
    assert response.status_code == 200, response.text
    [layer] = mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True}).values()
    geometry = next(feature["geometry"] for feature in layer["features"] if feature["id"] == 1)
    rings = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    return sorted((min(x for x, _ in outer), max(x for x, _ in outer)) for outer, *_ in rings)


@pytest.mark.parametrize("name", ["islands", "pacific"])
def test_shape_across_the_antimeridian_lies_on_both_sides_in_degrees(client: FlaskClient, name: str):
    degrees = 4096 / 180
    assert sides(client, name, "0/0/1") == [(round(178 * degrees), 4096)]
    assert sides(client, name, "0/0/0") == [(0, round(2 * degrees))]


def test_tile_in_degrees_goes_by_the_index_of_the_geometry_itself(islands: Database):
    with islands.connect() as connection:
        spread = collection_of(connection, "spread")
        statement = select_tile(spread, Tile(6, 10, 20, WORLD_CRS84_QUAD))
        plan = connection.execute(b"EXPLAIN " + statement.text.as_bytes(connection), statement.params).fetchall()
    assert f"{spread.table}_geom_idx" in "\n".join(row[0] for row in plan)


def collection_of(connection: Connection, id: str) -> Collection:
    """A collection of the catalogue."""
    return parse_catalog(1, connection.execute(SELECT_COLLECTIONS.text).fetchall())[id]
