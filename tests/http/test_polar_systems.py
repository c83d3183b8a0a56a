"""Data in systems made for the poles, where Web Mercator has no place: extents, boxes, filters and tiles."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
import shapely
from flask.testing import FlaskClient
from psycopg import sql

from loader.catalogue import open_catalogue
from support.cluster import Cluster
from support.http import api_client, get
from support.loading import Loader, wkb, write_ogr
from support.mvt import features_of

STATIONS = {"pole": "POINT (100 100)", "far": "POINT (-5000 -100000)", "coast": "POINT (2000000 0)"}
"""At the south pole, a degree from it at 177 degrees west, and at 71.6 degrees."""

ICE = {"ice": "POLYGON ((-2000000 -2000000, 2000000 -2000000, 2000000 2000000, -2000000 2000000, -2000000 -2000000))"}


@pytest.fixture(scope="module")
def loader(cluster: Cluster) -> Iterator[Loader]:
    """A loader that loaded stations and the ice around them."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        for name, texts, kind in (("stations", STATIONS, "Point"), ("ice", ICE, "Polygon")):
            table = pa.table({"name": list(texts), "geometry": wkb(list(texts.values()))})
            write_ogr(loader.path(f"{name}.fgb"), table, "FlatGeobuf", crs="EPSG:3031", geometry_type=kind)
        loader.load_all("stations.fgb", "ice.fgb")
        yield loader
    cluster.drop(database)


@pytest.fixture(scope="module")
def client(loader: Loader) -> Iterator[FlaskClient]:
    """A client of the API on them."""
    with api_client(loader.settings) as client:
        yield client


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


def test_tiles_in_degrees_hold_areas_around_the_pole(client: FlaskClient):
    for zoom, row, columns in ((0, 0, 2), (1, 1, 4), (2, 3, 8)):
        for column in range(columns):
            [ice] = features_of(client.get(f"/collections/ice/tiles/WorldCRS84Quad/{zoom}/{row}/{column}").data, "ice")
            share = shapely.geometry.shape(ice["geometry"]).area / 4096**2
            whole = {0: 18 / 180, 1: 18 / 90, 2: 18 / 45}[zoom]  # from about 72 degrees to the pole, corners to 64
            assert whole < share < 1.5 * whole, (zoom, column)


AROUND = {
    "all": "POLYGON ((-1600000 -1600000, 1600000 -1600000, 1600000 1600000, -1600000 1600000, -1600000 -1600000))",
    "ring": "POLYGON ((-3000000 -3000000, 3000000 -3000000, 3000000 3000000, -3000000 3000000, -3000000 -3000000),"
    " (-2000000 -2000000, -2000000 2000000, 2000000 2000000, 2000000 -2000000, -2000000 -2000000))",
}


@pytest.mark.parametrize("srid", [3031, 3995])
def test_areas_around_a_pole_are_areas_in_web_mercator(loader: Loader, srid: int):
    table = pa.table({"name": list(AROUND), "geometry": wkb(list(AROUND.values()))})
    write_ogr(loader.path("around.gpkg"), table, "GPKG", crs=f"EPSG:{srid}", geometry_type="Polygon")
    loader.load_all("around.gpkg")
    own = sql.Identifier("data", loader.catalog()["around"].table)
    rows = loader.connection.execute(
        sql.SQL("SELECT name, ST_AsBinary(ST_Transform(geom_3857, 4326)) FROM {}").format(own)
    )
    shapes = {name: shapely.from_wkb(bytes(shape)) for name, shape in rows}
    to_pole = 1 if srid == 3995 else -1
    for found in shapes.values():
        assert found.is_valid
        assert (found.bounds[0], found.bounds[2]) == pytest.approx((-180, 180), abs=1e-5)
    assert shapes["all"].contains(shapely.box(-179, 80, 179, 85) if to_pole > 0 else shapely.box(-179, -85, 179, -80))
    assert not shapes["ring"].intersects(shapely.Point(90, 80 * to_pole))
    assert shapes["ring"].contains(shapely.Point(90, 65 * to_pole))
