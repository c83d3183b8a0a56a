"""OGC API Features 1.0.1 Part 1, core, up to the collections, requirement by requirement.

The id of the requirement is in the docstring; features, encodings, and Parts 2 and 3 have modules of their own.
"""

from __future__ import annotations

import json
from datetime import datetime

import jsonschema
import pytest
from flask.testing import FlaskClient

from support.ogc import (
    BASE,
    COLLECTION,
    COLLECTIONS,
    CRS84,
    LINKS,
    get,
    has_self_and_alternate,
    items,
    links_of,
    of_each_collection,
    path_of,
    positions,
    status,
)

CONF = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"


def test_server_speaks_http_1_1(client: FlaskClient):
    """/req/core/http"""
    whole, head = client.get("/collections"), client.head("/collections")
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.data))
    refused = client.delete("/collections")
    assert refused.status_code == 405
    assert "GET" in refused.headers["Allow"]
    assert client.get("/collections", headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304


def test_landing_page_is_at_the_root(client: FlaskClient):
    """/req/core/root-op"""
    assert client.get("/").status_code == 200


def test_landing_page_links_to_the_definition_the_conformance_and_the_collections(client: FlaskClient):
    """/req/core/root-success"""
    document = get(client, "/")
    schema = {"type": "object", "required": ["links"], "properties": {"links": LINKS, "title": {"type": "string"}}}
    jsonschema.validate(document, schema)
    assert links_of(document, "service-desc")
    assert [link["href"] for link in links_of(document, "conformance")] == [f"{BASE}/conformance"]
    assert [link["href"] for link in links_of(document, "data")] == [f"{BASE}/collections"]


def test_every_api_definition_of_the_landing_page_can_be_got(client: FlaskClient):
    """/req/core/api-definition-op"""
    document = get(client, "/")
    for link in links_of(document, "service-desc") + links_of(document, "service-doc"):
        assert client.get(path_of(link["href"])).status_code == 200


def test_api_definition_comes_in_the_media_type_of_its_link(client: FlaskClient):
    """/req/core/api-definition-success"""
    document = get(client, "/")
    for link in links_of(document, "service-desc") + links_of(document, "service-doc"):
        response = client.get(path_of(link["href"]), headers={"Accept": link["type"]})
        assert response.content_type.replace(" ", "").startswith(link["type"])
    assert json.loads(client.get("/api", headers={"Accept": OPENAPI}).data)["openapi"].startswith("3.0")


def test_conformance_can_be_got(client: FlaskClient):
    """/req/core/conformance-op"""
    assert client.get("/conformance").status_code == 200


def test_conformance_lists_the_classes_that_these_tests_hold_it_to(client: FlaskClient):
    """/req/core/conformance-success"""
    document = get(client, "/conformance")
    strings = {"type": "array", "items": {"type": "string"}}
    jsonschema.validate(document, {"type": "object", "required": ["conformsTo"], "properties": {"conformsTo": strings}})
    declared = {name.removeprefix(CONF) for name in document["conformsTo"] if name.startswith(CONF)}
    assert declared == {"core", "geojson", "html", "oas30"}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/conformance",
        "/collections",
        *(f"/collections/{name}" for name in COLLECTIONS),
        *(f"/collections/{name}/items" for name in COLLECTIONS),
        *(f"/collections/{name}/items/1" for name in COLLECTIONS),
    ],
)
def test_parameter_that_the_definition_does_not_know_is_a_400(client: FlaskClient, path: str):
    """/req/core/query-param-unknown"""
    assert status(client, path) == 200
    assert status(client, path, surely_unknown="1") == 400
    assert status(client, path, F="json") == 400


@of_each_collection
@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": ""},
        {"bbox": "1,2,3"},
        {"bbox": "1,2,3,4,5"},
        {"bbox": "a,b,c,d"},
        {"bbox": "0,1,1,0"},
        {"datetime": "today"},
        {"datetime": "2024-13-01T00:00:00Z"},
        {"f": "shapefile"},
    ],
    ids=str,
)
def test_parameter_with_a_wrong_value_is_a_400(client: FlaskClient, name: str, query: dict):
    """/req/core/query-param-invalid"""
    assert status(client, f"/collections/{name}/items", **query) == 400


