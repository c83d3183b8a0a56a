"""Every tile is a valid one by the specification of vector tiles: rings, winding, commands, ids, values, buffer.

On the samples: countries, of which some lie across 180 degrees, cities and streets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from support.cluster import ROOT, Cluster
from support.loading import Loader
from support.mvt import check_tile
from support.ogc import get

SAMPLES = ROOT / "data/samples"
SETS = ["WebMercatorQuad", "WorldCRS84Quad", "EuropeanETRS89_LAEAQuad"]
MOST_TILES = 40


@pytest.fixture(scope="module")
def app(cluster: Cluster) -> Iterator[Flask]:
    """The API on the samples, as the loader loads them."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        for name in ("countries.gpkg", "cities.parquet", "roads.geojson"):
            for file in SAMPLES.glob(f"{name.partition('.')[0]}.*"):
                loader.path(file.name).write_bytes(file.read_bytes())
            assert loader.load(name).status == "loaded"
    pool = Pool(database.reader)
    yield create_app(database.reader, pool)
    pool.close()
    cluster.drop(database)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API."""
    return app.test_client()


def some_places(client: FlaskClient, tileset: str, zoom: int) -> Iterator[str]:
    """Addresses of tiles of a zoom inside the limits, spread over them."""
    limit = get(client, tileset)["tileMatrixSetLimits"][zoom]
    rows = range(limit["minTileRow"], limit["maxTileRow"] + 1)
    columns = range(limit["minTileCol"], limit["maxTileCol"] + 1)
    step = max(1, len(rows) * len(columns) // MOST_TILES) | 1
    for number in range(0, len(rows) * len(columns), step):
        yield f"/{limit['tileMatrix']}/{rows[number // len(columns)]}/{columns[number % len(columns)]}"


def each_with_some() -> Iterator[Any]:
    """(collection, set, parameters) of every kind; most of what has parameters is for `long`."""
    for number, name in enumerate(("countries", "cities", "roads")):
        for at, tms in enumerate(SETS):
            for turn, given in enumerate(("", "?all=true", "?properties=name", "?bbox=-30,30,60,75")):
                usual = not given or (number + at + turn) % 3 == 0
                yield pytest.param(name, tms, given, marks=() if usual else pytest.mark.long)


@pytest.mark.parametrize(("name", "tms", "given"), list(each_with_some()))
def test_tiles_of_a_collection_are_valid(client: FlaskClient, name: str, tms: str, given: str):
    tileset, features = f"/collections/{name}/tiles/{tms}", 0
    for zoom in (0, 2, 4, 7, 11):
        for place in some_places(client, tileset, zoom):
            response = client.get(f"{tileset}{place}{given}")
            assert response.status_code in (200, 204), response.text
            features += sum(check_tile(response.data).values())
    assert features > 0


@pytest.mark.parametrize("tms", SETS)
def test_tiles_of_several_collections_are_valid(client: FlaskClient, tms: str):
    seen: set[str] = set()
    for zoom in (0, 1, 3, 6):
        for place in some_places(client, f"/tiles/{tms}", zoom):
            response = client.get(f"/tiles/{tms}{place}")
            assert response.status_code in (200, 204), response.text
            seen |= check_tile(response.data).keys()
    assert seen >= {"countries", "cities"}
