"""OGC API Features 1.0.1 Part 1: GeoJSON, HTML and OpenAPI 3.0, requirement by requirement.

The id of the requirement is in the docstring.
"""

from __future__ import annotations

import jsonschema
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator

from support.ogc import (
    COLLECTIONS,
    CRS84,
    LINKS,
    Page,
    definition,
    get,
    ids,
    items,
    links_of,
    of_each_collection,
    parameters_of,
    path_of,
    without_format,
)

OPENAPI = "application/vnd.oai.openapi+json;version=3.0"


@of_each_collection
def test_json_is_offered_for_every_resource_and_geojson_for_features(client: FlaskClient, name: str):
    """/req/geojson/definition"""
    for path in ("/", "/conformance", "/collections", f"/collections/{name}"):
        assert client.get(path, headers={"Accept": "application/json"}).content_type == "application/json"
    for path in (f"/collections/{name}/items", f"/collections/{name}/items/1"):
        response = client.get(path, headers={"Accept": "application/geo+json"})
        assert (response.status_code, response.content_type) == (200, "application/geo+json")


GEOMETRY = {
    "type": ["object", "null"],
    "required": ["type", "coordinates"],
    "properties": {"type": {"enum": ["Point", "Polygon"]}, "coordinates": {"type": "array", "minItems": 1}},
}
FEATURE = {
    "type": "object",
    "required": ["type", "id", "geometry", "properties"],
    "properties": {"type": {"const": "Feature"}, "geometry": GEOMETRY, "properties": {"type": "object"}},
}


@of_each_collection
def test_features_are_geojson_with_their_links_beside_them(client: FlaskClient, name: str):
    """/req/geojson/content"""
    page = get(client, f"/collections/{name}/items")
    properties = {"type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": FEATURE}}
    required = ["type", "features", "links"]
    jsonschema.validate(page, {"required": required, "properties": {**properties, "links": LINKS}})
    for ring in (feature["geometry"]["coordinates"][0] for feature in page["features"] if name == "grid"):
        assert ring[0] == ring[-1]
        assert len(ring) >= 4
    feature = get(client, f"/collections/{name}/items/2")
    jsonschema.validate(feature, {**FEATURE, "required": [*FEATURE["required"], "links"]})
    assert str(feature["id"]) == "2"


HTML_PATHS = ("/", "/api", "/conformance", "/collections", "/functions")
HTML_PATHS_OF_COLLECTION = ("", "/queryables", "/sortables", "/schema", "/items", "/items/1")


@pytest.mark.parametrize(
    "path",
    [*HTML_PATHS, *(f"/collections/{name}{below}" for name in COLLECTIONS for below in HTML_PATHS_OF_COLLECTION)],
)
def test_every_resource_has_a_page(client: FlaskClient, path: str):
    """/req/html/definition"""
    response = client.get(path, headers={"Accept": "text/html"})
    assert (response.status_code, response.content_type) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/collections",
        *(f"/collections/{name}" for name in COLLECTIONS),
        *(f"/collections/{name}/items?limit=1" for name in COLLECTIONS),
        *(f"/collections/{name}/items/1" for name in COLLECTIONS),
    ],
)
def test_page_has_every_link_of_the_document_as_an_anchor(client: FlaskClient, path: str):
    """/req/html/content, links"""
    document = get(client, path)
    response = client.get(path, headers={"Accept": "text/html"})
    assert response.text.startswith("<!doctype html>")
    wanted = {link["href"] for link in document["links"]}
    wanted |= {link["href"] for found in document.get("collections", ()) for link in found["links"]}
    assert {without_format(href) for href in wanted} <= {without_format(href) for href in Page(response.text).hrefs}


@of_each_collection
def test_page_of_features_has_their_ids_and_values(client: FlaskClient, name: str):
    """/req/html/content, information"""
    text = Page(client.get(f"/collections/{name}/items?f=html").text).text
    one = Page(client.get(f"/collections/{name}/items/2?f=html").text).text
    for feature in items(client, name, limit=10):
        assert str(feature["id"]) in text
        for value in feature["properties"].values():
            if isinstance(value, str) and "T" not in value:
                assert value in text
    for column in items(client, name)[1]["properties"]:
        assert column in one


def test_landing_page_links_to_the_openapi_definition_in_both_forms(client: FlaskClient):
    """/req/oas30/oas-definition-1"""
    document = get(client, "/")
    assert [link["type"] for link in links_of(document, "service-desc")] == [OPENAPI]
    assert [link["type"] for link in links_of(document, "service-doc")] == ["text/html"]


