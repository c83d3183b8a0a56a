"""OGC API Features Part 3, queryables and filters, requirement by requirement.

The id of the requirement is in the docstring. What filters mean is held to in the tests of CQL2.
"""

from __future__ import annotations

import json

import jsonschema
import pytest
from flask.testing import FlaskClient

from support.ogc import (
    BOXES,
    COLLECTIONS,
    CRS84,
    EPSG,
    REL,
    SPATIAL,
    definition,
    get,
    ids,
    items,
    links_of,
    mercator,
    of_each_collection,
    of_each_spatial_collection,
    parameters_of,
    path_of,
    problem,
    status,
)

ITEMS = "/collections/{collectionId}/items"


@of_each_collection
def test_queryables_can_be_got_as_json_schema(client: FlaskClient, name: str):
    """/req/queryables/get-queryables-op, /req/features-filter/get-queryables-op"""
    response = client.get(f"/collections/{name}/queryables", headers={"Accept": "application/schema+json"})
    assert (response.status_code, response.content_type) == (200, "application/schema+json")


@of_each_collection
@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("format", ["json", "jsonfg", "html", "csv", "geojsonl"])
def test_features_say_in_their_header_where_their_queryables_are(
    client: FlaskClient, name: str, method: str, format: str
):
    """/req/queryables/queryables-link, /conf/queryables/get-queryables-uris"""
    response = client.open(f"/collections/{name}/items?f={format}", method=method)
    goal = f'<http://localhost/collections/{name}/queryables>; rel="{REL}queryables"; type="application/schema+json"'
    assert response.status_code == 200
    assert goal in response.headers.getlist("Link")


def test_found_features_say_where_their_queryables_are_beside_their_profile(client: FlaskClient):
    """/req/queryables/queryables-link, /rec/profile-parameter/profile-link-header"""
    answers = [
        client.get("/collections/places/items?profile=rfc7946"),
        client.post("/collections/places/search", json={"profile": "rfc7946"}),
    ]
    for response in answers:
        rels = [value.partition("; ")[2] for value in response.headers.getlist("Link")]
        assert rels == ['rel="profile"', f'rel="{REL}queryables"; type="application/schema+json"']


@of_each_collection
def test_queryables_are_a_schema_of_properties(client: FlaskClient, name: str):
    """/req/queryables/get-queryables-response"""
    document = get(client, f"/collections/{name}/queryables")
    jsonschema.Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"http://localhost/collections/{name}/queryables"
    assert document["type"] == "object"
    spatial = {key: value for key, value in document["properties"].items() if "geometry" in value.get("format", "")}
    assert len(spatial) == (1 if name in SPATIAL else 0)
    for value in spatial.values():
        assert not {"type", "$ref"} & value.keys()
        assert value["format"] == {"places": "geometry-point", "grid": "geometry-polygon"}[name]
    assert all("type" in value for key, value in document["properties"].items() if key not in spatial)
    temporal = {key: value["format"] for key, value in document["properties"].items() if key in ("founded", "seen")}
    assert temporal == ({"founded": "date", "seen": "date-time"} if name == "places" else {})


@of_each_collection
def test_property_that_is_no_queryable_is_a_400_since_no_more_are_allowed(client: FlaskClient, name: str):
    """/req/queryables/get-queryables-response, G"""
    assert get(client, f"/collections/{name}/queryables")["additionalProperties"] is False
    assert problem(client, f"/collections/{name}/items", filter="nothing_of_this_name = 1")["parameter"] == "filter"


@of_each_collection
def test_filter_may_use_every_queryable_and_nothing_else(client: FlaskClient, name: str):
    """/req/queryables/expression-construction"""
    for queryable in get(client, f"/collections/{name}/queryables")["properties"]:
        assert status(client, f"/collections/{name}/items", filter=f'"{queryable}" IS NULL') == 200
    for column in ("fid", "geom_3857", "tableoid", "ctid"):
        assert status(client, f"/collections/{name}/items", filter=f"{column} IS NULL") == 400


@of_each_collection
def test_collection_links_to_its_queryables(client: FlaskClient, name: str):
    """/req/queryables/queryables-link, /req/features-filter/queryables-link"""
    [link] = links_of(get(client, f"/collections/{name}"), f"{REL}queryables")
    assert get(client, path_of(link["href"]))["$id"] == link["href"]


SIMPLE = [
    *((name, "id") for name in COLLECTIONS),
    *(("places", name) for name in ("name", "population", "ratio", "capital", "founded", "seen")),
    ("grid", "name"),
    ("stock", "amount"),
]


def written(value: object) -> str:
    """A value as a parameter."""
    return json.dumps(value) if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("name", "queryable"), SIMPLE)
