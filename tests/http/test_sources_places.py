"""Geometries of every kind: boxes find what lies in them, tiles show it, nothing fails at the poles."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import given, strategies as st

from api.query.crs import CRS84, EPSG_3857
from support.http import get

MERCATOR = EPSG_3857.uri


def found(client: FlaskClient, name: str, **parameters: str) -> list[int]:
    """The ids of the features that are found."""
    page = get(client, f"/collections/{quote(name)}/items?{urlencode({'limit': '10000', **parameters})}")
    return [feature["id"] for feature in page["features"]]


def geometry(client: FlaskClient, name: str, id: int, **parameters: str) -> dict[str, Any]:
    """The geometry of a feature."""
    page = get(client, f"/collections/{quote(name)}/items?{urlencode({'ids': str(id), **parameters})}")
    return page["features"][0]["geometry"]


def tile(client: FlaskClient, name: str, place: str) -> bytes:
    """A vector tile, unpacked; empty for none."""
    response = client.get(f"/collections/{quote(name)}/tiles/WebMercatorQuad/{place}")
    assert response.status_code in (200, 204), response.text
    packed = response.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(response.data) if packed else response.data


def tile_ids(mvt: bytes) -> list[int]:
    """The ids of the features of a tile with one layer (Vector Tile 2.1, 4.2), in order."""
    ids: list[int] = []
    for field, layer in fields(mvt):
        assert field == 3
        features = [value for number, value in fields(layer) if number == 2]
        ids += [number for feature in features for name, number in fields(feature) if name == 1]
    return sorted(ids)


def fields(message: bytes) -> list[tuple[int, Any]]:
    """The fields of a protobuf message: numbers and bytes."""
    result, at = [], 0
    while at < len(message):
        tag, at = varint(message, at)
        value, at = varint(message, at)
        if tag & 7 == 2:
            value, at = message[at : at + value], at + value
        result.append((tag >> 3, value))
    return result


def varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while True:
        byte = message[at]
        number, shift, at = number | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return number, at


GLOBE = [(longitude, latitude) for longitude in range(-180, 181, 9) for latitude in range(-90, 91, 9)]
halves = st.integers(-360, 360).map(lambda number: number / 2)
quarters = st.integers(-180, 180).map(lambda number: number / 2)


@given(halves, halves, quarters, quarters)
def test_box_finds_the_geographies_that_plain_python_finds(
    odd_client: FlaskClient, west: float, east: float, one: float, other: float
):
    south, north = min(one, other), max(one, other)

    def inside(longitude: int, latitude: int) -> bool:
        in_width = west <= longitude <= east if west <= east else longitude >= west or longitude <= east
        return in_width and south <= latitude <= north

    wanted = [number for number, place in enumerate(GLOBE, 1) if inside(*place)]
    assert found(odd_client, "geography", bbox=f"{west},{south},{east},{north}") == wanted


def test_box_across_the_antimeridian_finds_both_sides(odd_client: FlaskClient):
    assert found(odd_client, "antimeridian", bbox="178,-20,-178,0") == [19, 20, 21, 22, 23]
    assert found(odd_client, "antimeridian", bbox="-180,-20,-179.5,0") == []


@pytest.mark.parametrize("name", ['Mixed Case "x"', "untyped", "srid_declared", "function_data"])
def test_box_in_degrees_finds_what_lies_in_a_grid(odd_client: FlaskClient, name: str):
    everything = found(odd_client, name)
    west, south, east, north = get(odd_client, f"/collections/{quote(name)}")["extent"]["spatial"]["bbox"][0]
    assert found(odd_client, name, bbox="-180,-90,180,90") == everything
    assert found(odd_client, name, bbox=f"{west - 1e-5},{south - 1e-5},{east + 1e-5},{north + 1e-5}") == everything
    half = found(odd_client, name, bbox=f"{west - 1e-5},{south - 1},{(west + east) / 2},{north + 1}")
    assert 0.3 * len(everything) < len(half) < 0.7 * len(everything)
    text = f"S_INTERSECTS(geometry, BBOX({west - 1e-5},{south - 1},{(west + east) / 2},{north + 1}))"
    assert found(odd_client, name, filter=text) == half
    assert found(odd_client, name, bbox="100,0,101,1") == []


def test_box_finds_geometries_of_several_systems(odd_client: FlaskClient):
    assert found(odd_client, "mixed_srids", bbox="24.005,59.99,24.055,60.01") == [1, 2, 3, 4, 5]


def test_box_finds_features_without_a_place_too(odd_client: FlaskClient):
    assert found(odd_client, "null_geometry", bbox="23,59,25,61") == [1, 3, 5]
    assert found(odd_client, "null_geometry", bbox="0,0,1,1") == [1, 5]


def test_coordinates_without_a_system_are_shown_and_compared_as_they_are(odd_client: FlaskClient):
    assert geometry(odd_client, "srid_0", 1)["coordinates"] == [380001, 6670000]
    assert found(odd_client, "srid_0", bbox="380001,6669999,380003,6670001") == [1, 2, 3]
    assert found(odd_client, "srid_0", filter="S_INTERSECTS(geometry, BBOX(380001,6669999,380003,6670001))") == [
        1,
        2,
        3,
    ]
    collection = get(odd_client, "/collections/srid_0")
    assert (collection["crs"], "storageCrs" in collection, "extent" in collection) == ([CRS84.uri], False, False)
    response = odd_client.get("/collections/srid_0/tiles/WebMercatorQuad/0/0/0")
    assert (response.status_code, "SRID 0" in json.loads(response.data)["hint"]) == (404, True)
    assert odd_client.get("/collections/srid_0/items?f=html").status_code == 200


def test_system_that_a_comment_declares_is_the_one_of_the_collection(odd_client: FlaskClient):
    collection = get(odd_client, "/collections/srid_declared")
    assert collection["storageCrs"] == "http://www.opengis.net/def/crs/EPSG/0/3067"
    assert collection["description"] == "Points of a survey."
    longitude, latitude = geometry(odd_client, "srid_declared", 1)["coordinates"]
    assert (round(longitude, 3), round(latitude, 3)) == (24.839, 60.149)
    assert tile_ids(tile(odd_client, "srid_declared", "0/0/0"))


def test_heights_are_shown_and_measures_are_not(odd_client: FlaskClient):
    assert geometry(odd_client, "z_and_m", 3)["coordinates"] == [3, 1, 5]
    assert geometry(odd_client, "z_and_m.m", 3)["coordinates"] == [3, 1]
    assert geometry(odd_client, "z_and_m.zm", 3)["coordinates"] == [[3, 1, 5], [3, 2, 6]]


@pytest.mark.parametrize(
    ("name", "srid", "coordinates"),
    [
        ("heights", 4979, [40.5, -105.1234567, 1500]),
        ("heights_of_the_sea", 5498, [40.5, -105.1234567, 1500]),
        ("heights_of_sweden", 5845, [6580000, 674000, 20]),
    ],
)
def test_systems_with_heights_have_their_official_axes(
    odd_client: FlaskClient, name: str, srid: int, coordinates: list[float]
):
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{srid}"
    assert geometry(odd_client, name, 1, crs=uri)["coordinates"] == coordinates
    first, second = coordinates[:2]
    around = f"{first - 0.1},{second - 0.1},{first + 0.1},{second + 0.1}"
    assert found(odd_client, name, **{"bbox": around, "bbox-crs": uri}) == [1]
    assert found(odd_client, name, **{"filter": f"S_WITHIN(geometry, BBOX({around}))", "filter-crs": uri}) == [1]
    extent = get(odd_client, f"/collections/{name}")["extent"]["spatial"]
    assert extent["storageCrsBbox"] == [[first, second, first, second]]


@pytest.mark.parametrize(
    ("name", "low", "high", "ids"),
    [
        ("z_and_m", 5, 9, range(1, 11)),
        ("z_and_m", 5.1, 9, ()),
        ("z_and_m", -9, 4.9, ()),
        ("z_and_m.zm", 5.5, 5.6, range(1, 11)),
        ("z_and_m.zm", 6.1, 9, ()),
        ("heights", 1499, 1501, [1]),
        ("heights", 0, 1, ()),
    ],
)
def test_box_of_six_numbers_finds_what_is_as_high(
    odd_client: FlaskClient, name: str, low: float, high: float, ids: Iterable[int]
):
    assert found(odd_client, name, bbox=f"-180,-90,{low},180,90,{high}") == list(ids)
    mercator = f"-20037508,-20037508,{low},20037508,20037508,{high}"
    assert found(odd_client, name, **{"bbox": mercator, "bbox-crs": MERCATOR}) == list(ids)


@pytest.mark.parametrize("name", ["z_and_m.m", "null_geometry", "places", "geography", "curves"])
def test_box_of_six_numbers_finds_what_has_no_height(odd_client: FlaskClient, name: str):
    assert found(odd_client, name, bbox="-180,-90,7000,180,90,7001") == found(odd_client, name, bbox="-180,-90,180,90")


def test_each_geometry_column_is_a_collection_with_its_own_system(odd_client: FlaskClient):
    centre, area = get(odd_client, "/collections/two_geometries"), get(odd_client, "/collections/two_geometries.area")
    assert (centre["storageCrs"], area["storageCrs"]) == (CRS84.uri, "http://www.opengis.net/def/crs/EPSG/0/3067")
    assert area["title"] == "two_geometries (area)"
    assert geometry(odd_client, "two_geometries", 1)["type"] == "Point"
    assert geometry(odd_client, "two_geometries.area", 1)["type"] == "Polygon"
    page = get(odd_client, "/collections/two_geometries.area/items?limit=1")
    assert set(page["features"][0]["properties"]) == {"id", "name"}


def test_curves_and_surfaces_are_shown_as_lines_and_polygons(odd_client: FlaskClient):
    types = [geometry(odd_client, "curves", id)["type"] for id in range(1, 8)]
    assert types == [
        "LineString",
        "Polygon",
        "MultiPolygon",
        "MultiPolygon",
        "LineString",
        "Point",
        "GeometryCollection",
    ]
    assert tile_ids(tile(odd_client, "curves", "0/0/0")) == list(range(1, 14))


def test_curves_of_straight_lines_and_collections_in_collections_are_shown_too(odd_client: FlaskClient):
    shapes = [geometry(odd_client, "curves", id) for id in range(8, 15)]
    assert [shape["type"] for shape in shapes[:4]] == ["LineString", "Polygon", "MultiLineString", "MultiPolygon"]
    parts = [[part["type"] for part in shape["geometries"]] for shape in shapes[4:6]]
    assert parts == [["Point", "LineString", "Point"], ["Polygon", "Polygon"]]
    assert shapes[6] is None


@pytest.mark.parametrize("name", ["no_numbers", "no_numbers_any"])
def test_points_with_coordinates_that_are_no_numbers_are_at_no_place(odd_client: FlaskClient, name: str):
    page = get(odd_client, f"/collections/{name}/items")
    shown = [feature["geometry"] and feature["geometry"]["coordinates"] for feature in page["features"]]
    assert shown == [None, None, [1, 2, 0], [1, 2, 3], None]
    assert 4 in [feature["id"] for feature in get(odd_client, f"/collections/{name}/items?bbox=0,0,5,5")["features"]]
    assert tile_ids(tile(odd_client, name, "0/0/0")) == [3, 4]
    assert odd_client.get(f"/collections/{name}/items?f=shp").status_code == 200


def test_shapes_at_the_poles_are_cut_where_web_mercator_ends(odd_client: FlaskClient):
    assert geometry(odd_client, "poles", 2, crs=MERCATOR) is None
    ring = geometry(odd_client, "poles", 1, crs=MERCATOR)["coordinates"][0]
    assert min(y for _, y in ring) == pytest.approx(-20037508.34, abs=0.02)
    assert tile_ids(tile(odd_client, "poles", "0/0/0")) == [1, 3, 5]
    for z in range(1, 6):
        for row in (0, 2**z - 1):
            tile(odd_client, "poles", f"{z}/{row}/0")


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("web_mercator", range(51)),
        ("view_with_id", range(1, 51)),
        ("mixed_srids", range(1, 31)),
        ("foreign_table", range(1, 36)),
        ("materialized_view", range(1, 41)),
    ],
)
def test_tile_of_the_world_holds_every_feature_with_its_id(odd_client: FlaskClient, name: str, ids: range):
    # A negative number is an id of GeoJSON and none of vector tiles.
    assert tile_ids(tile(odd_client, name, "0/0/0")) == list(ids)


def test_lines_and_areas_with_coordinates_that_are_no_numbers_are_json(odd_client: FlaskClient):
    found = get(odd_client, "/collections/no_numbers_lines/items")["features"]
    geometries = [one["geometry"] and one["geometry"]["coordinates"] for one in found]
    assert geometries == [[[1, 2, 0], [3, 4, 5]], None, [[[0, 0, 2], [0, 1, 0], [1, 1, 0], [0, 0, 2]]], None]
    assert get(odd_client, "/collections/no_numbers_lines/items/3")["geometry"] == found[2]["geometry"]


def test_tiles_of_ids_that_are_no_numbers_have_none(odd_client: FlaskClient):
    for name in ("uuid_key", "composite_key", "no_key", "view"):
        mvt = tile(odd_client, name, "0/0/0")
        assert mvt
        assert tile_ids(mvt) == [], name


def test_small_tiles_hold_what_lies_in_them(odd_client: FlaskClient):
    # Points at every degree of the equator: 50 of them from 1 to 50 east, 360 / 64 degrees a tile.
    assert tile_ids(tile(odd_client, "view_with_id", "6/32/33")) == [6, 7, 8, 9, 10, 11]
    assert tile_ids(tile(odd_client, "geography", "3/3/4")) == sorted(
        number for number, (x, y) in enumerate(GLOBE, 1) if 0 <= x <= 45 and 0 <= y <= 40.98
    )


def test_tile_across_a_grid_is_found_through_its_own_system(odd_client: FlaskClient):
    extent = get(odd_client, "/collections/two_geometries.area")["extent"]["spatial"]["bbox"][0]
    column = int((extent[0] + 180) / 360 * 2**10)
    seen = {
        id
        for x in (column, column + 1)
        for y in range(292, 300)
        for id in tile_ids(tile(odd_client, "two_geometries.area", f"10/{y}/{x}"))
    }
    assert seen == set(range(1, 21))


@pytest.mark.parametrize("f", ["json", "jsonfg", "csv", "geojsonl", "gpkg", "parquet"])
@pytest.mark.parametrize("crs", [CRS84.uri, MERCATOR])
def test_what_has_no_place_does_not_stop_the_rest(odd_client: FlaskClient, f: str, crs: str):
    response = odd_client.get(f"/collections/far_off/items?{urlencode({'f': f, 'crs': crs})}", buffered=True)
    assert response.status_code == (400 if f == "geojsonl" and crs == MERCATOR else 200), response.text
    if f == "json":
        assert [some["geometry"] is None for some in response.get_json()["features"]] == [False, True, True, True, True]
    assert odd_client.get("/collections/far_off_degrees/items?crs=" + quote(crs)).status_code == 200


def test_what_has_no_place_is_shown_in_its_own_system(odd_client: FlaskClient):
    own = "http://www.opengis.net/def/crs/EPSG/0/3067"
    assert geometry(odd_client, "far_off", 2, crs=own)["coordinates"] == [1e300, 6672000]


def test_extent_is_of_what_has_a_place(odd_client: FlaskClient):
    extent = get(odd_client, "/collections/far_off")["extent"]["spatial"]
    [[west, south, east, north]] = extent["bbox"]
    assert (24.9 < west <= east < 25) and (60.1 < south <= north < 60.2)
    assert extent["storageCrsBbox"] == [[385000, 6672000, 385000, 6672000]]
    assert found(odd_client, "far_off", bbox="-180,-90,180,90") == [1, 3]
    assert found(odd_client, "far_off", filter="S_INTERSECTS(geometry, BBOX(24, 60, 26, 61))") == [1, 3]
    assert found(odd_client, "far_off", filter="S_DISTANCE(geometry, POINT(25 60)) < 100000") == [1]
    assert tile_ids(tile(odd_client, "far_off", "0/0/0")) == [1, 3]


def test_what_lies_far_off_and_has_a_place_is_shown(odd_client: FlaskClient):
    assert geometry(odd_client, "far_off_alaska", 1)["coordinates"] == pytest.approx([178.963, 62.374], abs=0.01)


@pytest.mark.parametrize("name", ["srid_unknown", "srid_unusable"])
def test_system_that_proj_does_not_know_is_one_that_nobody_named(odd_client: FlaskClient, name: str):
    assert geometry(odd_client, name, 1)["coordinates"] == [1, 2]
    assert found(odd_client, name, bbox="0,0,1.5,2.5") == [1]
    assert found(odd_client, name, bbox="2,0,3,2.5") == []
    assert found(odd_client, name, filter="S_INTERSECTS(geometry, BBOX(0, 0, 3, 3))") == [1]
    assert get(odd_client, f"/collections/{name}")["crs"] == [CRS84.uri]
    assert odd_client.get(f"/collections/{name}/items?f=gpkg", buffered=True).status_code == 200
    assert odd_client.get(f"/collections/{name}/tiles/WebMercatorQuad/0/0/0").status_code in (204, 404)


def test_one_of_an_unknown_system_does_not_stop_those_of_others(odd_client: FlaskClient):
    assert geometry(odd_client, "srid_unknown_mixed", 2)["coordinates"] == [3, 4]
    assert found(odd_client, "srid_unknown_mixed", bbox="2,3,5,5") == [1, 2], "the one without a geometry too"


@pytest.mark.parametrize("f", ["json", "jsonfg"])
def test_what_has_no_coordinates_is_null_and_left_out_of_what_has_some(odd_client: FlaskClient, f: str):
    shown = [one["geometry"] for one in get(odd_client, f"/collections/empties/items?f={f}")["features"]]
    assert shown[:4] == [None] * 4
    points = {"type": "MultiPoint", "coordinates": [[1, 1], [2, 2]]}
    area = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [0, 1], [1, 1], [0, 0]]]]}
    parts = {"type": "GeometryCollection", "geometries": [{"type": "MultiPoint", "coordinates": [[2, 2]]}]}
    assert shown[4:] == [points, area, parts]
    assert geometry(odd_client, "empties_points", 1) is None


def test_stated_extent_finds_all_that_has_a_place(odd_client: FlaskClient):
    for name in ('Mixed Case "x"', "function_data", "web_mercator"):
        url = f"/collections/{quote(name)}"
        box = ",".join(map(str, get(odd_client, url)["extent"]["spatial"]["bbox"][0]))
        found, all = (get(odd_client, f"{url}/items?resultType=hits{given}") for given in (f"&bbox={box}", ""))
        assert found["numberMatched"] == all["numberMatched"], name


def test_extent_of_an_area_around_a_pole_reaches_to_the_pole(odd_client: FlaskClient):
    extent = get(odd_client, "/collections/poles_arctic")["extent"]["spatial"]["bbox"][0]
    assert (extent[0], extent[2], extent[3]) == (-180, 180, 90)
    assert 65 < extent[1] < 75
    for box in ("-180,88,180,90", "10,85,20,86"):
        assert len(get(odd_client, f"/collections/poles_arctic/items?bbox={box}")["features"]) == 1, box
    assert odd_client.get("/collections/poles_arctic/tiles/WorldCRS84Quad/3/0/3").status_code == 200


def test_row_of_several_systems_that_has_no_place_does_not_stop_the_others(odd_client: FlaskClient):
    name = "mixed_srids_far_off"
    shown = get(odd_client, f"/collections/{name}/items?limit=10")["features"]
    assert [one["id"] for one in shown if one["geometry"] is None] == [3, 4]
    assert shown[1]["geometry"]["coordinates"] == pytest.approx([24.93, 60.16], abs=0.01)
    assert found(odd_client, name, bbox="24,59,26,61") == [1, 2, 3, 4], "those without a geometry too"
    assert odd_client.get(f"/collections/{name}/items?f=geojson").status_code == 200
