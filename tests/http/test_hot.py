"""What is answered before Flask is what Flask answers."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from api.catalog.live import LiveCatalog
from api.features.geojson_response import Made
from api.middleware import fast_features
from api.middleware.fast_features import HotFeatures
from api.middleware.fast_path import Hot
from api.middleware.response_cache import KeptAnswers
from support.layers import flask_alone, layer_alone
from support.odd import surveyed

PAGE, FEATURE = "/collections/places/items", "/collections/places/items/1"
CRS_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"

ASKED = [
    (PAGE, "", {}),
    (PAGE, "limit=2", {"Accept": "*/*"}),
    (PAGE, "limit=2&offset=3", {"Accept": "application/geo+json"}),
    (PAGE, "limit=2&f=json&name=Suva", {"Accept": "text/html"}),
    (PAGE, "bbox=170,-20,-170,20&count=none", {"Accept-Encoding": "gzip, br"}),
    (PAGE, f"crs={CRS_3857}&sortby=-name&limit=3", {"Accept-Encoding": "zstd"}),
    (PAGE, "filter=name%20LIKE%20%27%25a%25%27", {"Accept-Encoding": "identity"}),
    (PAGE, "resultType=hits", {"Accept": "application/json;q=0.9, text/html;q=0.1"}),
    (PAGE, "datetime=2024-01-01/..&properties=name&skipGeometry=true", {"Host": "maps.example.org"}),
    (FEATURE, "", {}),
    (FEATURE, "f=json", {"Accept": "text/html"}),
    (FEATURE, f"crs={CRS_3857}", {"Host": "maps.example.org:8080"}),
    ("/collections/grid/items/0", "", {"Accept-Encoding": "gzip"}),
    ("/collections/stock/items", "", {}),
]
NOT_HOT = [
    (PAGE, "", {"Accept": "text/html"}),
    (PAGE, "f=csv", {}),
    (PAGE, "nmae=Suva", {}),
    (PAGE, "limit=none", {}),
    (PAGE, "f=xml", {}),
    (PAGE, "profile=rfc7946", {}),
    (PAGE, "", {"Accept": "image/png"}),
    (FEATURE, "limit=1", {}),
    ("/collections/places/items/8", "", {}),
    ("/collections/place/items", "", {}),
    ("/collections/places/items/", "", {}),
]


@pytest.mark.parametrize("path", [PAGE, FEATURE])
def test_mistake_of_ours_is_told_as_one(
    app: Flask, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret of the house")

    monkeypatch.setattr(KeptAnswers, "find", lambda *_: None)
    monkeypatch.setattr("api.middleware.fast_path.items_query", fail)
    monkeypatch.setattr("api.middleware.fast_features.find_feature", fail)
    response = app.test_client().get(path)
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert response.get_json()["request_id"] == response.headers["X-Request-Id"]
    assert "secret" not in response.text
    assert "a secret of the house" in caplog.text


def hot_alone(app: Flask) -> Client:
    """A client of the layer with nothing behind it."""
    return layer_alone(app, Hot)


def told(response: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """What an answer says, without the request's id and the time."""
    headers = {name: value for name, value in response.headers.items() if name != "X-Request-Id"}
    encoding = headers.get("Content-Encoding")
    body = b"" if encoding else re.sub(rb'"timeStamp":"[^"]+"', b"", response.data)
    if encoding:
        headers.pop("Content-Length")  # the time is packed with the rest
    return response.status_code, body, headers


@pytest.mark.parametrize(("path", "query", "headers"), ASKED)
def test_an_answer_is_the_same_with_and_without_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    hot = hot_alone(app).get(path, query_string=query, headers=headers)
    assert hot.status_code == 200
    assert told(hot) == told(flask_alone(app).get(path, query_string=query, headers=headers))
    known = {"If-None-Match": hot.headers["ETag"], **headers}
    hot = hot_alone(app).get(path, query_string=query, headers=known)
    assert hot.status_code == 304
    assert told(hot) == told(flask_alone(app).get(path, query_string=query, headers=known))


@pytest.mark.parametrize(("path", "query", "headers"), NOT_HOT)
def test_other_requests_and_every_error_are_left_to_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    assert hot_alone(app).get(path, query_string=query, headers=headers).status_code == 404
    behind = app.test_client().get(path, query_string=query, headers=headers)
    alone = flask_alone(app).get(path, query_string=query, headers=headers)
    assert behind.status_code == alone.status_code


def test_an_error_is_found_once_and_told_by_flask(app: Flask):
    answer = app.test_client().get(PAGE, query_string="nmae=Suva")
    assert (answer.status_code, answer.json["code"]) == (400, "parameter-unknown")
    assert app.test_client().get("/collections/places/items/8").json["code"] == "feature-unknown"


def test_ids_that_an_address_must_escape_are_told_as_flask_tells_them(odd_app: Flask):
    listed = surveyed(odd_app).get("/collections/text_key/items", query_string="limit=100&f=json").json
    ids = [feature["id"] for feature in listed["features"] if "/" not in feature["id"]]
    assert {"with space", 'quote"d', "%41", "ä€😀", "two\nlines"} <= set(ids)
    for id in ids:
        path = f"/collections/text_key/items/{quote(id)}"
        hot = hot_alone(odd_app).get(path)
        assert (hot.status_code, hot.json["id"]) == (200, id)
        flask = flask_alone(odd_app).get(path)
        assert (hot.data, hot.headers["ETag"]) == (flask.data, flask.headers["ETag"])


def test_what_is_remembered_of_addresses_has_a_bound_and_long_ones_are_left_to_flask(
    app: Flask, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fast_features, "MOST_FRAMES", 3)
    features = HotFeatures(app.extensions["isthmus"])
    for number in range(10):
        found = features.find(f"http://{number}.example.org", "places", "1", {"QUERY_STRING": ""})
        assert isinstance(found, Made)
        assert f"http://{number}.example.org/collections/places/items/1?f=json".encode() in found.body()
        assert 0 < len(features._frames) <= 3
    assert features.find(f"http://{'x' * 1000}", "places", "1", {"QUERY_STRING": ""}) is None


def test_a_feature_of_a_collection_that_changed_is_told_anew(app: Flask, monkeypatch: pytest.MonkeyPatch):
    api = app.extensions["isthmus"]
    features, catalog = HotFeatures(api), api.catalog
    before = features.find("http://x", "places", "1", {"QUERY_STRING": ""})
    renamed = replace(catalog["places"], title="Places of today", version=catalog["places"].version)
    now = replace(catalog, collections={**catalog.collections, "places": renamed})
    monkeypatch.setattr(LiveCatalog, "current", lambda _: now)
    after = features.find("http://x", "places", "1", {"QUERY_STRING": ""})
    assert isinstance(before, Made)
    assert isinstance(after, Made)
    assert b"Places of today" not in before.body()
    assert b"Places of today" in after.body()
