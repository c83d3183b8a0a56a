"""`explain=true` on a tile, on real tables: what it tells is true, and what it advises helps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mapbox_vector_tile
import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from cli.main import isthmus
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database, environment
from support.odd import wait_for
from support.publish import publish

TOWNS = """
SELECT n AS fid, 'town ' || n AS name, ST_Point(n % 180, n % 80) AS geom,
       (SELECT string_agg(md5((n * 1000 + k)::text), '') FROM generate_series(1, 20) AS k) AS story
FROM generate_series(1, 400) AS n
"""
TILE = "/collections/towns/tiles/WebMercatorQuad/0/0/0"
UNINDEXED = """
CREATE SCHEMA mine;
CREATE TABLE mine."Many towns" (gid serial PRIMARY KEY, name text, "Place" geometry(Point, 4326));
INSERT INTO mine."Many towns" (name, "Place")
SELECT 'n', ST_Point(n % 360 - 180, n % 160 - 80) FROM generate_series(1, 20000) AS n;
ANALYZE mine."Many towns";
GRANT USAGE ON SCHEMA mine TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA mine TO isthmus_reader;
"""

SLOW = """
CREATE VIEW mine.slow AS SELECT s.* FROM (SELECT pg_sleep(3) OFFSET 0) AS w, mine."Many towns" AS s;
GRANT SELECT ON mine.slow TO isthmus_reader;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    found = cluster.clone()
    publish(found, "towns", TOWNS, columns={"name": "string", "story": "string"})
    with found.connect() as connection:
        connection.execute(sql.SQL(UNINDEXED))
        connection.commit()
    yield found
    cluster.drop(found)


@pytest.fixture(scope="module")
def app(database: Database) -> Iterator[Flask]:
    pool = Pool(database.reader)
    yield create_app(replace(database.reader, explain="on", schemas="mine"), pool)
    pool.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


OPEN_TO_ALL: list[dict[str, Any]] = [
    {"explain": "off"},
    {"listen": "0.0.0.0:8080"},
    {"listen": "192.0.2.7:8080", "mode": "host"},
    {"bind": "0.0.0.0", "mode": "bridge"},
    {"mode": "swarm"},
    {"public_url": "https://maps.example.org"},
    {"trusted_proxies": "127.0.0.1"},
]
OWN: list[dict[str, Any]] = [
    {},
    {"listen": "[::1]:8080"},
    {"listen": "0.0.0.0:8080", "mode": "bridge"},
    {"listen": "unix:/run/api", "mode": "none"},
    {"listen": "0.0.0.0:8080", "explain": "on"},
]


@pytest.mark.parametrize("settings", OPEN_TO_ALL)
def test_nobody_is_told_where_others_may_ask_until_the_operator_wants_it(database: Database, settings: dict[str, Any]):
    pool = Pool(database.reader)
    client = create_app(replace(database.reader, **settings), pool).test_client()
    answer = client.get(f"{TILE}?explain=true")
    assert (answer.status_code, answer.json["code"]) == (403, "explain-off")
    assert "SELECT" not in answer.text
    assert "ISTHMUS_EXPLAIN" in answer.json["hint"]
    assert client.get(f"{TILE}?explain=false").status_code == 200
    assert client.get(f"{TILE}?explain=perhaps").json["code"] == "parameter-invalid"
    pool.close()


@pytest.mark.parametrize("settings", OWN)
def test_the_machine_that_alone_may_ask_is_told(database: Database, settings: dict[str, Any]):
    pool = Pool(database.reader)
    client = create_app(replace(database.reader, **settings), pool).test_client()
    assert client.get(f"{TILE}?explain=true").status_code == 200
    pool.close()


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via"])
def test_clients_of_a_proxy_are_none_of_this_machine(database: Database, header: str):
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    assert client.get(f"{TILE}?explain=true", headers={header: "198.51.100.7"}).status_code == 403
    pool.close()


def test_tile_is_told_with_its_statement_plan_and_weight(client: FlaskClient):
    tile = client.get(TILE, headers={"Accept-Encoding": "gzip"}).data
    answer = client.get(f"{TILE}?explain=true")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json
    assert told["tile"] | {"collection": "towns", "tileMatrix": "0", "kept": True} == told["tile"]
    assert (told["size"]["bytes"], told["size"]["features"]) == (len(tile), 400)
    assert told["time"]["rowsRead"] == 400
    assert 0 < told["time"]["statementMs"] <= told["time"]["madeMs"] * 20
    [layer] = told["layers"]
    story, name = layer["properties"]
    assert (layer["features"], story["name"], name["name"]) == (400, "story", "name")
    assert story["bytes"] > 400 * 640
    assert story["values"] == 400
    assert "ST_AsMVT" in told["sql"]
    assert "towns" in told["sql"]
    assert any("data.towns_" in line and "400 rows read, 400 kept" in line for line in told["plan"])


def test_statement_that_is_told_gives_the_tile(client: FlaskClient, database: Database):
    told = client.get(f"{TILE}?explain=true").json
    with database.connect() as connection:
        [[mvt, count]] = connection.execute(told["sql"]).fetchall()
    assert (features(bytes(mvt)), count) == (features(client.get(TILE).data), 400)


def features(tile: bytes) -> list[dict[str, Any]]:
    """The features of the one layer by id: a scan may begin anywhere in the table."""
    [layer] = mapbox_vector_tile.decode(tile).values()
    return sorted(layer["features"], key=lambda found: found["id"])


