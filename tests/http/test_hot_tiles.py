"""Kept tiles are answered before Flask as Flask answers them, and as long as the catalogue is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.catalog.live import LiveCatalog
from api.http.gzip import compress, with_comment
from api.middleware import fast_tiles
from api.middleware.fast_tiles import HotTiles
from core.db import Database as Pool
from core.errors import DatabaseUnavailable, QueryTooSlow
from support.cluster import Database
from support.layers import flask_alone, layer_alone
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
    ("/tiles/WebMercatorQuad/1/0/0", "", {}),
    (TILE, "x=1", {}),
    (TILE, "f=png", {}),
    (TILE, "collections=places", {}),
    (TILE, "", {"Accept": "image/png"}),
    ("/collections/nowhere/tiles/WebMercatorQuad/0/0/0", "", {}),
    ("/collections/places/tiles/Other/0/0/0", "", {}),
    ("/collections/places/tiles/WebMercatorQuad/0/0/1", "", {}),
    ("/collections/stock/tiles/WebMercatorQuad/0/0/0", "", {}),
    ("/tiles/WebMercatorQuad/0/0/0", "collections=nowhere", {}),
    ("/tiles/WebMercatorQuad/0/0/0", "filter=name%3D'x'", {}),
]


def hot_alone(app: Flask) -> Client:
    """A client of the layer with nothing behind it."""
    return layer_alone(app, HotTiles)


def told(response: TestResponse) -> tuple[int, bytes, dict[str, str]]:
    """What an answer says, without the request's id and what it took."""
    left_out = ("X-Request-Id", "Server-Timing")
    headers = {name: value for name, value in response.headers.items() if name not in left_out}
    return response.status_code, response.data, headers


@pytest.mark.parametrize(("path", "query"), PATHS)
@pytest.mark.parametrize("headers", HEADERS)
def test_a_kept_tile_is_the_same_with_and_without_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    flask, hot = flask_alone(app), hot_alone(app)
    alone = flask.get(path, query_string=query, headers=headers)
    for _ in range(2):
        found = hot.get(path, query_string=query, headers=headers)
        assert found.status_code in (200, 204)
        assert told(found) == told(alone)
    etag = found.headers["ETag"]
    for known in (etag, f'"other", {etag}', "*", f"W/{etag}", '"other"', "nonsense"):
        given = {"If-None-Match": known, **headers}
        with_etag = hot.get(path, query_string=query, headers=given)
        assert told(with_etag) == told(flask.get(path, query_string=query, headers=given)), known
    assert hot.get(path, query_string=query, headers={"If-None-Match": etag, **headers}).status_code == 304


OF_SOURCES = [
    ("/collections/view_with_id/tiles/WebMercatorQuad/0/0/0", ""),
    ("/collections/view_with_id/tiles/WebMercatorQuad/0/0/0", "f=mvt&properties="),
    ("/collections/view_with_id/tiles/WebMercatorQuad/9/1/1", ""),
    ("/collections/geography/tiles/WorldCRS84Quad/0/0/0", ""),
    ("/collections/near/tiles/WebMercatorQuad/0/0/0", "least=0"),
]


@pytest.mark.parametrize(("path", "query"), OF_SOURCES)
@pytest.mark.parametrize("headers", HEADERS)
def test_a_tile_of_a_source_is_made_without_flask_as_with_it(
    odd_app: Flask, path: str, query: str, headers: dict[str, str]
):
    flask, hot = flask_alone(odd_app), hot_alone(odd_app)
    made = hot.get(path, query_string=query, headers=headers)
    assert made.status_code in (200, 204)
    assert told(made) == told(flask.get(path, query_string=query, headers=headers))
    assert "make;dur=" in made.headers["Server-Timing"]
    for known in (made.headers["ETag"], '"other"'):
        given = {"If-None-Match": known, **headers}
        assert told(hot.get(path, query_string=query, headers=given)) == told(
            flask.get(path, query_string=query, headers=given)
        )


@pytest.fixture(scope="module")
def forgetful(world: Database) -> Iterator[Flask]:
    """An API that keeps no tile."""
    pool = Pool(world.reader)
    yield create_app(replace(world.reader, tile_cache_mb=0, tiles_mb=0), pool)
    pool.close()


@pytest.mark.parametrize(("path", "query"), [(path, query) for path, query in PATHS if path.startswith("/coll")])
@pytest.mark.parametrize("headers", HEADERS)
def test_a_tile_is_made_without_flask_as_with_it(forgetful: Flask, path: str, query: str, headers: dict[str, str]):
    flask, layers = flask_alone(forgetful), hot_alone(forgetful)
    made = layers.get(path, query_string=query, headers=headers)
    assert made.status_code in (200, 204)
    assert told(made) == told(flask.get(path, query_string=query, headers=headers))
    given = {"If-None-Match": made.headers["ETag"], **headers}
    assert told(layers.get(path, query_string=query, headers=given)) == told(
        flask.get(path, query_string=query, headers=given)
    )


def test_an_error_is_told_by_flask_and_met_once(forgetful: Flask, monkeypatch: pytest.MonkeyPatch):
    met: list[str] = []

    def too_slow(*_: Any, **__: Any) -> bytes:
        met.append("again")
        raise QueryTooSlow("a tile takes too long")

    monkeypatch.setattr("api.tiles.service.TileMaker.make", too_slow)
    answer = forgetful.test_client().get(TILE)
    assert (answer.status_code, answer.json and answer.json["code"]) == (504, "query-too-slow")
    assert len(met) == 1


def test_a_tile_made_in_a_hurry_is_marked_as_the_route_does(forgetful: Flask, monkeypatch: pytest.MonkeyPatch):
    hasty = with_comment(compress(b"tile"), "thinned;shown=1;sampled")
    monkeypatch.setattr("api.tiles.service.TileMaker.make", lambda _: hasty)
    made = hot_alone(forgetful).get(TILE)
    assert made.headers["Cache-Control"] == "no-store"
    assert told(made) == told(flask_alone(forgetful).get(TILE))


@pytest.mark.parametrize(("path", "query", "headers"), LEFT)
def test_what_is_no_tile_of_one_collection_is_left_to_flask(app: Flask, path: str, query: str, headers: dict[str, str]):
    flask_alone(app).get(TILE)
    assert hot_alone(app).get(path, query_string=query, headers=headers).status_code == 404


def test_other_methods_are_left_to_flask(app: Flask):
    flask_alone(app).get(TILE)
    for ask in (hot_alone(app).head, hot_alone(app).post, hot_alone(app).options):
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
    hot, behind = hot_alone(app), app.test_client()
    before = behind.get(path)
    assert hot.get(path).data == before.data
    publish_points(database, 5)
    app.extensions["isthmus"].live_catalog.fresh()
    assert hot.get(path).data not in (b"", before.data)
    after = behind.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.data != before.data
    assert hot.get(path).data == after.data


def test_requests_that_are_remembered_have_a_bound(app: Flask, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fast_tiles, "MOST_READY", 3)
    hot = HotTiles(app, app.extensions["isthmus"])
    client = Client(hot)
    for number in range(10):
        assert client.get(TILE, headers={"Accept": f"*/*, text/x-{number}"}).status_code == 200
    assert 0 < len(hot._ready) <= 3


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
