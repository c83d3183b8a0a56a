"""Tiles are answered before Flask, with the headers that they have behind it, as long as the catalogue is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.catalog.live import LiveCatalog
from api.http.compression import DECODERS, compress, with_comment
from api.http.response import ApiResponse
from api.middleware.fast_path import FastTiles
from api.monitoring.metrics import Metrics
from api.tiles import service
from api.tiles.resources import TileRequest
from core.database.connections import Database as Pool
from core.errors import DatabaseUnavailable, QueryTooSlow
from support.cluster import Database
from support.layers import flask_alone, nothing
from support.publish import publish

TILE, EMPTY_TILE = (
    "/collections/places/tiles/WebMercatorQuad/0/0/0",
    "/collections/places/tiles/WebMercatorQuad/6/40/20",
)
PATHS = [
    (TILE, ""),
    (TILE, "f=mvt"),
    (TILE, "filter=name%20LIKE%20%27S%25%27&properties=name"),
    (TILE, "capital=true"),
    (EMPTY_TILE, ""),
    ("/collections/grid/tiles/WorldCRS84Quad/0/0/1", ""),
    ("/collections/grid/tiles/WebMercatorQuad/08/074/0145", ""),
    ("/tiles/WebMercatorQuad/0/0/0", ""),
    ("/tiles/WebMercatorQuad/0/0/0", "collections=grid,places&f=mvt"),
    ("/tiles/WebMercatorQuad/0/0/0", "collections=http%3A%2F%2Flocalhost%2Fcollections%2Fgrid"),
]
HEADERS = [{}, {"Accept-Encoding": "gzip, br"}, {"Accept": "*/*", "Accept-Encoding": "gzip;q=0"}]
LEFT = [
    ("/tiles/WebMercatorQuad/tilejson.json", "", {}),
    ("/collections/places/tiles/WebMercatorQuad", "", {}),
    (TILE, "explain=true", {}),
    (TILE, "%65xplain=true", {}),
    ("/tiles/WebMercatorQuad/0/0/0", "explain=true", {}),
    (TILE, "name=\xc3\xa9", {}),
]


def fast_alone(app: Flask) -> Client:
    """A client of the fast path with nothing behind it: 404 for what it leaves, 500 for errors."""
    api = app.extensions["isthmus"]

    def failed(error: Exception) -> Any:
        raise error

    return Client(FastTiles(nothing, api.tiles, api.metrics, failed))


def told(response: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """What a response says, without the request's id and what it took."""
    left_out = ("X-Request-Id", "Server-Timing")
    headers = {name: value for name, value in response.headers.items() if name not in left_out}
    return response.status_code, response.data, headers


@pytest.mark.parametrize(("path", "query"), PATHS)
@pytest.mark.parametrize("headers", HEADERS)
def test_a_cached_tile_is_told_apart_by_its_etag(app: Flask, path: str, query: str, headers: dict[str, str]):
    fast = fast_alone(app)
    made, cached = (fast.get(path, query_string=query, headers=headers) for _ in range(2))
    assert made.status_code in (200, 204)
    assert told(made) == told(cached)
    assert "cache;desc=hit" in cached.headers["Server-Timing"]
    assert len(cached.headers["X-Request-Id"]) == 12
    expected = {"Vary": "Accept, Accept-Encoding", "Access-Control-Allow-Origin": "*", "ETag": cached.headers["ETag"]}
    assert expected.items() <= dict(cached.headers).items()
    packed = cached.status_code == 200 and "gzip," in headers.get("Accept-Encoding", "")
    assert cached.headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert cached.headers.get("Content-Length") == (str(len(cached.data)) if cached.data else None)
    etag = cached.headers["ETag"]
    known = {etag: 304, f'"other", {etag}': 304, "*": 304, f"W/{etag}": None, '"other"': cached.status_code}
    for value, status in known.items():
        answer = fast.get(path, query_string=query, headers={"If-None-Match": value, **headers})
        assert status is None or answer.status_code == status, value
        if answer.status_code == 304:
            assert answer.headers["ETag"] == etag
            assert ("Content-Type" in answer.headers, answer.data) == (False, b"")


