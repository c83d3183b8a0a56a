"""Formats that people have beside the fast ones: spreadsheets, GML, MapInfo, DXF, TopoJSON, TSV, packed text."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import zipfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from loader.read import files
from support.loading import Loader, codes, feature, wkb, write_geojson, write_ogr
from support.sheets import write_sheets

TABLE = pa.table(
    {
        "name": ["Köln", "Åbo"],
        "n": pa.array([1, 2], pa.int32()),
        "v": [1.5, -2.25],
        "geometry": wkb(["POINT (6.96 50.94)", "POINT (22.2 60.4)"]),
    }
)
TOPOLOGY = {
    "type": "Topology",
    "objects": {
        "roads": {"type": "GeometryCollection", "geometries": [{"type": "LineString", "arcs": [0]}]},
        "stops": {
            "type": "GeometryCollection",
            "geometries": [{"type": "Point", "coordinates": [24, 60], "properties": {"name": "A"}}],
        },
    },
    "arcs": [[[0, 0], [1, 1], [2, 0]]],
}
SHEET: list[list[Any]] = [
    ["Stations of 2024", None, None, None, None, None, None, None],
    [None] * 8,
    ["name", "lon", "lat", None, "n", "day", "seen", "open"],
    ["A", 24.5, 60.25, None, 7, date(2024, 2, 29), datetime(2024, 1, 2, 3, 4), True],
    [None] * 8,
    ["0042", 25, "61,5", None, 8, date(1999, 12, 31), datetime(2024, 1, 2), False],
    ["NA", "east", 62, None, None, None, None, None],
]


@pytest.mark.parametrize("name", ["s.xlsx", "s.ods"])
def test_each_filled_sheet_is_a_collection_and_cells_are_what_was_typed(loader: Loader, name: str) -> None:
    write_sheets(
        loader.path(name), {"Stations": SHEET, "Empty": [], "Prices": [["what", "2023", "2024"], ["a", 1.5, 2]]}
    )
    report = loader.load(name)
    assert report.status == "loaded", report.error
    assert sorted(loader.catalog()) == ["prices", "stations"]
    assert loader.column("stations", "geom") == ["POINT(24.5 60.25)", "POINT(25 61.5)", None]
    assert loader.column("stations", "name") == ["A", "0042", "NA"]
    assert loader.column("stations", "n") == [7, 8, None]
    assert loader.column("stations", "day") == [date(2024, 2, 29), date(1999, 12, 31), None]
    assert loader.column("stations", "seen") == [datetime(2024, 1, 2, 3, 4), datetime(2024, 1, 2), None]
    assert loader.column("stations", "open") == [True, False, None]
    assert loader.column("prices", "2023") == [1.5]
    said = {note.code: note.message for note in report.notes if note.collection == "stations"}
    assert said["rows-above-left-out"].startswith("1 rows above the names of the columns are left out ('Stations of")
    assert "(row 7: lon 'east', lat '62')" in said["place-unreadable"]


def test_a_sheet_that_gdal_wrote_is_read(loader: Loader) -> None:
    table = pa.table({"name": ["a", "b"], "lon": [1.5, 2.5], "lat": [3.0, 4.0]})
    for name, driver in (("g.ods", "ODS"), ("h.xlsx", "XLSX")):
        write_ogr(loader.path(name), table, driver)
        loader.load_all(name)
    assert loader.column("g", "geom") == loader.column("h", "geom") == ["POINT(1.5 3)", "POINT(2.5 4)"]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is no spreadsheet without a password"),
        (b"PK\x03\x04 nonsense", "damaged archive"),
        (b"", "is empty"),
    ],
)
def test_a_workbook_that_cannot_be_read_is_refused(loader: Loader, data: bytes, says: str) -> None:
    loader.path("s.xlsx").write_bytes(data)
    report = loader.load("s.xlsx")
    assert report.error is not None
    assert says in str(report.error["message"])


@pytest.mark.parametrize(("name", "driver"), [("m.tab", "MapInfo File"), ("m.mif", "MapInfo File"), ("m.gml", "GML")])
@pytest.mark.parametrize(
    ("crs", "places"), [("EPSG:4326", ["6.96 50.94", "22.2 60.4"]), ("EPSG:3067", ["385000 6672000"] * 2)]
)
def test_rows_of_gml_and_mapinfo_are_those_that_gdal_reads(
    loader: Loader, name: str, driver: str, crs: str, places: list[str]
) -> None:
    table = TABLE.set_column(3, "geometry", wkb([f"POINT ({place})" for place in places]))
    write_ogr(loader.path(name), table, driver, geometry_type="Point", crs=crs)
    loader.load_all(name)
    assert loader.column("m", "name") == ["Köln", "Åbo"]
    assert loader.column("m", "n") == [1, 2]
    assert loader.column("m", "v") == [1.5, -2.25]
    assert loader.column("m", "geom") == [f"POINT({place})" for place in places]
    assert (loader.catalog()["m"].srid == 4326) is (crs == "EPSG:4326")
    assert not loader.path("m.gfs").exists(), "nothing is written beside a file"


def test_axes_of_a_gml_are_those_of_its_system(loader: Loader) -> None:
    whole = (
        '<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://ogr.maptools.org/ http://127.0.0.1:9/a.xsd">'
        '<gml:featureMember><ogr:a><ogr:g><gml:Point srsName="{}"><gml:pos>60 24</gml:pos></gml:Point></ogr:g>'
        "</ogr:a></gml:featureMember></ogr:FeatureCollection>"
    )
    for name, srs in (("latitude_first", "urn:ogc:def:crs:EPSG::4326"), ("longitude_first", "EPSG:4326")):
        loader.path(f"{name}.gml").write_text(whole.format(srs))
        loader.load_all(f"{name}.gml")
    assert loader.column("latitude_first", "geom") == ["POINT(24 60)"]
    assert loader.column("longitude_first", "geom") == ["POINT(60 24)"]
    loader.path("x.gml").write_text(whole.format("urn:ogc:def:crs:EPSG::99999"))
    report = loader.load("x.gml")
    assert report.error is not None
    assert "99999" in str(report.error["message"])


def test_entities_of_a_gml_open_nothing(loader: Loader) -> None:
    secret = loader.path("work/secret.txt")
    secret.write_text("canary")
    loader.path("e.gml").write_text(
        f'<!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]><a xmlns:gml="http://www.opengis.net/gml">'
        "<gml:featureMember><b><name>&x;</name><g><gml:Point><gml:pos>1 2</gml:pos></gml:Point></g></b>"
        "</gml:featureMember></a>"
    )
    report = loader.load("e.gml")
    assert "canary" not in str(report.as_json())
    assert "canary" not in (str(loader.rows("e")) if report.status == "loaded" else "")


def test_a_drawing_is_one_collection_once_the_side_car_says_its_system(loader: Loader) -> None:
    write_ogr(loader.path("d.dxf"), TABLE.select(["geometry"]), "DXF", geometry_type="Point")
    report = loader.load("d.dxf")
    assert report.error is not None
    assert report.error["message"] == "a drawing says no coordinate reference system"
    assert "crs =" in str(report.error["hint"])
    loader.path("d.toml").write_text('crs = "EPSG:4326"\n')
    report = loader.load("d.dxf")
    assert report.status == "loaded", report.error
    assert loader.column("d", "geom") == ["POINT(6.96 50.94)", "POINT(22.2 60.4)"]
    assert loader.column("d", "Layer") == ["0", "0"]
    assert "styles-left-out" in codes(report)


@pytest.mark.parametrize("name", ["t.topojson", "t.json", "t.geojson"])
def test_each_object_of_a_topojson_is_a_collection(loader: Loader, name: str) -> None:
    loader.path(name).write_text(json.dumps(TOPOLOGY))
    loader.load_all(name)
    assert loader.column("roads", "geom") == ["LINESTRING(0 0,1 1,2 0)"]
    assert loader.column("stops", "name") == ["A"]


def test_text_of_any_format_may_be_packed(loader: Loader, tmp_path: Path) -> None:
    write_geojson(tmp_path / "a.geojson", [feature({"n": 1})])
    (tmp_path / "b.csv").write_text("n,lon,lat\n1,24.94,60.17\n")
    (tmp_path / "c.tsv").write_text("n\tlon\tlat\n1\t24.94\t60.17\n")
    (tmp_path / "d.geojsonl").write_text(json.dumps(feature({"n": 1})) + "\n")
    write_ogr(tmp_path / "e.gml", pa.table({"n": [1], "geometry": wkb(["POINT (24.94 60.17)"])}), "GML")
    write_ogr(tmp_path / "f.kml", pa.table({"n": ["1"], "geometry": wkb(["POINT (24.94 60.17)"])}), "KML")
    (tmp_path / "g.gpx").write_text('<gpx version="1.1" creator="t"><wpt lat="60.17" lon="24.94"/></gpx>')
    (tmp_path / "h.topojson").write_text(json.dumps(TOPOLOGY))
    (tmp_path / "i.json").write_bytes((tmp_path / "a.geojson").read_bytes())
    for path in sorted(tmp_path.glob("*.*")):
        if path.suffix != ".xsd":
            loader.path(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            loader.load_all(f"{path.name}.gz")
    for id in ("a", "b", "c", "d", "e", "f", "g", "i"):
        assert loader.column(id, "geom") == ["POINT(24.94 60.17)"], id
    assert loader.column("b", "n") == [1]
    assert sorted(loader.catalog()) == ["a", "b", "c", "d", "e", "f", "g", "i", "roads", "stops"]


def test_what_would_be_too_large_unpacked_is_refused(loader: Loader) -> None:
    zeros = b"lon,lat\n" + b"0" * files.SMALL_BYTES
    loader.path("a.csv.gz").write_bytes(gzip.compress(zeros))
    for name in ("b.zip", "c.xlsx", "d.ods", "e.kmz"):
        with zipfile.ZipFile(loader.path(name), "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("content.csv", zeros)
    for name in ("a.csv.gz", "b.zip", "c.xlsx", "d.ods", "e.kmz"):
        report = loader.load(name)
        assert report.error is not None
        assert "unpacked it would be" in str(report.error["message"]), name


def test_the_side_car_says_which_columns_hold_coordinates_and_the_id(loader: Loader) -> None:
    loader.path("道路.csv").write_text("ost;nord;form\n385000;6672000;POINT (1 2)\n385001;6672001;POINT (3 4)\n")
    loader.path("道路.toml").write_text('crs = "EPSG:3067"\nx = "ost"\ny = "nord"\nid = "roads"\n')
    loader.load_all("道路.csv")
    assert loader.catalog()["roads"].srid == 3067
    assert loader.column("roads", "geom") == ["POINT(385000 6672000)", "POINT(385001 6672001)"]
    loader.path("道路.toml").write_text('wkt = "form"\nid = "forms"\n')
    loader.load_all("道路.csv")
    assert sorted(loader.catalog()) == ["forms"]
    assert loader.column("forms", "geom") == ["POINT(1 2)", "POINT(3 4)"]
    loader.path("道路.toml").write_text('wkt = "forme"\n')
    report = loader.load("道路.csv")
    assert report.error is not None
    assert report.error["message"] == "the side-car's 'wkt' names 'forme', which is no column"
    assert report.error["hint"] == "perhaps you meant 'form'"


def test_each_layer_has_its_own_words_in_the_side_car(loader: Loader) -> None:
    rows = [["a", "b"], [1, 60], [2, 61]]
    write_sheets(loader.path("w.xlsx"), {"One": rows, "Two": rows})
    loader.path("w.toml").write_text('[layers.One]\nid = "first"\nx = "a"\ny = "b"\n[layers.Two]\nid = "second"\n')
    loader.load_all("w.xlsx")
    assert loader.column("first", "geom") == ["POINT(1 60)", "POINT(2 61)"]
    assert not loader.catalog()["second"].has_geometry


@pytest.mark.parametrize("line", ['id = "Straße"', 'id = "a b"', "id = 7", 'repair = "linework"', "x = 1"])
def test_words_of_the_side_car_that_mean_nothing_are_refused(loader: Loader, line: str) -> None:
    loader.path("a.csv").write_text("lon,lat\n1,2\n")
    loader.path("a.toml").write_text(line)
    report = loader.load("a.csv")
    assert report.error is not None
    assert report.error["code"] == "side-car-invalid"


def test_an_id_that_another_file_has_is_refused(loader: Loader) -> None:
    for name in ("a", "b"):
        loader.path(f"{name}.csv").write_text(f"lon,lat,n\n1,2,{name}\n")
        loader.path(f"{name}.toml").write_text('id = "mine"')
    loader.load_all("a.csv")
    report = loader.load("b.csv")
    assert report.error is not None
    assert report.error["message"] == "the id 'mine' of the side-car is taken by a.csv"


def test_invalid_geometries_are_counted_by_rule_and_repaired_where_the_side_car_asks(loader: Loader) -> None:
    bow = "POLYGON ((0 0,1 1,1 0,0 1,0 0))"
    hole = "POLYGON ((0 0,9 0,9 9,0 9,0 0),(20 20,21 20,21 21,20 20))"
    table = pa.table({"geometry": wkb([bow, bow, hole, "POLYGON ((0 0,1 0,1 1,0 0))"])})
    write_ogr(loader.path("i.gpkg"), table, "GPKG", geometry_type="Polygon")
    report = loader.load("i.gpkg")
    [note] = [note for note in report.notes if note.code == "geometry-invalid"]
    assert "Self-intersection: 2 (feature 1 at 0.5 0.5)" in note.message
    assert "Hole lies outside shell: 1 (feature 3 at 20 20)" in note.message
    loader.path("i.toml").write_text('repair = "structure"')
    report = loader.load("i.gpkg")
    assert report.status == "loaded", report.error
    assert "geometry-invalid" not in codes(report)
    told = [note.message for note in report.notes if note.code == "geometry-repaired"]
    assert "2 geometries were made valid: Self-intersection (feature 1 first)" in told
    assert loader.one("SELECT bool_and(ST_IsValid(geom)) FROM published.i") is True
    assert loader.one("SELECT ST_Area(geom) FROM published.i WHERE fid = 1") == 0.5


def test_a_style_beside_a_file_is_said_to_be_lost(loader: Loader) -> None:
    write_geojson(loader.path("a.geojson"), [feature({"n": 1})])
    loader.path("a.qml").write_text("<qgis/>")
    report = loader.load("a.geojson")
    [note] = [note for note in report.notes if note.code == "styles-left-out"]
    assert "a.qml" in note.message


def test_a_geopackage_that_was_killed_while_it_wrote_is_read_as_it_was_before(loader: Loader) -> None:
    write_ogr(loader.path("work/j.gpkg"), TABLE, "GPKG", geometry_type="Point")
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size=1'); c.execute('BEGIN'); c.execute('CREATE TABLE filler (t TEXT)');"
        "[c.execute('INSERT INTO filler VALUES (?)', ['x' * 3000]) for _ in range(300)];"
        'c.execute("DELETE FROM gpkg_contents"); os.kill(os.getpid(), 9)'
    )
    subprocess.run(["python3", "-c", code, str(loader.path("work/j.gpkg"))], check=False)
    assert loader.path("work/j.gpkg-journal").stat().st_size > 0
    for end in ("", "-journal"):
        shutil.copy(loader.path(f"work/j.gpkg{end}"), loader.path(f"j.gpkg{end}"))
    loader.load_all("j.gpkg")
    assert loader.column("j", "name") == ["Köln", "Åbo"]


def test_times_of_day_in_a_sheet_are_times_of_day(loader: Loader) -> None:
    table = pa.table({"n": [1], "at": pa.array([time(1, 2, 3)], pa.time32("ms"))})
    write_ogr(loader.path("c.xlsx"), table, "XLSX")
    loader.load_all("c.xlsx")
    assert loader.column("c", "at") == [time(1, 2, 3)]
