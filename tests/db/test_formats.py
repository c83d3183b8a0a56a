"""Every format that the loader reads, made here, loaded, and compared value by value."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import zipfile
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loader.read.geoparquet import parse_crs
from support.loading import Loader, codes, feature, wkb, write_geojson, write_ogr, write_points

LINE = "LINESTRING (24 60,25 61)"
TABLE = pa.table(
    {
        "name": pa.array(["Köln", "København", None]),
        "count": pa.array([1, None, 2**31 - 1], pa.int32()),
        "size": pa.array([1.5, -0.25, None], pa.float64()),
        "day": pa.array([date(2024, 2, 29), None, date(1899, 12, 31)]),
        "geometry": wkb(["POINT (6.96 50.94)", "POINT (12.57 55.68)", None]),
    }
)


def mercator(lon: float, lat: float) -> str:
    """The point in EPSG:3857 by the textbook's formula."""
    radius_m = 6378137
    x, y = math.radians(lon) * radius_m, math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)) * radius_m
    return f"POINT({x:.0f} {y:.0f})"


WRITE_OPTIONS = {
    "ESRI Shapefile": {"encoding": "UTF-8"},
    "FlatGeobuf": {"SPATIAL_INDEX": "NO"},  # the index would sort the features
    "OpenFileGDB": {"TARGET_ARCGIS_VERSION": "ARCGIS_PRO_3_2_OR_LATER"},  # older ones have no dates
}


@pytest.mark.parametrize(
    ("name", "driver"),
    [
        ("places.gpkg", "GPKG"),
        ("places.geojson", "GeoJSON"),
        ("places.geojsonl", "GeoJSONSeq"),
        ("places.geojsons", "GeoJSONSeq"),
        ("places.fgb", "FlatGeobuf"),
        ("places.shp", "ESRI Shapefile"),
        ("places.gdb", "OpenFileGDB"),
    ],
)
def test_rows_of_a_gdal_format_are_the_rows_of_the_file(loader: Loader, name: str, driver: str) -> None:
    write_ogr(loader.path(name), TABLE, driver, geometry_type="Point", **WRITE_OPTIONS.get(driver, {}))
    report = loader.load(name)
    assert report.status == "loaded", report.error
    rows = loader.rows("places")
    assert [row["name"] for row in rows] == ["Köln", "København", None]
    assert [row["count"] for row in rows] == [1, None, 2147483647]
    assert [row["size"] for row in rows] == [1.5, -0.25, None]
    days = [date(2024, 2, 29), None, date(1899, 12, 31)]
    if driver == "FlatGeobuf":  # it has no type for dates: they are midnights
        days = [day and datetime(day.year, day.month, day.day) for day in days]
    assert [row["day"] for row in rows] == days
    assert [row["geom"] for row in rows] == ["POINT(6.96 50.94)", "POINT(12.57 55.68)", None]
    assert [row["geom_3857"] for row in rows] == [mercator(6.96, 50.94), mercator(12.57, 55.68), None]
    collection = loader.catalog()["places"]
    assert (collection.srid, collection.geometry_type, collection.row_count) == (4326, "Point", 3)
    assert collection.bbox_crs84 is not None
    assert collection.bbox_crs84.as_list() == pytest.approx([6.96, 50.94, 12.57, 55.68])


def test_a_geopackage_that_was_copied_while_it_was_open_is_loaded_with_its_last_changes(loader: Loader) -> None:
    table = pa.table({"geometry": wkb(["POINT (1 2)"])})
    write_ogr(loader.path("open.gpkg"), table, "GPKG", geometry_type="Point")
    with closing(sqlite3.connect(loader.path("open.gpkg"))) as file:
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("CREATE TABLE later (n INTEGER)")
        for end in ("", "-wal"):
            shutil.copy(loader.path(f"open.gpkg{end}"), loader.path(f"copy.gpkg{end}"))
    before = loader.path("copy.gpkg").read_bytes()
    report = loader.load("copy.gpkg")
    assert loader.path("copy.gpkg").read_bytes() == before, "a file of the user's is not written to"
    assert [(c.layer, c.rows) for c in report.collections] == [("open", 1), ("later", 0)]


