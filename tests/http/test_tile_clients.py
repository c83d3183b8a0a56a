"""Tiles as GDAL and QGIS read and draw them."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyogrio
import pytest

from support.cluster import ROOT, Cluster
from support.publish import publish
from support.read_back import QGIS_ENVIRONMENT, SYSTEM_PYTHON
from support.server import running_api

TOWNS = """
SELECT n AS fid, 'town ' || n AS name, n AS size, ST_Point(n * 10 - 205, n * 3 - 62) AS geom
FROM generate_series(5, 35) AS n
"""
AREAS = """
SELECT n AS fid, n AS code, ST_MakeEnvelope(n * 20 - 180, -40, n * 20 - 165, 40, 4326) AS geom
FROM generate_series(0, 16) AS n
"""
SHARE_OF_WORLD = 17 * 15 / 360 * 0.2427
"""Of the square of Web Mercator: 40 degrees north to south are 24.27 % of its height."""


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> Iterator[str]:
    """An API over points and areas."""
    database = cluster.clone()
    publish(database, "towns", TOWNS, columns={"name": "string", "size": "integer"})
    publish(database, "areas", AREAS, columns={"code": "integer"}, geometry_type="Polygon")
    with running_api(database) as url:
        yield url
    cluster.drop(database)


def fetch(address: str, path: str, file: Path) -> Path:
    """A resource as a file."""
    with urllib.request.urlopen(f"{address}{path}") as answer:
        file.write_bytes(answer.read())
    return file


def test_gdal_reads_a_tile_with_its_ids_properties_and_places(address: str, tmp_path: Path):
    file = fetch(address, "/collections/towns/tiles/WebMercatorQuad/2/1/2", tmp_path / "tile.mvt")
    read = pyogrio.read_dataframe(file, Z=2, X=2, Y=1, METADATA_FILE="").to_crs(4326)
    assert {
        (row.mvt_id, row.name_, row.size_)
        for row in read.rename(columns={"name": "name_", "size": "size_"}).itertuples()
    } == {(n, f"town {n}", n) for n in range(21, 30)}
    for row in read.itertuples():
        assert row.geometry.x == pytest.approx(row.mvt_id * 10 - 205, abs=360 / 4 / 4096)
        assert row.geometry.y == pytest.approx(row.mvt_id * 3 - 62, abs=360 / 4 / 4096)


def test_gdal_finds_tiles_by_its_driver_of_ogc_apis(address: str):
    options = {"API": "TILES", "TILEMATRIXSET": "WorldCRS84Quad"}  # in metres it takes the extent's degrees for metres
    read = pyogrio.read_dataframe(f"OGCAPI:{address}/collections/towns", layer="Zoom level 2", **options)
    assert set(read["mvt_id"]) == set(range(5, 36))
    for row in read.itertuples():
        assert row.geometry.x == pytest.approx(row.mvt_id * 10 - 205, abs=180 / 4 / 4096)


def test_qgis_draws_tiles_in_the_style_that_goes_with_them(address: str, tmp_path: Path):
    style = fetch(address, "/collections/areas/tiles/WebMercatorQuad/style.json", tmp_path / "style.json")
    template = f"{address}/collections/areas/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}"
    script = str(ROOT / "tests" / "support" / "qgis_tiles.py")
    command = [SYSTEM_PYTHON, script, template, str(style), str(tmp_path / "map.png")]
    done = subprocess.run(command, capture_output=True, text=True, env=QGIS_ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["drawn"] / 512**2 == pytest.approx(SHARE_OF_WORLD, rel=0.15), "with their edges"
