"""CQL2 filters over HTTP: in addresses, in bodies, in other coordinate systems, with all the rest."""

from __future__ import annotations

import gzip
import json
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from support.http import fids, get

ITEMS = "/collections/places/items"
SEARCH = "/collections/places/search"


def ask(client: FlaskClient, query: dict[str, object]) -> dict:
    """A page of places that must be a 200."""
    return get(client, f"{ITEMS}?{urlencode(query)}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'Suva'", [3]),
        ("population > 1000000 AND capital = true", [5]),
        ("population > 1000000 and not capital", [6, 9]),
        ("name LIKE '%in%'", [1, 9]),
        ("CASEI(name) LIKE CASEI('%HEL%')", [1]),
        ("population BETWEEN 0 AND 1000", [10, 12]),
        ("fid IS NULL OR name IS NULL", None),
        ("name IS NULL", [7]),
        ("name IN ('Suva', '京都')", [3, 6]),
        ("S_INTERSECTS(geometry, BBOX(23, 60, 26, 62))", [1, 2]),
        ("S_INTERSECTS(geom, POLYGON((23 60, 26 60, 26 62, 23 62, 23 60)))", [1, 2]),
        ("T_AFTER(seen, TIMESTAMP('2024-07-15T00:00:00Z'))", [10, 12]),
        ("founded < DATE('1600-01-01')", [1, 5, 6]),
        ("population / 2 = 46500", [3]),
        ("lower(name) = 'tampere'", [2]),
        ("capital = 1", [1, 3, 4, 5]),
        ("seen = '2024-03-01T10:00:00Z'", [3]),
    ],
)
def test_filter_finds_what_it_says(client: FlaskClient, text: str, expected: list[int] | None):
    response = client.get(ITEMS, query_string={"filter": text, "limit": 100})
    if expected is None:
        assert response.status_code == 400
    else:
        assert fids(json.loads(response.data)) == expected


def test_filter_in_json_is_the_same_filter(client: FlaskClient):
    tree = {"op": ">", "args": [{"property": "population"}, 1000000]}
    page = ask(client, {"filter": json.dumps(tree), "filter-lang": "cql2-json"})
    assert fids(page) == [5, 6, 9]
    assert page["numberMatched"] == 3


def test_filter_goes_together_with_everything_else(client: FlaskClient):
    query = {"filter": "population > 100", "bbox": "20,-20,180,70", "capital": "true", "sortby": "-population"}
    assert fids(ask(client, query)) == [1, 3]


def test_walk_of_a_filter_meets_each_match_once(client: FlaskClient):
    url: str | None = f"{ITEMS}?{urlencode({'filter': 'population >= 0', 'limit': 2, 'sortby': '-population'})}"
    found: list[int] = []
    while url:
        page = json.loads(client.get(url).data)
        found += fids(page)
        hrefs = [link["href"] for link in page["links"] if link["rel"] == "next"]
        url = hrefs[0].removeprefix("http://localhost") if hrefs else None
    assert found == [9, 5, 6, 1, 2, 3, 4, 10, 12]


def test_cursor_serves_the_same_filter_in_another_spelling(client: FlaskClient):
    page = ask(client, {"filter": "population>=0", "limit": 2})
    [href] = [link["href"] for link in page["links"] if link["rel"] == "next"]
    cursor = href.rpartition("cursor=")[2]
    again = client.get(f"{ITEMS}?{urlencode({'filter': 'population  >=  0', 'limit': 2})}&cursor={cursor}")
    assert again.status_code == 200
    other = client.get(f"{ITEMS}?{urlencode({'filter': 'population >= 1', 'limit': 2})}&cursor={cursor}")
    assert json.loads(other.data)["code"] == "cursor-invalid"


@pytest.mark.parametrize(
    ("crs", "box"),
    [
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "23, 60, 26, 62"),
        ("http://www.opengis.net/def/crs/EPSG/0/4326", "60, 23, 62, 26"),
        ("http://www.opengis.net/def/crs/EPSG/0/3857", "2500000, 8300000, 2900000, 8800000"),
    ],
)
def test_geometries_of_a_filter_are_in_filter_crs(client: FlaskClient, crs: str, box: str):
    assert fids(ask(client, {"filter": f"S_INTERSECTS(geometry, BBOX({box}))", "filter-crs": crs})) == [1, 2]


