"""Functions that make tiles, `function(z, x, y, query json) RETURNS bytea`, in a published schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mapbox_vector_tile
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.formats.mvt import read_layers
from core.database.connections import Database as Pool
from support.cluster import Cluster
from support.odd import as_superuser, wait_for
from support.ogc import REL, get, links_of, path_of, problem, status
from support.publish import publish

MVT = "application/vnd.mapbox-vector-tile"
TILE = "/collections/{}/tiles/WebMercatorQuad/{}/{}/{}"

FUNCTIONS = """
CREATE SCHEMA maps;
GRANT USAGE ON SCHEMA maps TO PUBLIC;
CREATE TABLE maps.wells AS SELECT n AS id, 'well ' || n AS name, n % 3 AS kind,
    ST_Transform(ST_Point(n * 3 - 150, n - 50, 4326), 3857) AS geom FROM generate_series(1, 100) AS n;
GRANT SELECT ON maps.wells TO PUBLIC;

CREATE FUNCTION maps.wells_by(z integer, x integer, y integer, query json) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE tile bytea;
BEGIN
    SELECT ST_AsMVT(t, 'wells', 4096, 'geom', 'id') INTO tile FROM (
        SELECT w.id, w.name, w.kind, query::text AS told, ST_AsMVTGeom(w.geom, ST_TileEnvelope(z, x, y)) AS geom
        FROM maps.wells AS w
        WHERE w.geom && ST_TileEnvelope(z, x, y) AND (query ->> 'kind' IS NULL OR w.kind = (query ->> 'kind')::int)
    ) AS t WHERE geom IS NOT NULL;
    RETURN tile;
END $$;
COMMENT ON FUNCTION maps.wells_by IS 'Wells, some of them. @title Wells by kind
@zooms 0-12 @bounds -160,-60,160,60';

CREATE FUNCTION maps.typed(z bigint, x bigint, y bigint, "least" integer,
    "Most Of" integer DEFAULT 1000, query jsonb DEFAULT '{}')
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT ST_AsMVT(t, 'typed', 4096, 'geom', 'id') FROM (
        SELECT w.id, query ->> 'word' AS word, ST_AsMVTGeom(w.geom, ST_TileEnvelope(z::int, x::int, y::int)) AS geom
        FROM maps.wells AS w WHERE w.id BETWEEN "least" AND "Most Of") AS t