@pytest.mark.parametrize("zipped", [False, True])
def test_rows_of_a_shapefile_that_are_marked_as_deleted_are_passed_over(loader: Loader, zipped: bool) -> None:
    table = pa.table({"n": pa.array([1, 2, 3], pa.int32()), "geometry": wkb(["POINT (1 2)"] * 3)})
    write_ogr(loader.path("work/d.shp"), table, "ESRI Shapefile", geometry_type="Point")
    dbf = loader.path("work/d.dbf")
    data = bytearray(dbf.read_bytes())
    start, width = (int.from_bytes(data[place : place + 2], "little") for place in (8, 10))
    data[start + width] = ord("*")
    dbf.write_bytes(data)
    if zipped:
        with zipfile.ZipFile(loader.path("work/d.zip"), "w") as archive:
            for end in ("shp", "shx", "dbf", "prj"):
                archive.write(loader.path(f"work/d.{end}"), f"d.{end}")
    loader.load_all("work/d.zip" if zipped else "work/d.shp")
    assert loader.column("d", "n") == [1, 3]


@pytest.mark.parametrize(
    ("end", "says"), [(".dbf", "holds 100 rows"), (".shp", "ends before its index does"), (".shx", "Failed to read")]
)
def test_a_shapefile_of_which_a_file_is_cut_off_is_refused(loader: Loader, end: str, says: str) -> None:
    table = pa.table({"n": pa.array(range(100), pa.int32()), "geometry": wkb(["POINT (1 2)"] * 100)})
    write_ogr(loader.path("c.shp"), table, "ESRI Shapefile", geometry_type="Point")
    part = loader.path(f"c{end}")
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    report = loader.load("c.shp")
    assert report.error is not None
    assert says in str(report.error["message"])


def test_each_type_of_features_of_a_json_fg_is_a_collection(loader: Loader) -> None:
    core = ["http://www.opengis.net/spec/json-fg-1/1.0/conf/core"]
    members = {"place": None, "time": None}
    road, house = (
        feature({"name": name}, featureType=kind, **members) for name, kind in [("A 1", "road"), ("No 7", "house")]
    )
    write_geojson(loader.path("town.json"), [road, house, road], conformsTo=core)
    loader.load_all("town.json")
    assert loader.column("road", "name") == ["A 1", "A 1"]
    assert loader.column("house", "name") == ["No 7"]
    write_geojson(loader.path("roads.json"), [road], conformsTo=core)
    loader.load_all("roads.json")
    assert loader.column("roads", "name") == ["A 1"]


@pytest.mark.parametrize("end", [".dbf", ".shx"])
def test_a_part_that_a_shapefile_lacks_is_named(loader: Loader, end: str) -> None:
    table = pa.table({"n": pa.array([1]), "geometry": wkb(["POINT (1 2)"])})
    write_ogr(loader.path("part.shp"), table, "ESRI Shapefile", geometry_type="Point")
    loader.path(f"part{end}").unlink()
    report = loader.load("part.shp")
    assert report.error is not None
    assert report.error["message"] == f"part.shp has no {end} beside it"


def test_a_csv_whose_head_is_no_utf_8_is_read_as_windows_1252(loader: Loader) -> None:
    loader.path("e.csv").write_bytes("prénom,n\nJosé,1\n".encode("cp1252"))
    report = loader.load("e.csv")
    assert loader.column("e", "prénom") == ["José"]
    assert codes(report).count("text-recoded") == 2