@pytest.mark.parametrize(("path", "query"), PATHS)
def test_flask_gives_the_same_response(app: Flask, path: str, query: str):
    for headers in HEADERS:
        fast = fast_alone(app).get(path, query_string=query, headers=headers)
        assert told(flask_alone(app).get(path, query_string=query, headers=headers)) == told(fast)


OF_SOURCES = [
    ("/collections/view_with_id/tiles/WebMercatorQuad/0/0/0", ""),
    ("/collections/view_with_id/tiles/WebMercatorQuad/0/0/0", "f=mvt&properties="),
    ("/collections/view_with_id/tiles/WebMercatorQuad/9/1/1", ""),
    ("/collections/geography/tiles/WorldCRS84Quad/0/0/0", ""),
    ("/collections/near/tiles/WebMercatorQuad/0/0/0", "least=0"),
    ("/tiles/WebMercatorQuad/0/0/0", "collections=places,view_with_id"),
]


@pytest.mark.parametrize(("path", "query"), OF_SOURCES)
@pytest.mark.parametrize("headers", HEADERS)
def test_a_tile_of_a_source_is_made_each_time_and_told_apart_by_its_bytes(
    odd_app: Flask, path: str, query: str, headers: dict[str, str]
):
    fast = fast_alone(odd_app)
    made = fast.get(path, query_string=query, headers=headers)
    assert made.status_code in (200, 204)
    for _ in range(2):
        again = fast.get(path, query_string=query, headers=headers)
        assert told(again) == told(made)
        assert "make;dur=" in again.headers["Server-Timing"]
    etag = made.headers["ETag"]
    for known, status in ((etag, 304), ('"other"', made.status_code)):
        given = {"If-None-Match": known, **headers}
        assert fast.get(path, query_string=query, headers=given).status_code == status


@pytest.fixture(scope="module")
def forgetful(world: Database) -> Iterator[Flask]:
    """An API that caches no tile."""
    pool = Pool(world.reader)
    settings = replace(world.reader, tile_cache_mb=0, tiles_mb=0, trusted_proxies="127.0.0.1")
    yield create_app(settings, pool)
    pool.close()


def test_an_error_is_told_once_with_the_address_that_the_client_called(
    forgetful: Flask, monkeypatch: pytest.MonkeyPatch
):
    met: list[str] = []

    def too_slow(*_: Any, **__: Any) -> bytes:
        met.append("again")
        raise QueryTooSlow("a tile takes too long")

    monkeypatch.setattr("api.tiles.layers.TileMaker.make", too_slow)
    answer = forgetful.test_client().get(TILE, headers={"X-Forwarded-Prefix": "/maps"})
    assert (answer.status_code, answer.json and answer.json["code"]) == (504, "query-too-slow")
    assert answer.json is not None
    assert answer.json["type"].startswith("http://localhost/maps/")
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]
    assert len(met) == 1


def test_a_mistake_of_ours_is_told_without_its_reason(
    forgetful: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr("api.tiles.layers.TileMaker.make", lambda _: 1 / 0)
    answer = forgetful.test_client().get(TILE)
    assert (answer.status_code, answer.json and answer.json["code"]) == (500, "internal")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "ZeroDivisionError" in caplog.text


def test_a_tile_made_in_a_hurry_is_not_cached(forgetful: Flask, monkeypatch: pytest.MonkeyPatch):
    hasty = with_comment(compress(b"tile"), "thinned;shown=1;sampled")
    monkeypatch.setattr("api.tiles.layers.TileMaker.make", lambda _: hasty)
    for client in (fast_alone(forgetful), flask_alone(forgetful)):
        made = client.get(TILE)
        assert (made.headers["Cache-Control"], made.headers["Isthmus-Tile"]) == ("no-store", "thinned;shown=1;sampled")
        assert "ETag" not in made.headers


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("gzip, br", "gzip"), ("br", "br"), ("zstd, gzip;q=0", "zstd"), ("identity", None)]
)
def test_a_tile_is_sent_in_an_encoding_that_the_client_takes(
    forgetful: Flask, monkeypatch: pytest.MonkeyPatch, accepted: str, encoding: str | None
):
    monkeypatch.setattr("api.tiles.layers.TileMaker.make", lambda _: compress(b"tile" * 1000))
    for client in (fast_alone(forgetful), flask_alone(forgetful)):
        made = client.get(TILE, headers={"Accept-Encoding": accepted})
        assert made.headers.get("Content-Encoding") == encoding
        assert (DECODERS[encoding](made.data) if encoding else made.data) == b"tile" * 1000
        assert made.headers["Content-Length"] == str(len(made.data))


