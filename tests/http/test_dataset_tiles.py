"""Tiles of several collections at once: OGC API Tiles, dataset-tilesets and collections-selection.

The id of the requirement is in the docstring, where there is one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace

import mapbox_vector_tile
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Database
from support.grids import read_grid
from support.http import api_client
from support.odd import as_superuser, wait_for
from support.ogc import BASE, REL, definition, get, ids, links_of, parameters_of, path_of, status
from support.publish import publish

MVT = "application/vnd.mapbox-vector-tile"
TILE = "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}"

of_each_set = pytest.mark.parametrize("tms", ["WebMercatorQuad", "WorldCRS84Quad"])
of_each_choice = pytest.mark.parametrize(
    ("given", "names"),
    [
        ("", ["grid", "places"]),
        ("?collections=grid", ["grid"]),
        ("?collections=places,grid", ["places", "grid"]),
        ("?collections=grid,places,grid", ["grid", "places"]),
        (f"?collections=places,{BASE}/collections/grid", ["places", "grid"]),
    ],
)


def layers(client: FlaskClient, path: str) -> dict:
    """A tile that must be a 200, decoded."""
    response = client.get(path)
    assert (response.status_code, response.content_type) == (200, MVT), response.text
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})


def test_landing_page_leads_to_the_tilesets_of_the_dataset(client: FlaskClient):
    """/req/dataset-tilesets/landingpage, /req/dataset-tilesets/operation, /rec/dataset-tilesets/landingpage"""
    [link] = links_of(get(client, "/"), f"{REL}tilesets-vector")
    assert path_of(link["href"]) == "/tiles"
    listed = get(client, path_of(link["href"]))["tilesets"]
    names = ["WebMercatorQuad", "WorldCRS84Quad", "EuropeanETRS89_LAEAQuad"]
    assert [entry["tileMatrixSetURI"].rpartition("/")[2] for entry in listed] == names
    for entry in listed:
        [full] = links_of(entry, "self")
        metadata = get(client, path_of(full["href"]))
        assert metadata["crs"] == entry["crs"]
        assert [layer["id"] for layer in metadata["layers"]] == ["grid", "places"], "a table has no tiles"


@of_each_set
@of_each_choice
def test_tile_has_the_layers_of_the_chosen_collections_in_their_order(
    client: FlaskClient, tms: str, given: str, names: list[str]
):
    """/req/collections-selection/query-collections, /req/collections-selection/collections-response"""
    tileset = get(client, f"/tiles/{tms}{given}")
    assert [layer["id"] for layer in tileset["layers"]] == names
    assert [path_of(link["href"]) for link in links_of(tileset, f"{REL}geodata")] == [
        f"/collections/{name}" for name in names
    ]
    [item] = links_of(tileset, "item")
    matrix, row, column = read_grid(client, tms).tile_of(24.5, 60.05, 6)
    url = path_of(item["href"]).format(tileMatrix=matrix, tileRow=row, tileCol=column)
    found = layers(client, url)
    assert list(found) == names
    for name in names:
        alone = layers(client, f"/collections/{name}/tiles/{tms}/{matrix}/{row}/{column}")
        assert found[name] == alone[name], "the same ids, properties and geometries"


@of_each_choice
def test_list_of_tilesets_and_tilejson_know_the_choice(client: FlaskClient, given: str, names: list[str]):
    for entry in get(client, f"/tiles{given}")["tilesets"]:
        [full] = links_of(entry, "self")
        assert [layer["id"] for layer in get(client, path_of(full["href"]))["layers"]] == names
    document = get(client, f"/tiles/WebMercatorQuad/tilejson.json{given}")
    assert [layer["id"] for layer in document["vector_layers"]] == names
    assert list(layers(client, path_of(document["tiles"][0]).format(z=6, y=18, x=36))) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "names with commas"),
        ("grid,", "names with commas"),
        ("gird", "perhaps you meant 'grid'"),
        ("stock", "those with tiles are"),
        ("grid,nowhere", "those with tiles are"),
        (f"{BASE}/collections/", "those with tiles are"),
        ("http://[/collections/grid", "those with tiles are"),
        (",".join(["grid"] * 500), "at most"),
    ],
)
def test_collections_that_are_not_there_are_a_400(client: FlaskClient, text: str, told: str):
    for path in ("/tiles", "/tiles/WebMercatorQuad", "/tiles/WebMercatorQuad/0/0/0"):
        response = client.get(path, query_string={"collections": text})
        problem = json.loads(response.data)
        assert (response.status_code, problem["parameter"]) == (400, "collections")
        assert told in problem["hint"]


@of_each_set
def test_tile_outside_every_collection_is_a_404_and_an_empty_one_a_204(client: FlaskClient, tms: str):
    """/req/core/tc-error"""
    for matrix in (3, 6):
        [limit] = [
            limit
            for limit in get(client, f"/tiles/{tms}?collections=grid")["tileMatrixSetLimits"]
            if limit["tileMatrix"] == str(matrix)
        ]
        row, column = limit["minTileRow"], limit["minTileCol"]
        assert status(client, f"/tiles/{tms}/{matrix}/{row}/{column - 1}?collections=grid") == 404
        assert status(client, f"/tiles/{tms}/{matrix}/{row}/{column}?collections=grid") == 200
    empty = client.get(f"/tiles/{tms}/6/{40 if tms == 'WebMercatorQuad' else 38}/10")
    assert (empty.status_code, empty.data) == (204, b"")
    assert status(client, f"/tiles/{tms}/6/99/0") == 404
    assert status(client, "/tiles/Nowhere/0/0/0") == 404


def test_tile_of_several_collections_is_negotiated_compressed_and_validated(client: FlaskClient):
    path = "/tiles/WebMercatorQuad/0/0/0"
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    etag = plain.headers["ETag"]
    assert packed.headers["ETag"] == etag
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    other = client.get(f"{path}?collections=places,grid")
    assert other.headers["ETag"] != etag
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert status(client, f"{path}?f=png") == 400
    assert status(client, f"{path}?collection=grid") == 400


def test_metadata_has_the_members_that_the_standard_recommends(client: FlaskClient):
    """/rec/tileset/bbox, /rec/tileset/conf-link, /rec/tileset/header-linktemplates"""
    for path in ("/tiles/WebMercatorQuad", "/collections/grid/tiles/WebMercatorQuad"):
        response = client.get(path)
        document = json.loads(response.data)
        assert document["boundingBox"]["lowerLeft"]
        assert links_of(document, f"{REL}conformance")
        [item] = links_of(document, "item")
        assert response.headers["Link-Template"] == f'<{item["href"]}>; rel="item"; type="{MVT}"'
        for layer in document["layers"]:
            assert layer["propertiesSchema"]["properties"]["name"]["type"] == "string"


def test_definition_has_the_paths_of_the_dataset_and_their_parameter(client: FlaskClient):
    """/req/oas30/completeness, /req/oas30/operation-id, /req/collections-selection/query-collections"""
    api = definition(client)
    for path, suffix in (
        ("/tiles", ".dataset.vector.getTileSetsList"),
        ("/tiles/{tileMatrixSetId}", ".dataset.vector.getTileSet"),
        (TILE, ".dataset.vector.getTile"),
    ):
        assert api["paths"][path]["get"]["operationId"].endswith(suffix)
        parameter = parameters_of(api, path)["collections"]
        assert (parameter["in"], parameter["required"], parameter["style"]) == ("query", False, "form")
        assert parameter["explode"] is False
        assert parameter["schema"] == {"type": "array", "items": {"type": "string"}}


@pytest.fixture
def empty(database: Database) -> Iterator[FlaskClient]:
    """A client of an API without any collection."""
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()


def test_dataset_without_collections_has_empty_tiles(empty: FlaskClient):
    assert "layers" not in get(empty, "/tiles/WebMercatorQuad")
    assert get(empty, "/tiles/WebMercatorQuad/tilejson.json")["vector_layers"] == []
    assert status(empty, "/tiles/WebMercatorQuad/0/0/0") == 204


def test_new_version_of_one_collection_is_a_new_tile(module_database: Database):
    columns = {"name": "string"}
    point = "SELECT 1 AS fid, 'a' AS name, ST_Point({}, {}) AS geom"
    publish(module_database, "one", point.format(1, 1), columns=columns)
    publish(module_database, "two", point.format(2, 2), columns=columns)
    pool = Pool(module_database.reader)
    client = create_app(module_database.reader, pool).test_client()
    before = client.get("/tiles/WebMercatorQuad/0/0/0")
    publish(module_database, "two", point.format(50, 50), columns=columns)
    assert get(client, "/collections")["collections"]
    after = client.get("/tiles/WebMercatorQuad/0/0/0", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.data != before.data
    pool.close()


SOURCES = """
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
CREATE VIEW shop.good AS SELECT 7 AS id, ST_SetSRID(ST_Point(3, 4), 4326) AS geom;
CREATE VIEW shop.needs_time AS SELECT 1 AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom FROM pg_sleep(20);
CREATE FUNCTION shop.fail() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a secret'; END $$;
CREATE VIEW shop.bad AS SELECT shop.fail() AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom;
CREATE EXTENSION postgres_fdw;
CREATE SERVER nowhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER nowhere OPTIONS (password_required 'false');
CREATE FOREIGN TABLE shop.far_away (id integer, geom geometry(Point, 4326)) SERVER nowhere;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO PUBLIC;
"""


@pytest.fixture
def shop(database: Database) -> Iterator[FlaskClient]:
    """A client of an API on sources of which one alone can be read, and a loaded collection."""
    publish(database, "loaded", "SELECT 1 AS fid, 'a' AS name, ST_Point(1, 2) AS geom", columns={"name": "string"})
    with as_superuser(database) as connection:
        connection.execute(SOURCES)
    settings = replace(database.reader, schemas="shop", statement_timeout_s=1)
    pool = Pool(settings)
    yield create_app(settings, pool).test_client()
    pool.close()


def test_source_that_cannot_be_read_is_left_out_unless_it_is_named(shop: FlaskClient):
    wait_for(lambda: get(shop, "/tiles/WebMercatorQuad"), lambda found: len(found["layers"]) == 5)
    found = layers(shop, "/tiles/WebMercatorQuad/0/0/0")
    assert {name: ids(layer["features"]) for name, layer in found.items()} == {"good": [7], "loaded": [1]}
    for name, expected in {"bad": 500, "needs_time": 504, "far_away": 503, "good": 200}.items():
        assert status(shop, "/tiles/WebMercatorQuad/0/0/0", collections=f"good,{name}") == expected


SLOW = """
CREATE VIEW shop.slow_{0} AS SELECT 1 AS id, ST_SetSRID(ST_Point(1, 1), 4326) AS geom FROM pg_sleep(0.5);
GRANT SELECT ON shop.slow_{0} TO PUBLIC;
"""


def test_slow_layers_of_a_tile_share_its_time(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.tiles.layers.TOGETHER", 1)
    with as_superuser(database) as connection:
        connection.execute("CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO PUBLIC")
        connection.execute("CREATE VIEW shop.z AS SELECT 7 AS id, ST_SetSRID(ST_Point(3, 4), 4326) AS geom")
        connection.execute("GRANT SELECT ON shop.z TO PUBLIC")
        for number in range(8):
            connection.execute(SLOW.format(number))  # type: ignore[arg-type]
    with api_client(replace(database.reader, schemas="shop", tile_timeout_s=0.3)) as client:
        wait_for(lambda: get(client, "/tiles/WebMercatorQuad"), lambda found: len(found["layers"]) == 9)
        begun = time.monotonic()
        assert set(layers(client, "/tiles/WebMercatorQuad/0/0/0")) == {"z"}
        assert 0.3 <= time.monotonic() - begun < 8 * 0.3
        assert status(client, "/tiles/WebMercatorQuad/0/0/0", collections="slow_1,slow_2") == 504
