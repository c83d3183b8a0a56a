"""Tiles that would weigh too much or take too long: what they leave out, and that they say so."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import mapbox_vector_tile
import numpy as np
import pyarrow as pa
import pytest
import shapely
from flask import Flask
from flask.testing import FlaskClient
from psycopg import sql
from werkzeug.test import TestResponse

from api.app import create_app
from api.context import EXTENSION
from api.sql.tiles.rows import Few
from api.sql.tiles.tiles import select_tile
from api.tms.tile import Tile
from core.database.connections import Database as Pool
from core.settings import Settings
from loader.catalogue import open_catalogue
from support.cluster import Cluster, Database
from support.loading import Loader, write_ogr

COUNT = 12_000
LAKES = 500
CAPITALS = 100


def write_towns(loader: Loader) -> None:
    """Points around one town, more than a tile of a low zoom shows."""
    places = np.random.default_rng(1).normal((25, 60), (0.5, 0.25), (COUNT, 2))
    names = [f"town number {number}" for number in range(COUNT)]
    geometry = pa.array(shapely.to_wkb(shapely.points(places)), pa.binary())
    write_ogr(loader.path("towns.fgb"), pa.table({"name": names, "geometry": geometry}), "FlatGeobuf")


def write_lakes(loader: Loader) -> None:
    """Round shapes of sizes from small to large, each with a text that does not compress."""
    chance = np.random.default_rng(2)
    places = chance.uniform((10, 50), (20, 55), (LAKES, 2))
    shapes = shapely.buffer(shapely.points(places), np.linspace(0.001, 0.2, LAKES))
    table = pa.table(
        {
            "size": np.arange(LAKES),
            "text": [chance.bytes(100).hex() for _ in range(LAKES)],
            "geometry": pa.array(shapely.to_wkb(shapes), pa.binary()),
        }
    )
    write_ogr(loader.path("lakes.fgb"), table, "FlatGeobuf", geometry_type="Polygon")


def write_capitals(loader: Loader) -> None:
    """A few points among the lakes, each with a text that does not compress."""
    chance = np.random.default_rng(3)
    geometry = pa.array(shapely.to_wkb(shapely.points(chance.uniform((10, 50), (20, 55), (CAPITALS, 2)))), pa.binary())
    table = pa.table({"text": [chance.bytes(30).hex() for _ in range(CAPITALS)], "geometry": geometry})
    write_ogr(loader.path("capitals.fgb"), table, "FlatGeobuf")


def write_sketch(loader: Loader) -> None:
    """One line of many corners among them."""
    line = shapely.linestrings(np.random.default_rng(4).uniform((10, 50), (20, 55), (2000, 2)))
    table = pa.table({"geometry": pa.array([shapely.to_wkb(line)], pa.binary())})
    write_ogr(loader.path("sketch.fgb"), table, "FlatGeobuf", geometry_type="LineString")


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with them, and a table and a view of somebody else's."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        write_towns(loader)
        write_lakes(loader)
        write_capitals(loader)
        write_sketch(loader)
        loader.load_all("towns.fgb", "lakes.fgb", "capitals.fgb", "sketch.fgb")
        connection.execute(
            """
            CREATE SCHEMA theirs;
            GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
            ALTER DEFAULT PRIVILEGES IN SCHEMA theirs GRANT SELECT ON TABLES TO isthmus_reader;
            CREATE TABLE theirs.posts (id integer PRIMARY KEY, geom geometry(Point, 4326));
            INSERT INTO theirs.posts
            SELECT n, ST_SetSRID(ST_Point(sin(n) * 170, cos(n * 1.7) * 80), 4326) FROM generate_series(1, 600000) AS n;
            CREATE INDEX ON theirs.posts USING gist (geom);
            CREATE VIEW theirs.slow AS SELECT id, geom FROM theirs.posts WHERE pg_sleep(0.0001) IS NOT NULL;
            ANALYZE theirs.posts;
            """
        )
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture
def served(database: Database, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The API with other budgets, which a test names."""
    settings: Settings = replace(database.reader, schemas="theirs", **getattr(request, "param", {}))
    pool = Pool(settings)
    yield create_app(settings, pool)
    pool.close()


@pytest.fixture
def client(served: Flask) -> FlaskClient:
    return served.test_client()


