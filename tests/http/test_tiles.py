"""Vector tiles, decoded by a library of others."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable, Iterator

import mapbox_vector_tile
import pytest
import shapely
import shapely.geometry
from flask.testing import FlaskClient

from api.app import create_app
from api.tms.tile import OURS, Tile, tile_bounds
from core.database.connections import Database as Pool
from support.cluster import Cluster
from support.mvt import check_tile
from support.publish import publish

TILES = "/collections/places/tiles/WebMercatorQuad"


def decode(client: FlaskClient, url: str) -> dict:
    """The layers of a tile that must be a 200."""
    response = client.get(url)
    assert response.status_code == 200
    assert response.content_type == "application/vnd.mapbox-vector-tile"
    return mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})


def test_tile_has_one_layer_with_the_ids_and_properties_of_the_features(client: FlaskClient):
    layers = decode(client, f"{TILES}/0/0/0")
    assert list(layers) == ["places"]
    features = {feature["id"]: feature["properties"] for feature in layers["places"]["features"]}
    assert sorted(features) == [1, 2, 3, 4, 5, 6, 9, 12], "7 has no geometry, 10 is beyond the Mercator square"
    assert features[1] == {
        "name": "Helsinki",
        "population": 658000,
        "ratio": 0.5,
        "capital": True,
        "founded": "1550-06-12",
        "seen": "2024-01-01T10:00:00+00:00",
    }
    assert layers["places"]["extent"] == 4096
    assert layers["places"]["version"] == 2


def test_coordinates_in_a_tile_are_where_the_feature_is(client: FlaskClient):
    [helsinki] = [f for f in decode(client, f"{TILES}/6/18/36")["places"]["features"] if f["id"] == 1]
    x, y = helsinki["geometry"]["coordinates"]
    box = tile_bounds(Tile(6, 18, 36))
    longitude = box.west + x / 4096 * (box.east - box.west)
    assert longitude == pytest.approx(24.94, abs=0.002)
    assert box.south < 60.17 < box.north
    assert 0 < y < 4096


def test_tile_of_a_national_grid_has_its_polygons(client: FlaskClient):
    layers = decode(client, "/collections/grid/tiles/WebMercatorQuad/8/74/145")
    kinds = {feature["geometry"]["type"] for feature in layers["grid"]["features"]}
    assert kinds == {"Polygon"}


def test_tile_of_degrees_reaches_to_the_pole(client: FlaskClient):
    layers = decode(client, "/collections/places/tiles/WorldCRS84Quad/0/0/0")
    assert [feature["id"] for feature in layers["places"]["features"]] == [4, 5, 9, 10, 12]
    [pole] = [feature for feature in layers["places"]["features"] if feature["id"] == 10]
    assert pole["geometry"]["coordinates"] == [4096, 4096]


def test_tiles_of_two_sets_at_one_place_are_kept_apart(client: FlaskClient):
    mercator, degrees = (client.get(f"/collections/places/tiles/{tms}/1/0/1") for tms in OURS)
    assert mercator.headers["ETag"] != degrees.headers["ETag"]
    assert mercator.data != degrees.data
    assert client.get("/collections/places/tiles/WorldCRS84Quad/1/0/1").data == degrees.data


def test_empty_tile_is_a_204_without_a_body(client: FlaskClient):
    response = client.get(f"{TILES}/5/31/0")
    assert (response.status_code, response.data) == (204, b"")


def test_compression_is_for_clients_that_take_it(client: FlaskClient):
    plain = client.get(f"{TILES}/0/0/0")
    packed = client.get(f"{TILES}/0/0/0", headers={"Accept-Encoding": "gzip, br"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert "Accept-Encoding" in packed.headers["Vary"]


def test_tile_that_the_client_has_is_a_304(client: FlaskClient):
    etag = client.get(f"{TILES}/0/0/0").headers["ETag"]
    assert etag.startswith('W/"'), "packed and plain bytes share it, as a strong one may not (RFC 9110, 8.8.1)"
    response = client.get(f"{TILES}/0/0/0", headers={"If-None-Match": etag})
    assert (response.status_code, response.data) == (304, b"")
    assert client.get(f"{TILES}/0/0/0", headers={"If-None-Match": '"other"'}).status_code == 200


def test_tilejson_says_what_maplibre_needs(client: FlaskClient):
    document = json.loads(client.get(f"{TILES}/tilejson.json").data)
    assert document["tilejson"] == "3.0.0"
    assert document["tiles"] == [f"http://localhost{TILES}/{{z}}/{{y}}/{{x}}"]
    assert document["bounds"] == pytest.approx([-171.761, -90, 178.441, 61.501])
    [layer] = document["vector_layers"]
    assert layer["id"] == "places"
    assert layer["fields"]["population"] == "Number"


def test_tileset_metadata_leads_to_the_tiles(client: FlaskClient):
    tileset = json.loads(client.get("/collections/places/tiles").data)["tilesets"][0]
    assert tileset["dataType"] == "vector"
    document = json.loads(client.get(tileset["links"][0]["href"].removeprefix("http://localhost")).data)
    [item] = [link for link in document["links"] if link["rel"] == "item"]
    url = item["href"].format(tileMatrix=0, tileRow=0, tileCol=0).removeprefix("http://localhost")
    assert client.get(url).status_code == 200
    assert item["templated"] is True


def test_tile_matrix_set_limits_cover_the_extent(client: FlaskClient):
    document = json.loads(client.get("/collections/grid/tiles/WebMercatorQuad").data)
    limits = {limit["tileMatrix"]: limit for limit in document["tileMatrixSetLimits"]}
    assert limits["0"] == {"tileMatrix": "0", "minTileRow": 0, "maxTileRow": 0, "minTileCol": 0, "maxTileCol": 0}
    assert limits["8"]["minTileRow"] <= 74 <= limits["8"]["maxTileRow"]
    assert limits["8"]["minTileCol"] <= 145 <= limits["8"]["maxTileCol"]


def test_tile_matrix_set_is_the_one_of_the_standard(client: FlaskClient):
    document = json.loads(client.get("/tileMatrixSets/WebMercatorQuad").data)
    first, second = document["tileMatrices"][:2]
    assert first["scaleDenominator"] == pytest.approx(559082264.0287178)
    assert first["cellSize"] == pytest.approx(156543.03392804097)
    assert second["matrixWidth"] == 2
    assert document["tileMatrices"][-1]["id"] == "24"


PRICED = """
SELECT n AS fid, n + 0.25::numeric AS price, n * 0.5::real AS ratio, NULL::numeric AS nothing,
       '{"a": {"b": 1}, "price": 9}'::jsonb AS detail, '[1, "x"]'::jsonb AS list, ST_Point(n, n) AS geom,
       '2026-02-03 04:05:06.7+02'::timestamptz AS seen, '2026-02-03'::date AS day
