"""Coordinate systems, chosen properties, order, counts: the same features, written as the client wants them."""

from __future__ import annotations

import itertools
import json

import pytest
from flask.testing import FlaskClient

from api.query.items import Cursor, Filter, SortKey
from api.query.page import render_cursor
from core.catalog.collections import SELECT_COLLECTIONS, parse_catalog
from core.database.connections import connect
from support.cluster import Database
from support.http import fids, get, link

ITEMS = "/collections/places/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EVERY_FID = [1, 2, 3, 4, 5, 6, 7, 9, 10, 12]


def places(client: FlaskClient, query: str) -> list[int]:
    """The ids of a page of places."""
    return fids(get(client, f"{ITEMS}?{query}"))


@pytest.mark.parametrize(
    ("crs", "uri", "expected"),
    [
        (CRS84, CRS84, [24.94, 60.17]),
        ("OGC:CRS84", CRS84, [24.94, 60.17]),
        (f"{EPSG}4326", f"{EPSG}4326", [60.17, 24.94]),
        ("[EPSG:4326]", f"{EPSG}4326", [60.17, 24.94]),
        (f"{EPSG}3857", f"{EPSG}3857", [2776308.100, 8437684.161]),
    ],
)
def test_coordinates_come_in_the_order_of_the_crs(client: FlaskClient, crs: str, uri: str, expected: list[float]):
    response = client.get(f"{ITEMS}/1", query_string={"crs": crs})
    assert response.headers["Content-Crs"] == f"<{uri}>"
    assert json.loads(response.data)["geometry"]["coordinates"] == pytest.approx(expected, abs=0.002)
    page = client.get(ITEMS, query_string={"crs": crs, "limit": 1})
    assert page.headers["Content-Crs"] == f"<{uri}>"
    assert json.loads(page.data)["features"][0]["geometry"]["coordinates"] == pytest.approx(expected, abs=0.002)


def test_national_grid_is_answered_in_its_own_crs(client: FlaskClient):
    response = client.get("/collections/grid/items/0?crs=EPSG:3067")
    assert response.headers["Content-Crs"] == f"<{EPSG}3067>"
    x, y = json.loads(response.data)["geometry"]["coordinates"][0][0]
    assert (x, y) == pytest.approx((332705.18, 6655205.48), abs=0.01)


def test_collection_lists_the_systems_it_is_answered_in(client: FlaskClient):
    document = get(client, "/collections/grid")
    assert document["crs"] == [CRS84, f"{EPSG}4326", f"{EPSG}3857", f"{EPSG}3067"]
    assert document["storageCrs"] == f"{EPSG}3067"
    assert get(client, "/collections/places")["storageCrs"] == CRS84
    assert get(client, "/collections")["crs"] == [CRS84, f"{EPSG}4326", f"{EPSG}3857"]


def test_pole_has_no_place_in_web_mercator(client: FlaskClient):
    assert get(client, f"{ITEMS}/10?crs=EPSG:3857")["geometry"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bbox=60,23,62,26&bbox-crs=EPSG:4326", [1, 2, 7]),
        ("bbox=23,60,26,62&bbox-crs=OGC:CRS84", [1, 2, 7]),
        ("bbox=2500000,8300000,2900000,8800000&bbox-crs=EPSG:3857", [1, 2, 7]),
        ("bbox=-20,170,20,-170&bbox-crs=EPSG:4326", [3, 4, 7]),
    ],
)
def test_bbox_is_read_in_its_crs(client: FlaskClient, query: str, expected: list[int]):
    assert places(client, query) == expected


def test_bbox_in_the_grid_of_the_collection(client: FlaskClient):
    page = get(client, "/collections/grid/items?bbox=332705,6655205,340000,6660000&bbox-crs=EPSG:3067")
    assert fids(page) == [0, 1]


def test_absurd_bbox_of_a_grid_is_no_server_error(client: FlaskClient):
    for numbers in ("-1e300,-1e300,1e300,1e300", "1e15,1e15,2e15,2e15", "0,0,0,0"):
        response = client.get(f"/collections/grid/items?bbox={numbers}&bbox-crs=EPSG:3857")
        assert response.status_code in (200, 400)


def test_only_the_wanted_properties_come(client: FlaskClient):
    feature = get(client, f"{ITEMS}?properties=population,name&limit=1")["features"][0]
    assert feature["properties"] == {"name": "Helsinki", "population": 658000}
    feature = get(client, f"{ITEMS}?exclude-properties=population,name,seen,founded&limit=1")["features"][0]
    assert feature["properties"] == {"ratio": 0.5, "capital": True}
    assert get(client, f"{ITEMS}?properties=&limit=1")["features"][0]["properties"] == {}


