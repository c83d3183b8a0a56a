"""Errors as browsers get them: a page that says what the problem document says, with the same status."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from support.cluster import Database
from support.http import api_client

CHROMIUM = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PLACES = "/collections/places"

# method, address, headers, status
ERRORS = [
    ("GET", f"{PLACES}/items?nmae=Rome", {}, 400),
    ("GET", f"{PLACES}/items?limit=0", {}, 400),
    ("GET", f"{PLACES}/items?f=html&filter=population%20%3E", {}, 400),
    ("GET", f"{PLACES}/items?f=xml", {}, 400),
    ("GET", "/conformance?x=1", {}, 400),
    ("GET", f"{PLACES}/items", {"Host": "a.example.org, b.example.org"}, 400),
    ("GET", "/nothing/here", {}, 404),
    ("GET", "/collections/place/items", {}, 404),
    ("GET", f"{PLACES}/items/8", {}, 404),
    ("GET", f"{PLACES}/tiles/WebMercatorQuad/99/0/0", {}, 404),
    ("GET", "/tiles/Nothing/0/0/0", {}, 404),
    ("GET", "/tileMatrixSets/nothing", {}, 404),
    ("DELETE", "/collections", {}, 405),
    ("GET", f"{PLACES}/items?f=gpkg", {"If-Match": '"x"'}, 412),
    ("POST", f"{PLACES}/items", {"Content-Type": "application/json"}, 413),
    ("POST", f"{PLACES}/items", {"Content-Type": "text/plain"}, 415),
]


class Elements(HTMLParser):
    """What a page consists of: its elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("accept", [CHROMIUM, FIREFOX, "text/html"])
@pytest.mark.parametrize(("method", "url", "headers", "status"), ERRORS)
def test_browser_gets_a_page_of_what_the_problem_says(
    client: FlaskClient, method: str, url: str, headers: dict[str, str], status: int, accept: str
):
    body = b" " * 2_000_000 if status == 413 else b""
    document = client.open(url.replace("f=html&", ""), method=method, headers=headers, data=body)
    page = client.open(url, method=method, headers={**headers, "Accept": accept}, data=body)
    assert (document.status_code, document.content_type) == (status, "application/problem+json")
    assert (page.status_code, page.content_type) == (status, "text/html; charset=utf-8")
    assert "Accept" in page.headers["Vary"]
    assert "Accept" in document.headers["Vary"]
    assert page.headers.get("Allow") == document.headers.get("Allow")
    problem, text = json.loads(document.data), Elements(page.text).text
    for member in ("status", "code", "title", "detail", "hint", "parameter"):
        assert str(problem.get(member, "")) in text, member
    assert page.headers["X-Request-Id"] in text


@pytest.mark.parametrize("f", ["html", "json", "jsonfg", ""])
@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "application/geo+json, text/html;q=0.5", "text/html, application/json"]
)
def test_programs_get_the_document(client: FlaskClient, accept: str, f: str):
    """A client that wants both as much is none that prefers HTML."""
    for url in (f"{PLACES}/items?limit=0", f"{PLACES}/items?limit=0&f={f}"):
        response = client.get(url, headers={"Accept": accept})
        is_page = url.endswith("html")
        assert response.content_type == ("text/html; charset=utf-8" if is_page else "application/problem+json")


@pytest.mark.parametrize("f", ["json", "geojson", "jsonfg", "geojsonl"])
def test_browser_that_wants_json_gets_its_errors_as_json(client: FlaskClient, f: str):
    response = client.get(f"{PLACES}/items?limit=x&f={f}", headers={"Accept": FIREFOX})
    assert (response.status_code, response.content_type) == (400, "application/problem+json")


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</dd></main><iframe src=javascript:alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)//http://x",
    "\u2028\x00<b>",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_what_a_client_sends_is_text_in_the_page(client: FlaskClient, value: str):
    plain = Elements(client.get(f"{PLACES}/items?limit=x", headers={"Accept": FIREFOX}).text)
    known = {*plain.elements}
    sent = quote(value, safe="")
    urls = [
        *(f"{PLACES}/items?{sent}=1", f"{PLACES}/items?limit={sent}", f"{PLACES}/items?filter={sent}"),
        *(f"{PLACES}/items?f={sent}", f"{PLACES}/items/{sent}", f"/collections/{sent}/items", f"/problems/{sent}"),
        *(f"/{sent}", f"{PLACES}/tiles/WebMercatorQuad/{sent}/0/0", f"/tiles/{sent}/0/0/0"),
    ]
    for url in urls:
        page = client.get(url, headers={"Accept": FIREFOX})
        assert page.status_code in (400, 404), url
        found = Elements(page.text)
        assert {*found.elements} <= known, url
        assert "49" not in found.text.replace(page.headers["X-Request-Id"], ""), url
    for name in ("Host", "X-Forwarded-Host"):
        page = client.get(f"{PLACES}/items?limit=x", headers={"Accept": FIREFOX, name: value.replace("\0", "")})
        assert {*Elements(page.text).elements} <= known


def test_database_that_is_away_is_told_of_in_a_page(database: Database):
    with api_client(replace(database.reader, db_port=1)) as client:
        for url in ("/collections", f"{PLACES}/items", f"{PLACES}/tiles/WebMercatorQuad/0/0/0"):
            page = client.get(url, headers={"Accept": CHROMIUM})
            assert (page.status_code, page.content_type) == (503, "text/html; charset=utf-8")
            assert page.headers["Retry-After"] == "2"
            assert "database-unavailable" in page.text


def test_mistake_of_ours_is_told_of_in_a_page_without_the_cause(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.routes.service.conformance_document", lambda: 1 / 0)
    page = client.get("/conformance", headers={"Accept": CHROMIUM})
    assert (page.status_code, page.content_type) == (500, "text/html; charset=utf-8")
    assert "ZeroDivision" not in page.text
    assert page.headers["X-Request-Id"] in page.text
