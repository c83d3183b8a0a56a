"""Requests that nobody thought of: whatever is sent to a route, the answer is one of the answers that are promised."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import quote, quote_from_bytes

from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, strategies as st
from werkzeug.test import TestResponse

from support.ogc import COLLECTIONS
from support.promises import BASE, LEAKS, is_complete

GOOD = {
    "collectionId": ["places", "grid", "stock"],
    "featureId": ["1", "7", "12"],
    "tileMatrixSetId": ["WebMercatorQuad"],
    "tileMatrix": ["0", "4", "24"],
    "tileRow": ["0", "4"],
    "tileCol": ["0", "9"],
    "code": ["bbox-invalid", "not-found"],
}
"""Values for the places in paths, so that a request often comes through to what is behind."""

VALUES = [
    *("", "0", "1", "-1", "3", "00012", "1e5", "NaN", "inf", "9223372036854775808", "1,2", "1,,2", ",", "true", "null"),
    *("json", "html", "csv", "geojson", "exact", "estimated", "none", "hits", "results", "cql2-text", "cql2-json"),
    *("23,60,26,62", "170,-20,-170,20", "-180,-90,180,90", "0,0,0,0", "5,5,1,1", "1,2,3,4,5,6", "0,1e308,1,1e308"),
    *("2024-03-01T10:00:00Z", "2024-02-01/..", "../..", "/", "2024-02-30", "0001-01-01T00:00:00+14:00", "99999-01-01"),
    *("EPSG:3857", "EPSG:4326", "[EPSG:3067]", "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "EPSG:0", "urn:x"),
    *("name", "-name", "+seen", "name,-population", "geometry", "geom", "fid", "name,name", "$name", "detail"),
    *("name = 'Suva'", "population/0 = 1", "1/0 = 1", "ratio % 0 = 1", "name LIKE '%", "NOT", "((((((1=1))))))"),
    *("S_INTERSECTS(geometry, POINT(1 1))", "S_WITHIN(geometry,POLYGON((0 0,1 1,0 1)))", "name = date('2024-13-01')"),
    *("S_CROSSES(geometry, POLYGON((0 0,2 2,2 0,0 2,0 0)))", "S_INTERSECTS(geometry,BBOX(1e300,1,1e301,2))"),
    *('{"op":"=","args":[1,1]}', '{"op":"not"}', "{", "[]", '"x"', "[[[[[[[[1]]]]]]]]", '{"op":"isNull","args":[{}]}'),
    *("' OR '1'='1", "'; DROP TABLE places; --", "%(limit)s", "%s", "{}", "{0}", "{{7*7}}", "${x}", "../../etc/passwd"),
    *("\x00", "\x7f", "\u202e", "\ufeff", "\U0001f600", "京都", "İ", "a" * 3000, "9" * 400, "-" * 200, "(" * 500),
]
HEADERS = {
    "Accept": [
        "*/*",
        "text/html",
        "application/json",
        "application/geo+json",
        "image/png",
        "",
        ";",
        "a/b;q=x",
        "*",
        "/",
    ],
    "Accept-Encoding": ["gzip", "br", "zstd", "identity;q=0", "*;q=0", "gzip;q=0, *", "x", ""],
    "If-None-Match": ["*", '"x"', 'W/"x"', "x", '"', ""],
    "If-Modified-Since": ["Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "yesterday", ""],
    "Range": ["bytes=0-10", "bytes=-1", "bytes=9-1", "x"],
    "Content-Type": [
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
        "x",
        "",
    ],
    "X-Forwarded-Host": ["evil.example"],
    "Origin": ["null", "http://x.example"],
    "Cookie": ["a=b", "=", ";"],
}
BODIES = [
    *(
        b'{"q": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"name": ["\\ud800"]}',
        b'{"crs": "\\ud800"}',
        b'{"filter": "\\ud800"}',
    ),
    *(b'{"filter": {"op": "\\ud800"}}', b'{"\\ud800": {}}', b'{"q": [["\\udfff"]]}'),
    *(b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"\xff\xfe", b"limit=2", b"limit=2&limit=3", b"a" * 5000),
    *(b'{"limit": 2}', b'{"limit": "x"}', b'{"limit": null}', b'{"limit": [1]}', b'{"limit": 1e400}', b'{"x": 1}'),
    *(b'{"filter": {"op": "=", "args": [{"property": "name"}, "Suva"]}}', b'{"filter": {"op": {}}}', b'{"filter": 1}'),
    *(b'{"filter": "name = 1"}', b'{"bbox": [1, 2, 3, 4]}', b'{"ids": [1, "2"]}', b'{"f": "html"}', b"[" * 3000),
    *(
        b'{"cursor": "x"}',
        b'{"a": 1, "a": 2}',
        b'{"limit": 1, "limit": 2}',
        b'{"\\u0000": "\\u0000"}',
    ),
]
METHODS = ["GET"] * 12 + ["POST"] * 4 + ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]

CHANGING = {"X-Request-Id", "Date", "Server-Timing"}


@dataclass(frozen=True)
class Request:
    """What is sent. `url` is escaped already, well or badly."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    def send(self, client: FlaskClient, method: str | None = None) -> TestResponse:
        """The whole answer."""
        return client.open(BASE + self.url, method=method or self.method, headers=list(self.headers), data=self.body)


