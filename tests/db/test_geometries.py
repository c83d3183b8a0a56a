"""Geometries: CRS, dimension, type, what tiles show of them, and what the report says of odd ones."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pyarrow as pa
import pytest

from support.loading import Loader, codes, feature, random_points, wkb, write_geojson, write_ogr

SQUARE = "POLYGON ((0 0,0 1,1 1,1 0,0 0))"
TWO = "MULTIPOLYGON (((0 0,0 1,1 1,1 0,0 0)),((2 2,2 3,3 3,3 2,2 2)))"


def write(loader: Loader, name: str, texts: Sequence[str | None], **options: object) -> None:
    """A GeoPackage of geometries, numbered from 1 in `n`."""
    table = pa.table({"n": pa.array(range(1, len(texts) + 1)), "geometry": wkb(texts)})
    write_ogr(loader.path(name), table, "GPKG", **options)


def test_a_projected_crs_is_kept_and_the_extent_is_in_degrees(loader: Loader) -> None:
    write(
        loader, "h.gpkg", ["POINT (385000 6672000)", "POINT (386000 6673000)"], crs="EPSG:3067", geometry_type="Point"
    )
    report = loader.load("h.gpkg")
    collection = loader.catalog()["h"]
    assert (collection.srid, report.collections[0].crs_from) == (3067, "file")
    assert loader.column("h", "geom") == ["POINT(385000 6672000)", "POINT(386000 6673000)"]
    assert collection.bbox_crs84 is not None
    assert collection.bbox_crs84.as_list() == pytest.approx([24.93, 60.17, 24.95, 60.18], abs=0.02)
    assert loader.one("SELECT ST_SRID(geom) FROM published.h LIMIT 1") == 3067
    assert collection.storage_bbox == (385000, 6672000, 386000, 6673000)


def test_without_a_crs_degrees_are_assumed_and_said(loader: Loader) -> None:
    write(loader, "d.gpkg", ["POINT (24.9 60.1)"], crs=None, geometry_type="Point")
    report = loader.load("d.gpkg")
    assert loader.catalog()["d"].srid == 4326
    assert "crs-assumed" in codes(report)


def test_without_a_crs_metres_are_refused_until_the_side_car_says_it(loader: Loader) -> None:
    write(loader, "m.gpkg", ["POINT (385000 6672000)"], crs=None, geometry_type="Point")
    report = loader.load("m.gpkg")
    assert report.status == "failed"
    assert report.error is not None
    assert report.error["code"] == "crs-unknown"
    assert "no degrees (x 385000 to 385000, y 6.672e+06 to 6.672e+06)" in str(report.error["message"])
    assert 'crs = "EPSG:3067"' in str(report.error["hint"])
    loader.path("m.toml").write_text('crs = "EPSG:3067"')
    assert loader.load("m.gpkg").collections[0].crs_from == "side-car"
    assert loader.catalog()["m"].srid == 3067


def test_a_crs_without_a_code_is_kept_under_a_number_of_our_own(loader: Loader) -> None:
    lambert = "+proj=laea +lat_0=61 +lon_0=25 +datum=WGS84 +units=m +no_defs"
    write(loader, "c.gpkg", ["POINT (0 0)"], crs=lambert, geometry_type="Point")
    write(loader, "e.gpkg", ["POINT (0 0)"], crs=lambert, geometry_type="Point")
    assert loader.load("c.gpkg").status == "loaded"
    assert loader.load("e.gpkg").status == "loaded"
    first, second = loader.catalog()["c"], loader.catalog()["e"]
    assert first.srid == second.srid == 910_000
    assert first.bbox_crs84 is not None
    assert first.bbox_crs84.as_list() == pytest.approx([25, 61, 25, 61], abs=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:999999", "nonsense"])
def test_a_side_car_with_an_unknown_crs_fails_with_a_hint(loader: Loader, crs: str) -> None:
    write(loader, "u.gpkg", ["POINT (1 2)"], geometry_type="Point")
    loader.path("u.toml").write_text(f'crs = "{crs}"')
    report = loader.load("u.gpkg")
    assert report.error is not None
    assert report.error["code"] == "crs-unknown"


@pytest.mark.parametrize(
    ("text", "mercator"),
    [
        ("POINT (0 90)", None),
        ("POINT (0 -90)", None),
        ("POINT (10 85.06)", None),
        ("POINT EMPTY", None),
        ("POLYGON EMPTY", None),
        ("POINT (180 0)", "POINT(20037508 0)"),
        ("POINT (-180 0)", "POINT(-20037508 0)"),
        ("POINT Z (0 0 5)", "POINT(0 0)"),
        ("LINESTRING (0 0,0 90)", "LINESTRING(0 0,0 20037508)"),
    ],
)
@pytest.mark.parametrize("srid", [4326, 4258])
def test_web_mercator_ends_at_85_degrees(loader: Loader, text: str, mercator: str | None, srid: int) -> None:
    write(loader, "p.gpkg", [text], crs=f"EPSG:{srid}")
    loader.load("p.gpkg")
    assert loader.one("SELECT ST_AsText(geom_3857, 0) FROM data.p_1") == mercator


@pytest.mark.parametrize("srid", [4326, 4258])
def test_antarctica_is_cut_and_stays_a_polygon(loader: Loader, srid: int) -> None:
    write(loader, "a.gpkg", ["POLYGON ((-180 -90,-180 -70,180 -70,180 -90,-180 -90))"], crs=f"EPSG:{srid}")
    report = loader.load("a.gpkg")
    bottom, width = loader.connection.execute(
        "SELECT ST_YMin(geom_3857), ST_XMax(geom_3857) - ST_XMin(geom_3857) FROM data.a_1"
    ).fetchone() or (0, 0)
    assert bottom == pytest.approx(-math.pi * 6378137, rel=1e-6)
    assert width == pytest.approx(2 * math.pi * 6378137, rel=1e-6)
    assert "geometry-not-in-tiles" not in codes(report)


def test_coordinates_that_cannot_be_projected_do_not_stop_the_load(loader: Loader) -> None:
    texts = ["POINT (385000 6672000)", "POINT (1e30 1e30)"]
    write(loader, "u.gpkg", texts, crs="EPSG:3067", geometry_type="Point")
    report = loader.load("u.gpkg")
    assert report.status == "loaded", report.error
    assert codes(report) == ["geometry-without-place", "geometry-missing"]
    assert loader.column("u", "geom") == ["POINT(385000 6672000)", None]
    assert loader.catalog()["u"].storage_bbox == (385000, 6672000, 385000, 6672000)
    assert loader.catalog()["u"].null_geometries == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POINT Z (1 2 3)", "POINT Z (1 2 3)"),
        ("POINT M (1 2 3)", "POINT(1 2)"),
        ("POINT ZM (1 2 3 4)", "POINT Z (1 2 3)"),
    ],
)
def test_a_layer_of_any_type_may_have_heights_and_measures(loader: Loader, text: str, shown: str) -> None:
    write(loader, "any.gpkg", [text])
    z, m = "Z" in text.split("(")[0], "M" in text.split("(")[0]
    with closing(sqlite3.connect(loader.path("any.gpkg"))) as file, file:
        file.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'GEOMETRY', z = ?, m = ?", [z, m])
    loader.load_all("any.gpkg")
    assert loader.column("any", "geom") == [shown]


def test_triangles_are_polygons(loader: Loader) -> None:
    loader.path("t.csv").write_text('n,wkt\n1,"TRIANGLE ((0 0,0 1,1 1,0 0))"\n')
    loader.load_all("t.csv")
    assert loader.column("t", "geom") == ["POLYGON((0 0,0 1,1 1,0 0))"]


@pytest.mark.parametrize("type", ["TIN", "POLYHEDRALSURFACE", "TRIANGLE"])
def test_a_layer_of_surfaces_is_one_of_polygons(loader: Loader, type: str) -> None:
    write(loader, "s.gpkg", [SQUARE])
    with closing(sqlite3.connect(loader.path("s.gpkg"))) as file, file:
        file.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = ?", [type])
    loader.load_all("s.gpkg")
    assert loader.column("s", "geom") == [SQUARE.replace(" ((", "((")]


OPEN = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}'
SPIKE = '{"type": "MultiPolygon", "coordinates": [[[[0, 0, 5], [1, 0, 5]]]]}'
TRACK = '{"type": "MultiLineString", "coordinates": [[[0, 0]], [[0, 0], [1, 1]]]}'
MIXED = '{"type": "GeometryCollection", "geometries": [{"type": "LineString", "coordinates": [[0, 0]]}]}'


@pytest.mark.parametrize(
    ("geometry", "text"),
    [
        (OPEN, "POLYGON((0 0,1 0,1 1,0 0))"),
        (SPIKE, "MULTIPOLYGON Z (((0 0 5,1 0 5,0 0 5,0 0 5)))"),
        (TRACK, "MULTILINESTRING((0 0,0 0),(0 0,1 1))"),
        (MIXED, "GEOMETRYCOLLECTION(LINESTRING(0 0,0 0))"),
    ],
)
def test_lines_and_rings_that_postgis_refuses_are_filled_up(loader: Loader, geometry: str, text: str) -> None:
    odd = feature({"n": 1}, json.loads(geometry))
    write_geojson(loader.path("p.geojson"), [feature({"n": 0}, None), odd, feature({"n": 2}, None)])
    report = loader.load("p.geojson")
    assert report.status == "loaded", report.error
    assert loader.column("p", "geom") == [None, text, None]
    assert "geometry-padded" in codes(report)


def test_polygons_and_multipolygons_of_a_shapefile_are_multipolygons(loader: Loader) -> None:
    table = pa.table({"n": pa.array([1, 2]), "geometry": wkb([SQUARE, TWO])})
    write_ogr(loader.path("s.shp"), table, "ESRI Shapefile", geometry_type="Polygon")
    loader.load("s.shp")
    assert loader.catalog()["s"].geometry_type == "MultiPolygon"
    assert loader.one("SELECT array_agg(DISTINCT GeometryType(geom)) FROM published.s") == ["MULTIPOLYGON"]
    assert loader.one("SELECT sum(ST_Area(geom)) FROM published.s") == 3


def test_a_wide_type_is_found_late_and_the_table_widens(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.chunks.MAX_CHUNK_ROWS", 2)
    monkeypatch.setattr("loader.chunks.MIN_CHUNK_ROWS", 2)
    texts = [SQUARE, SQUARE, TWO, None, "POINT Z (5 5 5)", SQUARE]
    loader.path("w.csv").write_text("wkt,n\n" + "".join(f'"{text or ""}",{n}\n' for n, text in enumerate(texts)))
    report = loader.load("w.csv")
    assert report.status == "loaded", report.error
    assert loader.catalog()["w"].geometry_type == "Geometry"
    assert loader.column("w", "n") == [0, 1, 2, 3, 4, 5]
    assert loader.one("SELECT count(*) FROM published.w WHERE ST_Zmflag(geom) = 2") == 5
    assert loader.column("w", "geom")[4] == "POINT Z (5 5 5)"
    assert loader.one("SELECT count(geom_3857) FROM data.w_1") == 5


def test_mixed_types_are_kept_as_they_are(loader: Loader) -> None:
    texts = ["POINT (1 2)", "LINESTRING (0 0,1 1)", SQUARE, "GEOMETRYCOLLECTION (POINT (1 2))"]
    write(loader, "x.gpkg", texts)
    loader.load("x.gpkg")
    assert loader.catalog()["x"].geometry_type == "Geometry"
    assert [text.split("(")[0] for text in loader.column("x", "geom")] == [
        "POINT",
        "LINESTRING",
        "POLYGON",
        "GEOMETRYCOLLECTION",
    ]


def test_curves_become_lines_and_measures_are_dropped(loader: Loader) -> None:
    texts = ["CIRCULARSTRING (0 0,1 1,2 0)", "LINESTRING M (0 0 7,1 1 8)"]
    shapes = [loader.one("SELECT ST_AsBinary(%s::geometry)", text) for text in texts]
    table = pa.table({"n": pa.array([1, 2]), "geometry": pa.array(shapes, pa.binary())})
    write_ogr(loader.path("c.gpkg"), table, "GPKG")
    report = loader.load("c.gpkg")
    assert report.status == "loaded", report.error
    assert loader.one("SELECT array_agg(DISTINCT GeometryType(geom)) FROM published.c") == ["LINESTRING"]
    assert loader.one("SELECT ST_Length(geom) FROM published.c WHERE fid = 1") == pytest.approx(math.pi, abs=0.01)
    assert loader.column("c", "geom")[1] == "LINESTRING(0 0,1 1)"
    assert "curves-straightened" in codes(report)


@pytest.mark.parametrize(
    "text",
    [
        "TIN Z (((0 0 0,0 1 0,1 1 0,0 0 0)),((0 0 0,1 1 0,1 0 0,0 0 0)))",
        "POLYHEDRALSURFACE Z (((0 0 0,0 1 0,1 1 0,0 0 0)),((0 0 0,1 1 0,1 0 0,0 0 0)))",
    ],
)
def test_surfaces_become_polygons(loader: Loader, text: str) -> None:
    assert loader.one("SELECT GeometryType(isthmus.straightened(%s::geometry))", text) == "MULTIPOLYGON"
    assert loader.one("SELECT ST_Area(ST_Force2D(isthmus.straightened(%s::geometry)))", text) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MULTISURFACE(CURVEPOLYGON((0 0, 4 0, 4 4, 0 0)))", "MultiPolygon"),
        ("GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 1)), COMPOUNDCURVE((0 0, 1 1)))", "GeometryCollection"),
    ],
)
def test_curves_of_straight_lines_and_collections_in_collections_can_be_shown(
    loader: Loader, text: str, shown: str
) -> None:
    """ST_AsGeoJSON refuses them as they are."""
    table = pa.table({"geometry": pa.array([loader.one("SELECT ST_AsBinary(%s::geometry)", text)], pa.binary())})
    write_ogr(loader.path("c.gpkg"), table, "GPKG")
    assert loader.load("c.gpkg").status == "loaded"
    assert loader.one("SELECT ST_AsGeoJSON(geom)::json ->> 'type' FROM published.c") == shown


def test_lines_to_places_that_are_no_numbers_have_no_geometry(loader: Loader) -> None:
    """PostGIS looks for where they cross 180 degrees for as long as it may."""
    shapes = [
        loader.one("SELECT ST_AsBinary(ST_MakeLine(ST_MakePoint(0, 0, 1), ST_MakePoint(%s, 1, %s)))", *to)
        for to in ((math.nan, 2.0), (1.0, math.nan), (math.inf, 2.0))
    ]
    table = pa.table({"n": pa.array([1, 2, 3]), "geometry": pa.array(shapes, pa.binary())})
    write_ogr(loader.path("c.gpkg"), table, "GPKG")
    report = loader.load("c.gpkg")
    assert report.status == "loaded", report.error
    assert loader.column("c", "geom") == [None, "LINESTRING Z (0 0 1,1 1 0)", None]
    assert {"geometry-without-place", "heights-missing"} <= set(codes(report))


def test_heights_are_kept_and_3d_longitude_latitude_is_4326(loader: Loader) -> None:
    write_geojson(loader.path("z.geojson"), [feature({}, {"type": "Point", "coordinates": [24, 60, 7.5]})])
    loader.load("z.geojson")
    assert loader.catalog()["z"].srid == 4326
    assert loader.column("z", "geom") == ["POINT Z (24 60 7.5)"]


def test_invalid_geometries_are_kept_counted_and_named(loader: Loader) -> None:
    bow_tie = "POLYGON ((0 0,1 1,1 0,0 1,0 0))"
    write(loader, "i.gpkg", [SQUARE, bow_tie, None], geometry_type="Polygon")
    report = loader.load("i.gpkg")
    note = next(note for note in report.notes if note.code == "geometry-invalid")
    assert note.message.startswith("1 geometries are not valid")
    assert "Self-intersection: 1 (feature 2 at 0.5 0.5)" in note.message
    assert note.collection == "i"
    assert "geometry-missing" in codes(report)
    assert len(loader.rows("i")) == 3


def test_the_indexes_that_queries_need_are_there(loader: Loader) -> None:
    table = pa.table({"seen": pa.array([0] * 50_000, pa.timestamp("us")), "geometry": random_points(50_000)})
    write_ogr(loader.path("many.gpkg"), table, "GPKG", geometry_type="Point")
    loader.load("many.gpkg")
    indexes = loader.connection.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'many_1'").fetchall()
    wanted = {"many_1_pkey", "many_1_geom_idx", "many_1_geom_3857_idx", "many_1_seen_idx"}
    assert wanted <= {row[0] for row in indexes}
    plan = loader.connection.execute(
        "EXPLAIN SELECT fid FROM published.many WHERE geom && ST_MakeEnvelope(24, 60, 24.1, 60.1, 4326)"
    ).fetchall()
    assert "many_1_geom_idx" in str(plan)
    assert loader.one("SELECT reltuples FROM pg_class WHERE relname = 'many_1'") == 50_000


def test_rows_are_told_while_they_go_in(loader: Loader) -> None:
    table = pa.table({"geometry": random_points(70_000)})
    write_ogr(loader.path("many.gpkg"), table, "GPKG", geometry_type="Point")
    loader.load("many.gpkg")
    told = [event.values for event in loader.events if event.event == "rows"]
    assert [values["rows"] for values in told] == [65_536, 70_000]
    assert {values["of"] for values in told} == {70_000}
    after = [event.values for event in loader.events if event.event == "step"]
    steps = [(values["step"], values["number"], values["of"]) for values in after]
    assert steps == [("geometries", 1, 4), ("indexes", 2, 4), ("changes", 4, 4), ("low zooms", 1, 2), ("freeze", 2, 2)]