def test_simple_queryable_is_a_parameter_that_selects_its_value(client: FlaskClient, name: str, queryable: str):
    """/req/queryables-query-parameters/parameters"""
    schema = get(client, f"/collections/{name}/queryables")["properties"][queryable]
    parameter = parameters_of(definition(client), f"/collections/{name}/items")[queryable]
    described = {"title", "readOnly", "x-ogc-role", "x-ogc-propertySeq"}
    assert parameter["schema"] == {key: value for key, value in schema.items() if key not in described}
    features = items(client, name)
    rows = [(feature["id"], {"id": feature["id"], **feature["properties"]}) for feature in features]
    for value in {row[queryable] for _, row in rows} - {None}:
        expected = [id for id, row in rows if row[queryable] == value]
        response = client.get(f"/collections/{name}/items", query_string={queryable: written(value), "limit": 100})
        assert ids(json.loads(response.data)["features"]) == expected


def test_no_simple_queryable_is_left_out(client: FlaskClient):
    """/req/queryables-query-parameters/parameters, C"""
    simple = {"string", "number", "integer", "boolean"}
    for name in COLLECTIONS:
        properties = get(client, f"/collections/{name}/queryables")["properties"]
        found = {(name, key) for key, value in properties.items() if str(value.get("type")) in simple}
        assert found == {row for row in SIMPLE if row[0] == name}


@pytest.mark.parametrize("path", [ITEMS, *(f"/collections/{name}/items" for name in COLLECTIONS)])
def test_filter_parameters_are_defined_as_the_standard_has_them(client: FlaskClient, path: str):
    """/req/filter/filter-param, /req/filter/filter-crs-param, A, /req/filter/filter-lang-param, A"""
    parameters = parameters_of(definition(client), path)
    for name in ("filter", "filter-lang", "filter-crs"):
        found = parameters[name]
        assert (found["in"], found["required"], found["style"]) == ("query", False, "form")
        assert found["schema"]["type"] == "string"
    assert parameters["filter-crs"]["schema"]["format"] in ("uri", "uri-reference")


FILTERS = {
    "places": ("population > 1000000", {"op": ">", "args": [{"property": "population"}, 1000000]}, [5, 6, 9]),
    "grid": ("name = 'cell 4'", {"op": "=", "args": [{"property": "name"}, "cell 4"]}, [4]),
    "stock": ("amount >= 4", {"op": ">=", "args": [{"property": "amount"}, 4]}, [2, 3]),
}


@of_each_collection
def test_filter_works_in_every_language_that_the_definition_lists(client: FlaskClient, name: str):
    """/req/filter/filter-lang-param, B and C, /req/features-filter/filter-lang-param"""
    text, tree, expected = FILTERS[name]
    schema = parameters_of(definition(client), f"/collections/{name}/items")["filter-lang"]["schema"]
    assert {"cql2-text", "cql2-json"} <= set(schema["enum"])
    assert schema["default"] == "cql2-text"
    for language in schema["enum"]:
        given = json.dumps(tree) if language.endswith("json") else text
        assert ids(items(client, name, filter=given, filter_lang=language)) == expected
    assert ids(items(client, name, filter=text)) == expected


@of_each_collection
def test_filter_keeps_what_is_true_and_drops_what_is_false(client: FlaskClient, name: str):
    """/req/filter/response, /req/features-filter/filter-param, /req/features-filter/response, A to D"""
    text, _, expected = FILTERS[name]
    everything = ids(items(client, name))
    kept, dropped = ids(items(client, name, filter=text)), ids(items(client, name, filter=f"NOT ({text})"))
    assert kept == expected
    unknown = [7] if name == "places" else []
    assert sorted(kept + dropped + unknown) == everything, "7 has no population, which is neither more nor less"


SHAPES = {
    "places": "POLYGON((23 60,26 60,26 62,23 62,23 60))",
    "grid": "POLYGON((24.25 60.02,24.45 60.02,24.45 60.05,24.25 60.02))",
}


@of_each_spatial_collection
def test_geometries_of_a_filter_are_in_crs84_unless_said_otherwise(client: FlaskClient, name: str):
    """/req/filter/filter-crs-wgs84"""
    text = f"S_INTERSECTS(geometry, {SHAPES[name]})"
    found = ids(items(client, name, filter=text))
    assert (
        found == ids(items(client, name, filter=text, filter_crs=CRS84)) == {"places": [1, 2], "grid": [2, 3, 4]}[name]
    )


