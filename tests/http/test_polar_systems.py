"""Data in systems made for the poles, where Web Mercator has no place: extents, boxes, filters and tiles."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.db import Database as Pool
from loader.run import open_catalogue
from support.cluster import Cluster
from support.http import get
from support.loading import Loader, wkb, write_ogr
from support.mvt import features_of

STATIONS = {"pole": "POINT (100 100)", "far": "POINT (-5000 -100000)", "coast": "POINT (2000000 0)"}
"""At the south pole, a degree from it at 177 degrees west, and at 71.6 degrees."""

ICE = {"ice": "POLYGON ((-2000000 -2000000, 2000000 -2000000, 2000000 2000000, -2000000 2000000, -2000000 -2000000))"}


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[FlaskClient]:
    """A client of the API on stations and the ice around them."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        for name, texts, kind in (("stations", STATIONS, "Point"), ("ice", ICE, "Polygon")):
            table = pa.table({"name": list(texts), "geometry": wkb(list(texts.values()))})
            write_ogr(loader.path(f"{name}.fgb"), table, "FlatGeobuf", crs="EPSG:3031", geometry_type=kind)
        loader.load_all("stations.fgb", "ice.fgb")
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


def names(client: FlaskClient, url: str) -> set[str]:
    """The names of the features of a page."""
    return {feature["properties"]["name"] for feature in get(client, url)["features"]}


def extent(client: FlaskClient, id: str) -> list[float]:
    """The extent that a collection states."""
    return get(client, f"/collections/{id}")["extent"]["spatial"]["bbox"][0]


def test_extents_reach_to_the_pole(client: FlaskClient):
    assert -90 < extent(client, "stations")[1] < -89.99
    west, south, east, north = extent(client, "ice")
    assert (west, south, east) == (-180, -90, 180)
    assert -72 < north < -60


@pytest.mark.parametrize(
    ("box", "stations"),
    [("-180,-90,180,-86", {"pole", "far"}), ("170,-89.5,-170,-88", {"far"}), ("-10,-88,10,-87", set())],
)
def test_boxes_find_what_lies_beyond_web_mercator(client: FlaskClient, box: str, stations: set[str]):
    for asked in (f"bbox={box}", f"filter=S_INTERSECTS(geometry,BBOX({box}))"):
        assert names(client, f"/collections/stations/items?{asked}") == stations
        assert names(client, f"/collections/ice/items?{asked}") == {"ice"}


def test_tiles_in_degrees_hold_it(client: FlaskClient):
    found = {
        feature["properties"]["name"]
        for column in (0, 1)
        for feature in features_of(
            client.get(f"/collections/stations/tiles/WorldCRS84Quad/0/0/{column}").data, "stations"
        )
    }
    assert found == STATIONS.keys()
