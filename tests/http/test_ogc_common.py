"""OGC API Common Part 1 (core, landing page, JSON, HTML, OpenAPI 3.0) and Part 2 (collections), by requirement.

The id of the requirement is in the docstring. What Features Part 1 asks for in the same words is held to there.
"""

from __future__ import annotations

import json

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
    REL,
    Page,
    definition,
    get,
    ids,
    items,
    links_of,
    of_each_collection,
    path_of,
    positions,
    status,
    without_format,
)

CONF = "http://www.opengis.net/spec/ogcapi-common-"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
PLACES = "/collections/places/items"


def test_declared_classes_are_those_of_these_tests(client: FlaskClient):
    """/req/landing-page/conformance-success"""
    classes = get(client, "/conformance")["conformsTo"]
    assert {name.removeprefix(CONF) for name in classes if name.startswith((f"{CONF}1/", f"{CONF}2/"))} == {
        *(f"1/1.0/conf/{name}" for name in ("core", "landing-page", "json", "html", "oas30")),
        *(f"2/1.0/conf/{name}" for name in ("collections", "json", "html")),
    }


@pytest.mark.parametrize("path", ["/", "/api", "/conformance", "/collections", PLACES, f"{PLACES}/1"])
def test_head_is_get_without_a_body(client: FlaskClient, path: str):
    """/req/core/http"""
    whole, head = client.get(path), client.head(path)
    assert (head.status_code, head.data) == (whole.status_code, b"")
    changing = {"X-Request-Id", "Date", "Server-Timing"}
    assert {name: value for name, value in head.headers if name not in changing} == {
        name: value for name, value in whole.headers if name not in changing
    }


@pytest.mark.parametrize(
    "query", ["Limit=1", "LIMIT=1", "bBox=1,2,3,4", "NAME=Suva", "F=json", "f=JSON", "count=Exact"]
)
def test_names_and_values_of_parameters_have_their_case(client: FlaskClient, query: str):
    """/req/core/query-param-capitalization, A"""
    assert client.get(f"{PLACES}?{query}").status_code == 400


def test_escaped_characters_are_the_same_in_either_case(client: FlaskClient):
    """/req/core/query-param-capitalization, B"""
    upper, lower = (get(client, f"{PLACES}?name={text}") for text in ("%E4%BA%AC%E9%83%BD", "%e4%ba%ac%e9%83%bd"))
    assert upper["numberMatched"] == lower["numberMatched"] == 1
    upper, lower = (get(client, f"{PLACES}?bbox=23{comma}60{comma}26{comma}62") for comma in ("%2C", "%2c"))
    assert ids(upper["features"]) == ids(lower["features"]) == [1, 2, 7]


def test_lists_have_commas_between_their_items(client: FlaskClient):
    """/req/core/query-param-list-delimiter"""
    assert ids(items(client, "places", ids="3,1,2")) == [1, 2, 3]
    for delimiter in (";", "|", " "):
        assert items(client, "places", ids=f"1{delimiter}2") == [], "an id that no feature has"
    parameters = definition(client)["components"]["parameters"].values()
    lists = [parameter for parameter in parameters if parameter["schema"]["type"] == "array"]
    assert {parameter["name"] for parameter in lists} >= {"bbox", "ids", "properties", "sortby"}
    assert all((parameter["style"], parameter["explode"]) == ("form", False) for parameter in lists)


@pytest.mark.parametrize("query", [{"ids": "1,,2"}, {"ids": ","}, {"properties": "name,,ratio"}, {"bbox": "1,,3,4"}])
def test_empty_item_of_a_list_is_not_taken_for_nothing(client: FlaskClient, query: dict):
    """/req/core/query-param-list-empty"""
    assert status(client, PLACES, **query) == 400


@pytest.mark.parametrize("space", ["%20", "+"])
def test_escaped_space_in_a_value_is_a_space(client: FlaskClient, space: str):
    """/req/core/query-param-list-escape"""
    assert ids(get(client, f"{PLACES}?name=South{space}Pole")["features"]) == [10]


@pytest.mark.parametrize("path", ["/", "/api", "/conformance", "/collections", "/functions", "/tileMatrixSets", "/map"])
def test_parameter_without_a_definition_is_a_400(client: FlaskClient, path: str):
    """/req/core/query-param-name-unknown"""
    response = client.get(path, query_string={"no-such-parameter": "1"})
    assert response.status_code == 400
    assert json.loads(response.data)["parameter"] == "no-such-parameter"


@pytest.mark.parametrize("query", [{"f": "xml"}, {"f": ""}, {"limit": "1.5"}, {"offset": "-1"}, {"precision": "x"}])
def test_value_that_the_definition_excludes_is_a_400(client: FlaskClient, query: dict):
    """/req/core/query-param-value-invalid"""
    response = client.get(PLACES, query_string=query)
    assert response.status_code == 400
    assert json.loads(response.data)["parameter"] == next(iter(query))


