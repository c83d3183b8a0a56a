"""The fast path and Flask are two adapters of one handler: what passes the fast path is what Flask's views give."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from support.layers import fast_path_alone, flask_alone
from support.odd import surveyed

PAGE, FEATURE = "/collections/places/items", "/collections/places/items/1"
CRS_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"

GIVEN = [
    (PAGE, "", {}),
    (PAGE, "limit=2&offset=3", {"Accept": "application/geo+json"}),
    (PAGE, "bbox=170,-20,-170,20&count=none", {"Accept-Encoding": "gzip, br"}),
    (PAGE, f"crs={CRS_3857}&sortby=-name&limit=3", {"Accept-Encoding": "zstd"}),
    (PAGE, "", {"Accept": "text/html"}),
    (PAGE, "f=jsonfg&limit=1", {}),
    (PAGE, "profile=rfc7946", {}),
    (PAGE, "f=csv", {"Accept-Encoding": "identity"}),
    (FEATURE, "", {"Accept-Encoding": "gzip"}),
    (FEATURE, f"crs={CRS_3857}", {"Host": "maps.example.org:8080"}),
    (FEATURE, "f=html", {}),
    ("/collections/stock/items", "", {}),
]
MISTAKES = [
    (PAGE, "nmae=Suva", {}, 400),
    (PAGE, "f=xml", {}, 400),
    (PAGE, "", {"Accept": "image/png"}, 406),
    (FEATURE, "limit=1", {}, 400),
    ("/collections/places/items/8", "", {}, 404),
    ("/collections/place/items", "", {}, 404),
]
ELSEWHERE = [
    ("/collections/places/items/", "", {}),
    ("/collections/places/items/a/b", "", {}),
    ("/collections/places", "", {}),
    (PAGE, "name=Kyōto", {}),
    (PAGE, "", {"Host": "a.example.org, b.example.org"}),
]


def said(response: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """What a response says, without the request's id and the time."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-Id"}
    encoding = headers.get("Content-Encoding")
    body = b"" if encoding else re.sub(rb'"(timeStamp|request_id)":\s*"[^"]+"', b"", response.data)
    if encoding:
        headers.pop("Content-Length", None)  # the time is compressed with the rest
    return response.status_code, body, headers


@pytest.mark.parametrize(("path", "query", "headers"), GIVEN)
def test_both_adapters_give_the_response_of_the_handler(app: Flask, path: str, query: str, headers: dict[str, str]):
    fast = fast_path_alone(app).get(path, query_string=query, headers=headers)
    assert fast.status_code == 200
    assert said(fast) == said(flask_alone(app).get(path, query_string=query, headers=headers))
    known = {"If-None-Match": fast.headers["ETag"], **headers}
    fast = fast_path_alone(app).get(path, query_string=query, headers=known)
    assert fast.status_code == 304
    assert said(fast) == said(flask_alone(app).get(path, query_string=query, headers=known))


@pytest.mark.parametrize(("path", "query", "headers", "status"), MISTAKES)
def test_both_adapters_give_the_same_problem(app: Flask, path: str, query: str, headers: dict[str, str], status: int):
    fast = fast_path_alone(app).get(path, query_string=query, headers=headers)
    assert (fast.status_code, fast.content_type) == (status, "application/problem+json")
    assert fast.json["request_id"] == fast.headers["X-Request-Id"]
    assert said(fast) == said(flask_alone(app).get(path, query_string=query, headers=headers))


@pytest.mark.parametrize("headers", [{"Accept": "text/html"}, {"Accept": "text/html", "Accept-Encoding": "gzip"}])
def test_both_adapters_give_browsers_the_same_page(app: Flask, headers: dict[str, str]):
    pages = [
        layer(app).get(PAGE, query_string="nmae=Suva", headers=headers) for layer in (fast_path_alone, flask_alone)
    ]
    assert {page.content_type for page in pages} == {"text/html; charset=utf-8"}
    assert {page.status_code for page in pages} == {400}
    assert pages[0].headers["Vary"] == pages[1].headers["Vary"]


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS", "DELETE"])
def test_other_methods_go_to_flask(app: Flask, method: str):
    assert fast_path_alone(app).open(PAGE, method=method).headers["X-Behind"] == "Flask"


@pytest.mark.parametrize(("path", "query", "headers"), ELSEWHERE)
def test_what_the_fast_path_does_not_know_goes_to_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    assert fast_path_alone(app).get(path, query_string=query, headers=headers).headers["X-Behind"] == "Flask"


@pytest.mark.parametrize("path", [PAGE, FEATURE])
@pytest.mark.parametrize("alone", [fast_path_alone, flask_alone])
def test_mistake_of_ours_is_a_500_that_tells_nothing(
    app: Flask, alone: type[Client], path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr("api.features.service.ResponseCache.find", lambda *_: None)
    monkeypatch.setattr("api.features.service.validator_of", fail)
    response = alone(app).get(path)
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert response.get_json()["request_id"] == response.headers["X-Request-Id"]
    assert "secret" not in response.text
    assert "a secret of the house" in caplog.text


def test_ids_that_an_address_must_escape_are_found(odd_app: Flask):
    listed = surveyed(odd_app).get("/collections/text_key/items", query_string="limit=100&f=json").json
    ids = [feature["id"] for feature in listed["features"] if "/" not in feature["id"]]
    assert {"with space", 'quote"d', "%41", "ä€😀", "two\nlines"} <= set(ids)
    for id in ids:
        path = f"/collections/text_key/items/{quote(id)}"
        fast = fast_path_alone(odd_app).get(path)
        assert (fast.status_code, fast.json["id"]) == (200, id)
        flask = flask_alone(odd_app).get(path)
        assert (fast.data, fast.headers["ETag"]) == (flask.data, flask.headers["ETag"])