def test_page_for_people_tells_the_same(client: FlaskClient):
    page = client.get(f"{TILE}?explain=true&f=html")
    assert page.content_type.startswith("text/html")
    assert "ST_AsMVT" in page.text
    assert "400 rows read" in page.text
    assert client.get(f"{TILE}?explain=true&f=mvt").status_code == 400


def test_conditions_of_the_tile_are_explained_with_it(client: FlaskClient):
    told = client.get(f"{TILE}?explain=true&name=town 7&properties=name").json
    assert told["size"]["features"] == 1
    assert [found["name"] for found in told["layers"][0]["properties"]] == ["name"]
    assert told["tile"]["kept"] is False
    assert client.get(f"{TILE}?explain=true&nmae=x").json["code"] == "parameter-unknown"
    assert client.get("/collections/towns/tiles/WebMercatorQuad/30/0/0?explain=true").status_code == 404


def test_tile_of_several_collections_has_the_story_of_each(client: FlaskClient):
    url = "/tiles/WebMercatorQuad/1/0/1?collections=towns,Many towns&explain=true"
    told = client.get(url).json
    assert told["tile"]["collections"] == ["towns", "Many towns"]
    assert [story["layers"][0]["id"] for story in told["collections"]] == ["towns", "Many towns"]
    tile = client.get("/tiles/WebMercatorQuad/1/0/1?collections=towns,Many towns").data
    assert told["size"]["unpackedBytes"] in range(len(tile) - 20, len(tile))
    page = client.get(f"{url}&f=html")
    assert page.text.count("<h3>SQL</h3>") == 2
    assert client.get(f"{url}&nmae=x").json["code"] == "parameter-unknown"
    assert "explain=true" not in client.get("/tiles/WebMercatorQuad/tilejson.json?collections=towns").text


def test_empty_tile_has_nothing_to_weigh(client: FlaskClient):
    told = client.get(f"{TILE}?explain=true&name=nobody").json
    assert (told["size"], told["layers"]) == ({"bytes": 0, "unpackedBytes": 0, "features": 0}, [])


def test_heavy_property_is_named_with_the_way_to_leave_it_out(client: FlaskClient):
    told = client.get(f"{TILE}?explain=true").json
    [found] = [one for one in told["advice"] if "'story'" in one["because"]]
    parameter = found["do"].removeprefix("leave it out: ")
    lighter = client.get(f"{TILE}?explain=true&{parameter}").json
    assert lighter["size"]["bytes"] < told["size"]["bytes"] / 3
    assert lighter["advice"] == []


def test_index_that_is_missing_is_told_as_a_statement_that_helps(client: FlaskClient, database: Database):
    url = "/collections/Many towns/tiles/WebMercatorQuad/4/5/9?explain=true"
    before = client.get(url).json
    [found] = [one for one in before["advice"] if "no index is used" in one["because"]]
    assert "20,000 rows" in found["because"]
    assert found["do"].startswith('CREATE INDEX ON mine."Many towns" USING gist ("Place")')
    with database.connect() as connection:
        for statement in found["do"].split(";"):
            connection.execute(statement)
        connection.commit()
    after = client.get(url).json
    assert after["advice"] == []
    assert after["time"]["rowsRead"] < 1000
    assert after["size"]["features"] == before["size"]["features"]


def test_tile_of_very_many_rows_is_told_how_they_are_prepared(client: FlaskClient, database: Database):
    url = "/collections/Many towns/tiles/WebMercatorQuad/0/0/0?explain=true"
    told = client.get(url).json
    [found] = [one for one in told["advice"] if "isthmus prepare" in one["do"]]
    assert found["do"].startswith("isthmus prepare 'mine.Many towns'")
    shell = CliRunner(env={**environment(database.owner), "ISTHMUS_SCHEMAS": "mine"})
    with database.connect() as connection:
        connection.execute("GRANT USAGE ON SCHEMA mine TO isthmus_owner")
        connection.execute('GRANT SELECT ON mine."Many towns" TO isthmus_owner')
        connection.commit()
    done = shell.invoke(isthmus, ["prepare", "mine.Many towns"])
    assert done.exit_code == 0, done.output
    after = wait_for(lambda: client.get(url).json, lambda now: now["tile"]["prepared"])
    assert not any("isthmus prepare" in one["do"] for one in after["advice"])
    assert after["time"]["rowsRead"] < 20_000


def test_statement_that_takes_too_long_is_told_by_the_plan_alone(cluster: Cluster):
    database = cluster.clone()
    with database.connect() as connection:
        connection.execute(sql.SQL(UNINDEXED + SLOW))
        connection.commit()
    settings = replace(database.reader, explain="on", schemas="mine", statement_timeout_s=1)
    pool = Pool(settings)
    told = create_app(settings, pool).test_client().get("/collections/slow/tiles/WebMercatorQuad/0/0/0?explain=true")
    pool.close()
    assert "takes too long" in told.json["size"]["error"]
    assert "statementMs" not in told.json["time"]
    assert told.json["plan"]
    assert any("given up" in found["because"] for found in told.json["advice"])
    cluster.drop(database)


def test_property_of_that_name_is_asked_for_itself(cluster: Cluster):
    database = cluster.clone()
    select = "SELECT 1 AS fid, true AS explain, ST_Point(1, 2) AS geom UNION ALL SELECT 2, false, ST_Point(3, 4)"
    publish(database, "towns", select, columns={"explain": "boolean"})
    pool = Pool(database.reader)
    answer = create_app(database.reader, pool).test_client().get(f"{TILE}?explain=true")
    assert answer.content_type == "application/vnd.mapbox-vector-tile"
    pool.close()
    cluster.drop(database)