@pytest.mark.parametrize(("text", "expected"), [("true", [1, 3, 4, 5]), ("false", [2, 6, 9, 10, 12])])
def test_booleans_are_true_and_false_in_lower_case(client: FlaskClient, text: str, expected: list[int]):
    """/req/core/query-param-value-boolean"""
    assert ids(items(client, "places", capital=text)) == expected
    for wrong in (text.upper(), text.title(), text[0], ""):
        assert status(client, PLACES, capital=wrong) == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [("93000", 200), ("-5", 200), ("0", 200), ("5.0", 400), ("5e3", 400), ("1_000", 400), (" 5", 400)],
)
def test_integers_are_digits_with_perhaps_a_minus(client: FlaskClient, text: str, expected: int):
    """/req/core/query-param-value-integer"""
    assert status(client, PLACES, population=text) == expected


@pytest.mark.parametrize("text", ["2.5", "2.50", "02.5", "2.5000"])
def test_decimals_have_a_period_and_zeroes_that_do_not_matter(client: FlaskClient, text: str):
    """/req/core/query-param-value-decimal"""
    assert ids(items(client, "places", ratio=text)) == [3]
    assert status(client, PLACES, ratio=text.replace(".", "..")) == 400
    assert ids(items(client, "places", ratio=".5")) == [1]
    assert ids(items(client, "places", ratio="-2.5")) == []


@pytest.mark.parametrize("text", ["25e-1", "0.25e1", "2.5e0", "250e-2"])
def test_doubles_may_have_an_exponent(client: FlaskClient, text: str):
    """/req/core/query-param-value-double"""
    assert ids(items(client, "places", ratio=text)) == [3]
    assert status(client, PLACES, ratio=f"{text}.5") == 400


def test_landing_page_can_be_got_with_and_without_its_slash(client: FlaskClient):
    """/req/landing-page/root-op"""
    assert client.get("/").status_code == 200
    assert client.get("").status_code == 200


def test_landing_page_links_to_definition_and_conformance_by_the_relations_of_common(client: FlaskClient):
    """/req/landing-page/root-success"""
    document = get(client, "/")
    members = {"title": {"type": "string"}, "description": {"type": "string"}, "links": LINKS}
    jsonschema.validate(document, {"type": "object", "required": ["links"], "properties": members})
    assert links_of(document, "service-desc")
    assert links_of(document, "service-doc")
    assert len(links_of(document, f"{REL}conformance")) == 1


def test_every_api_definition_can_be_got(client: FlaskClient):
    """/req/landing-page/api-definition-op, /req/landing-page/api-definition-success, /req/oas30/oas-definition-1"""
    document = get(client, "/")
    [machine], [human] = links_of(document, "service-desc"), links_of(document, "service-doc")
    assert (machine["type"], human["type"]) == (OPENAPI, "text/html")
    for link in (machine, human):
        response = client.get(path_of(link["href"]), headers={"Accept": link["type"]})
        assert response.status_code == 200
        assert response.content_type.startswith(link["type"])


def test_conformance_is_at_its_path_and_at_its_links(client: FlaskClient):
    """/req/landing-page/conformance-op"""
    for rel in ("conformance", f"{REL}conformance"):
        for link in links_of(get(client, "/"), rel):
            assert link["href"] == f"{BASE}/conformance"
    assert client.get("/conformance").status_code == 200


@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/collections", *(f"/collections/{name}" for name in COLLECTIONS)]
)
def test_json_and_html_are_there_for_who_asks(client: FlaskClient, path: str):
    """/req/json/definition, /req/html/definition"""
    for media_type in ("application/json", "text/html"):
        for response in (
            client.get(path, headers={"Accept": media_type}),
            client.get(f"{path}?f={'json' if media_type.endswith('json') else 'html'}"),
        ):
            assert response.status_code == 200
            assert response.content_type.startswith(media_type)


@pytest.mark.parametrize("path", ["/", "/conformance", "/collections"])
def test_json_is_utf_8_without_a_mark_and_each_name_once(client: FlaskClient, path: str):
    """/req/json/content"""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    body = client.get(path).data
    assert json.loads(body.decode(), object_pairs_hook=once)
    assert not body.startswith(b"\xef\xbb\xbf")


def test_pages_say_what_the_documents_say(client: FlaskClient):
    """/req/html/content"""
    for path in ("/", "/conformance", *(f"/collections/{name}" for name in COLLECTIONS)):
        document, page = get(client, path), Page(client.get(f"{path}?f=html").text)
        for member in ("title", "description", "id"):
            assert document.get(member, "") in page.text
        for name in document.get("conformsTo", ()):
            assert name in page.text
        shown = {without_format(href) for href in page.hrefs}
        assert {without_format(link["href"]) for link in document.get("links", ())} <= shown