def budgets(**values: Any) -> pytest.MarkDecorator:
    """Serve with these settings."""
    return pytest.mark.parametrize("served", [values], indirect=True, ids=str)


def features(response: TestResponse, id: str) -> list[Any]:
    """The features of a layer."""
    assert response.status_code == 200, response.text
    found = mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})
    return found[id]["features"] if id in found else []


def lack(response: TestResponse) -> dict[str, int]:
    """The numbers of the header."""
    text = response.headers["Isthmus-Tile"]
    assert text.startswith("thinned;")
    return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", text)}


LAKES_TILE = "/collections/lakes/tiles/WebMercatorQuad/5/10/17"


def test_tile_with_everything_says_nothing(client: FlaskClient):
    response = client.get(LAKES_TILE)
    assert "Isthmus-Tile" not in response.headers
    assert len(features(response, "lakes")) > 100


@budgets(tile_max_kb=10)
def test_tile_that_is_too_heavy_keeps_the_largest_and_says_so(client: FlaskClient, database: Database):
    response = client.get(LAKES_TILE, headers={"Accept-Encoding": "gzip"})
    assert len(response.data) <= 10_000
    told = lack(response)
    found = mapbox_vector_tile.decode(gzip.decompress(response.data))["lakes"]["features"]
    assert len(found) == told["shown"] < told["of"]
    assert len(response.data) > 5_000, "there was room for more"
    sizes = sorted(feature["properties"]["size"] for feature in found)
    assert sizes[0] > LAKES / 2


@budgets(tile_max_kb=10)
def test_tile_is_thinned_the_same_way_each_time(served: Flask, database: Database):
    one = served.test_client().get(LAKES_TILE)
    settings = replace(database.reader, tile_max_kb=10, tiles_mb=0, tile_cache_mb=0)
    pool = Pool(settings)
    two = create_app(settings, pool).test_client().get(LAKES_TILE)
    pool.close()
    assert one.data == two.data
    assert one.headers["Isthmus-Tile"] == two.headers["Isthmus-Tile"]


@budgets(tile_max_kb=1)
def test_budget_below_one_feature_leaves_one(client: FlaskClient):
    response = client.get(LAKES_TILE)
    assert 1 <= len(features(response, "lakes")) <= 3


def test_low_zoom_says_that_it_is_thinned(client: FlaskClient):
    response = client.get("/collections/towns/tiles/WebMercatorQuad/4/4/9")
    told = lack(response)
    assert told["shown"] == len(features(response, "towns"))
    assert COUNT * 0.9 < told["of"] <= COUNT


def test_all_gives_everything_at_a_low_zoom(client: FlaskClient):
    path = "/collections/towns/tiles/WebMercatorQuad/4/4/9"
    few, all_of_them = client.get(path), client.get(f"{path}?all=true")
    assert len(features(few, "towns")) < COUNT / 10
    found = features(all_of_them, "towns")
    assert len(found) > COUNT * 0.9
    assert "name" in found[0]["properties"]
    assert few.headers["ETag"] != all_of_them.headers["ETag"]
    assert client.get(f"{path}?all=false").data == few.data


@budgets(tile_max_kb=20)
def test_all_is_bounded_by_the_budget(client: FlaskClient):
    response = client.get("/collections/towns/tiles/WebMercatorQuad/4/4/9?all=true")
    told = lack(response)
    assert told["shown"] < told["of"]
    assert told["of"] > COUNT * 0.9


def test_all_takes_true_or_false(client: FlaskClient):
    response = client.get(f"{LAKES_TILE}?all=yes")
    assert response.status_code == 400
    assert response.json is not None
    assert response.json["parameter"] == "all"


@budgets(tile_max_kb=10)
def test_layers_of_a_tile_say_each_what_they_lack(client: FlaskClient):
    response = client.get("/tiles/WebMercatorQuad/4/5/8?collections=lakes,towns")
    lakes, *_ = response.headers["Isthmus-Tile"].split(", ")
    assert lakes.endswith(';layer="lakes"')
    assert len(features(response, "lakes")) == int(re.findall(r"shown=(\d+)", lakes)[0])


SEVERAL = "/tiles/WebMercatorQuad/3/2/4?collections=capitals,lakes,towns&all=true"