@pytest.mark.parametrize(
    ("query", "parameter", "part"),
    [
        ({"filter": "nmae = 'x'"}, "filter", "'name'"),
        ({"filter": "name = "}, "filter", ""),
        ({"filter": "name = 5"}, "filter", ""),
        ({"filter": "pg_sleep(1) = 1"}, "filter", ""),
        ({"filter": "(" * 3000 + "capital" + ")" * 3000}, "filter", ""),
        ({"filter": "[" * 3000, "filter-lang": "cql2-json"}, "filter", ""),
        ({"filter": "true", "filter-lang": "ecql"}, "filter-lang", "cql2-text"),
        ({"filter-lang": "ecql"}, "filter-lang", "cql2-text"),
        ({"filter-crs": "EPSG:1"}, "filter-crs", "CRS84"),
        ({"filter": "true", "filter-crs": "EPSG:1"}, "filter-crs", "CRS84"),
    ],
)
def test_mistake_in_a_filter_is_explained(client: FlaskClient, query: dict[str, str], parameter: str, part: str):
    response = client.get(ITEMS, query_string=query)
    assert response.status_code == 400
    problem = json.loads(response.data)
    assert problem["parameter"] == parameter
    assert part in problem.get("hint", "")
    assert "SELECT" not in response.text


@pytest.mark.parametrize("query", ["filter-lang=cql2-json", "filter-crs=EPSG:4326", "bbox-crs=EPSG:3857"])
def test_language_and_crs_of_what_is_not_given_have_no_effect(client: FlaskClient, query: str):
    assert fids(get(client, f"{ITEMS}?{query}&limit=100")) == fids(get(client, f"{ITEMS}?limit=100"))
    assert get(client, f"{ITEMS}?{query}")["numberMatched"] == 10


def test_long_filter_goes_into_a_body(client: FlaskClient):
    ids = " OR ".join(f"population = {number}" for number in range(1, 150))
    response = client.post(SEARCH, json={"filter": f"{ids} OR name = 'Suva'", "limit": 5, "crs": "EPSG:4326"})
    assert response.status_code == 200, response.text
    [feature] = json.loads(response.data)["features"]
    assert (feature["id"], feature["geometry"]["coordinates"]) == (3, [-18.14, 178.44])


def test_body_takes_cql2_json_lists_and_forms(client: FlaskClient):
    tree = {"op": "like", "args": [{"property": "name"}, "%a%"]}
    body = {"filter": tree, "bbox": [170, -20, -170, 20], "properties": ["name"], "skipGeometry": True}
    page = json.loads(client.post(SEARCH, json=body).data)
    assert [feature["properties"] for feature in page["features"]] == [{"name": "Suva"}, {"name": "Apia"}]
    form = client.post(SEARCH, data={"filter": "name = 'Suva'", "limit": "3"})
    assert fids(json.loads(form.data)) == [3]


def test_next_link_of_a_body_is_a_body(client: FlaskClient):
    body: dict | None = {"filter": "population >= 0", "limit": 4}
    found: list[int] = []
    while body:
        page = json.loads(client.post(SEARCH, json=body).data)
        found += fids(page)
        following = [link for link in page["links"] if link["rel"] == "next"]
        assert all(link["method"] == "POST" for link in following)
        body = following[0]["body"] if following else None
    assert found == [1, 2, 3, 4, 5, 6, 9, 10, 12]


@pytest.mark.parametrize(
    ("body", "media_type", "parameter"),
    [
        (b"{", "application/json", "body"),
        (b"[1]", "application/json", "body"),
        (b"[" * 100_000, "application/json", "filter"),
        (b'{"limit": NaN}', "application/json", "body"),
        (b'{"limit": 1.5}', "application/json", "limit"),
        (b'{"limit": 1e400}', "application/json", "limit"),
        (b'{"limit": {"a": 1}}', "application/json", "limit"),
        (b'{"limitt": 1}', "application/json", "limitt"),
        (b'{"filter": {"op": "nonsense", "args": []}}', "application/json", "filter"),
        (b'{"f": "html"}', "application/json", "f"),
    ],
)
def test_mistake_in_a_body_is_explained(client: FlaskClient, body: bytes, media_type: str, parameter: str):
    response = client.post(SEARCH, data=body, content_type=media_type)
    assert response.status_code == 400
    assert json.loads(response.data)["parameter"] == parameter