def test_geoparquet_gives_the_same_rows(loader: Loader) -> None:
    write_geoparquet(loader.path("places.parquet"), TABLE)
    assert loader.load("places.parquet").status == "loaded"
    assert [row["geom"] for row in loader.rows("places")] == ["POINT(6.96 50.94)", "POINT(12.57 55.68)", None]
    assert [row["fid"] for row in loader.rows("places")] == [1, 2, 3]
    assert [row["count"] for row in loader.rows("places")] == [1, None, 2147483647]


def write_geoparquet(path: Path, table: pa.Table, **column: object) -> None:
    """GeoParquet 1.0 with the metadata of one column; values of None are left out."""
    described = {"encoding": "WKB", "geometry_types": [], **column}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": described}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def test_shapefile_that_does_not_say_its_encoding_has_names_all_the_same(loader: Loader) -> None:
    table = pa.table({"Größe": ["Köln"], "geometry": wkb(["POINT (1 2)"])})
    write_ogr(loader.path("old.shp"), table, "ESRI Shapefile", encoding="CP1252", geometry_type="Point")
    loader.path("old.cpg").unlink()
    report = loader.load("old.shp")
    assert (report.status, codes(report)) == ("loaded", ["text-recoded"]), report.error
    assert loader.column("old", "Größe") == ["Köln"]


def test_numbers_of_more_than_64_bits_are_whole_in_csv_and_those_that_gdal_cuts_are_told(loader: Loader) -> None:
    loader.path("long.csv").write_text("n,lon,lat\n123456789012345678901,1,2\n5,1,2\n")
    loader.load_all("long.csv")
    assert loader.column("long", "n") == [123456789012345678901, 5]
    write_geojson(loader.path("long.geojson"), [feature({"n": 123456789012345678901}), feature({"n": 5})])
    report = loader.load("long.geojson")
    assert loader.column("long_geojson", "n") == [pytest.approx(123456789012345680000), 5]
    [note] = [note for note in report.notes if note.code == "digits-lost"]
    assert note.message.startswith("'n': 1 whole numbers")


def test_decimals_without_decimals_are_integers(loader: Loader) -> None:
    kinds = {"n18": pa.decimal128(18, 0), "n20": pa.decimal128(20, 0), "cents": pa.decimal128(9, 2)}
    values = [Decimal(1234567), None]
    pq.write_table(pa.table({name: pa.array(values, kinds[name]) for name in kinds}), loader.path("numbers.parquet"))
    loader.load_all("numbers.parquet")
    collection = loader.catalog()["numbers"]
    assert [column.type for column in collection.columns] == ["integer", "number", "number"]
    assert loader.column("numbers", "n18") == [1234567, None]


def test_geoparquet_crs_comes_from_projjson(loader: Loader) -> None:
    table = pa.table({"geometry": wkb(["POINT (385000 6672000)"])})
    write_geoparquet(loader.path("p.parquet"), table, crs={"id": {"authority": "EPSG", "code": 3067}})
    loader.load("p.parquet")
    collection = loader.catalog()["p"]
    assert collection.srid == 3067
    assert collection.bbox_crs84 is not None
    assert collection.bbox_crs84.west == pytest.approx(24.93, abs=0.01)


def test_geoparquet_with_another_encoding_is_refused_clearly(loader: Loader) -> None:
    write_geoparquet(loader.path("p.parquet"), pa.table({"geometry": wkb(["POINT (1 2)"])}), encoding="point")
    report = loader.load("p.parquet")
    assert report.status == "failed"
    assert report.error is not None
    assert report.error["message"] == "the geometries are encoded as 'point'"


def test_geoparquet_bounding_boxes_and_second_geometries_are_no_properties(loader: Loader) -> None:
    table = pa.table(
        {
            "name": pa.array(["a"]),
            "bbox": pa.array([{"xmin": 1.0, "ymin": 2.0, "xmax": 1.0, "ymax": 2.0}]),
            "geometry": wkb(["POINT (1 2)"]),
        }
    )
    corners = {corner: ["bbox", corner] for corner in ("xmin", "ymin", "xmax", "ymax")}
    write_geoparquet(loader.path("p.parquet"), table, covering={"bbox": corners})
    report = loader.load("p.parquet")
    assert [column.name for column in loader.catalog()["p"].columns] == ["name"]
    assert "column-left-out" in codes(report)