@of_each_spatial_collection
def test_geometries_of_a_filter_are_read_in_its_crs(client: FlaskClient, name: str):
    """/req/filter/filter-crs-param, B, /req/features-filter/filter-crs-param"""
    west, south, east, north = BOXES[name]
    expected = ids(items(client, name, filter=f"S_INTERSECTS(geometry, BBOX({west},{south},{east},{north}))"))
    assert 0 < len(expected) < 10
    north_first = f"S_INTERSECTS(geometry, BBOX({south},{west},{north},{east}))"
    assert ids(items(client, name, filter=north_first, filter_crs=f"{EPSG}4326")) == expected
    metres = ",".join(f"{side:.3f}" for side in (*mercator(west, south), *mercator(east, north)))
    in_metres = f"S_INTERSECTS(geometry, BBOX({metres}))"
    assert ids(items(client, name, filter=in_metres, filter_crs=f"{EPSG}3857")) == expected


@of_each_collection
def test_filter_crs_that_is_not_supported_is_an_error(client: FlaskClient, name: str):
    """/req/filter/filter-crs-param, C"""
    for crs in (f"{EPSG}2056", "", "x"):
        answer = problem(client, f"/collections/{name}/items", filter="1 = 1", filter_crs=crs)
        assert answer["parameter"] == "filter-crs"


OTHERS = {
    "places": {"bbox": "0,0,180,90", "datetime": "2024-02-01T10:00:00Z/..", "capital": "false", "ids": "1,2,6,9"},
    "grid": {"bbox": "24.25,60,24.45,60.1", "ids": "3,4,5"},
    "stock": {"amount": "4", "ids": "2,3"},
}


@of_each_collection
def test_filter_and_every_other_condition_hold_together(client: FlaskClient, name: str):
    """/req/filter/mixing-expressions, /req/features-filter/response, B and C"""
    text = FILTERS[name][0]
    expected = set(ids(items(client, name, filter=text)))
    for parameter, value in OTHERS[name].items():
        single = client.get(f"/collections/{name}/items", query_string={parameter: value, "limit": 100})
        both = client.get(f"/collections/{name}/items", query_string={parameter: value, "filter": text, "limit": 100})
        selected = set(ids(json.loads(single.data)["features"]))
        assert set(ids(json.loads(both.data)["features"])) == selected & set(ids(items(client, name, filter=text)))
        expected &= selected
    every = client.get(f"/collections/{name}/items", query_string={**OTHERS[name], "filter": text})
    assert set(ids(json.loads(every.data)["features"])) == expected


@of_each_collection
@pytest.mark.parametrize(
    "query",
    [
        {"filter": "name ="},
        {"filter": ""},
        {"filter": "{}", "filter-lang": "cql2-json"},
        {"filter": "1 = 1", "filter-lang": "sql"},
        {"filter": '{"op": "=", "args": [1, 1]}', "filter-lang": "cql2-text"},
        {"filter": "1 = 1", "filter-crs": "http://example.org/crs"},
    ],
    ids=str,
)
def test_wrong_filter_language_or_crs_is_a_400(client: FlaskClient, name: str, query: dict):
    """/req/features-filter/response, E"""
    response = client.get(f"/collections/{name}/items", query_string=query)
    assert response.status_code == 400
    wrong = {"sql": "filter-lang", "http://example.org/crs": "filter-crs"}.get(list(query.values())[-1], "filter")
    assert json.loads(response.data)["parameter"] == wrong


def test_functions_can_be_got(client: FlaskClient):
    """/req/filter/get-functions-operation"""
    [link] = links_of(get(client, "/"), f"{REL}functions")
    assert path_of(link["href"]) == "/functions"


def test_functions_are_as_their_schema_says(client: FlaskClient):
    """/req/filter/get-functions-response-json"""
    types = {"enum": ["string", "number", "integer", "datetime", "geometry", "boolean"]}
    kinds = {"type": "array", "items": types, "minItems": 1}
    arguments = {"type": "array", "items": {"type": "object", "required": ["type"], "properties": {"type": kinds}}}
    members = {"name": {"type": "string"}, "arguments": arguments, "args": arguments, "returns": kinds}
    function = {"required": ["name", "arguments", "args", "returns"], "properties": members}
    document = get(client, "/functions")
    functions = {"type": "array", "items": function, "minItems": 1}
    jsonschema.validate(document, {"required": ["functions"], "properties": {"functions": functions}})
    for listed in document["functions"]:
        wrong = problem(client, "/collections/places/items", filter=f"{listed['name']}(1,1,1,1,1,1,1,1,1) = 1")
        assert "there is no function" not in wrong["detail"], listed["name"]
    assert (
        "no_such_function" in problem(client, "/collections/places/items", filter="no_such_function(1) = 1")["detail"]
    )


def test_map_has_the_parameter_that_it_takes_in_the_definition(client: FlaskClient):
    """Part 1, /req/core/query-param-unknown"""
    assert status(client, "/map", collections="grid") == 200
    assert set(parameters_of(definition(client), "/map")) == {"collections"}
