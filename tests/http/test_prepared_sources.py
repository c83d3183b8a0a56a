"""Tiles of somebody else's tables from what `isthmus prepare` keeps beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mapbox_vector_tile
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from psycopg import Connection

from api.app import create_app
from api.tms.tile import tile_at
from cli.main import isthmus
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from support.cluster import Cluster, Database, environment
from support.odd import wait_for

COUNT = 30_000
TABLES = """
CREATE SCHEMA theirs;
GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA theirs GRANT SELECT ON TABLES TO isthmus_reader;
CREATE TABLE theirs."Posts" (
    "Gid" integer PRIMARY KEY, people integer, "the name" text, note numeric, geom geometry(Point, 3067));
INSERT INTO theirs."Posts"
SELECT n, n * 7919 % 30011, 'post ' || n, 1.5, ST_Point(380000 + n % 173 * 50, 6670000 + n / 173 * 50, 3067)
FROM generate_series(1, 30000) AS n;
CREATE INDEX ON theirs."Posts" USING gist (geom);
CREATE TABLE theirs.houses (id bigint PRIMARY KEY, kind text, shape geometry(Polygon, 4326));
INSERT INTO theirs.houses
SELECT n, 'house', ST_MakeEnvelope(x, y, x + 0.0001, y + 0.0001, 4326)
FROM (SELECT n, 10 + n % 173 * 0.0005 AS x, 50 + n / 173 * 0.0005 AS y FROM generate_series(1, 30000) AS n) AS places;
CREATE TABLE theirs.things (id bigint PRIMARY KEY, kind text, geom geometry);
INSERT INTO theirs.things
SELECT n, p.kind, ST_SetSRID(CASE p.kind
    WHEN 'post' THEN ST_Point(x, y) WHEN 'path' THEN ST_MakeLine(ST_Point(x, y), ST_Point(x + 0.005, y))
    WHEN 'shed' THEN ST_MakeEnvelope(x, y, x + 0.0001, y + 0.0001)
    ELSE ST_Collect(ST_Point(x, y), ST_MakeEnvelope(x, y, x + 0.0001, y + 0.0001)) END, 4326)
FROM (
    SELECT n, 10 + n % 173 * 0.0005 AS x, 50 + n / 173 * 0.0005 AS y,
           (ARRAY['post', 'path', 'shed', 'yard'])[1 + n % 4] AS kind
    FROM generate_series(1, 30000) AS n) AS p;
INSERT INTO theirs.things VALUES (40001, 'river', 'SRID=4326;LINESTRING(5 50, 15 50.1)'),
    (40002, 'region', 'SRID=4326;GEOMETRYCOLLECTION(POINT(10 50), POLYGON((8 49, 12 49, 12 51, 8 51, 8 49)))');