@pytest.mark.parametrize(
    ("crs", "srid"),
    [("", 4326), (f"('{json.dumps({'type': 'ProjectedCRS', 'id': {'authority': 'EPSG', 'code': 3067}})}')", 3067)],
)
def test_a_geometry_of_parquets_own_is_one(loader: Loader, crs: str, srid: int) -> None:
    point = f"'POINT (1 2)'::GEOMETRY{crs}"
    options = "(FORMAT parquet, GEOPARQUET_VERSION 'NONE')"
    duckdb.sql(f"COPY (SELECT 7 AS n, {point} AS place) TO '{loader.path('d.parquet')}' {options}")
    loader.load_all("d.parquet")
    assert loader.catalog()["d"].srid == srid
    assert loader.column("d", "geom") == ["POINT(1 2)"]
    assert [column.name for column in loader.catalog()["d"].columns] == ["n"]


@pytest.mark.parametrize(
    ("text", "crs"),
    [
        (None, "OGC:CRS84"),
        ("srid:3067", "EPSG:3067"),
        ("srid:0", None),
        ("projjson:mine", {"name": "of ours"}),
        ("EPSG:3067", "EPSG:3067"),
    ],
)
def test_parquets_own_words_for_a_crs_are_understood(text: str | None, crs: object) -> None:
    assert parse_crs(text, {b"mine": b'{"name": "of ours"}'}) == crs


@pytest.mark.parametrize(("crs", "srid"), [({"crs": "EPSG:3067"}, 3067), ({}, 4326)])
def test_a_column_of_arrows_wkb_has_the_crs_that_it_says(loader: Loader, crs: dict[str, str], srid: int) -> None:
    extension = {"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": json.dumps(crs)}
    schema = pa.schema([pa.field("place", pa.binary(), metadata=extension)])
    pq.write_table(pa.table([wkb(["POINT (1 2)"])], schema=schema), loader.path("a.parquet"))
    report = loader.load("a.parquet")
    assert loader.catalog()["a"].srid == srid
    assert ("crs-assumed" in codes(report)) is (not crs)


def test_plain_parquet_with_lon_and_lat_becomes_points(loader: Loader) -> None:
    table = pa.table({"Lon": pa.array([1.5, None]), "lat": pa.array([2.5, 3.0]), "n": pa.array([7, 8])})
    pq.write_table(table, loader.path("p.parquet"))
    loader.load("p.parquet")
    assert loader.column("p", "geom") == ["POINT(1.5 2.5)", None]
    assert loader.column("p", "n") == [7, 8]


def test_plain_parquet_without_coordinates_is_a_table_and_says_so(loader: Loader) -> None:
    pq.write_table(pa.table({"n": pa.array([1, 2])}), loader.path("p.parquet"))
    report = loader.load("p.parquet")
    collection = loader.catalog()["p"]
    assert (collection.srid, collection.geometry_type, collection.has_geometry) == (None, None, False)
    assert "table-without-geometry" in codes(report)


@pytest.mark.parametrize(
    "head", ["lon,lat", "Longitude,Latitude", "x,y", "lng,lat", "decimalLongitude,decimalLatitude"]
)
def test_csv_with_coordinate_columns_becomes_points(loader: Loader, head: str) -> None:
    loader.path("places.csv").write_text(f"name,{head},n\nKöln,6.96,50.94,0042\n,,,\n")
    assert loader.load("places.csv").status == "loaded"
    assert loader.column("places", "geom") == ["POINT(6.96 50.94)", None]
    assert loader.column("places", "name") == ["Köln", None]
    assert loader.column("places", "n") == ["0042", None]  # leading zeros make it no number