def test_definition_is_valid_openapi_3_0(client: FlaskClient):
    """/req/oas30/oas-definition-2"""
    OpenAPIV30SpecValidator(definition(client)).validate()


EXAMPLES = {
    "f": "json",
    "limit": "3",
    "offset": "1",
    "sortby": "-name",
    "resultType": "hits",
    "count": "exact",
    "bbox": "23,60,26,62",
    "bbox-crs": CRS84,
    "datetime": "2024-01-01T00:00:00Z/..",
    "ids": "1,2",
    "filter": "name = 'Suva'",
    "filter-lang": "cql2-text",
    "filter-crs": CRS84,
    "q": "a",
    "crs": CRS84,
    "properties": "name",
    "exclude-properties": "name",
    "skipGeometry": "true",
    "precision": "2",
    "zoom-level": "3",
    "profile": "rfc7946",
    "csv-geometry": "wkt",
    "near": "25,60.2",
    "k": "2",
    "max-distance": "5000",
    "id": "3",
    "name": "Suva",
    "population": "93000",
    "ratio": "2.5",
    "capital": "true",
    "founded": "1849-01-01",
    "seen": "2024-03-01T10:00:00Z",
}
NEEDS = {
    **{"bbox-crs": ["bbox"], "filter-lang": ["filter"], "filter-crs": ["filter"]},
    **dict.fromkeys(("k", "max-distance"), ["near"]),
}


def test_every_parameter_of_the_definition_works(client: FlaskClient):
    """/req/oas30/oas-impl"""
    api = definition(client)
    for path in ("/collections/places/items", "/collections/{collectionId}/items"):
        for parameter in parameters_of(api, path).values():
            if parameter["in"] == "query" and parameter["name"] != "cursor":
                names = [parameter["name"], *NEEDS.get(parameter["name"], ())]
                query = {name: EXAMPLES[name] for name in names}
                response = client.get("/collections/places/items", query_string=query)
                assert response.status_code == 200, response.text
    [following] = links_of(get(client, "/collections/places/items", limit=1), "next")
    assert "cursor=" in following["href"]
    assert ids(get(client, path_of(following["href"]))["features"]) == [2]


PROVOKED = [
    ("/collections/places/items", "/collections/{collectionId}/items", {}, 200),
    ("/collections/places/items?limit=0", "/collections/{collectionId}/items", {}, 400),
    ("/collections/none/items", "/collections/{collectionId}/items", {}, 404),
    ("/collections/places/items", "/collections/{collectionId}/items", {"Accept": "image/png"}, 406),
    ("/collections/places/items/77", "/collections/{collectionId}/items/{featureId}", {}, 404),
    ("/collections/places?x=1", "/collections/{collectionId}", {}, 400),
    ("/collections?x=1", "/collections", {}, 400),
    ("/conformance?x=1", "/conformance", {}, 400),
    ("/?x=1", "/", {}, 400),
]


@pytest.mark.parametrize(("url", "path", "headers", "expected"), PROVOKED)
def test_definition_describes_every_answer(client: FlaskClient, url: str, path: str, headers: dict, expected: int):
    """/req/oas30/completeness"""
    response = client.get(url, headers=headers)
    assert response.status_code == expected
    api = definition(client)
    responses = api["paths"][path]["get"]["responses"]
    described = responses.get(str(expected), responses["default"])
    if "$ref" in described:
        described = api["components"]["responses"][described["$ref"].rpartition("/")[2]]
    assert response.content_type in described["content"]


def test_definition_covers_the_error_codes_of_every_operation(client: FlaskClient):
    """/req/oas30/exceptions-codes"""
    for path, operations in definition(client)["paths"].items():
        for operation in operations.values():
            assert {"400", "500", "default"} <= operation["responses"].keys(), path
            may_be_missing = "{" in path or path.startswith("/collections/") or path == "/network/picture"
            assert ("404" in operation["responses"]) == may_be_missing, path


def test_nothing_is_access_controlled_and_the_definition_says_so(client: FlaskClient):
    """/req/oas30/security"""
    api = definition(client)
    assert "security" not in api
    assert "securitySchemes" not in api["components"]
    for path in ("/", "/api", "/conformance", *(f"/collections/{name}/items" for name in COLLECTIONS)):
        assert client.get(path).status_code not in (401, 403)