CREATE TABLE theirs.few (id integer PRIMARY KEY, geom geometry(Point, 4326));
CREATE TABLE theirs.no_key (geom geometry(Point, 4326));
CREATE TABLE theirs.no_geometry (id integer PRIMARY KEY);
CREATE TABLE theirs.nowhere (id integer PRIMARY KEY, geom geometry(Point));
ANALYZE;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with tables that nobody loaded."""
    found = cluster.clone()
    with open_catalogue(found.owner) as connection:
        connection.execute(TABLES)
    yield found
    cluster.drop(found)


@pytest.fixture
def owner(database: Database) -> Iterator[Connection[Any]]:
    with open_catalogue(database.owner) as connection:
        yield connection


@pytest.fixture(scope="module")
def app(database: Database) -> Iterator[Flask]:
    """The API that publishes them."""
    pool = Pool(database.reader)
    yield create_app(replace(database.reader, schemas="theirs"), pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def run(database: Database, *arguments: str) -> Any:
    """The command."""
    variables = environment(database.owner, ISTHMUS_SCHEMAS="theirs")
    return CliRunner(env=variables).invoke(isthmus, ["prepare", *arguments])


def low_tile(client: FlaskClient, id: str, z: int, x: float, y: float) -> list[Any]:
    """The features of a tile."""
    tile = tile_at(x, y, z)
    response = client.get(f"/collections/{id}/tiles/WebMercatorQuad/{z}/{tile.row}/{tile.column}")
    if response.status_code == 204:
        return []
    assert response.status_code == 200, response.text
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})[id]["features"]


def thinned(client: FlaskClient, id: str) -> dict[str, Any] | None:
    """What TileJSON says of low zooms."""
    [layer] = client.get(f"/collections/{id}/tiles/WebMercatorQuad/tilejson.json").get_json()["vector_layers"]
    return layer.get("isthmus:thinned")


def test_points_of_a_table_are_thinned_once_it_is_prepared(database: Database, client: FlaskClient):
    assert len(low_tile(client, "Posts", 6, 24.87, 60.17)) > COUNT / 2
    done = run(database, "theirs.Posts", "--rank", "people")
    assert done.exit_code == 0, done.output
    assert "prepared in data.isthmus_prepared_" in done.output
    told = wait_for(lambda: thinned(client, "Posts"), bool)
    assert told["below"] > 6
    assert told["prepared"].startswith("20")
    assert told["properties"] == ["Gid", "people", "the name"]
    found = low_tile(client, "Posts", 6, 24.87, 60.17)
    assert 0 < len(found) < COUNT / 100
    best = max(found, key=lambda feature: feature["properties"]["people"])
    assert best["properties"]["people"] == 30010
    assert best["id"] == best["properties"]["Gid"]
    assert "note" not in best["properties"]
    high = low_tile(client, "Posts", 14, 24.87, 60.17)
    assert "note" in high[0]["properties"]


def test_polygons_of_a_table_become_squares(database: Database, client: FlaskClient):
    assert run(database, "houses").exit_code == 0
    wait_for(lambda: thinned(client, "houses"), bool)
    found = low_tile(client, "houses", 6, 10.02, 50.02)
    assert found
    assert all("merged" in feature["properties"] for feature in found)
    assert client.get("/collections/houses/tiles/WorldCRS84Quad/9/113/540").status_code in (200, 204)


def test_a_column_of_any_geometry_is_prepared_by_kind(database: Database, client: FlaskClient):
    assert len(low_tile(client, "things", 6, 10.02, 50.02)) > COUNT / 5, "posts and paths"
    done = run(database, "theirs.things", "--properties", "kind")
    assert done.exit_code == 0, done.output
    assert "prepared in data.isthmus_prepared_" in done.output
    told = wait_for(lambda: thinned(client, "things"), bool)
    for words in ("the most important point", "lines at least", "squares for the others"):
        assert words in told["shown"]
    found = low_tile(client, "things", 6, 10.02, 50.02)
    assert len(found) < COUNT / 50
    shown = {feature["properties"].get("kind"): feature["id"] for feature in found if "id" in feature}
    assert {"post", "path"} < shown.keys()
    assert (shown["river"], shown["region"]) == (40001, 40002)
    merged = sum(feature["properties"].get("merged", 0) for feature in found)
    assert merged == COUNT / 2, "sheds and yards"
    high = low_tile(client, "things", 15, 10.04, 50.04)
    assert {"post", "path", "shed", "yard", "region"} == {feature["properties"]["kind"] for feature in high}
    assert client.get("/collections/things/tiles/WorldCRS84Quad/9/113/540").status_code in (200, 204)


def test_their_tables_stay_as_they_are(database: Database, owner: Connection[Any]):
    text = "SELECT attname FROM pg_attribute WHERE attrelid = 'theirs.houses'::regclass AND attnum > 0 ORDER BY attnum"
    assert [row[0] for row in owner.execute(text)] == ["id", "kind", "shape"]
    left = owner.execute("SELECT relname FROM pg_class WHERE relname ~ '^isthmus_prepared_[0-9]+_[0-9]+$'").fetchall()
    assert left == [], "the copy that it was prepared from"


def test_preparing_again_takes_the_place_of_what_was_prepared(database: Database, owner: Connection[Any]):
    def tables() -> set[str]:
        return {one["table"] for one in json.loads(run(database, "--json").output) if one["source"] == "theirs.houses"}

    run(database, "theirs.houses")
    [before] = tables()
    assert run(database, "theirs.houses", "--properties", "kind").exit_code == 0
    [after] = tables()
    assert before != after
    assert owner.execute("SELECT to_regclass(%s)", [before]).fetchone() == (None,)


def test_the_list_says_how_many_rows_changed(database: Database, owner: Connection[Any]):
    run(database, "theirs.houses")

    def changed() -> int:
        return next(
            one["changed"] for one in json.loads(run(database, "--json").output) if one["source"] == "theirs.houses"
        )

    assert changed() == 0
    owner.execute("UPDATE theirs.houses SET kind = 'hut' WHERE id <= 10")
    owner.execute("SELECT pg_stat_force_next_flush()")
    wait_for(changed, lambda count: count == 10)
    assert "CHANGED SINCE" in run(database).output


def test_what_was_prepared_can_be_dropped(database: Database, client: FlaskClient):
    run(database, "theirs.houses")
    assert run(database, "theirs.houses", "--drop").exit_code == 0
    wait_for(lambda: thinned(client, "houses"), lambda found: found is None)
    assert run(database, "theirs.houses", "--drop").exit_code == 2


def test_few_rows_need_nothing(database: Database):
    done = run(database, "few")
    assert done.exit_code == 0, done.output
    assert "need no preparation" in done.output


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["nothing"], "there is no table"),
        (["hoses"], "houses"),
        (["no_key"], "primary key"),
        (["no_geometry"], "no column of type geometry"),
        (["nowhere"], "SRID"),
        (["houses", "--rank", "kind"], "no column of numbers"),
        (["houses", "--properties", "kinds"], "kind"),
    ],
)
def test_what_cannot_be_prepared_is_told_in_two_lines(database: Database, arguments: list[str], hint: str):
    done = run(database, *arguments)
    assert done.exit_code == 2
    assert hint in done.output
    assert "SELECT" not in done.output


def test_a_comment_of_somebody_elses_is_no_preparation(database: Database, owner: Connection[Any], client: FlaskClient):
    [oid] = owner.execute("SELECT 'theirs.few'::regclass::oid").fetchone() or [0]
    name = f"isthmus_prepared_{oid}_1_tiles"
    owner.execute(f"CREATE TABLE data.{name} (n integer)")
    for comment in ("just words", "{}", '{"source": "theirs.few", "key": "id", "geometry": "geom", "kind": "points"}'):
        owner.execute(f"COMMENT ON TABLE data.{name} IS '{comment}'")
        assert client.get("/collections/few/tiles/WebMercatorQuad/0/0/0").status_code in (200, 204)
    owner.execute(f"DROP TABLE data.{name}")
