"""Pages of features and single features, as a web developer asks for them."""

from __future__ import annotations

import html
import re

import pytest
from flask.testing import FlaskClient

from support.http import fids, get, link

ITEMS = "/collections/places/items"
EVERY_FID = [1, 2, 3, 4, 5, 6, 7, 9, 10, 12]


def places(client: FlaskClient, query: str) -> list[int]:
    """The ids of a page of places."""
    return fids(get(client, f"{ITEMS}?{query}"))


def test_page_has_the_members_of_the_standard(client: FlaskClient):
    page = get(client, f"{ITEMS}?limit=2")
    assert page["type"] == "FeatureCollection"
    assert (page["numberReturned"], page["numberMatched"]) == (2, 10)
    assert page["timeStamp"].endswith("Z")
    assert [found["rel"] for found in page["links"]] == ["self", "alternate", "alternate", "next", "collection"]


def test_feature_is_what_was_stored(client: FlaskClient):
    feature = get(client, f"{ITEMS}/1")
    assert feature["geometry"] == {"type": "Point", "coordinates": [24.94, 60.17]}
    assert feature["properties"] == {
        "name": "Helsinki",
        "population": 658000,
        "ratio": 0.5,
        "capital": True,
        "founded": "1550-06-12",
        "seen": "2024-01-01T10:00:00+00:00",
    }
    assert feature["id"] == 1


def test_nulls_stay_nulls(client: FlaskClient):
    feature = get(client, f"{ITEMS}/7")
    assert feature["geometry"] is None
    assert set(feature["properties"].values()) == {None}


def test_integer_above_two_to_the_53_stays_exact(client: FlaskClient):
    assert get(client, f"{ITEMS}/9")["properties"]["population"] == 9007199254740993


def test_quotes_and_other_scripts_survive(client: FlaskClient):
    names = [feature["properties"]["name"] for feature in get(client, f"{ITEMS}?limit=100")["features"]]
    assert {'Quito "Luz"', "京都", "O'Higgins"} <= set(names)


def test_limit_above_the_largest_page_gives_the_largest_page(client: FlaskClient):
    assert len(places(client, "limit=99999999")) == 10


def test_table_for_people_has_a_limit_of_cells_and_leads_on(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.features.html.MOST_CELLS", 20)  # 3 rows of 6 properties
    url, pages = f"{ITEMS}?f=html&limit=10", 0
    while url:
        text = client.get(url).text
        assert text.count("<tr>") <= 1 + 3
        pages += 1
        on = re.search(r'href="http://localhost([^"]+)"[^>]*>next', text)
        url = on and html.unescape(on[1])
    assert pages == 4
    assert len(get(client, f"{ITEMS}?limit=10")["features"]) == 10


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 9, 10, 11])
def test_walk_meets_every_feature_once_and_back_again(client: FlaskClient, limit: int):
    url: str | None = f"{ITEMS}?limit={limit}"
    pages: list[list[int]] = []
    while url:
        page = get(client, url)
        pages.append(fids(page))
        last, url = url, link(page, "next")
    assert [fid for page in pages for fid in page] == EVERY_FID
    back: list[list[int]] = []
    url = last
    while url:
        page = get(client, url)
        back.append(fids(page))
        url = link(page, "prev")
    assert list(reversed(back)) == pages


def test_first_page_has_no_prev_and_last_page_no_next(client: FlaskClient):
    assert link(get(client, f"{ITEMS}?limit=3"), "prev") is None
    assert link(get(client, f"{ITEMS}?limit=10"), "next") is None


def test_next_link_keeps_the_filter(client: FlaskClient):
    first = get(client, f"{ITEMS}?capital=true&limit=2")
    second = get(client, link(first, "next") or "")
    found = [feature["id"] for page in (first, second) for feature in page["features"]]
    assert found == [1, 3, 4, 5]
    assert second["numberMatched"] == 4


def test_bbox_keeps_what_meets_it_and_what_has_no_place(client: FlaskClient):
    assert places(client, "bbox=23,60,26,62") == [1, 2, 7]


def test_bbox_across_the_antimeridian_is_the_small_one(client: FlaskClient):
    assert places(client, "bbox=170,-20,-170,20") == [3, 4, 7]


def test_bbox_with_heights_leaves_them_unread(client: FlaskClient):
    assert places(client, "bbox=23,60,0,26,62,1000") == [1, 2, 7]


def test_bbox_edge_belongs_to_the_box(client: FlaskClient):
    assert places(client, "bbox=0,0,1,1") == [7, 12]