@budgets(tile_max_kb=40)
def test_tile_of_several_weighs_no_more_than_one_and_small_collections_stay_whole(client: FlaskClient):
    for id in ("lakes", "towns"):
        alone = client.get(SEVERAL.replace("capitals,lakes,towns", id), headers={"Accept-Encoding": "gzip"})
        assert len(alone.data) > 30_000
    response = client.get(SEVERAL, headers={"Accept-Encoding": "gzip"})
    assert 25_000 < len(response.data) <= 40_000
    layers = mapbox_vector_tile.decode(gzip.decompress(response.data))
    assert [*layers] == ["capitals", "lakes", "towns"]
    assert len(layers["capitals"]["features"]) == CAPITALS
    named = dict(re.findall(r'shown=(\d+);of=\d+;layer="(\w+)"', response.headers["Isthmus-Tile"]))
    assert {layer: int(shown) for shown, layer in named.items()} == {
        layer: len(layers[layer]["features"]) for layer in ("lakes", "towns")
    }


@budgets(tile_max_kb=3)
def test_feature_that_is_too_heavy_alone_is_not_said_to_be_thinned(client: FlaskClient):
    response = client.get("/collections/sketch/tiles/WebMercatorQuad/4/5/8", headers={"Accept-Encoding": "gzip"})
    assert len(response.data) > 3_000
    assert "Isthmus-Tile" not in response.headers


@budgets(tile_max_kb=10)
@pytest.mark.parametrize("path", [LAKES_TILE, "/tiles/WebMercatorQuad/4/5/8?collections=lakes,towns"])
def test_layer_before_flask_says_the_same(client: FlaskClient, path: str):
    first, again = client.get(path), client.get(path)  # the first one is made and kept, the second one is not Flask's
    assert again.data == first.data
    assert again.headers["Isthmus-Tile"] == first.headers["Isthmus-Tile"]


@budgets(tile_timeout_s=0.4)
def test_table_that_takes_too_long_is_sampled_and_not_to_be_kept(client: FlaskClient):
    response = client.get("/collections/posts/tiles/WebMercatorQuad/0/0/0")
    assert response.status_code == 200
    assert response.headers["Isthmus-Tile"].endswith(";sampled")
    assert response.headers["Cache-Control"] == "no-store"
    assert 1000 < len(features(response, "posts")) <= 10_000


@budgets(tile_timeout_s=0.4, tile_max_kb=10)
def test_sample_weighs_no_more_than_other_tiles(client: FlaskClient):
    response = client.get("/collections/posts/tiles/WebMercatorQuad/0/0/0", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Isthmus-Tile"].endswith(";sampled")
    assert 5_000 < len(response.data) <= 10_000


@budgets(tile_timeout_s=0.05)
def test_view_that_takes_too_long_is_given_up_with_a_hint(client: FlaskClient):
    response = client.get("/collections/slow/tiles/WebMercatorQuad/0/0/0")
    assert response.status_code == 504
    assert int(response.headers["Retry-After"]) > 0
    assert response.json is not None
    assert response.json["code"] == "query-too-slow"
    assert "filter" in response.json["hint"]
    assert "SELECT" not in response.text


@budgets(tile_timeout_s=0.001, tile_cache_mb=8)
def test_hasty_tile_of_loaded_data_is_made_anew_when_there_is_time(served: Flask, database: Database):
    path = "/collections/towns/tiles/WebMercatorQuad/4/4/9?all=true"
    hasty = served.test_client().get(path)
    assert hasty.status_code in (200, 504)
    cache = served.extensions[EXTENSION].tiles._resources._cache
    assert len(cache._plain._memory) == len(cache._filtered._memory) == 0


def test_statement_for_few_sorts_before_it_makes_geometries(database: Database):
    with open_catalogue(database.owner) as connection:
        collection = Loader(database.owner, connection).catalog()["lakes"]
        statement = select_tile(collection, Tile(5, 10, 17), few=Few(10))
        explained = sql.SQL("EXPLAIN (VERBOSE) {}").format(statement.text)
        plan = "\n".join(row[0] for row in connection.execute(explained, statement.params))
    sort = plan[plan.index("->  Sort") :]
    assert "st_asmvtgeom" in plan.lower()
    assert "st_asmvtgeom" not in sort.lower()
