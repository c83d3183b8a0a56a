"""Validators and compression: what a client has is not sent again, and what is sent is small."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from email.utils import parsedate_to_datetime

import brotli
import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Database

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

    def recorded(run):
        def recording(self: Pool, statement, **options):
            seen.append(statement.as_text())
            return run(self, statement, **options)

        return recording

    for name in ("run", "run_texts"):
        monkeypatch.setattr(Pool, name, recorded(getattr(Pool, name)))
    return seen


@pytest.mark.parametrize("url", [ITEMS, f"{ITEMS}?bbox=0,0,90,90&f=html", f"{ITEMS}/1", f"{ITEMS}/1?f=html"])
def test_what_the_client_has_is_a_304_without_a_query_on_the_data(client: FlaskClient, asked: list[str], url: str):
    first = client.get(url)
    asked.clear()
    response = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == first.headers["ETag"]
    assert response.headers["Vary"] == "Accept, Accept-Encoding"
    assert not [text for text in asked if '"data".' in text]


def test_last_modified_is_when_the_data_was_loaded(client: FlaskClient):
    first = client.get(ITEMS)
    loaded = parsedate_to_datetime(first.headers["Last-Modified"])
    assert loaded.tzinfo is not None
    response = client.get(ITEMS, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert response.status_code == 304
    for document in ("", "/queryables", "/sortables", "/schema", "/tiles", "/tiles/WebMercatorQuad/tilejson.json"):
        told = client.get(f"/collections/places{document}")
        assert told.headers["Last-Modified"] == first.headers["Last-Modified"], document
    earlier = client.get(ITEMS, headers={"If-Modified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"})
    assert earlier.status_code == 200


@pytest.mark.parametrize("url", ["/", "/collections/places", f"{ITEMS}?f=html", ITEMS, f"{ITEMS}/1"])
@pytest.mark.parametrize("match", ["*", '"x"', 'W/"x"'])
def test_answer_to_a_get_does_not_depend_on_if_match(client: FlaskClient, url: str, match: str):
    """RFC 9110, 13.1.1: that is for changes."""
    tag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-Match": match}).status_code == 200
    assert client.get(url, headers={"If-Match": match, "If-None-Match": '"other"'}).status_code == 200
    assert client.get(url, headers={"If-Match": match, "If-None-Match": tag}).status_code == 304


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


@pytest.fixture
def keep_an_hour(world: Database) -> Iterator[str]:
    """A value of Cache-Control that the side-car of one collection set."""
    value = "public, max-age=3600"
    change = "UPDATE isthmus.collections SET cache_control = %s WHERE id = 'places'"
    with world.connect() as connection:
        connection.execute(change, [value])
    yield value
    with world.connect() as connection:
        connection.execute(change, [None])


@pytest.mark.parametrize(
    "path",
    ["/items", "/items?f=csv", "/items?f=html", "/items/1", "/tiles/WebMercatorQuad/0/0/0", "/items?f=geojsonl"],
)
def test_a_collection_says_how_long_its_answers_are_kept(app: Flask, keep_an_hour: str, path: str) -> None:
    client = app.test_client()
    client.get("/collections")  # the list is of this moment, and so is the catalogue then
    first = client.get(f"/collections/places{path}")
    assert (first.status_code, first.headers["Cache-Control"]) == (200, keep_an_hour)
    again = client.get(f"/collections/places{path}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.headers["Cache-Control"]) == (304, keep_an_hour)


def test_other_collections_are_kept_as_the_settings_say(app: Flask, world: Database, keep_an_hour: str) -> None:
    assert app.test_client().get("/collections/grid/items").headers["Cache-Control"] == "public, no-cache"
    pool = Pool(world.reader)
    settings = replace(world.reader, cache_control="private, max-age=5")
    client = create_app(settings, pool).test_client()
    assert client.get("/collections/grid/items").headers["Cache-Control"] == "private, max-age=5"
    assert client.get("/collections/places/items").headers["Cache-Control"] == keep_an_hour
    assert client.get("/collections/grid").headers["Cache-Control"] == "public, no-cache"
    pool.close()