FROM generate_series(1, 3) AS n
"""


def test_values_in_a_tile_have_the_types_that_tilejson_names(cluster: Cluster):
    database = cluster.clone()
    columns = {"price": "number", "ratio": "number", "nothing": "number", "detail": "json", "list": "json"}
    columns |= {"seen": "datetime", "day": "date"}
    publish(database, "priced", PRICED, columns=columns)
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    tiles = "/collections/priced/tiles/WebMercatorQuad"
    features = decode(client, f"{tiles}/0/0/0")["priced"]["features"]
    [layer] = json.loads(client.get(f"{tiles}/tilejson.json").data)["vector_layers"]
    items = json.loads(client.get("/collections/priced/items").data)
    pool.close()
    cluster.drop(database)
    [second] = [feature["properties"] for feature in features if feature["id"] == 2]
    item = items["features"][1]["properties"]
    assert second.pop("seen") == item["seen"] == "2026-02-03T02:05:06.7+00:00"
    assert second.pop("day") == item["day"] == "2026-02-03"
    assert second == {"price": 2.25, "ratio": 1.0, "detail": '{"a": {"b": 1}, "price": 9}', "list": '[1, "x"]'}
    kinds = {"Number": float, "String": str}
    assert all(type(value) is kinds[layer["fields"][name]] for name, value in second.items())


SMALL = """
SELECT n AS fid, ST_SetSRID(CASE n % 3
    WHEN 0 THEN ST_MakeEnvelope(n, n, n + 0.0001, n + 0.0002)
    WHEN 1 THEN ST_GeomFromText(format('LINESTRING(%s %s, %s %s)', n, n, n + 0.0001, n + 0.0001))
    ELSE ST_MakeEnvelope(n, n, n + 0.0001, n + 3) END, 4326) AS geom
