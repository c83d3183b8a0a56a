"""OGC API Features 1.0.1 Part 1 (core, GeoJSON, HTML, OpenAPI 3.0), requirement by requirement, for every collection.

The id of the requirement is in the docstring; Parts 2 and 3 have modules of their own.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV30SpecValidator

from support.ogc import (
    BASE,
    COLLECTION,
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
    of_each_spatial_collection,
    parameters_of,
    path_of,
    positions,
    status,
    without_format,
)

CONF = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"


def has_self_and_alternate(document: dict, json_type: str) -> None:
    """Assert the links that every document of the standard has, each with its media type."""
    assert [link["type"] for link in links_of(document, "self")] == [json_type]
    assert "text/html" in [link["type"] for link in links_of(document, "alternate")]


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
    for link in links:
        assert client.get(path_of(link["href"])).content_type.startswith(link["type"])


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


@of_each_collection
def test_features_of_every_collection_can_be_got(client: FlaskClient, name: str):
    """/req/core/fc-op"""
    response = client.get(f"/collections/{name}/items")
    assert (response.status_code, response.content_type) == (200, "application/geo+json")


def test_limit_is_defined_as_the_standard_has_it(client: FlaskClient):
    """/req/core/fc-limit-definition"""
    limit = parameters_of(definition(client), "/collections/{collectionId}/items")["limit"]
    assert (limit["in"], limit["required"], limit["style"]) == ("query", False, "form")
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 10000, "default": 10}


@of_each_collection
def test_page_has_no_more_features_than_its_limit(client: FlaskClient, name: str):
    """/req/core/fc-limit-response-1"""
    total = len(items(client, name))
    for limit in (1, 2, 3, 9999, 10000):
        assert len(items(client, name, limit=limit)) == min(limit, total)
    assert len(items(client, name, limit=10001)) == total, "above the largest page, the largest page"


def test_bbox_is_defined_as_the_standard_has_it(client: FlaskClient):
    """/req/core/fc-bbox-definition"""
    bbox = parameters_of(definition(client), "/collections/{collectionId}/items")["bbox"]
    assert (bbox["in"], bbox["required"], bbox["style"], bbox["explode"]) == ("query", False, "form", False)
    for length, valid in ((3, False), (4, True), (5, False), (6, True), (7, False)):
        assert jsonschema.Draft202012Validator(bbox["schema"]).is_valid([1.5] * length) == valid
    assert ids(items(client, "places", bbox="23,60,26,62")) == ids(items(client, "places", bbox="23,60,0,26,62,9"))


@of_each_spatial_collection
@pytest.mark.parametrize(
    "box", [(23, 60, 26, 62), (24.25, 60.02, 24.45, 60.05), (-180, -90, 180, 90), (170, -20, -170, 0)]
)
def test_bbox_selects_what_meets_it_and_what_has_no_geometry(client: FlaskClient, name: str, box: tuple):
    """/req/core/fc-bbox-response"""
    west, south, east, north = box

    def meets(geometry: dict | None) -> bool:
        if geometry is None:
            return True
        longitudes, latitudes = zip(*positions(geometry), strict=True)
        if min(latitudes) > north or max(latitudes) < south:
            return False
        if west > east:
            return max(longitudes) >= west or min(longitudes) <= east
        return max(longitudes) >= west and min(longitudes) <= east

    expected = [feature["id"] for feature in items(client, name) if meets(feature["geometry"])]
    assert ids(items(client, name, bbox=",".join(map(str, box)))) == expected


def test_bbox_matches_all_of_a_collection_without_geometries(client: FlaskClient):
    """/req/core/fc-bbox-response, C"""
    assert ids(items(client, "stock", bbox="10,10,11,11")) == [1, 2, 3]


@of_each_collection
@pytest.mark.parametrize("bbox", ["0,91,1,92", "0,-91,1,0", "-181,0,0,1", "0,0,361,1"])
def test_bbox_beyond_the_degrees_is_a_400(client: FlaskClient, name: str, bbox: str):
    """/req/core/fc-bbox-response, D"""
    assert status(client, f"/collections/{name}/items", bbox=bbox) == 400


def test_datetime_is_defined_as_the_standard_has_it(client: FlaskClient):
    """/req/core/fc-time-definition"""
    parameter = parameters_of(definition(client), "/collections/{collectionId}/items")["datetime"]
    assert (parameter["in"], parameter["required"], parameter["style"]) == ("query", False, "form")
    assert parameter["schema"] == {"type": "string"}


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("2024-03-01T12:00:00+02:00", "2024-03-01T10:00:00Z", "2024-03-01T10:00:00Z"),
        ("2024-07-01T10:00:00.5Z", "2024-07-01T10:00:00.5Z", "2024-07-01T10:00:00.5Z"),
        ("2024-02-01T10:00:00Z/2024-04-01T09:59:59Z", "2024-02-01T10:00:00Z", "2024-04-01T09:59:59Z"),
        ("../2024-02-01T10:00:00Z", "0001-01-01T00:00:00Z", "2024-02-01T10:00:00Z"),
        ("/2024-02-01T10:00:00Z", "0001-01-01T00:00:00Z", "2024-02-01T10:00:00Z"),
        ("2024-08-01T10:00:00Z/..", "2024-08-01T10:00:00Z", "9999-12-31T00:00:00Z"),
        ("2024-08-01T10:00:00Z/", "2024-08-01T10:00:00Z", "9999-12-31T00:00:00Z"),
    ],
)
@of_each_collection
def test_datetime_selects_what_meets_it_and_what_has_no_time(
    client: FlaskClient, name: str, text: str, first: str, last: str
):
    """/req/core/fc-time-response"""

    def meets(feature: dict) -> bool:
        seen = feature["properties"].get("seen")
        start, end = datetime.fromisoformat(first), datetime.fromisoformat(last)
        return seen is None or start <= datetime.fromisoformat(seen) <= end

    expected = [feature["id"] for feature in items(client, name) if meets(feature)]
    assert ids(items(client, name, datetime=text)) == expected
    assert (len(expected) < 10) == (name in ("places", "stock"))


@of_each_collection
def test_page_holds_only_what_was_asked_for(client: FlaskClient, name: str):
    """/req/core/fc-response"""
    column = {"places": "capital", "grid": "name", "stock": "amount"}[name]
    value = {"places": "true", "grid": "cell 3", "stock": "4"}[name]
    expected = {"places": [1, 3, 4, 5], "grid": [3], "stock": [2]}[name]
    page = get(client, f"/collections/{name}/items?{column}={value}")
    assert ids(page["features"]) == expected


@of_each_collection
@pytest.mark.parametrize("query", [{}, {"limit": 1}, {"limit": 2, "bbox": "-180,-90,180,90"}], ids=str)
def test_page_links_to_itself_and_to_its_html(client: FlaskClient, name: str, query: dict):
    """/req/core/fc-links"""
    page = get(client, f"/collections/{name}/items", **query)
    has_self_and_alternate(page, "application/geo+json")
    again = get(client, path_of(links_of(page, "self")[0]["href"]))
    assert again["features"] == page["features"]
    assert client.get(path_of(links_of(page, "alternate")[0]["href"])).content_type.startswith("text/html")


@of_each_collection
def test_every_link_of_a_page_has_a_relation_and_a_media_type_that_it_keeps(client: FlaskClient, name: str):
    """/req/core/fc-rel-type"""
    second = links_of(get(client, f"/collections/{name}/items", limit=1), "next")[0]
    links = get(client, path_of(second["href"]))["links"]
    assert {"self", "alternate", "next", "prev", "collection"} == {link["rel"] for link in links}
    for link in links:
        assert client.get(path_of(link["href"])).content_type.startswith(link["type"])


@of_each_collection
def test_time_stamp_is_when_the_answer_was_made(client: FlaskClient, name: str):
    """/req/core/fc-timeStamp"""
    before = datetime.now(UTC) - timedelta(seconds=1)
    stamp = datetime.fromisoformat(get(client, f"/collections/{name}/items")["timeStamp"])
    assert before <= stamp <= datetime.now(UTC) + timedelta(seconds=1)


@of_each_collection
@pytest.mark.parametrize("query", [{}, {"bbox": "23,60,26,62"}, {"datetime": "2024-02-01T10:00:00Z/.."}], ids=str)
def test_number_matched_is_what_a_walk_over_the_pages_counts(client: FlaskClient, name: str, query: dict):
    """/req/core/fc-numberMatched"""
    page = get(client, f"/collections/{name}/items", limit=2, **query)
    matched, met = page["numberMatched"], ids(page["features"])
    while links := links_of(page, "next"):
        page = get(client, path_of(links[0]["href"]))
        met += ids(page["features"])
        assert page["numberMatched"] == matched
    assert len(met) == len(set(met)) == matched


@of_each_collection
def test_number_returned_is_the_number_of_features_on_the_page(client: FlaskClient, name: str):
    """/req/core/fc-numberReturned"""
    for query in ({}, {"limit": 1}, {"limit": 2, "bbox": "23,60,26,62"}, {"filter": "1 = 2"}):
        page = get(client, f"/collections/{name}/items", **query)
        assert page["numberReturned"] == len(page["features"])


@of_each_collection
def test_every_feature_of_a_page_can_be_got_by_its_id(client: FlaskClient, name: str):
    """/req/core/f-op"""
    for feature in items(client, name):
        alone = get(client, f"/collections/{name}/items/{feature['id']}")
        assert {member: alone[member] for member in feature} == feature


@of_each_collection
def test_feature_is_a_200_and_one_that_does_not_exist_a_404(client: FlaskClient, name: str):
    """/req/core/f-success"""
    assert status(client, f"/collections/{name}/items/1") == 200
    assert status(client, f"/collections/{name}/items/99") == 404


@of_each_collection
def test_feature_links_to_itself_its_page_and_its_collection(client: FlaskClient, name: str):
    """/req/core/f-links"""
    feature = get(client, f"/collections/{name}/items/1")
    has_self_and_alternate(feature, "application/geo+json")
    [home] = links_of(feature, "collection")
    assert get(client, path_of(home["href"]))["id"] == name
    for link in feature["links"]:
        assert client.get(path_of(link["href"])).content_type.startswith(link["type"])


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
    "name": "Suva",
    "population": "93000",
    "ratio": "2.5",
    "capital": "true",
    "founded": "1849-01-01",
    "seen": "2024-03-01T10:00:00Z",
}
NEEDS = {"bbox-crs": ["bbox"], "filter-lang": ["filter"], "filter-crs": ["filter"]}


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
            takes_a_name = "{" in path or path.startswith("/collections/")
            assert ("404" in operation["responses"]) == takes_a_name, path


def test_nothing_is_access_controlled_and_the_definition_says_so(client: FlaskClient):
    """/req/oas30/security"""
    api = definition(client)
    assert "security" not in api
    assert "securitySchemes" not in api["components"]
    for path in ("/", "/api", "/conformance", *(f"/collections/{name}/items" for name in COLLECTIONS)):
        assert client.get(path).status_code not in (401, 403)