texts = st.sampled_from(VALUES) | st.text(max_size=12)
escaped = texts.map(lambda text: quote(text, safe="")) | st.binary(max_size=6).map(quote_from_bytes) | st.just("%zz%")
latin_1 = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20)


@st.composite
def paths(draw: st.DrawFn, templates: list[str]) -> str:
    """A path of the API, with names that exist more often than not; now and then with something behind it."""
    template = draw(st.sampled_from(templates))

    def fill(place: re.Match[str]) -> str:
        good = st.sampled_from(GOOD[place[1]])
        return draw(st.one_of(good, good, good, escaped))

    end = draw(st.sampled_from([""] * 8 + ["/", "//", "/x", "/..", "%2F", ".json"]))
    return re.sub(r"\{(\w+)\}", fill, template) + end


@st.composite
def requests(draw: st.DrawFn, templates: list[str], names: list[str]) -> Request:
    """A request with parameters that exist more often than not."""
    known = st.sampled_from(names).map(lambda name: quote(name, safe=""))
    pairs = draw(st.lists(st.tuples(st.one_of(known, known, known, escaped), escaped), max_size=3))
    query = "&".join(f"{name}={value}" for name, value in pairs)
    given_headers = draw(st.lists(st.sampled_from(sorted(HEADERS)), max_size=2, unique=True))
    headers = tuple((name, draw(st.sampled_from(HEADERS[name]) | latin_1)) for name in given_headers)
    method = draw(st.sampled_from(METHODS))
    body = draw(st.none() | st.sampled_from(BODIES) | st.binary(max_size=40)) if method != "GET" else None
    return Request(method, draw(paths(templates)) + (f"?{query}" if query else ""), headers, body)


def without_what_changes(response: TestResponse) -> tuple[int, bytes | None]:
    """What two answers to the same request have in common. Of a compressed one, and of counters, the status alone."""
    if "Content-Encoding" in response.headers or response.mimetype == "text/plain":
        return response.status_code, None
    body = response.data.replace(response.headers["X-Request-Id"].encode(), b"")
    return response.status_code, re.sub(rb'"timeStamp": ?"[^"]*"', b"", body)


def check(client: FlaskClient, request: Request) -> None:
    """Assert what holds for every answer."""
    response = request.send(client)
    assert response.status_code < 500, response.text
    assert response.headers["X-Request-Id"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    if response.status_code in (204, 304) or request.method == "HEAD":
        assert response.data == b""
    elif response.status_code >= 400 and "Content-Encoding" not in response.headers:
        is_complete(response)
        assert not LEAKS.search(response.data), response.text
    if response.status_code == 405:
        assert request.method not in response.headers["Allow"].split(", ")
    assert without_what_changes(request.send(client)) == without_what_changes(response)
    if request.method == "GET":
        same_head(client, request, response)


def same_head(client: FlaskClient, request: Request, whole: TestResponse) -> None:
    """Assert that HEAD answers as GET does, without the body."""
    head = request.send(client, "HEAD")
    assert (head.status_code, head.data) == (whole.status_code, b"")
    assert {name: value for name, value in head.headers if name not in CHANGING} == {
        name: value for name, value in whole.headers if name not in CHANGING
    }


def parts_of_the_definition(app: Flask) -> tuple[list[str], list[str]]:
    """The paths of the OpenAPI document, and the names of all its query parameters."""
    document = json.loads(app.test_client().get(f"/api?collections={','.join(COLLECTIONS)}").data)
    shared = document["components"]["parameters"].values()
    own = [
        parameter
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation["parameters"]
        if "name" in parameter
    ]
    names = {parameter["name"] for parameter in [*shared, *own] if parameter["in"] == "query"}
    return sorted(document["paths"]), sorted(names)


@given(st.data())
def test_any_request_has_a_promised_answer(app: Flask, data: st.DataObject):
    check(app.test_client(), data.draw(requests(*parts_of_the_definition(app))))


@given(name=st.data(), value=escaped)
def test_any_value_of_any_parameter_of_items_has_a_promised_answer(app: Flask, name: st.DataObject, value: str):
    _, names = parts_of_the_definition(app)
    chosen = quote(name.draw(st.sampled_from(names)), safe="")
    collection = name.draw(st.sampled_from(GOOD["collectionId"]))
    check(app.test_client(), Request("GET", f"/collections/{collection}/items?{chosen}={value}", (), None))


@given(
    body=st.sampled_from(BODIES) | st.binary(max_size=60),
    kind=st.sampled_from(HEADERS["Content-Type"]),
    collection=st.sampled_from(GOOD["collectionId"]),
)
def test_any_body_of_a_search_has_a_promised_answer(app: Flask, body: bytes, kind: str, collection: str):
    check(app.test_client(), Request("POST", f"/collections/{collection}/search", (("Content-Type", kind),), body))


def test_requests_above_reach_every_kind_of_answer(app: Flask):
    """So that the tests above are known to reach the inside, and not only the door."""
    client = app.test_client()
    seen = set()
    for value in VALUES:
        for name in ("filter", "bbox", "datetime", "crs", "sortby", "name", "q", "ids", "properties"):
            request = Request("GET", f"/collections/places/items?{name}={quote(value, safe='')}", (), None)
            seen.add((name, request.send(client).status_code))
    assert {status for _, status in seen} == {200, 400}
    assert {name for name, status in seen if status == 200} == {name for name, status in seen if status == 400} | {
        "ids"
    }