def test_geometry_can_be_left_out_rounded_or_simplified(client: FlaskClient):
    assert get(client, f"{ITEMS}?skipGeometry=true&limit=1")["features"][0]["geometry"] is None
    page = get(client, f"{ITEMS}?precision=0&limit=1")
    assert page["features"][0]["geometry"]["coordinates"] == [25, 60]
    fine = get(client, "/collections/grid/items/0?crs=EPSG:3067")["geometry"]
    coarse = get(client, "/collections/grid/items?limit=1&zoom-level=0&crs=EPSG:3067")["features"][0]["geometry"]
    assert len(json.dumps(coarse)) < len(json.dumps(fine))


@pytest.mark.parametrize("name", ["name", "population", "ratio", "capital", "founded", "seen"])
def test_sorted_walk_is_the_sorted_list_both_ways(client: FlaskClient, name: str):
    everything = get(client, f"{ITEMS}?limit=100")["features"]
    known = [feature for feature in everything if feature["properties"][name] is not None]
    missing = [feature["id"] for feature in everything if feature["properties"][name] is None]
    for sign, reverse in (("", False), ("-", True)):
        groups = itertools.groupby(
            sorted(known, key=lambda feature: feature["properties"][name], reverse=reverse),
            key=lambda feature: feature["properties"][name],
        )
        expected = [fid for _, group in groups for fid in sorted(feature["id"] for feature in group)] + missing
        assert walk(client, f"{ITEMS}?limit=3&sortby={sign}{name}", "next") == expected


def walk(client: FlaskClient, url: str | None, rel: str) -> list[int]:
    """The ids of all pages; at the end the way back is tried too."""
    pages: list[list[int]] = []
    last = url
    while url:
        page = get(client, url)
        pages.append(fids(page))
        last, url = url, link(page, rel)
    back: list[list[int]] = []
    url = last
    while url:
        page = get(client, url)
        back.insert(0, fids(page))
        url = link(page, "prev")
    assert back == pages
    return [fid for page in pages for fid in page]


def test_several_keys_sort_within_each_other(client: FlaskClient):
    assert walk(client, f"{ITEMS}?limit=2&sortby=-capital,population", "next") == [4, 3, 1, 5, 12, 10, 2, 6, 9, 7]


def test_offset_is_accepted_and_goes_on_by_cursor(client: FlaskClient):
    page = get(client, f"{ITEMS}?offset=3&limit=2")
    assert fids(page) == [4, 5]
    assert places(client, (link(page, "next") or "").partition("?")[2]) == [6, 7]
    assert places(client, (link(page, "prev") or "").partition("?")[2]) == [2, 3]


def test_ids_choose_features(client: FlaskClient):
    assert places(client, "ids=3,1,8,x") == [1, 3]
    assert places(client, "ids=8") == []


@pytest.mark.parametrize(
    ("q", "expected"), [("luz", [5]), ("UVA", [3]), ("京", [6]), ("%25", []), ("_", []), ("o'h", [9]), ("\\", [])]
)
def test_text_is_found_in_any_string_property(client: FlaskClient, q: str, expected: list[int]):
    assert places(client, f"q={q}") == expected


def test_hits_are_counted_and_not_sent(client: FlaskClient):
    page = get(client, f"{ITEMS}?resultType=hits&capital=true")
    assert (page["features"], page["numberReturned"], page["numberMatched"]) == ([], 0, 4)


def test_answer_says_how_it_was_counted(client: FlaskClient):
    exact = get(client, f"{ITEMS}?count=exact&capital=true")
    estimated = get(client, f"{ITEMS}?count=estimated&capital=true")
    none = get(client, f"{ITEMS}?count=none&capital=true")
    assert exact["numberMatched"] == 4
    assert "numberMatched" not in estimated
    assert isinstance(estimated["numberMatchedEstimate"], int)
    assert not {"numberMatched", "numberMatchedEstimate"} & none.keys()


def test_sortables_are_the_simple_properties(client: FlaskClient):
    assert list(get(client, "/collections/stock/sortables")["properties"]) == ["id", "amount"]
    assert places(client, "sortby=-id&limit=2") == [12, 10]
    assert places(client, "id=3") == [3]
    assert places(client, "filter=id IN (1,2) OR name='Suva'&sortby=-id") == [3, 2, 1]


def test_forged_cursor_is_no_server_error(client: FlaskClient, world: Database):
    with connect(world.reader) as connection:
        places = parse_catalog(1, connection.execute(SELECT_COLLECTIONS.text).fetchall())["places"]
    for name, value in (("population", "many"), ("population", "9" * 30), ("seen", "noon"), ("ratio", "x")):
        column = places.column(name)
        assert column is not None
        cursor = render_cursor(Cursor("next", (1,), (value,)), Filter(), (SortKey(column),), places)
        response = client.get(f"{ITEMS}?sortby={name}&cursor={cursor}")
        assert response.status_code == 400
        assert json.loads(response.data)["code"] == "value-invalid"