@pytest.mark.parametrize("url", [SEARCH, ITEMS])
@pytest.mark.parametrize("media_type", ["text/plain", "application/geo+json", "application/xml", ""])
def test_body_of_another_kind_is_a_415(client: FlaskClient, url: str, media_type: str):
    response = client.post(url, data=b'{"type": "Feature"}', content_type=media_type)
    assert response.status_code == 415
    assert json.loads(response.data)["code"] == "media-type-unsupported"


@pytest.mark.parametrize("url", [SEARCH, ITEMS])
def test_body_that_is_compressed_is_a_415_that_says_so(client: FlaskClient, url: str):
    body = gzip.compress(b'{"limit": 1}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post(url, data=body, headers=headers)
    assert answer.status_code == 415
    assert "gzip" in json.loads(answer.data)["detail"]
    headers["Content-Encoding"] = "identity"
    assert client.post(url, data=b'{"limit": 1}', headers=headers).status_code == 200


@pytest.mark.parametrize("url", [SEARCH, ITEMS])
def test_body_may_be_cql2_json_itself_beside_parameters_of_the_address(client: FlaskClient, url: str):
    tree = {"op": ">=", "args": [{"property": "population"}, 0]}
    response = client.post(f"{url}?limit=3&sortby=-population&filter-crs=EPSG:4326", json=tree)
    assert response.status_code == 200, response.text
    first = json.loads(response.data)
    assert (fids(first), first["numberMatched"]) == ([9, 5, 6], 9)
    [following] = [link for link in first["links"] if link["rel"] == "next"]
    second = json.loads(client.post(following["href"].removeprefix("http://localhost"), json=following["body"]).data)
    assert fids(second) == [1, 2, 3]


@pytest.mark.parametrize("url", [SEARCH, ITEMS])
def test_parameter_in_the_address_and_in_the_body_is_a_400(client: FlaskClient, url: str):
    response = client.post(f"{url}?limit=3", json={"limit": 3})
    assert response.status_code == 400
    assert json.loads(response.data)["parameter"] == "limit"


NEXT_TO_0_3 = "0.30000000000000001"
"""A number that a double cannot tell from 0.3, nor from what 0.1 and 0.2 make."""


def test_numbers_beyond_doubles_are_kept_in_every_kind_of_json(client: FlaskClient):
    """9007199254740993 is the population of O'Higgins; the nearest double is one less."""
    for number, expected in (("9007199254740993", [9]), ("9007199254740992", []), ("9007199254740993.0", [9])):
        tree = f'{{"op": "=", "args": [{{"property": "population"}}, {number}]}}'
        for body in (tree, f'{{"filter": {tree}}}'):
            for url in (SEARCH, ITEMS):
                response = client.post(url, data=body, content_type="application/json")
                assert fids(json.loads(response.data)) == expected
        asked = client.get(ITEMS, query_string={"filter": tree, "filter-lang": "cql2-json"})
        assert fids(json.loads(asked.data)) == expected
    for number, expected in ((NEXT_TO_0_3, []), ("0.3", [12])):
        tree = f'{{"op": "=", "args": [{{"op": "+", "args": [{{"property": "population"}}, 0.3]}}, {number}]}}'
        response = client.post(SEARCH, data=f'{{"filter": {tree}}}', content_type="application/json")
        assert fids(json.loads(response.data)) == expected


def test_body_that_is_too_long_is_refused(client: FlaskClient):
    response = client.post(SEARCH, data=b" " * 2_000_000, content_type="application/json")
    assert response.status_code == 413
    assert json.loads(response.data)["code"] == "body-too-long"


@pytest.mark.parametrize(("corners", "status"), [(5_000, 400), (100_000, 413)])
def test_area_of_very_many_corners_is_refused_with_what_helps(client: FlaskClient, corners: int, status: int):
    ring = ",".join(f"{n / corners:.5f} 50.12345" for n in range(corners))
    response = client.post(SEARCH, json={"filter": f"S_INTERSECTS(geom,POLYGON(({ring},0 50.12345)))"})
    assert response.status_code == status
    assert json.loads(response.data)["hint"].endswith("an area may have fewer corners")
