"""OGC API Features 1.0.1 Part 1, core, pages of features and single ones, requirement by requirement.

The id of the requirement is in the docstring.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from flask.testing import FlaskClient

from support.ogc import (
    definition,
    get,
    has_self_and_alternate,
    ids,
    items,
    links_of,
    of_each_collection,
    of_each_spatial_collection,
    parameters_of,
    path_of,
    positions,
    status,
)


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