def test_geometries_are_in_crs84_unless_asked_otherwise(client: FlaskClient):
    """/req/core/crs84"""
    assert positions(items(client, "places")[0]["geometry"]) == [(24.94, 60.17)]
    for feature in items(client, "grid"):
        for longitude, latitude in positions(feature["geometry"]):
            assert 24 <= longitude <= 25
            assert latitude in (pytest.approx(60.0, abs=1e-6), pytest.approx(60.1, abs=1e-6))
    assert client.get("/collections/grid/items").headers["Content-Crs"] == f"<{CRS84}>"


def test_collections_can_be_got(client: FlaskClient):
    """/req/core/fc-md-op"""
    assert client.get("/collections").status_code == 200


def test_collections_are_as_their_schema_says(client: FlaskClient):
    """/req/core/fc-md-success"""
    properties = {"links": LINKS, "collections": {"type": "array", "items": COLLECTION}}
    schema = {"type": "object", "required": ["links", "collections"], "properties": properties}
    jsonschema.validate(get(client, "/collections"), schema)


def test_collections_link_to_themselves_and_to_their_page(client: FlaskClient):
    """/req/core/fc-md-links"""
    has_self_and_alternate(get(client, "/collections"), "application/json")


def test_every_collection_is_listed(client: FlaskClient):
    """/req/core/fc-md-items"""
    assert [found["id"] for found in get(client, "/collections")["collections"]] == list(COLLECTIONS)


@of_each_collection
def test_collection_links_to_its_items_in_every_encoding(client: FlaskClient, name: str):
    """/req/core/fc-md-items-links"""
    listed = next(found for found in get(client, "/collections")["collections"] if found["id"] == name)
    links = links_of(listed, "items")
    assert {"application/geo+json", "text/html"} <= {link["type"] for link in links}
    ask = client.get if name == "places" else client.head  # making a file takes a second
    for link in links:
        answer = ask(path_of(link["href"]))
        assert answer.status_code == 200
        assert answer.content_type.startswith(link["type"])


LAST_DIGIT = 1e-7
"""Coordinates are written with 7 decimals, and their extent is that of the stored ones."""


@of_each_collection
def test_extent_holds_every_feature(client: FlaskClient, name: str):
    """/req/core/fc-md-extent"""
    extent = get(client, f"/collections/{name}").get("extent", {})
    places = [place for feature in items(client, name) for place in positions(feature["geometry"])]
    assert bool(places) == ("spatial" in extent)
    for west, south, east, north in extent.get("spatial", {}).get("bbox", []):
        for longitude, latitude in places:
            assert south - LAST_DIGIT <= latitude <= north + LAST_DIGIT
            assert west - LAST_DIGIT <= longitude <= east + LAST_DIGIT
    for first, last in extent.get("temporal", {}).get("interval", []):
        times = [feature["properties"]["seen"] for feature in items(client, name)]
        instants = sorted(datetime.fromisoformat(time) for time in times if time)
        assert datetime.fromisoformat(first) == instants[0]
        assert datetime.fromisoformat(last) == instants[-1]


@of_each_collection
def test_extent_has_one_box_and_one_interval_so_that_none_can_disagree(client: FlaskClient, name: str):
    """/req/core/fc-md-extent-multi"""
    extent = get(client, f"/collections/{name}").get("extent", {})
    assert len(extent.get("spatial", {}).get("bbox", [0])) == 1
    assert len(extent.get("temporal", {}).get("interval", [0])) == 1
    assert ("temporal" in extent) == (name == "places")


@of_each_collection
def test_collection_can_be_got(client: FlaskClient, name: str):
    """/req/core/sfc-md-op"""
    assert client.get(f"/collections/{name}").status_code == 200
    assert client.get(f"/collections/{name}x").status_code == 404


@of_each_collection
def test_collection_says_the_same_alone_and_in_the_list(client: FlaskClient, name: str):
    """/req/core/sfc-md-success"""
    alone = get(client, f"/collections/{name}")
    listed = next(found for found in get(client, "/collections")["collections"] if found["id"] == name)
    jsonschema.validate(alone, COLLECTION)
    for member in ("id", "title", "description", "extent", "itemType"):
        assert alone.get(member) == listed.get(member)
    places = {(link["rel"], link["type"], link["href"]) for link in alone["links"]}
    listed_links = {(link["rel"], link["type"], link["href"]) for link in listed["links"] if link["rel"] != "self"}
    assert listed_links <= places