@pytest.mark.parametrize(("path", "query", "headers"), LEFT)
def test_what_is_no_tile_is_left_to_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    assert fast_alone(app).get(path, query_string=query, headers=headers).status_code == 404


def test_a_request_without_a_host_is_left_to_flask(app: Flask):
    for host in ("", "a, b"):
        assert fast_alone(app).get(TILE, headers={"Host": host}).status_code == 404


def test_other_methods_are_left_to_flask(app: Flask):
    fast = fast_alone(app)
    for ask in (fast.head, fast.post, fast.options):
        assert ask(TILE).status_code == 404


@pytest.fixture
def served(database: Database) -> Iterator[tuple[Database, Flask]]:
    """A database with one collection, and an API on it."""
    publish_points(database, 0)
    pool = Pool(database.reader)
    yield database, create_app(database.reader, pool)
    pool.close()


def publish_points(database: Database, latitude: int) -> None:
    """A version of the collection, ten points along a parallel."""
    select = f"SELECT n AS fid, 'x' AS name, ST_Point(n, {latitude}) AS geom FROM generate_series(0, 9) AS n"
    publish(database, "points", select, columns={"name": "string"})


def test_a_new_version_is_never_answered_by_the_tile_of_the_one_before(served: tuple[Database, Flask]):
    database, app = served
    path = TILE.replace("places", "points")
    fast, behind = fast_alone(app), app.test_client()
    before = behind.get(path)
    assert fast.get(path).data == before.data
    publish_points(database, 5)
    app.extensions["isthmus"].catalog.fresh()
    assert fast.get(path).data not in (b"", before.data)
    after = behind.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.data != before.data
    assert fast.get(path).data == after.data


def test_resources_that_are_cached_have_a_bound(world: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "CAPACITY", 3)
    pool = Pool(world.reader)
    tiles = service.TileService(world.reader, pool, LiveCatalog(pool), Metrics())
    for number in range(10):
        asked = TileRequest("places", "WebMercatorQuad", "0", "0", "0", accept=f"*/*, text/x-{number}")
        response = tiles.respond(asked)
        assert isinstance(response, ApiResponse)
        assert response.status == "200 OK"
    assert len(tiles._resolved) == 3
    pool.close()


def unavailable(*_: object, **__: object) -> None:
    """What the catalogue, and every statement, raise while PostgreSQL is away."""
    raise DatabaseUnavailable("PostgreSQL does not answer")


def test_kept_tiles_are_served_while_the_database_is_away(
    served: tuple[Database, Flask], monkeypatch: pytest.MonkeyPatch
):
    _, app = served
    path = TILE.replace("places", "points")
    ask: Callable[[str], TestResponse] = app.test_client().get
    made = ask(path)
    monkeypatch.setattr(LiveCatalog, "current", unavailable)
    for name in ("run", "run_prepared"):
        monkeypatch.setattr(Pool, name, unavailable)
    assert told(ask(path))[1:] == told(made)[1:]
    other = ask(path.replace("/0/0/0", "/1/0/1"))
    assert (other.status_code, other.headers["Retry-After"]) == (503, "2")