def test_world_wide_bbox_meets_everything_in_degrees_and_in_a_national_grid(client: FlaskClient):
    assert places(client, "bbox=-180,-90,180,90&limit=100") == EVERY_FID
    grid = get(client, "/collections/grid/items?bbox=-180,-90,180,90&limit=100")
    assert [feature["id"] for feature in grid["features"]] == list(range(10))


def test_bbox_in_a_national_grid_finds_the_cells_it_meets(client: FlaskClient):
    page = get(client, "/collections/grid/items?bbox=24.25,60.02,24.45,60.05")
    assert fids(page) == [2, 3, 4]


def test_bbox_far_from_a_national_grid_finds_nothing(client: FlaskClient):
    assert get(client, "/collections/grid/items?bbox=-100,-50,-90,-40")["features"] == []


def test_national_grid_is_answered_in_degrees(client: FlaskClient):
    ring = get(client, "/collections/grid/items/0")["geometry"]["coordinates"][0]
    assert sorted(map(tuple, ring[:4])) == [(24, 60), (24, 60.1), (24.1, 60), (24.1, 60.1)]


def test_bbox_on_a_table_without_geometry_matches_all_of_it(client: FlaskClient):
    assert get(client, "/collections/stock/items?bbox=0,0,1,1")["numberMatched"] == 3


@pytest.mark.parametrize(
    ("datetime", "expected"),
    [
        ("2024-03-01T10:00:00Z", [3, 7]),
        ("2024-03-01", [3, 7]),
        ("2024-03-01T12:00:00%2B02:00", [3, 7]),
        ("2024-03-01T10:00:01Z", [7]),
        ("2024-03-01t10:00:00z", [3, 7]),
        ("2023-12-31T23:59:60Z/2024-01-01T10:00:00Z", [1, 7]),
        ("2016-12-31T18:59:60.5-05:00/2024-01-01T10:00:00Z", [1, 7]),
        ("2024-02-01/2024-04-01", [2, 3, 4, 7]),
        ("../2024-02-01", [1, 2, 7]),
        ("/2024-02-01", [1, 2, 7]),
        ("2024-08-01/..", [7, 10, 12]),
        ("2024-08-01/", [7, 10, 12]),
    ],
)
def test_datetime_meets_instants_intervals_and_open_ends(client: FlaskClient, datetime: str, expected: list[int]):
    assert places(client, f"datetime={datetime}") == expected


def test_datetime_without_temporal_column_matches_everything(client: FlaskClient):
    assert get(client, "/collections/grid/items?datetime=1900-01-01")["numberMatched"] == 10


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name=Suva", [3]),
        ("name=O'Higgins", [9]),
        ("name=%E4%BA%AC%E9%83%BD", [6]),
        ("name=' OR true --", []),
        ("population=9007199254740993", [9]),
        ("population=0", [12]),
        ("ratio=2.5", [3]),
        ("ratio=1.1", [2]),
        ("capital=false&limit=100", [2, 6, 9, 10, 12]),
        ("founded=1550-06-12", [1]),
        ("seen=2024-07-01T10:00:00.5Z", [9]),
        ("seen=2024-07-01T12:00:00.5%2B02:00", [9]),
        ("name=Suva&capital=false", []),
    ],
)
def test_property_equals_a_value_of_its_type(client: FlaskClient, condition: str, expected: list[int]):
    assert places(client, condition) == expected


def test_number_matched_counts_the_filter_not_the_page(client: FlaskClient):
    page = get(client, f"{ITEMS}?capital=true&limit=1")
    assert (page["numberMatched"], page["numberReturned"]) == (4, 1)


def test_head_has_the_headers_of_get_and_no_body(client: FlaskClient):
    response = client.head(ITEMS)
    assert (response.status_code, response.data) == (200, b"")
    assert response.content_type == "application/geo+json"


def test_trailing_slash_is_the_same_resource(client: FlaskClient):
    assert client.get(f"{ITEMS}/").status_code == 200


@pytest.mark.parametrize(
    ("name", "box", "found"),
    [
        ("grid", "-20037508.34,-20037508.34,20037508.34,20037508.34", 10),
        ("grid", "0,0,30000000,30000000", 10),
        ("grid", "2690000,0,30000000,30000000", 9),
        ("places", "-30000000,-20000000,30000000,20000000", 8),
        ("places", "19000000,-5000000,21000000,5000000", 1),
        ("places", "-21000000,-5000000,-19000000,5000000", 1),
        ("places", "-9e9,-9e300,9e9,9e300", 9),
    ],
)
def test_box_in_mercator_may_be_wider_than_the_world(client: FlaskClient, name: str, box: str, found: int):
    page = get(client, f"/collections/{name}/items?bbox={box}&bbox-crs=EPSG:3857&count=exact")
    assert len([feature for feature in page["features"] if feature["geometry"]]) == found
