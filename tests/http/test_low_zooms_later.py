"""Low zooms of a dataset that is served before its overview is there: from the table first, and then from that."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import mapbox_vector_tile
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from bench.generate import write_points
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from loader.overviews import prepare
from loader.overviews.later import make_next_overview
from support.cluster import Database
from support.loading import Loader

COUNT = 25_000
TILES = "/collections/many/tiles/WebMercatorQuad"


@pytest.fixture
def loader(database: Database) -> Iterator[Loader]:
    """A loader on an empty catalogue."""
    with open_catalogue(database.owner) as connection:
        yield Loader(database.owner, connection)


@pytest.fixture
def app(database: Database, loader: Loader) -> Iterator[Flask]:
    """The API on a database with many points, before anything was prepared. It caches tiles."""
    write_points(loader.path("many.parquet"), COUNT)
    loader.load("many.parquet", overviews=False)
    settings = replace(database.reader, tiles_mb=10, tile_timeout_s=30)
    pool = Pool(settings)
    yield create_app(settings, pool)
    pool.close()


def ids(client: FlaskClient, place: str) -> tuple[set[int], str, str]:
    """The ids of a tile's features, its ETag, and the header that says what it lacks."""
    response = client.get(f"{TILES}/{place}")
    assert response.status_code == 200
    layer = mapbox_vector_tile.decode(response.data)["many"]["features"]
    return {found["id"] for found in layer}, response.headers["ETag"], response.headers.get("Isthmus-Tile", "")


def wait_for_version(client: FlaskClient, version: str) -> None:
    """Until the API has seen the catalogue. Raises: AssertionError"""
    deadline = time.monotonic() + 10
    while client.get(f"{TILES}/tilejson.json").get_json()["version"] != version:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_tiles_follow_when_the_overview_is_there(app: Flask, loader: Loader) -> None:
    client, version = app.test_client(), loader.catalog()["many"].version
    wait_for_version(client, f"1.0.{version}")
    low, full = "0/0/0", "14/8000/9000"
    plain, plain_etag, plain_lack = ids(client, low)
    assert client.get(f"{TILES}/{full}").status_code in (200, 204)
    full_etag = client.get(f"{TILES}/{full}").headers.get("ETag")
    make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    wait_for_version(client, f"1.1.{version}")
    prepared, prepared_etag, lack = ids(client, low)
    assert prepared_etag != plain_etag, "what was cached is another tile now"
    assert 0 < len(prepared) < COUNT
    assert len(plain) == COUNT or "thinned" in plain_lack
    assert "thinned" in lack
    assert client.get(f"{TILES}/{full}").headers.get("ETag") == full_etag, "tiles of high zooms stay as they are"
    again = client.get(f"{TILES}/{low}", headers={"If-None-Match": plain_etag})
    assert again.status_code == 200


def test_features_and_their_order_stay_as_they_are(app: Flask, loader: Loader) -> None:
    client = app.test_client()
    page = "/collections/many/items?limit=50&bbox=-20,-20,60,60"
    before = client.get(page).get_json()["features"]
    make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    wait_for_version(client, f"1.1.{loader.catalog()['many'].version}")
    assert client.get(page).get_json()["features"] == before


def test_prepared_later_is_prepared_alike(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second collection of the same points, whose overview is made while it is loaded, has the same tiles."""
    write_points(loader.path("many.parquet"), COUNT)
    loader.load("many.parquet", overviews=False)
    write_points(loader.path("alike.parquet"), COUNT)
    monkeypatch.setattr(prepare, "LIGHT_ROWS", COUNT)
    loader.load("alike.parquet", overviews=False)
    make_next_overview(loader.connection, loader.data_dir, loader.events.append)
    many, alike = loader.tiling("many"), loader.tiling("alike")
    assert replace(many, table=alike.table, made_later=False) == alike
    rows = "SELECT md5(string_agg(t::text, ',' ORDER BY isthmus_first, fid)) FROM data.{} AS t"
    assert loader.one(rows.format(many.table)) == loader.one(rows.format(alike.table))