FROM generate_series(1, 60) AS n
"""


@pytest.fixture(scope="module")
def small(cluster: Cluster) -> Iterator[FlaskClient]:
    """Houses, short lines and thin walls, of which no pixel is left at low zooms."""
    database = cluster.clone()
    publish(database, "small", SMALL, columns={}, geometry_type="Geometry")
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


@pytest.mark.parametrize(
    ("place", "ids"),
    [
        ("WebMercatorQuad/0/0/0", range(1, 61)),
        ("WorldCRS84Quad/0/0/1", range(1, 61)),
        ("EuropeanETRS89_LAEAQuad/0/0/0", (30, 31, 33, 34)),
    ],
)
def test_what_is_smaller_than_a_pixel_is_in_the_tile_all_the_same(small: FlaskClient, place: str, ids: Iterable[int]):
    features = decode(small, f"/collections/small/tiles/{place}")["small"]["features"]
    assert {feature["id"] for feature in features} >= set(ids)
    for feature in features:
        shape = shapely.geometry.shape(feature["geometry"])
        assert shape.geom_type == ("LineString" if feature["id"] % 3 == 1 else "Polygon")
        assert shape.is_valid
        assert shape.area <= 1 if feature["id"] % 3 == 0 else shape.length >= 1


@pytest.mark.parametrize(("z", "row", "column"), [(0, 0, 0), (5, 13, 18), (7, 52, 74)])
def test_what_is_within_a_unit_is_that_unit_of_the_grid(small: FlaskClient, z: int, row: int, column: int):
    response = small.get(f"/collections/small/tiles/WebMercatorQuad/{z}/{row}/{column}")
    assert check_tile(response.data)
    features = mapbox_vector_tile.decode(response.data, default_options={"y_coord_down": True})["small"]["features"]
    houses = {feature["id"]: feature["geometry"] for feature in features if feature["id"] % 3 == 0}
    assert houses
    for degree, geometry in houses.items():
        x = (degree + 0.00005 + 180) / 360 * 2**z - column
        y = (1 - math.asinh(math.tan(math.radians(degree + 0.0001))) / math.pi) / 2 * 2**z - row
        west, north = (math.floor(part * 4096) for part in (x, y))
        assert shapely.geometry.shape(geometry).equals(shapely.box(west, north, west + 1, north + 1))


def test_what_is_smaller_than_a_pixel_is_in_no_other_tile(small: FlaskClient):
    found: dict[int, int] = {}
    for row in range(8):
        for column in range(8):
            response = small.get(f"/collections/small/tiles/WebMercatorQuad/3/{row}/{column}")
            layers = mapbox_vector_tile.decode(response.data) if response.status_code == 200 else {}
            for feature in layers.get("small", {"features": []})["features"]:
                found[feature["id"]] = found.get(feature["id"], 0) + (feature["id"] % 3 != 2)
    assert sorted(found) == list(range(1, 61))
    assert max(found.values()) <= 4, "neighbours have it in their buffers"
    assert sum(found.values()) < 60


UNIT_DEG = 360 / 4096
"""A unit of a tile at zoom 0, near the equator."""

SCATTERED = f"""
SELECT fid, ST_SetSRID(geom, 4326) AS geom FROM (VALUES
    (1, ST_Collect(ARRAY[ST_MakeEnvelope(1, 1, 1.001, 1.001), ST_MakeEnvelope(1.002, 1, 1.003, 1.001),
                         ST_MakeEnvelope(9, 5, 9.001, 5.001)])),
    (2, 'MULTILINESTRING((1 1, 1.001 1.001), (9 5, 9.001 5.001))'),
    (3, 'GEOMETRYCOLLECTION(POINT(2 2), LINESTRING(2 2, 6 4), POLYGON((2 2, 2.001 2, 2.001 2.001, 2 2)))'),
    (4, ST_Scale('POLYGON((9.45 9.45, 10.55 10.55, 10.4 10.3, 9.45 9.45))', {UNIT_DEG}, {UNIT_DEG})),
    (5, ST_Scale(ST_Buffer('LINESTRING(20.4 20.4, 24.6 22.7)', 0.2), {UNIT_DEG}, {UNIT_DEG}))
) AS shapes (fid, geom)
"""


def test_what_falls_to_pieces_smaller_than_a_pixel_is_in_the_tile_all_the_same(cluster: Cluster):
    database = cluster.clone()
    publish(database, "scattered", SCATTERED, columns={}, geometry_type="Geometry")
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    for place in ("WebMercatorQuad/0/0/0", "WorldCRS84Quad/0/0/1"):
        response = client.get(f"/collections/scattered/tiles/{place}")
        assert check_tile(response.data)
        features = decode(client, f"/collections/scattered/tiles/{place}")["scattered"]["features"]
        shapes = {feature["id"]: shapely.geometry.shape(feature["geometry"]) for feature in features}
        assert sorted(shapes) == [1, 2, 3, 4, 5]
        assert len(shapes[1].geoms) == len(shapes[2].geoms) == 2, "two houses lie in a unit"
        assert shapes[3].geom_type == "Polygon"
        assert all(1 <= shape.area <= 10 for id, shape in shapes.items() if id != 2)
    pool.close()
    cluster.drop(database)
