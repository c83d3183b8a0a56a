"""Validators and compression: what a client has is not sent again, and what is sent is small."""

from __future__ import annotations

import gzip
import json
from email.utils import parsedate_to_datetime

import brotli
import pytest
import zstandard
from flask.testing import FlaskClient

from core.db import Database

ITEMS = "/collections/places/items"
UNPACK = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the database is asked from here on."""
    seen: list[str] = []
    run = Database.run

    def recording(self: Database, statement, **options):
        seen.append(statement.as_text())
        return run(self, statement, **options)

    monkeypatch.setattr(Database, "run", recording)
    return seen


@pytest.mark.parametrize("url", [ITEMS, f"{ITEMS}?bbox=0,0,90,90&f=html", f"{ITEMS}/1", f"{ITEMS}/1?f=html"])
def test_what_the_client_has_is_a_304_without_a_query_on_the_data(client: FlaskClient, asked: list[str], url: str):
    first = client.get(url)
    asked.clear()
    response = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == first.headers["ETag"]
    assert not [text for text in asked if '"data".' in text]


def test_last_modified_is_when_the_data_was_loaded(client: FlaskClient):
    first = client.get(ITEMS)
    loaded = parsedate_to_datetime(first.headers["Last-Modified"])
    assert loaded.tzinfo is not None
    response = client.get(ITEMS, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert response.status_code == 304
    earlier = client.get(ITEMS, headers={"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"})
    assert earlier.status_code == 200


def test_validators_tell_answers_apart(client: FlaskClient):
    urls = [ITEMS, f"{ITEMS}?limit=2", f"{ITEMS}?f=html", f"{ITEMS}/1", f"{ITEMS}/2", f"{ITEMS}/1?crs=EPSG:4326"]
    tags = [client.get(url).headers["ETag"] for url in urls]
    tags.append(client.get(ITEMS, headers={"Accept": "text/html"}).headers["ETag"])
    tags.append(client.get(ITEMS, headers={"Host": "other.example.org"}).headers["ETag"])
    assert len(set(tags)) == len(tags)


@pytest.mark.parametrize("url", ["/", "/collections", "/collections/places", "/conformance", "/api", "/map"])
def test_documents_are_validated_by_their_bytes(client: FlaskClient, url: str):
    first = client.get(url)
    response = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")
    assert first.headers["Cache-Control"] == "public, no-cache"


def test_mistakes_have_no_validator(client: FlaskClient):
    assert "ETag" not in client.get(f"{ITEMS}?limit=0").headers


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("gzip;q=0.5, br;q=0.9", "br"),
        ("gzip;q=0, zstd", "zstd"),
        ("identity", None),
        ("deflate", None),
        ("", None),
    ],
)
def test_text_is_packed_as_the_client_takes_it(client: FlaskClient, accept: str, expected: str | None):
    plain = client.get("/collections")
    response = client.get("/collections", headers={"Accept-Encoding": accept})
    assert response.headers.get("Content-Encoding") == expected
    assert "Accept-Encoding" in response.headers["Vary"]
    body = UNPACK[expected](response.data) if expected else response.data
    assert json.loads(body) == json.loads(plain.data)
    if expected:
        assert len(response.data) < len(plain.data) / 2


def test_short_answers_are_left_alone(client: FlaskClient):
    response = client.get("/health/live", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.data == b'{"status": "live"}'


def test_packed_answer_to_head_has_no_body(client: FlaskClient):
    response = client.head("/collections", headers={"Accept-Encoding": "gzip"})
    assert (response.status_code, response.data) == (200, b"")
