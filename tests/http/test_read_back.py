"""What GDAL, GeoPandas, DuckDB and QGIS read from each format equals what was loaded: ids, values, geometries, CRS."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import geopandas
import pyarrow.parquet as pq
import pyogrio
import pyogrio.raw
import pytest
import shapely
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import api_client
from support.publish import publish
from support.read_back import read_duckdb, read_gdal, read_geopandas, read_qgis
from support.server import running_api

pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})

THINGS = r"""
SELECT * FROM (VALUES
    (3, 'Ylöjärvi "x", 京都', 9007199254740993, 0.1::float8, true, date '1550-06-12',
     timestamptz '2024-01-01 10:00:00.5Z', time '10:01:02.345', '{"a": [1, 2]}'::jsonb, '\x00ff7f'::bytea,
     ST_GeomFromText('POLYGON((24.1 60.2,24.3 60.2,24.3 60.4,24.1 60.2))')),
    (70, '', -1, -1.5e15, false, '2024-02-29', '1969-12-31 23:59:59Z', '00:00:00', '[]', '\x',
     ST_GeomFromText('POLYGON((0 0,3 0,3 3,0 3,0 0),(1 1,1 2,2 2,2 1,1 1))')),
    (4294967296, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS things (fid, name, big, ratio, flag, day, seen, at, detail, raw, geom)
"""
COLUMNS = {
    "name": "string",
    "big": "integer",
    "ratio": "number",
    "flag": "boolean",
    "day": "date",
    "seen": "datetime",
    "at": "time",
    "detail": "json",
    "raw": "binary",
}
POLYGON = shapely.from_wkt("POLYGON((24.1 60.2,24.3 60.2,24.3 60.4,24.1 60.2))")
HOLE = shapely.from_wkt("POLYGON((0 0,3 0,3 3,0 3,0 0),(1 1,1 2,2 2,2 1,1 1))")
LOADED: dict[int, dict[str, Any]] = {
    3: {
        "id": 3,
        "name": 'Ylöjärvi "x", 京都',
        "big": 9007199254740993,
        "ratio": 0.1,
        "flag": True,
        "day": date(1550, 6, 12),
        "seen": datetime(2024, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC),
        "at": time(10, 1, 2, 345_000),
        "detail": {"a": [1, 2]},
        "raw": b"\x00\xff\x7f",
        "geometry": shapely.normalize(POLYGON),
    },
    70: {
        "id": 70,
        "name": "",
        "big": -1,
        "ratio": -1.5e15,
        "flag": False,
        "day": date(2024, 2, 29),
        "seen": datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC),
        "at": time(0, 0),
        "detail": [],
        "raw": b"",
        "geometry": shapely.normalize(HOLE),
    },
    4294967296: {"id": 4294967296, **dict.fromkeys(COLUMNS), "geometry": None},
}
KINDS = """
SELECT n AS fid, 'kind ' || n AS name, ST_GeomFromText(wkt) AS geom FROM (VALUES
    (1, 'POINT(1 2)'), (2, 'MULTIPOINT((1 2),(3 4))'), (3, 'LINESTRING(0 0,1 1)'), (4, 'POLYGON((0 0,1 0,1 1,0 0))'),
    (5, 'MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))'), (6, NULL)) AS kinds (n, wkt)
"""
HEIGHTS = """
SELECT n AS fid, 'height ' || n AS name, ST_MakePoint(24 + n, 60, n * 1.5) AS geom FROM generate_series(1, 3) AS n
"""


@pytest.fixture(scope="module")
def things(cluster: Cluster) -> Iterator[Database]:
    """Collections with every type of value, every kind of geometry, and heights."""
    database = cluster.clone()
    publish(database, "things", THINGS, columns=COLUMNS, geometry_type="Polygon", temporal_column="seen")
    publish(database, "kinds", KINDS, columns={"name": "string"}, geometry_type="Geometry")
    publish(database, "heights", HEIGHTS, columns={"name": "string"}, typmod="PointZ")
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def world(things: Database) -> Iterator[FlaskClient]:
    """A client of the API on them."""
    with api_client(things.reader) as client:
        yield client


def save(client: FlaskClient, folder: Path, f: str, url: str = "/collections/things/items?") -> Path:
    """A file as the server names it. A zip is called .shp.zip, by which readers know it."""
    response = client.get(f"{url}f={f}", buffered=True)
    assert response.status_code == 200, response.text
    name = response.headers.get("Content-Disposition", f"filename=page.{f}").partition("filename=")[2]
    path = folder / name.replace(".zip", ".shp.zip")
    path.write_bytes(response.data)
    return path


def expected(f: str) -> dict[int, dict[str, Any]]:
    """What was loaded, but for what a format has no words for: an empty text is none in a .dbf."""
    rows = {id: dict(row) for id, row in LOADED.items()}
    if f == "shp":
        rows[70]["name"] = rows[70]["raw"] = None
    return rows


@pytest.mark.parametrize(
    ("f", "id"),
    [
        ("gpkg", "fid"),
        ("fgb", "id"),
        ("shp", "id"),
        ("kml", "fid"),
        ("geojson", "id"),
        ("geojsonl", "id"),
        ("geojsonseq", "id"),
        ("jsonfg", "id"),
    ],
)
def test_gdal_reads_what_was_loaded(world: FlaskClient, tmp_path: Path, f: str, id: str):
    assert read_gdal(str(save(world, tmp_path, f)), id) == expected(f)


@pytest.mark.parametrize(
    ("f", "id"), [("gpkg", "fid"), ("fgb", "id"), ("shp", "id"), ("geojson", "fid"), ("parquet", "id")]
)
def test_geopandas_reads_what_was_loaded(world: FlaskClient, tmp_path: Path, f: str, id: str):
    assert read_geopandas(save(world, tmp_path, f), id) == expected(f)


def test_duckdb_reads_what_was_loaded(world: FlaskClient, tmp_path: Path):
    assert read_duckdb(save(world, tmp_path, "parquet")) == LOADED


EDGES = """
SELECT * FROM (VALUES
    (1, date '0001-01-01', timestamptz '2024-02-29 23:59:59.999999Z', time '23:59:59.9999', ST_Point(1, 2)),
    (2, '9999-12-31', '1960-12-31 23:59:59.9996Z', '00:00:00.0009', ST_Point(1, 2)),
    (3, '0044-03-15 BC', '10000-01-01 00:00Z', '12:00', ST_Point(1, 2))
) AS edges (fid, day, seen, at, geom)
"""


@pytest.mark.parametrize("f", ["gpkg", "fgb", "shp", "kml"])
def test_times_end_with_the_last_thousandth_of_their_day(things: Database, tmp_path: Path, f: str):
    """GDAL wrote second 60; what it has no year for became an empty text."""
    publish(things, f"edges_{f}", EDGES, columns={"day": "date", "seen": "datetime", "at": "time"})
    pool = Pool(things.reader)
    client = create_app(things.reader, pool).test_client()
    rows = read_gdal(
        str(save(client, tmp_path, f, f"/collections/edges_{f}/items?")), "id" if f in ("fgb", "shp") else "fid"
    )
    pool.close()
    assert [(row["day"], row["seen"], row["at"]) for row in rows.values()] == [
        (date(1, 1, 1), datetime(2024, 2, 29, 23, 59, 59, 999_000, UTC), time(23, 59, 59, 999_000)),
        (date(9999, 12, 31), datetime(1960, 12, 31, 23, 59, 59, 0, UTC), time(0, 0)),
        (None, None, time(12)),
    ]


def test_number_that_a_shapefile_would_spoil_is_refused(things: Database):
    publish(
        things, "wide", "SELECT 1 AS fid, 1.5e300::float8 AS ratio, ST_Point(1, 2) AS geom", columns={"ratio": "number"}
    )
    pool = Pool(things.reader)
    response = create_app(things.reader, pool).test_client().get("/collections/wide/items?f=shp")
    pool.close()
    assert response.status_code == 400
    assert "cannot hold 1.5" in json.loads(response.data)["detail"]


@pytest.mark.parametrize("f", ["gpkg", "fgb", "shp", "geojson"])
def test_qgis_reads_what_was_loaded(world: FlaskClient, tmp_path: Path, f: str):
    found = read_qgis(str(save(world, tmp_path, f)))
    assert found["rows"] == expected(f)
    assert found["crs"] == "EPSG:4326"


def test_qgis_reads_the_service_itself(things: Database):
    with running_api(things) as url:
        found = read_qgis(f"url='{url}' typename='things'", "OAPIF")
    rows = {row["big"]: row for row in found["rows"].values()}
    assert found["count"] == 3
    assert set(rows) == {9007199254740993, -1, None}
    for expected in LOADED.values():
        got = rows[expected["big"]]
        assert got["geometry"] == expected["geometry"]
        assert (got["day"], got["ratio"], got["flag"]) == (expected["day"], expected["ratio"], expected["flag"])


def test_gdal_reads_whole_numbers_beyond_32_bits_from_the_service_itself(things: Database):
    select = "SELECT n AS fid, n + 12345678901 * (n / 30) AS node, n::integer AS lanes, ST_Point(n, n) AS geom"
    publish(
        things, "nodes", f"{select} FROM generate_series(1, 30) AS n", columns={"node": "integer", "lanes": "integer"}
    )
    with running_api(things) as url:
        told = subprocess.run(
            ["ogrinfo", "-ro", "-al", f"OAPIF:{url}", "nodes"], capture_output=True, text=True, check=True
        )
    assert "node (Real) = 12345678931\n" in told.stdout
    assert "lanes (Integer) = 30\n" in told.stdout
    assert not told.stderr


def test_gdal_asks_for_texts_without_regard_to_case(things: Database):
    select = "SELECT n AS fid, 'Oak ' || n AS kind, ST_Point(n, n) AS geom FROM generate_series(1, 30) AS n"
    publish(things, "trees", select, columns={"kind": "string"})
    with running_api(things) as url:
        command = ["ogrinfo", "-ro", "-q", f"OAPIF:{url}", "trees", "-where", "kind ILIKE 'oAK 1%'"]
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (told.stdout.count("OGRFeature("), told.stderr) == (11, "")


def test_kml_has_no_place_for_an_empty_geometry(things: Database, tmp_path: Path):
    select = "SELECT 1 AS fid, 'POINT EMPTY'::geometry AS geom UNION ALL SELECT 2, ST_Point(1, 2)"
    publish(things, "nowhere", select, columns={})
    pool = Pool(things.reader)
    path = save(create_app(things.reader, pool).test_client(), tmp_path, "kml", "/collections/nowhere/items?")
    pool.close()
    assert "nan" not in path.read_text()
    assert list(geopandas.read_file(path).geometry) == [None, shapely.Point(1, 2)]


@pytest.mark.parametrize("f", ["gpkg", "fgb", "shp", "kml", "geojson", "parquet"])
def test_heights_are_kept(world: FlaskClient, tmp_path: Path, f: str):
    path = save(world, tmp_path, f, "/collections/heights/items?sortby=name&")
    frame = geopandas.read_parquet(path) if f == "parquet" else geopandas.read_file(path)
    assert sorted(point.z for point in frame.geometry) == [1.5, 3.0, 4.5]


def test_measures_are_kept_where_a_format_has_them(things: Database, tmp_path: Path):
    select = "SELECT 1 AS fid, ST_GeomFromText('LINESTRING ZM(1 2 3 4,5 6 7 8)') AS geom"
    publish(things, "measured", select, columns={}, geometry_type="LineString", typmod="LineStringZM")
    pool = Pool(things.reader)
    client = create_app(things.reader, pool).test_client()
    for f in ("gpkg", "fgb", "shp"):
        path = save(client, tmp_path, f, "/collections/measured/items?")
        told = subprocess.run(["ogrinfo", "-al", path], capture_output=True, text=True, check=True).stdout
        assert "LINESTRING ZM (1 2 3 4,5 6 7 8)" in told
    [wkb] = pq.read_table(save(client, tmp_path, "parquet", "/collections/measured/items?"))["geometry"].to_pylist()
    assert shapely.from_wkb(wkb).wkt == "LINESTRING Z (1 2 3, 5 6 7)"
    pool.close()


@pytest.mark.parametrize("f", ["gpkg", "fgb", "kml", "geojson", "parquet"])
def test_kinds_of_geometries_may_mix(world: FlaskClient, tmp_path: Path, f: str):
    path = save(world, tmp_path, f, "/collections/kinds/items?")
    frame = geopandas.read_parquet(path) if f == "parquet" else geopandas.read_file(path)
    kinds = ["MultiPoint", "MultiPolygon", "None", "Point", "LineString", "Polygon"]
    assert sorted(str(shape and shape.geom_type) for shape in frame.geometry) == sorted(kinds)


def test_shapefiles_of_a_mixed_collection_are_one_for_each_kind(world: FlaskClient, tmp_path: Path):
    path = save(world, tmp_path, "shp", "/collections/kinds/items?")
    with zipfile.ZipFile(path) as archive:
        stems = {name.rpartition(".")[0] for name in archive.namelist()}
    assert stems == {f"kinds_{kind}" for kind in ("points", "multipoints", "lines", "polygons", "table")}
    ids = {stem: geopandas.read_file(f"{path}!{stem}.shp")["id"].tolist() for stem in stems - {"kinds_table"}}
    assert ids == {"kinds_points": [1], "kinds_multipoints": [2], "kinds_lines": [3], "kinds_polygons": [4, 5]}


def test_grid_of_the_data_comes_back(cluster: Cluster, tmp_path: Path):
    database = cluster.clone()
    grid = "SELECT 1 AS fid, ST_Transform(ST_SetSRID(ST_Point(24.94, 60.17), 4326), 3067) AS geom"
    publish(database, "grid", grid, columns={}, srid=3067)
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    for f in ("gpkg", "fgb", "shp", "parquet"):
        path = save(client, tmp_path, f, "/collections/grid/items?crs=EPSG:3067&")
        frame = geopandas.read_parquet(path) if f == "parquet" else geopandas.read_file(path)
        assert frame.crs.to_json_dict()["id"] == {"authority": "EPSG", "code": 3067}
        back = frame.to_crs(4326).geometry[0]
        assert (round(back.x, 7), round(back.y, 7)) == (24.94, 60.17)
    pool.close()
    cluster.drop(database)