def test_definition_is_openapi_3_0(client: FlaskClient):
    """/req/oas30/oas-definition-2"""
    api = definition(client)
    assert api["openapi"].startswith("3.0.")
    OpenAPIV30SpecValidator(api).validate()


def test_definition_gives_every_operation_its_statuses(client: FlaskClient):
    """/req/oas30/completeness, /req/oas30/exceptions-codes"""
    api = definition(client)
    for path, operations in api["paths"].items():
        for operation in operations.values():
            assert operation["responses"]["200"]["content"], path
            assert "default" in operation["responses"], path
    problem = api["components"]["responses"]["problem"]["content"]
    assert list(problem) == ["application/problem+json", "text/html"]
    answer = json.loads(client.get("/conformance?x=1").data)
    assert set(api["components"]["schemas"]["problem"]["required"]) <= answer.keys()


def test_server_of_the_definition_is_the_one_that_answers(client: FlaskClient):
    """/req/oas30/oas-impl"""
    [server] = definition(client)["servers"]
    assert server["url"] == BASE
    for path, operations in definition(client)["paths"].items():
        if "get" in operations and "{" not in path:
            assert client.get(path).status_code == 200, path


def test_no_operation_asks_who_one_is(client: FlaskClient):
    """/req/oas30/security"""
    api = definition(client)
    assert "security" not in api
    for path, operations in api["paths"].items():
        assert not [operation for operation in operations.values() if "security" in operation], path
    assert "WWW-Authenticate" not in client.get("/").headers


def test_landing_page_links_to_the_collections(client: FlaskClient):
    """/req/collections/collections-list-op"""
    [link] = links_of(get(client, "/"), "data")
    assert link["href"] == f"{BASE}/collections"


def test_list_of_collections_is_as_its_schema_says(client: FlaskClient):
    """/req/collections/collections-list-success"""
    members = {"links": LINKS, "collections": {"type": "array", "items": COLLECTION}}
    schema = {"type": "object", "required": ["links", "collections"], "properties": members}
    jsonschema.validate(get(client, "/collections"), schema)


def test_list_has_every_collection(client: FlaskClient):
    """/req/collections/collections-list-collections"""
    assert sorted(found["id"] for found in get(client, "/collections")["collections"]) == sorted(COLLECTIONS)


@pytest.mark.parametrize("path", ["/collections", *(f"/collections/{name}" for name in COLLECTIONS)])
def test_collections_link_to_themselves_in_every_form(client: FlaskClient, path: str):
    """/req/collections/collections-list-links, /req/collections/description-links"""
    document = get(client, path)
    assert [link["type"] for link in links_of(document, "self")] == ["application/json"]
    others = ["text/html"] if path == "/collections" else ["text/html", "application/ld+json"]
    assert [link["type"] for link in links_of(document, "alternate")] == others
    assert all(link["rel"] for link in document["links"])
    assert get(client, path_of(links_of(document, "self")[0]["href"])) == document


@of_each_collection
def test_each_listed_collection_has_a_description(client: FlaskClient, name: str):
    """/req/collections/description-op"""
    assert get(client, f"/collections/{name}")["id"] == name


@of_each_collection
def test_description_says_what_the_list_says(client: FlaskClient, name: str):
    """/req/collections/description-success"""
    alone = get(client, f"/collections/{name}")
    jsonschema.validate(alone, COLLECTION)
    listed = next(found for found in get(client, "/collections")["collections"] if found["id"] == name)
    assert {member: value for member, value in listed.items() if member != "links"} == {
        member: value for member, value in alone.items() if member != "links"
    }


@of_each_collection
def test_extent_is_in_crs84_and_as_tight_as_the_data(client: FlaskClient, name: str):
    """/req/collections/description-extent, A and C, /req/collections/description-extent-multi"""
    extent = get(client, f"/collections/{name}").get("extent", {}).get("spatial")
    places = [place for feature in items(client, name) for place in positions(feature["geometry"])]
    assert (extent is None) == (not places)
    if extent:
        longitudes, latitudes = zip(*places, strict=True)
        assert extent["crs"] == CRS84
        sides = [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]
        assert extent["bbox"] == [pytest.approx(sides, abs=1e-6)]


def test_extent_is_given_in_the_stored_crs_too(client: FlaskClient):
    """/req/collections/description-extent, B"""
    west, south, east, north = get(client, "/collections/grid")["extent"]["spatial"]["storageCrsBbox"][0]
    assert (west, south) == pytest.approx((332705, 6653000), rel=0.01)
    assert (east, north) == pytest.approx((388000, 6667000), rel=0.01)
