"""Functions as collections: their parameters, their order, and what is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from support.http import get, link
from support.ogc import definition

NEAR, PICKY = "/collections/near/items", "/collections/picky/items"


def rows(client: FlaskClient, url: str, **parameters: Any) -> list[dict[str, Any]]:
    """The properties of the features."""
    return [feature["properties"] for feature in get(client, f"{url}?{urlencode(parameters)}")["features"]]


def test_parameters_are_passed_and_others_keep_their_defaults(odd_client: FlaskClient):
    assert rows(odd_client, NEAR, least=99) == [
        {"id": 100, "label": "n100", "day": "2000-01-01"},
        {"id": 99, "label": "n99", "day": "2000-01-01"},
    ]
    given = {"least": 1, "most": 1, "word": "'; DROP TABLE x; --", "since": "2024-05-05"}
    assert rows(odd_client, NEAR, **given) == [{"id": 1, "label": "'; DROP TABLE x; --1", "day": "2024-05-05"}]


def test_walk_keeps_the_order_of_the_function_and_its_arguments(odd_client: FlaskClient):
    url: str | None = f"{NEAR}?least=11&limit=7"
    found: list[int] = []
    while url is not None:
        page = get(odd_client, url)
        found += [feature["properties"]["id"] for feature in page["features"]]
        url = link(page, "next")
        assert url is None or "least=11" in url
    assert found == list(range(100, 10, -1))
    assert not any("id" in feature for feature in get(odd_client, f"{NEAR}?least=1")["features"])


def test_cursor_belongs_to_the_arguments(odd_client: FlaskClient):
    following = link(get(odd_client, f"{NEAR}?least=1&limit=2"), "next")
    assert following is not None
    response = odd_client.get(following.replace("least=1", "least=2"))
    assert (response.status_code, json.loads(response.data)["code"]) == (400, "cursor-invalid")


def test_filters_sorting_and_boxes_are_applied_to_what_it_returns(odd_client: FlaskClient):
    assert [row["id"] for row in rows(odd_client, NEAR, least=1, filter="id > 97", sortby="id")] == [98, 99, 100]
    west = get(odd_client, f"{NEAR}?least=1&most=1")["features"][0]["geometry"]["coordinates"][0]
    found = rows(odd_client, NEAR, least=1, bbox=f"{west - 1e-6},60,{west + 1e-6},61")
    assert [row["id"] for row in found] == [1]
    assert get(odd_client, f"{NEAR}?least=91&resultType=hits")["numberMatched"] == 10


def test_parameters_with_spaces_and_columns_named_like_ours_work(odd_client: FlaskClient):
    found = rows(odd_client, PICKY, **{"Which One": "ä b"})
    assert found == [{"a": "ä b", "row_number": number} for number in (1, 2, 3)]
    assert len(rows(odd_client, PICKY, **{"Which One": "x", "limit": "2"})) == 2, "limit is that of the page"


@pytest.mark.parametrize(
    ("url", "code", "parameter", "hint"),
    [
        (NEAR, "parameter-invalid", "least", "add least=…, a whole number"),
        (f"{NEAR}?least=x", "parameter-invalid", "least", "a whole number"),
        (f"{NEAR}?least=1&since=yesterday", "parameter-invalid", "since", "a date"),
        (f"{NEAR}?leest=1", "parameter-unknown", "leest", "perhaps you meant 'least'"),
        (f"{NEAR}?least=1&least=2", "parameter-invalid", "least", "give it once"),
        (f"{NEAR}?least=99999999999", "value-invalid", None, None),
        (f"{NEAR}?least=1&word=%00", "parameter-invalid", "word", "a text"),
        (f"{PICKY}?Which%20One=bad", "value-invalid", None, "look at Which One"),
        ("/collections/near/tiles/WebMercatorQuad/0/0/0", "parameter-invalid", "least", "add least"),
        ("/collections/near/tiles/WebMercatorQuad/0/0/0?least=1&x=1", "parameter-unknown", "x", None),
    ],
)
def test_mistake_names_the_parameter(
    odd_client: FlaskClient, url: str, code: str, parameter: str | None, hint: str | None
):
    response = odd_client.get(url)
    problem = json.loads(response.data)
    assert (response.status_code, problem["code"], problem.get("parameter")) == (400, code, parameter), problem
    assert hint is None or hint in problem["hint"]
    assert "secret" not in response.text


@pytest.mark.parametrize("word", ["nobody", "many", "PT404", "28000", "0A000", "42883", "XX000"])
def test_what_a_function_raises_itself_is_the_fault_of_its_arguments(odd_client: FlaskClient, word: str):
    for format in ("json", "csv"):
        response = odd_client.get(f"{PICKY}?{urlencode({'Which One': word, 'f': format})}")
        problem = json.loads(response.data)
        assert (response.status_code, problem["code"], problem["hint"]) == (400, "value-invalid", "look at Which One")
        assert "secret" not in response.text


def test_function_that_finds_a_mistake_of_its_own_is_broken(odd_client: FlaskClient):
    response = odd_client.get(f"{PICKY}?Which%20One=broken")
    assert (response.status_code, json.loads(response.data)["code"]) == (500, "collection-broken")


def test_parameters_are_in_the_definition_of_the_api(odd_client: FlaskClient):
    paths = definition(odd_client)["paths"]
    own = {p["name"]: p for p in paths["/collections/near/items"]["get"]["parameters"] if "name" in p}
    assert {name: own[name]["required"] for name in ("least", "most", "word", "since")} == {
        "least": True,
        "most": False,
        "word": False,
        "since": False,
    }
    assert own["least"]["schema"] == {"type": "integer"}
    assert own["since"]["schema"]["format"] == "date"
    names = [p["name"] for p in paths["/collections/near/items"]["get"]["parameters"] if "name" in p]
    assert len(names) == len(set(names))


def test_page_of_a_function_tells_its_parameters(odd_client: FlaskClient):
    page = odd_client.get("/collections/near?f=html").text
    assert "<h2>Parameters</h2>" in page
    assert "<td><code>least</code></td><td>integer</td><td>required</td>" in page
    assert "<h2>Parameters</h2>" not in odd_client.get("/collections/all_data?f=html").text


def test_search_takes_the_arguments_in_its_body(odd_client: FlaskClient):
    response = odd_client.post("/collections/near/search", json={"least": 99, "limit": 1})
    found = json.loads(response.data)
    assert found["features"][0]["properties"]["id"] == 100
    following = next(goal for goal in found["links"] if goal["rel"] == "next")
    assert following["body"]["least"] == "99"
    again = json.loads(odd_client.post("/collections/near/search", json=following["body"]).data)
    assert [feature["properties"]["id"] for feature in again["features"]] == [99]


def test_exports_and_tiles_take_the_arguments(odd_client: FlaskClient):
    assert odd_client.get(f"{NEAR}?least=98&f=csv").text.splitlines()[1].startswith("100,n100,2000-01-01,")
    for format in ("geojsonl", "gpkg", "fgb", "parquet"):
        response = odd_client.get(f"{NEAR}?least=98&f={format}")
        assert response.status_code == 200, response.text
        response.close()
    tilejson = get(odd_client, "/collections/near/tiles/WebMercatorQuad/tilejson.json?least=98&word=a%26b")
    [template] = tilejson["tiles"]
    assert template.endswith("/{z}/{y}/{x}?least=98&word=a%26b")
    tile = odd_client.get(template.removeprefix("http://localhost").format(z=0, y=0, x=0))
    assert tile.status_code == 200
    assert b"a&b" in tile.data or tile.headers.get("Content-Encoding") == "gzip"