$$;
CREATE FUNCTION maps.plain(z integer, x integer, y integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT ST_AsMVT(t, 'one') || ST_AsMVT(t, 'two') FROM (
        SELECT 1 AS a, 'b' AS c, ST_AsMVTGeom(ST_TileEnvelope(0, 0, 0), ST_TileEnvelope(0, 0, 0)) AS geom) AS t
$$;
COMMENT ON FUNCTION maps.plain IS '@layers one, two @zooms nonsense @bounds 1,2';
CREATE FUNCTION maps.nothing(z integer, x integer, y integer, query json)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.refuses(z integer, x integer, y integer, query json) RETURNS bytea LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a secret'; END $$;
CREATE FUNCTION maps.slow(z integer, x integer, y integer, query json)
    RETURNS bytea LANGUAGE sql AS 'SELECT pg_sleep(20)::text::bytea';
CREATE FUNCTION maps.writes(z integer, x integer, y integer, query json) RETURNS bytea LANGUAGE sql AS
    $$ DELETE FROM maps.wells; SELECT NULL::bytea $$;
CREATE FUNCTION maps.lost(z integer, x integer, y integer) RETURNS bytea LANGUAGE plpgsql AS
    $$ BEGIN RETURN (SELECT ST_AsMVT(t) FROM maps.secret_table AS t); END $$;
CREATE FUNCTION maps.divides(z integer, x integer, y integer)
    RETURNS bytea LANGUAGE sql AS 'SELECT (z / 0)::text::bytea';
CREATE FUNCTION maps.picture(z integer, x integer, y integer)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS $$ SELECT '\\x89504e470d0a1a0a'::bytea $$;
CREATE FUNCTION maps.no_tiles(a integer, b integer) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.text_places(z text, x text, y text)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.several(z integer, x integer, y integer, VARIADIC ids integer[])
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.twice(z integer, x integer, y integer)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.twice(z bigint, x bigint, y bigint)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
CREATE FUNCTION maps.locked(z integer, x integer, y integer)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
REVOKE EXECUTE ON FUNCTION maps.locked FROM PUBLIC;
CREATE FUNCTION maps.hidden(z integer, x integer, y integer)
    RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT NULL::bytea';
COMMENT ON FUNCTION maps.hidden IS '@omit';
"""


@pytest.fixture(scope="module")
def app(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """An API on the functions, their table, and a loaded collection."""
    database = cluster.clone()
    publish(database, "loaded", "SELECT 1 AS fid, 'a' AS name, ST_Point(1, 2) AS geom", columns={"name": "string"})
    with as_superuser(database) as connection:
        connection.execute(FUNCTIONS)
    folder: Path = tmp_path_factory.mktemp("data")
    settings = replace(database.reader, schemas="maps", tile_timeout_s=1, data_dir=folder)
    pool = Pool(settings)
    app = create_app(settings, pool)
    wait_for(lambda: get(app.test_client(), "/collections")["collections"], lambda found: len(found) > 5)
    yield app
    pool.close()
    cluster.drop(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


def layers(client: FlaskClient, path: str, **given: str) -> dict:
    """A tile that must be a 200, decoded."""
    response = client.get(path, query_string=given or None)
    assert (response.status_code, response.content_type) == (200, MVT), response.text
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})


def test_functions_are_listed_as_collections_of_tiles_and_others_are_not(client: FlaskClient):
    listed = {found["id"]: found for found in get(client, "/collections")["collections"]}
    tiles = {id for id, found in listed.items() if found["itemType"] == "tile"}
    assert tiles == {"wells_by", "typed", "plain", "nothing", "refuses", "slow", "writes", "lost", "divides", "picture"}
    assert listed.keys() - tiles == {"loaded", "wells"}
    wells = listed["wells_by"]
    assert (wells["title"], wells["description"]) == ("Wells by kind", "Wells, some of them.")
    assert wells["extent"]["spatial"]["bbox"] == [[-160, -60, 160, 60]]
    assert client.get("/?f=html").status_code == 200
    assert client.get("/collections?f=html").status_code == 200


def test_tile_is_that_of_the_function_for_its_place(client: FlaskClient):
    whole = layers(client, TILE.format("wells_by", 0, 0, 0))["wells"]["features"]
    assert {feature["id"] for feature in whole} == set(range(1, 101))
    quarter = layers(client, TILE.format("wells_by", 1, 0, 1))["wells"]["features"]
    assert {feature["id"] for feature in quarter} == set(range(50, 101)), "row 0 is north, column 1 is east"


def test_parameters_of_the_request_are_given_as_json(client: FlaskClient):
    found = layers(client, TILE.format("wells_by", 0, 0, 0), kind="2", **{"Any Thing": "ä'\"--"})["wells"]["features"]
    assert {feature["id"] % 3 for feature in found} == {2}
    assert json.loads(found[0]["properties"]["told"]) == {"kind": "2", "Any Thing": "ä'\"--"}
    assert (
        json.loads(
            layers(client, TILE.format("wells_by", 0, 0, 0), f="mvt")["wells"]["features"][0]["properties"]["told"]
        )
        == {}
    )
    twice = client.get(TILE.format("wells_by", 0, 0, 0) + "?kind=1&kind=2")
    assert twice.status_code == 400


def test_typed_parameters_have_their_types_and_the_rest_is_json(client: FlaskClient):
    path = TILE.format("typed", 0, 0, 0)
    found = layers(client, path, least="3", **{"Most Of": "5", "word": "x"})["typed"]["features"]
    assert {feature["id"] for feature in found} == {3, 4, 5}
    assert {feature["properties"]["word"] for feature in found} == {"x"}
    assert problem(client, path)["parameter"] == "least"
    assert problem(client, f"{path}?least=x")["parameter"] == "least"
    assert status(client, f"{path}?least=2000") == 204
    collection = get(client, "/collections/typed")
    assert not links_of(collection, "stylesheet"), "it cannot be drawn without its parameter"
    assert (
        "<td><code>least</code></td><td>integer</td><td>required</td>" in client.get("/collections/typed?f=html").text
    )


def test_function_without_json_takes_no_other_parameters(client: FlaskClient):
    assert list(layers(client, TILE.format("plain", 0, 0, 0))) == ["one", "two"]
    assert problem(client, TILE.format("plain", 0, 0, 0) + "?kind=2")["code"] == "parameter-unknown"


def test_descriptions_know_layers_zooms_and_bounds(client: FlaskClient):
    """From the comment, else from the first tile."""
    here = "/collections/wells_by/tiles/WebMercatorQuad"
    tilejson = get(client, f"{here}/tilejson.json?kind=1")
    assert [(layer["id"], layer["fields"]) for layer in tilejson["vector_layers"]] == [
        ("wells", {"name": "String", "kind": "Number", "told": "String"})
    ]
    assert (tilejson["minzoom"], tilejson["maxzoom"], tilejson["bounds"]) == (0, 12, [-160, -60, 160, 60])
    template = path_of(tilejson["tiles"][0])
    assert {f["id"] % 3 for f in layers(client, template.format(z=0, y=0, x=0))["wells"]["features"]} == {1}
    plain = get(client, "/collections/plain/tiles/WebMercatorQuad/tilejson.json")
    assert [layer["id"] for layer in plain["vector_layers"]] == ["one", "two"]
    assert (plain["minzoom"], plain["maxzoom"], plain["bounds"][0]) == (0, 24, -180)
    tileset = get(client, f"{here}?kind=1")
    [item] = links_of(tileset, "item")
    assert item["href"].endswith("/{tileMatrix}/{tileRow}/{tileCol}?kind=1")
    assert len(tileset["tileMatrixSetLimits"]) == 13
    style = get(client, f"{here}/style.json?kind=1")
    assert {layer["source-layer"] for layer in style["layers"][1:]} == {"wells"}
    assert style["sources"]["wells_by"]["url"].endswith("tilejson.json?kind=1")
    [entry] = get(client, "/collections/wells_by/tiles")["tilesets"]
    assert links_of(entry, f"{REL}tiling-scheme")
    for page in (
        here,
        f"{here}/tilejson.json",
        f"{here}/style.json",
        "/collections/wells_by",
        "/collections/wells_by/tiles",
    ):
        assert client.get(page, headers={"Accept": "text/html"}).content_type.startswith("text/html")


def test_function_of_which_the_layers_are_not_known_says_none(client: FlaskClient):
    for name in ("nothing", "refuses", "slow", "picture"):
        assert get(client, f"/collections/{name}/tiles/WebMercatorQuad/tilejson.json")["vector_layers"] == []


@pytest.mark.parametrize(
    ("name", "expected", "code"),
    [
        ("nothing", 204, None),
        ("refuses", 500, "collection-broken"),
        ("refuses?kind=1", 400, "value-invalid"),
        ("slow", 504, "query-too-slow"),
        ("writes", 500, "collection-broken"),
        ("lost", 500, "collection-broken"),
        ("divides", 400, "value-invalid"),
        ("picture", 500, "collection-broken"),
    ],
)
def test_what_goes_wrong_in_a_function_is_a_problem_without_its_words(
    client: FlaskClient, name: str, expected: int, code: str | None
):
    id, _, given = name.partition("?")
    response = client.get(TILE.format(id, 0, 0, 0), query_string=given or None)
    assert response.status_code == expected, response.text
    if code is not None:
        assert json.loads(response.data)["code"] == code
    assert "secret" not in response.text
    assert "wells" not in response.text


def test_function_that_takes_too_long_is_told_of_as_a_tile(client: FlaskClient):
    told = json.loads(client.get(TILE.format("slow", 0, 0, 0)).data)
    assert told["detail"] == "a tile of 'slow' takes too long"
    assert told["hint"].startswith("zoom in")


def test_tile_outside_zooms_and_bounds_is_a_404_and_other_sets_too(client: FlaskClient):
    assert status(client, TILE.format("wells_by", 13, 0, 0)) == 404
    assert status(client, TILE.format("wells_by", 5, 0, 0)) == 404
    assert status(client, TILE.format("wells_by", 3, 8, 0)) == 404
    assert status(client, "/collections/wells_by/tiles/WorldCRS84Quad/0/0/0") == 404


def test_tile_is_validated_by_its_bytes_negotiated_and_compressed(client: FlaskClient):
    path = TILE.format("wells_by", 0, 0, 0)
    plain, packed = client.get(path), client.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert client.get(path, headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304
    assert client.get(path, headers={"Accept": "image/png"}).status_code == 406
    assert status(client, f"{path}?f=png") == 400


def test_there_are_no_features(client: FlaskClient):
    for path in ("items", "items/1", "queryables", "schema", "sortables"):
        response = client.get(f"/collections/wells_by/{path}")
        assert (response.status_code, json.loads(response.data)["code"]) == (404, "collection-of-tiles")
    assert client.post("/collections/wells_by/search", json={}).status_code == 404


def test_layers_are_read_of_a_tile_and_of_nothing_else():
    several = [{"x": 1, "y": 2.5, "z": True, "w": "1"}, {"x": -1, "y": 3, "z": False, "w": 1, "v": "x"}]
    features = [{"geometry": "POINT(1 2)", "properties": properties, "id": 7} for properties in several]
    nothing = {"name": "b", "features": [{"geometry": "POINT(1 2)", "properties": {}}]}
    tile = mapbox_vector_tile.encode([{"name": "a", "features": features}, nothing])
    types = {"x": "Number", "y": "Number", "z": "Boolean", "w": "String", "v": "String"}
    assert read_layers(tile) == {"a": types, "b": {}}
    assert read_layers(b"") == {}
    for bad in (tile[:-3], b"\x1a\xff", b"\x07", b"\xff" * 20):
        with pytest.raises((ValueError, IndexError)):
            read_layers(bad)
