"""Filters on tiles: a tile shows the features that /items finds, with the properties that are asked for."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import mapbox_vector_tile
import pytest
from flask.testing import FlaskClient

from api.query.items import WHOLE_TILE, TileQuery
from support.ogc import EPSG, get, path_of, problem, status

MVT = "application/vnd.mapbox-vector-tile"
PLACES = "/collections/places/tiles/{}/0/0/{}"
JSON_FILTER = '{"op":">","args":[{"property":"population"},100000]}'


def features(client: FlaskClient, path: str, given: dict[str, str]) -> dict[int, dict]:
    """The features of a tile by id: their properties. Nothing for an empty tile."""
    response = client.get(path, query_string=given or None)
    assert response.status_code in (200, 204), response.text
    layers = mapbox_vector_tile.decode(response.data) if response.data else {}
    return {feature["id"]: feature["properties"] for layer in layers.values() for feature in layer["features"]}


def of_the_world(client: FlaskClient, name: str, tms: str, given: dict[str, str]) -> dict[int, dict]:
    """The features of all tiles of zoom 0."""
    found: dict[int, dict] = {}
    for column in range(1 if tms == "WebMercatorQuad" else 2):
        path = f"/collections/{name}/tiles/{tms}/0/0/{column}"
        if client.get(path).status_code != 404:
            found |= features(client, path, given)
    return found


@pytest.mark.parametrize("tms", ["WebMercatorQuad", "WorldCRS84Quad"])
@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("places", {"filter": "population > 100000"}),
        ("places", {"filter": JSON_FILTER, "filter-lang": "cql2-json"}),
        ("places", {"filter": "CASEI(name) LIKE CASEI('%A%') AND capital = true"}),
        ("places", {"filter": "S_INTERSECTS(geom, POLYGON((20 55, 30 55, 30 65, 20 65, 20 55)))"}),
        ("places", {"filter": "S_INTERSECTS(geom, BBOX(59, 20, 62, 30))", "filter-crs": f"{EPSG}4326"}),
        ("places", {"filter": "name = 'nobody'"}),
        ("places", {"bbox": "20,55,30,65"}),
        ("places", {"bbox": "170,-20,-170,0"}),
        ("places", {"bbox": "55,20,65,30", "bbox-crs": f"{EPSG}4326"}),
        ("places", {"bbox": "-180,-90,180,90"}),
        ("places", {"datetime": "2024-02-15T00:00:00Z/2024-05-15T00:00:00Z"}),
        ("places", {"datetime": "../2024-03-01T10:00:00Z", "filter": "capital = false"}),
        ("places", {"ids": "1,3,99"}),
        ("places", {"name": "Suva"}),
        ("places", {"capital": "true", "bbox": "0,0,180,80"}),
        ("places", {"q": "o"}),
        ("grid", {"filter": "name IN ('cell 2', 'cell 5')"}),
        ("grid", {"bbox": "24.25,60.02,24.45,60.05"}),
        ("grid", {"bbox": "334600,6655000,340000,6660000", "bbox-crs": f"{EPSG}3067"}),
        ("grid", {"ids": "4", "name": "cell 4"}),
    ],
)
def test_tile_shows_what_items_finds(client: FlaskClient, name: str, tms: str, given: dict[str, str]):
    page = get(client, f"/collections/{name}/items?{urlencode({**given, 'limit': 100})}")
    limit = 85.06 if tms == "WebMercatorQuad" else 90
    expected = {
        feature["id"]
        for feature in page["features"]
        if feature["geometry"] and (name == "grid" or abs(feature["geometry"]["coordinates"][1]) <= limit)
    }
    assert of_the_world(client, name, tms, given).keys() == expected


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"properties": "name,capital"}, {"name", "capital"}),
        ({"properties": ""}, set()),
        ({"exclude-properties": "name,seen"}, {"population", "ratio", "capital", "founded"}),
        ({"properties": "population", "filter": "name = 'Suva'"}, {"population"}),
    ],
)
def test_properties_are_those_that_are_asked_for(client: FlaskClient, given: dict[str, str], names: set[str]):
    found = of_the_world(client, "places", "WebMercatorQuad", given)
    assert found
    assert all(properties.keys() == names for properties in found.values())
    tilejson = get(client, f"/collections/places/tiles/WebMercatorQuad/tilejson.json?{urlencode(given)}")
    assert tilejson["vector_layers"][0]["fields"].keys() == names


@pytest.mark.parametrize("resource", ["", "/tilejson.json", "/style.json"])
def test_descriptions_lead_to_the_filtered_tiles(client: FlaskClient, resource: str):
    given = {"filter": "name = 'Suva' OR population < 5", "properties": "name"}
    document = get(client, f"/collections/places/tiles/WebMercatorQuad{resource}?{urlencode(given)}")
    if resource == "/style.json":
        document = get(client, path_of(document["sources"]["places"]["url"]))
    if "tiles" in document:
        path = path_of(document["tiles"][0]).format(z=0, y=0, x=0)
    else:
        [item] = [link for link in document["links"] if link["rel"] == "item"]
        path = path_of(item["href"]).format(tileMatrix=0, tileRow=0, tileCol=0)
    assert {id: list(properties) for id, properties in features(client, path, {}).items()} == {
        3: ["name"],
        12: ["name"],
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"filter": "population > 100000"}, {"filter": "\tpopulation>100000 "}),
        ({"filter": "population > 100000"}, {"filter": JSON_FILTER, "filter-lang": "cql2-json"}),
        ({"filter": "name = 'Suva' and capital = true"}, {"filter": "(name='Suva') AND capital = TRUE"}),
        (
            {"filter": "name = 'Suva' and capital = true"},
            {"filter": "capital = true AND (name='Suva' AND capital = TRUE)"},
        ),
        ({"filter": "population > 100000"}, {"filter": "population > 1e5"}),
        ({"filter": "id IN (1, 3, 2)"}, {"filter": "id IN (3.0, 2, 1, 1)"}),
        ({"name": "Suva", "capital": "true"}, {"capital": "true", "name": "Suva"}),
        ({"ids": "3,1,3"}, {"ids": "1,3"}),
        ({"bbox": "20,55,30,65"}, {"bbox": "20.0,55.00,3e1,65"}),
        ({"bbox": "55,20,65,30", "bbox-crs": f"{EPSG}4326"}, {"bbox": "20,55,30,65"}),
        ({"bbox": "-180,-90,180,90"}, {}),
        ({"datetime": "2024-02-01T10:00:00Z/.."}, {"datetime": "2024-02-01T10:00:00.000Z/"}),
        ({"properties": "capital,name"}, {"properties": "name,capital"}),
        ({"exclude-properties": "population,ratio,founded,seen"}, {"properties": "name,capital"}),
        ({"filter-lang": "cql2-json", "f": "mvt"}, {}),
        ({"filter": "name = 'Suva'", "filter-crs": f"{EPSG}4326"}, {"filter": "name = 'Suva'"}),
    ],
)
def test_spellings_of_one_query_share_a_tile(client: FlaskClient, one: dict[str, str], other: dict[str, str]):
    path = PLACES.format("WebMercatorQuad", 0)
    first, second = (client.get(path, query_string=given) for given in (one, other))
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.data == second.data
    known = client.get(path, query_string=other, headers={"If-None-Match": first.headers["ETag"]})
    assert known.status_code == 304


def test_other_queries_are_other_tiles(client: FlaskClient):
    queries = [
        {},
        {"filter": "population > 100000"},
        {"filter": "population > 100001"},
        {"filter": "population > 100000", "properties": "name"},
        {"properties": "name"},
        {"properties": ""},
        {"bbox": "20,55,30,65"},
        {"bbox": "20,55,30,66"},
        {"ids": "1"},
        {"name": "1"},
        {"q": "1"},
        {"datetime": "2024-02-01T10:00:00Z"},
        {"datetime": "2024-02-01T10:00:00Z/.."},
    ]
    path = PLACES.format("WebMercatorQuad", 0)
    etags = [client.get(path, query_string=given).headers["ETag"] for given in queries]
    assert len(set(etags)) == len(queries)


@pytest.mark.parametrize(
    ("given", "parameter", "told"),
    [
        ({"filter": "popluation > 1"}, "filter", "population"),
        ({"filter": "population >"}, "filter", ""),
        ({"filter": "population > 1", "filter-lang": "sql"}, "filter-lang", ""),
        ({"bbox": "1,2,3"}, "bbox", ""),
        ({"bbox": "1,2,3,4", "bbox-crs": "EPSG:1"}, "bbox-crs", ""),
        ({"datetime": "yesterday"}, "datetime", ""),
        ({"ids": "1,"}, "ids", ""),
        ({"properties": "nmae"}, "properties", "name"),
        ({"properties": "name", "exclude-properties": "name"}, "exclude-properties", ""),
        ({"population": "many"}, "population", ""),
        ({"nmae": "Suva"}, "nmae", "name"),
        ({"limit": "5"}, "limit", ""),
        ({"sortby": "name"}, "sortby", ""),
    ],
)
def test_mistakes_are_a_400_for_tiles_and_for_what_describes_them(
    client: FlaskClient, given: dict[str, str], parameter: str, told: str
):
    for path in (PLACES.format("WebMercatorQuad", 0), "/collections/places/tiles/WebMercatorQuad/tilejson.json"):
        response = client.get(path, query_string=given)
        found = json.loads(response.data)
        assert (response.status_code, found["parameter"]) == (400, parameter)
        assert told in found.get("hint", "") + found["detail"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"bbox": "24.25,60.02,24.95,60.2"}, {"grid": {2, 3, 4, 5, 6, 7, 8, 9}, "places": {1}}),
        ({"filter": "name IN ('cell 2', 'Suva')"}, {"grid": {2}, "places": {3}}),
        ({"name": "Suva"}, {"places": {3}}),
        ({"filter": "population > 1000000", "collections": "places"}, {"places": {5, 6, 9}}),
        ({"datetime": "2024-03-01T10:00:00Z", "bbox": "170,-20,180,0"}, {"places": {3}}),
        ({"q": "cell"}, {"grid": set(range(10))}),
    ],
)
def test_filters_hold_in_each_layer_of_a_tile_of_several(
    client: FlaskClient, given: dict[str, str], expected: dict[str, set[int]]
):
    response = client.get("/tiles/WebMercatorQuad/0/0/0", query_string=given)
    layers = mapbox_vector_tile.decode(response.data)
    assert {name: {feature["id"] for feature in layer["features"]} for name, layer in layers.items()} == expected
    tilejson = get(client, f"/tiles/WebMercatorQuad/tilejson.json?{urlencode(given)}")
    again = client.get(path_of(tilejson["tiles"][0]).format(z=0, y=0, x=0))
    assert again.data == response.data
    assert again.headers["ETag"] == response.headers["ETag"]


def test_properties_hold_in_each_layer(client: FlaskClient):
    response = client.get("/tiles/WebMercatorQuad/0/0/0?properties=name")
    for layer in mapbox_vector_tile.decode(response.data).values():
        assert {tuple(feature["properties"]) for feature in layer["features"]} == {("name",)}
    tilejson = get(client, "/tiles/WebMercatorQuad/tilejson.json?properties=name")
    assert [list(layer["fields"]) for layer in tilejson["vector_layers"]] == [["name"], ["name"]]


@pytest.mark.parametrize(
    ("given", "parameter", "told"),
    [
        ({"population": "5"}, "population", "'grid' has no property"),
        ({"filter": "population > 5"}, "filter", "in 'grid'"),
        ({"properties": "population"}, "properties", "in 'grid'"),
        ({"bbox-crs": f"{EPSG}3067", "bbox": "1,2,3,4"}, "bbox-crs", "in 'places'"),
        ({"ids": "1"}, "ids", "no parameter 'ids'"),
        ({"nmae": "a"}, "nmae", "no parameter 'nmae'"),
        ({"filter": "name ="}, "filter", ""),
    ],
)
def test_mistake_names_the_collection_that_does_not_understand_it(
    client: FlaskClient, given: dict[str, str], parameter: str, told: str
):
    for path in ("/tiles/WebMercatorQuad/0/0/0", "/tiles/WebMercatorQuad/tilejson.json", "/tiles/WebMercatorQuad"):
        found = problem(client, f"{path}?{urlencode(given)}")
        assert found["parameter"] == parameter
        assert told in found["detail"]
    if parameter == "population":
        assert found["hint"].endswith("collections=places")


def test_queries_that_differ_have_keys_that_differ_and_no_query_has_none():
    assert WHOLE_TILE.key == ""
    assert TileQuery(columns=()).key != ""


def test_filters_reach_tables_of_others(odd_client: FlaskClient):
    path = "/collections/type_values/tiles/WebMercatorQuad/0/0/0"
    names = get(odd_client, "/collections")["collections"]
    assert names, "the odd tables are published"
    whole = get(odd_client, "/collections/all_data/items?limit=1000&id=7")
    assert [feature["properties"]["id"] for feature in whole["features"]] == [7]
    path = "/collections/all_data/tiles/WebMercatorQuad/0/0/0"
    for given in ({"id": "7"}, {"filter": "id = 7"}, {"filter": "id = 7", "properties": "name"}):
        response = odd_client.get(path, query_string=given)
        [layer] = mapbox_vector_tile.decode(response.data).values()
        assert [feature["properties"]["name"] for feature in layer["features"]] == ["n7"]
    assert status(odd_client, path, filter="id = 700") == 204


def test_functions_need_their_arguments_beside_a_filter(odd_client: FlaskClient):
    path = "/collections/near/tiles/WebMercatorQuad/0/0/0"
    assert problem(odd_client, path, filter="id = 99")["parameter"] == "least"
    response = odd_client.get(path, query_string={"filter": "id = 99", "least": "98"})
    [layer] = mapbox_vector_tile.decode(response.data).values()
    assert [feature["properties"]["label"] for feature in layer["features"]] == ["n99"]
    assert get(odd_client, "/collections/near/tiles/WebMercatorQuad/tilejson.json?filter=id%3D99")
