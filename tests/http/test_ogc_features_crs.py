"""OGC API Features Part 2, coordinate reference systems by reference, requirement by requirement.

The id of the requirement is in the docstring.
"""

from __future__ import annotations

import json

import pytest
from flask.testing import FlaskClient

from support.ogc import (
    BOXES,
    COLLECTIONS,
    CRS84,
    EPSG,
    ask,
    definition,
    get,
    ids,
    items,
    mercator,
    of_each_collection,
    of_each_spatial_collection,
    parameters_of,
    positions,
    problem,
    status,
)

ITEMS = "/collections/{collectionId}/items"
FEATURE = "/collections/{collectionId}/items/{featureId}"


def swapped(pairs: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The positions of an answer in EPSG:4326, longitude first again."""
    return [(second, first) for first, second in pairs]


@of_each_spatial_collection
def test_every_listed_crs_has_a_uri_that_works(client: FlaskClient, name: str):
    """/req/crs/crs-uri"""
    for uri in get(client, f"/collections/{name}")["crs"]:
        assert uri.startswith("http://www.opengis.net/def/crs/")
        assert status(client, f"/collections/{name}/items", crs=uri) == 200


@of_each_spatial_collection
def test_collection_lists_its_systems_and_crs84_among_them(client: FlaskClient, name: str):
    """/req/crs/fc-md-crs-list"""
    systems = get(client, f"/collections/{name}")["crs"]
    assert systems[0] == CRS84
    assert len(set(systems)) == len(systems)


@of_each_spatial_collection
def test_collection_says_in_which_system_it_is_stored(client: FlaskClient, name: str):
    """/req/crs/fc-md-storageCrs"""
    expected = {"places": CRS84, "grid": f"{EPSG}3067"}
    assert get(client, f"/collections/{name}")["storageCrs"] == expected[name]


@of_each_spatial_collection
def test_system_of_storage_is_one_of_the_list(client: FlaskClient, name: str):
    """/req/crs/fc-md-storageCrs-valid-value"""
    document = get(client, f"/collections/{name}")
    assert document["storageCrs"] in document["crs"]


@of_each_spatial_collection
def test_global_list_is_valid_for_every_collection(client: FlaskClient, name: str):
    """/req/crs/fc-md-crs-list-global"""
    systems = get(client, "/collections")["crs"]
    assert CRS84 in systems
    assert set(systems) <= set(get(client, f"/collections/{name}")["crs"])


@pytest.mark.parametrize("path", [ITEMS, FEATURE])
def test_crs_is_defined_as_the_standard_has_it(client: FlaskClient, path: str):
    """/req/crs/fc-crs-definition"""
    crs = parameters_of(definition(client), path)["crs"]
    assert (crs["in"], crs["required"], crs["style"]) == ("query", False, "form")
    assert (crs["schema"]["type"], crs["schema"]["format"]) == ("string", "uri")


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("below", ["items", "items/1"])
@pytest.mark.parametrize("crs", [f"{EPSG}2056", f"{EPSG}999999", "http://example.org/crs", CRS84 + "h", "4326"])
def test_crs_outside_the_list_is_a_400(client: FlaskClient, name: str, below: str, crs: str):
    """/req/crs/fc-crs-valid-value"""
    assert status(client, f"/collections/{name}/{below}", crs=crs) == 400


@of_each_spatial_collection
def test_geometries_come_in_the_crs_that_is_asked_for(client: FlaskClient, name: str):
    """/req/crs/fc-crs-action"""
    in_degrees = {feature["id"]: positions(feature["geometry"]) for feature in items(client, name)}
    for feature in items(client, name, crs=f"{EPSG}4326"):
        assert swapped(positions(feature["geometry"])) == in_degrees[feature["id"]]
    for feature in items(client, name, crs=f"{EPSG}3857"):
        for place, degrees in zip(positions(feature["geometry"]), in_degrees[feature["id"]], strict=False):
            assert place == pytest.approx(mercator(*degrees), abs=0.02)
    alone = get(client, f"/collections/{name}/items/1", crs=f"{EPSG}3857")
    assert positions(alone["geometry"])[0] == pytest.approx(mercator(*in_degrees[1][0]), abs=0.02)


def test_national_grid_comes_in_its_own_metres(client: FlaskClient):
    """/req/crs/fc-crs-action, for a storage CRS"""
    eastings = {x for feature in items(client, "grid", crs=f"{EPSG}3067") for x, _ in positions(feature["geometry"])}
    northings = {y for feature in items(client, "grid", crs=f"{EPSG}3067") for _, y in positions(feature["geometry"])}
    assert 330_000 < min(eastings) < max(eastings) < 390_000
    assert 6_652_000 < min(northings) < max(northings) < 6_668_000


@of_each_spatial_collection
def test_geometries_come_in_crs84_when_no_crs_is_asked_for(client: FlaskClient, name: str):
    """/req/crs/fc-crs-default-value"""
    assert items(client, name) == items(client, name, crs=CRS84)


def test_bbox_crs_is_defined_as_the_standard_has_it(client: FlaskClient):
    """/req/crs/fc-bbox-crs-definition"""
    crs = parameters_of(definition(client), ITEMS)["bbox-crs"]
    assert (crs["in"], crs["required"], crs["style"]) == ("query", False, "form")
    assert (crs["schema"]["type"], crs["schema"]["format"]) == ("string", "uri")


@of_each_spatial_collection
def test_bbox_is_read_in_its_own_crs(client: FlaskClient, name: str):
    """/req/crs/fc-bbox-crs-action"""
    west, south, east, north = BOXES[name]
    expected = ids(items(client, name, bbox=f"{west},{south},{east},{north}"))
    assert 0 < len(expected) < 10
    north_first = f"{south},{west},{north},{east}"
    assert ids(items(client, name, bbox=north_first, bbox_crs=f"{EPSG}4326")) == expected
    metres = ",".join(map(str, (*mercator(west, south), *mercator(east, north))))
    assert ids(items(client, name, bbox=metres, bbox_crs=f"{EPSG}3857")) == expected
    swapped_ids = ids(items(client, name, bbox=north_first, bbox_crs=CRS84))
    assert swapped_ids != expected


@of_each_spatial_collection
def test_bbox_is_in_crs84_when_no_crs_is_given(client: FlaskClient, name: str):
    """/req/crs/fc-bbox-crs-default-value"""
    box = ",".join(map(str, BOXES[name]))
    assert ids(items(client, name, bbox=box)) == ids(items(client, name, bbox=box, bbox_crs=CRS84))


@pytest.mark.parametrize("name", COLLECTIONS)
def test_bbox_crs_outside_the_list_is_a_400(client: FlaskClient, name: str):
    """/req/crs/fc-bbox-crs-valid-value"""
    listed = get(client, f"/collections/{name}").get("crs", [])
    for crs in (f"{EPSG}2056", f"{EPSG}3067", f"{EPSG}3857"):
        expected = 200 if crs in listed else 400
        assert status(client, f"/collections/{name}/items", bbox="1,2,3,4", bbox_crs=crs) == expected


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("crs", ["", "x", "urn:ogc:def:crs:EPSG::2056", "http://www.opengis.net/def/crs/EPSG/0/"])
def test_unknown_bbox_crs_is_answered_by_a_message_about_it(client: FlaskClient, name: str, crs: str):
    """/req/crs/bbox-crs-exception"""
    answer = problem(client, f"/collections/{name}/items", bbox="1,2,3,4", bbox_crs=crs)
    assert answer["parameter"] == "bbox-crs"
    assert crs in answer["detail"]


@pytest.mark.parametrize("name", COLLECTIONS)
@pytest.mark.parametrize("crs", ["", "x", "urn:ogc:def:crs:EPSG::2056", "http://www.opengis.net/def/crs/EPSG/0/"])
def test_unknown_crs_is_answered_by_a_message_about_it(client: FlaskClient, name: str, crs: str):
    """/req/crs/crs-exception"""
    answer = problem(client, f"/collections/{name}/items", crs=crs)
    assert answer["parameter"] == "crs"
    assert crs in answer["detail"]


@of_each_collection
@pytest.mark.parametrize("below", ["items", "items/1"])
def test_every_answer_with_features_says_its_crs(client: FlaskClient, name: str, below: str):
    """/req/crs/ogc-crs-header"""
    assert client.get(f"/collections/{name}/{below}").headers["Content-Crs"] == f"<{CRS84}>"
    assert "Content-Crs" in client.get(f"/collections/{name}/{below}").headers["Access-Control-Expose-Headers"]
    assert client.get(f"/collections/{name}/{below}?f=html").headers["Content-Crs"] == f"<{CRS84}>"


@of_each_spatial_collection
@pytest.mark.parametrize("below", ["items", "items/1"])
def test_crs_of_the_header_is_the_one_that_was_asked_for(client: FlaskClient, name: str, below: str):
    """/req/crs/ogc-crs-header-value"""
    for uri in get(client, f"/collections/{name}")["crs"]:
        response = ask(client, f"/collections/{name}/{below}", crs=uri)
        assert response.headers.getlist("Content-Crs") == [f"<{uri}>"]
        page = ask(client, f"/collections/{name}/{below}", crs=uri, f="html")
        assert page.headers["Content-Crs"] == f"<{CRS84}>", "its map is drawn in CRS84 whatever is asked for"


@of_each_spatial_collection
def test_geojson_in_another_crs_is_only_for_who_asks_for_it(client: FlaskClient, name: str):
    """/req/crs/geojson"""
    asked = ask(client, f"/collections/{name}/items", crs=f"{EPSG}3857")
    assert asked.content_type == "application/geo+json"
    assert "crs" not in json.loads(asked.data)
    for accept in ("application/geo+json", "application/json", "*/*"):
        page = json.loads(client.get(f"/collections/{name}/items", headers={"Accept": accept}).data)
        for feature in page["features"]:
            assert all(abs(x) <= 180 and abs(y) <= 90 for x, y in positions(feature["geometry"]))