def test_csv_with_wkt_becomes_features_of_any_type(loader: Loader) -> None:
    loader.path("w.csv").write_text(f'name,WKT,day\na,"POINT (1 2)",2024-02-29\nb,"{LINE}",\nc,,\n')
    loader.load("w.csv")
    assert loader.column("w", "geom") == ["POINT(1 2)", "LINESTRING(24 60,25 61)", None]
    assert loader.column("w", "day") == [date(2024, 2, 29), None, None]
    assert loader.catalog()["w"].geometry_type == "Geometry"


def test_csv_without_coordinates_is_a_table_and_the_report_names_the_columns_to_use(loader: Loader) -> None:
    loader.path("t.csv").write_text("name,n\na,1\nb,2\n")
    report = loader.load("t.csv")
    note = next(note for note in report.notes if note.code == "table-without-geometry")
    assert note.hint is not None
    assert "lon and lat" in note.hint
    assert loader.column("t", "n") == [1, 2]


def test_csv_in_windows_1252_is_read_and_reported(loader: Loader) -> None:
    loader.path("l.csv").write_bytes("name,lon,lat\nKøbenhavn,12.5,55.7\n".encode("cp1252"))
    report = loader.load("l.csv")
    assert loader.column("l", "name") == ["København"]
    assert "text-recoded" in codes(report)


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Folder><name>Huts</name><Placemark><name>One</name><TimeStamp><when>2020-01-02T03:04:05Z</when></TimeStamp>
<Point><coordinates>24,60</coordinates></Point></Placemark></Folder>
<Folder><name>Trails</name><Placemark><name>Two</name>
<LineString><coordinates>24,60,5 25,61,6</coordinates></LineString></Placemark></Folder>
</Document></kml>"""


def test_each_folder_of_a_kml_is_a_collection(loader: Loader) -> None:
    loader.path("outdoors.kml").write_text(KML)
    loader.load("outdoors.kml")
    assert sorted(loader.catalog()) == ["huts", "trails"]
    assert loader.column("huts", "geom") == ["POINT(24 60)"]
    assert loader.column("trails", "geom") == ["LINESTRING Z (24 60 5,25 61 6)"]
    assert loader.column("huts", "timestamp") == [datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)]
    assert loader.catalog()["huts"].temporal_column == "timestamp"


def test_gpx_gives_its_filled_layers_named_after_the_file(loader: Loader) -> None:
    loader.path("walk.gpx").write_text(
        '<?xml version="1.0"?><gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
        '<wpt lat="60" lon="24"><name>A</name></wpt>'
        '<trk><name>T</name><trkseg><trkpt lat="60" lon="24"/><trkpt lat="61" lon="25"/></trkseg></trk></gpx>'
    )
    loader.load("walk.gpx")
    assert sorted(loader.catalog()) == ["walk_track_points", "walk_tracks", "walk_waypoints"]
    assert loader.column("walk_tracks", "geom") == ["MULTILINESTRING((24 60,25 61))"]


def test_each_layer_of_a_geopackage_is_a_collection_and_styles_are_none(loader: Loader) -> None:
    path = loader.path("town.gpkg")
    table = pa.table({"n": pa.array([1]), "geometry": wkb(["POINT (1 2)"])})
    write_ogr(path, table, "GPKG", layer="Houses", geometry_type="Point")
    write_ogr(path, table, "GPKG", layer="Trees & bushes", geometry_type="Point", append=True)
    write_ogr(path, pa.table({"styleQML": pa.array(["<qgis/>"])}), "GPKG", layer="layer_styles", append=True)
    report = loader.load("town.gpkg")
    assert sorted(loader.catalog()) == ["houses", "trees_bushes"]
    assert [collection.layer for collection in report.collections] == ["Houses", "Trees & bushes"]


def test_a_zipped_shapefile_in_a_folder_of_the_archive_is_found(loader: Loader, tmp_path: Path) -> None:
    write_ogr(tmp_path / "inner.shp", TABLE.drop_columns("day"), "ESRI Shapefile", geometry_type="Point")
    with zipfile.ZipFile(loader.path("some.zip"), "w") as archive:
        for file in tmp_path.glob("inner.*"):
            archive.write(file, f"a folder/{file.name}")
    report = loader.load("some.zip")
    assert report.status == "loaded", report.error
    assert loader.column("some", "name") == ["Köln", "København", None]


def test_a_zip_of_two_shapefiles_gives_two_collections(loader: Loader, tmp_path: Path) -> None:
    table = pa.table({"n": pa.array([1]), "geometry": wkb(["POINT (1 2)"])})
    with zipfile.ZipFile(loader.path("two.zip"), "w") as archive:
        for stem in ("east", "west"):
            write_ogr(tmp_path / f"{stem}.shp", table, "ESRI Shapefile", geometry_type="Point")
            for file in tmp_path.glob(f"{stem}.*"):
                archive.write(file, file.name)
    loader.load("two.zip")
    assert sorted(loader.catalog()) == ["east", "west"]


def test_files_of_one_name_in_an_archive_are_told_apart_by_their_folders(loader: Loader, tmp_path: Path) -> None:
    write_points(tmp_path / "p.geojson", ["a"])
    one = pa.table({"geometry": wkb(["POINT (1 2)"])})
    for layer in ("town", "land"):
        write_ogr(tmp_path / "p.gpkg", one, "GPKG", layer=layer, append=layer == "land")
    with zipfile.ZipFile(loader.path("all.zip"), "w") as archive:
        for name in ("2023/roads.geojson", "2024/roads.geojson", "2024/p.geojson"):
            archive.write(tmp_path / "p.geojson", name)
        for name in ("2023/p.gpkg", "2024/x.gpkg", "2024/roads.gpkg"):
            archive.write(tmp_path / "p.gpkg", name)
    loader.load_all("all.zip")
    found = sorted(loader.catalog().collections)
    assert found == [
        "2023_p_land",
        "2023_p_town",
        "2023_roads",
        "2024_roads",
        "2024_roads_land",
        "2024_roads_town",
        "2024_x_land",
        "2024_x_town",
        "p",
    ]


def test_a_zip_without_spatial_files_fails_with_a_hint(loader: Loader) -> None:
    with zipfile.ZipFile(loader.path("photos.zip"), "w") as archive:
        archive.writestr("a.jpg", b"x")
    report = loader.load("photos.zip")
    assert report.error is not None
    assert report.error["message"] == "photos.zip holds no spatial file"


def test_nested_geojson_properties_are_json_and_ids_stay(loader: Loader) -> None:
    nested = {"a": [1, {"b": None}], "ü": "\u0000x"}
    features = [
        feature({"o": nested, "l": [1, 2], "t": ["a"], "mixed": 1}, id=7),
        feature({"o": None, "l": [], "t": None, "mixed": {"x": 1}}, id=9),
    ]
    write_geojson(loader.path("n.geojson"), features)
    assert loader.load("n.geojson").status == "loaded"
    rows = loader.rows("n")
    assert [row["fid"] for row in rows] == [7, 9]
    assert rows[0]["o"] == {"a": [1, {"b": None}], "ü": "x"}
    assert [row["l"] for row in rows] == [[1, 2], []]
    assert [row["mixed"] for row in rows] == [1, {"x": 1}]
    assert {column.name: column.type for column in loader.catalog()["n"].columns} == dict.fromkeys("olt", "json") | {
        "mixed": "json"
    }


def test_a_json_file_is_a_dataset_only_when_it_is_geojson(loader: Loader) -> None:
    write_geojson(loader.path("g.json"), [feature({"n": 1})])
    loader.path("settings.json").write_text('{"type": "module"}')
    assert loader.load("g.json").status == "loaded"
    assert list(loader.catalog()) == ["g"]
