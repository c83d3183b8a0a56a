"""Bad datasets of every kind: each is served rightly, with a report of what it lost, or refused with what to do."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.loading import Loader, codes, feature, wkb, write_ogr
from support.sheets import write_sheets

Make = Callable[[Path], object]


def point(*coordinates: object) -> dict[str, Any]:
    return {"type": "Point", "coordinates": list(coordinates)}


def collection(*features: Mapping[str, Any], **members: Any) -> str:
    return json.dumps({"type": "FeatureCollection", **members, "features": list(features)})


def named(name: str) -> dict[str, Any]:
    return {"type": "name", "properties": {"name": name}}


GOOD = feature({"a": 1}, point(24, 60))
TABLE = pa.table({"name": ["a", "b"], "geometry": wkb(["POINT (1 2)", "POINT (3 4)"])})
METRES = pa.table({"n": [1], "geometry": wkb(["POINT (385000 6672000)"])})
NO_DEGREES, UNREADABLE = "its coordinates are no degrees", "coordinate reference system cannot be read"
NO_GEOMETRY = "none of its 1 geometries is one"

# name -> text, then what is said of it: words of the refusal, or (rows, geometries, codes of the report)
TEXTS: dict[str, tuple[str | bytes, str | tuple[int, int, set[str]]]] = {
    "metres.geojson": (collection(feature({}, point(385000, 6672000))), NO_DEGREES),
    "metres84.geojson": (
        collection(feature({}, point(385000, 6672000)), crs=named("urn:ogc:def:crs:OGC:1.3:CRS84")),
        NO_DEGREES,
    ),
    "latitude.geojson": (collection(feature({}, point(24, 95))), NO_DEGREES),
    "swapped.geojson": (collection(*(feature({}, point(-17, 178 + n / 100)) for n in range(20))), NO_DEGREES),
    "one_of_20.geojson": (
        collection(*[GOOD] * 20, feature({}, point(385000, 1))),
        (21, 20, {"geometry-beyond-degrees"}),
    ),
    "infinite.geojson": (collection(GOOD, feature({}, point(1e300, 60))), (2, 1, {"geometry-beyond-degrees"})),
    "pacific.geojson": (collection(feature({}, point(190, 60))), (1, 1, set())),
    "crs_unknown.geojson": (collection(GOOD, crs=named("EPSG:99999")), UNREADABLE),
    "crs_junk.geojson": (collection(GOOD, crs=named("foo")), UNREADABLE),
    "crs_null.geojson": (collection(GOOD, crs=None), (1, 1, {"crs-assumed"})),
    "strings.geojson": (collection(feature({}, point("24", "60"))), NO_GEOMETRY),
    "nulls.geojson": (collection(feature({}, point(None, None))), NO_GEOMETRY),
    "one_number.geojson": (collection(feature({}, point(24))), NO_GEOMETRY),
    "no_type.geojson": (collection(feature({}, {"type": "Pointt", "coordinates": [1, 2]})), NO_GEOMETRY),
    "text.geojson": (collection(feature({}, "POINT (1 2)")), NO_GEOMETRY),
    "one_bad.geojson": (collection(GOOD, feature({}, point())), (2, 1, {"geometry-unreadable", "geometry-missing"})),
    "none.geojson": (collection(feature({}, None)), (1, 0, {"geometry-missing"})),
    "empty.geojson": (collection(), (0, 0, set())),
    "no_properties.geojson": (collection({"type": "Feature", "geometry": point(1, 2)}), (1, 1, set())),
    "cut.geojson": (collection(GOOD)[:-20], "cannot be read"),
    "array.geojson": ("[" + json.dumps(GOOD) + "]", "what it holds is no GeoJSON"),
    "utf16.geojson": (collection(GOOD).encode("utf-16"), "what it holds is no GeoJSON"),
    "bom.geojson": (b"\xef\xbb\xbf" + collection(GOOD).encode(), (1, 1, set())),
    "latin.geojson": (
        collection(feature({"a": "XY"}, point(1, 2))).encode().replace(b"XY", b"\xf6"),
        (1, 1, {"text-recoded"}),
    ),
    "deep.geojson": (collection(feature({"a": 0})).replace(": 0", ": " + "[" * 3000 + "]" * 3000), "cannot be read"),
    "digits.geojson": (collection(feature({"n": 10**30}), feature({"n": 1})), (2, 2, {"digits-lost"})),
    "types.geojson": (
        collection(*(feature({"a": v}) for v in (1, "x", 1.5, True, [1], {"b": 1}, None))),
        (7, 7, set()),
    ),
    "ids.geojson": (collection(*(feature({}, id=v) for v in ("a", 1, 1.5, 10**30))), (4, 4, set())),
    "nothing.geojson": ("", "is empty"),
    "blank.csv": ("\n\n", "it holds no row"),
    "head.csv": ("name,lon,lat\n", (0, 0, set())),
    "bad_number.csv": ("n,lon,lat\n1,24,60\n2,abc,61\n3,24,61\n", (3, 2, {"place-unreadable"})),
    "all_bad.csv": ("n,lon,lat\n1,a,b\n2,c,d\n", "hold no numbers"),
    "degrees.csv": ("n,lon,lat\n" + "1,24,60\n" * 20 + "2,24,6017\n", (21, 20, {"geometry-beyond-degrees"})),
    "metres.csv": ("n,x,y\n1,385000,6672000\n", NO_DEGREES),
    "too_many.csv": ("n,lon,lat\n1,24,60\nA, B,24,60,7\n3,24,61\n", (2, 2, {"rows-left-out"})),
    "too_few.csv": ("n,lon,lat,t\n1,24,60\n2,24,61,x\n", (2, 2, {"rows-short"})),
    "quote.csv": ('n,lon,lat\n1,24,60\n"2,24,60\n3,24,61\n', (2, 2, {"rows-left-out"})),
    "inner_quote.csv": ('n,lon,lat\n"The "Cat" inn",24,60\n"b",24,61\n', (2, 2, set())),
    "quote_then_more.csv": ('n,lon,lat\n"1,24,60\n"2",24,60\n"3",24,61\n', (2, 2, {"rows-left-out"})),
    "lines.csv": ('n,lon,lat\n"a\nb",24,60\n', (1, 1, set())),
    "mess.csv": ("a\n1,2,3\n4,5,6\n7,8,9\n", "do not fit its head"),
    "words.csv": ("n,lon,lat\n" + "1,24,60\n" * 20 + "n/a,24,60\n", (21, 21, {"column-of-text"})),
    "years.csv": ("d,lon,lat\n" + "2024-01-01,24,60\n" * 20 + "10000-01-01,24,60\n", (21, 21, {"column-of-text"})),
    "february.csv": ("d,lon,lat\n" + "2024-02-29,24,60\n" * 20 + "2023-02-29,24,60\n", (21, 21, {"column-of-text"})),
    "wkt.csv": ('n,wkt\n1,POINT (1 2)\n2,"POLYGON ((0 0,1"\n3,x\n', (3, 1, {"place-unreadable"})),
    "twice.csv": ("a,a,lon,lat\n1,2,24,60\n", (1, 1, set())),
    "no_head.csv": ("Helsinki,24.5,60\n", (1, 0, {"names-missing", "table-without-geometry"})),
    "utf16.csv": ("n,lon,lat\nä,24,60\n".encode("utf-16"), (1, 1, set())),
    "latin.csv": ("näme,lon,lat\nö,24,60\n".encode("latin-1"), (1, 1, {"text-recoded"})),
    "mac.csv": ("n,lon,lat\r1,24,60\r2,24,61\r", (2, 2, set())),
    "excel.csv": ("sep=;\nn;lon;lat\n1;24,5;60,25\n", (1, 1, set())),
    "picture.csv": (b"\x89PNG\r\n\x1a\n" + bytes(100), "what it holds is no CSV"),
    "zeros.csv": (bytes(1000), "what it holds is no text"),
    "cut.csv.gz": (gzip.compress(b"n,lon,lat\n1,24,60\n" * 100)[:-20], "not packed by gzip, or damaged"),
    "plain.csv.gz": ("n,lon,lat\n1,24,60\n", "not packed by gzip"),
    "other.geojson.gz": (gzip.compress(b"n,lon,lat\n"), "what it holds is no GeoJSON"),
    "cut.gml": ('<a xmlns:gml="http://www.opengis.net/gml"><gml:featureMember><b>', "before its last element"),
    "cut.kml": ("<kml><Document><Placemark><Point><coordinates>1,2</coordinates></Point>", "before its last element"),
    "other.gml": ("n,lon,lat\n", "what it holds is no GML"),
    "other.dxf": ("n,lon,lat\n", "what it holds is no DXF"),
    "other.tab": ("n\tlon\tlat\n", "what it holds is no MapInfo table"),
    "alone.tab": (
        "!table\n!version 300\n!charset WindowsLatin1\n\nDefinition Table\n  Type NATIVE\n",
        "cannot be read",
    ),
    "alone.mif": ('Version 300\nCharset "Neutral"\nColumns 1\n  n Integer\nData\n\nPOINT 1 2\n', "no .mid beside it"),
    "other.topojson": (collection(GOOD), "cannot be read"),
    "no_arcs.topojson": (
        '{"type": "Topology", "objects": {"a": {"type": "LineString", "arcs": [9]}}, "arcs": []}',
        (1, 0, set()),
    ),
    "other.xlsx": ("n,lon,lat\n", "what it holds is no spreadsheet"),
    "cut.zip": (b"PK\x03\x04" + bytes(20), "damaged archive"),
}


def check(loader: Loader, name: str, said: str | tuple[int, int, set[str]]) -> None:
    """Load a dataset, and compare."""
    report = loader.load(name)
    if isinstance(said, str):
        assert report.error is not None, f"{name} was served"
        assert said in str(report.error["message"])
        assert report.error["hint"], "what to do is said"
        assert len(str(report.error["message"]).splitlines()) == 1
        return
    assert report.status == "loaded", report.error
    [entry] = report.collections
    rows, places, expected = said
    assert entry.rows == rows
    has_places = loader.catalog()[entry.id].has_geometry
    text = f'SELECT count(*) FROM published."{entry.id}" WHERE NOT ST_IsEmpty(geom)'
    assert (loader.one(text) if has_places else 0) == places
    info = {"crs-assumed", "geometry-missing", "reader-warning", "geometry-empty"}
    assert set(codes(report)) - info == expected - info
    assert expected <= set(codes(report)) | {"crs-assumed"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_bad_text_is_served_as_far_as_it_goes_or_refused(loader: Loader, name: str) -> None:
    text, said = TEXTS[name]
    loader.path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    check(loader, name, said)


def changed(table: pa.Table, *statements: str, crs: str = "EPSG:4326", keep_triggers: bool = False) -> Make:
    """A GeoPackage, and what somebody did to it."""

    def make(path: Path) -> None:
        write_ogr(path, table, "GPKG", geometry_type="Point", layer="t", crs=crs)
        with closing(sqlite3.connect(path)) as database:
            triggers = database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for (trigger,) in [] if keep_triggers else triggers:
                database.execute(f'DROP TRIGGER "{trigger}"')
            for statement in statements:
                database.execute(statement)
            database.commit()

    return make


def shapefile(prj: str | None, table: pa.Table = TABLE) -> Make:
    """A Shapefile with that `.prj`; None: without."""

    def make(path: Path) -> None:
        write_ogr(path, table, "ESRI Shapefile", geometry_type="Point")
        if prj is None:
            path.with_suffix(".prj").unlink()
        else:
            path.with_suffix(".prj").write_text(prj)

    return make


def parquet(table: pa.Table, **column: Any) -> Make:
    """GeoParquet, with the metadata of its geometry."""
    described = {"encoding": "WKB", "geometry_types": [], **column}
    geo = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": described}}
    return lambda path: pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def cut(make: Make, share: float) -> Make:
    """The beginning of a file."""

    def make_cut(path: Path) -> None:
        make(path)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return make_cut


def zipped(*names: str) -> Make:
    """An archive of GeoJSON under these names."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, collection(GOOD))

    return make


ONE = pa.table({"n": [1], "geometry": wkb(["POINT (1 2)"])})
TYPED = pa.table(
    {"d": [date(2024, 1, 1)] * 3, "i": pa.array([1, 2, 3], pa.int32()), "geometry": wkb(["POINT (1 2)"] * 3)}
)
LOCAL = 'LOCAL_CS["here",UNIT["metre",1]]'
FILES: dict[str, tuple[Make, str | tuple[int, int, set[str]]]] = {
    "metres.gpkg": (changed(METRES), NO_DEGREES),
    "system_junk.gpkg": (
        changed(
            TABLE,
            "UPDATE gpkg_spatial_ref_sys SET definition = 'x', organization = 'NO', organization_coordsys_id = 9",
            crs="EPSG:3067",
        ),
        UNREADABLE,
    ),
    "system_gone.gpkg": (
        changed(TABLE, "DELETE FROM gpkg_spatial_ref_sys WHERE srs_id = 3067", crs="EPSG:3067"),
        UNREADABLE,
    ),
    "blob.gpkg": (changed(TABLE, "UPDATE t SET geom = x'00' WHERE fid = 1"), (2, 1, {"geometry-unreadable"})),
    "blobs.gpkg": (changed(TABLE, "UPDATE t SET geom = x'0011223344'"), "none of its 2 geometries is one"),
    "words.gpkg": (
        changed(TYPED, "UPDATE t SET i = 'abc', d = '10000-01-01' WHERE fid = 1"),
        (3, 3, {"values-of-other-type"}),
    ),
    "large.gpkg": (changed(TYPED, "UPDATE t SET i = 99999999999 WHERE fid = 1"), (3, 3, {"values-of-other-type"})),
    "only_words.gpkg": (changed(TYPED, "UPDATE t SET i = 'abc'"), "holds values that are no whole numbers"),
    "half.gpkg": (cut(changed(TABLE), 0.5), "cannot be read"),
    "junk.shp": (shapefile("garbage"), UNREADABLE),
    "half.shp": (shapefile('GEOGCS["GCS_WGS_1984",DATUM["D_WGS'), UNREADABLE),
    "local.shp": (shapefile(LOCAL), "has no place on Earth"),
    "blank.shp": (shapefile(""), (2, 2, {"crs-assumed"})),
    "no_prj.shp": (shapefile(None, METRES), NO_DEGREES),
    "crs_text.parquet": (parquet(ONE, crs="foo"), "has no code"),
    "crs_code.parquet": (parquet(ONE, crs={"id": {"authority": "EPSG", "code": 99999}}), "does not know EPSG:99999"),
    "metres.parquet": (parquet(METRES), NO_DEGREES),
    "no_wkb.parquet": (
        parquet(pa.table({"geometry": pa.array([b"xxxxxxx"])})),
        "PostgreSQL refuses a value of feature 1",
    ),
    "nan.parquet": (parquet(pa.table({"geometry": wkb(["LINESTRING (nan nan,1 1)"])})), "no numbers"),
    "days.parquet": (
        parquet(pa.table({"d": pa.array([2**31 - 1, 0], pa.date32()), "geometry": wkb(["POINT (1 2)"] * 2)})),
        (2, 2, {"year-out-of-range"}),
    ),
    "seconds.parquet": (
        parquet(pa.table({"t": pa.array([2**60, 0], pa.timestamp("ms")), "geometry": wkb(["POINT (1 2)"] * 2)})),
        (2, 2, {"year-out-of-range"}),
    ),
    "half.parquet": (cut(parquet(ONE), 0.5), "cannot be read"),
    "half.fgb": (cut(lambda path: write_ogr(path, TABLE, "FlatGeobuf", geometry_type="Point"), 0.9), "could be read"),
    "half.xlsx": (cut(lambda path: write_sheets(path, {"a": [["lon", "lat"], [1, 2]]}), 0.5), "damaged archive"),
    "empty.xlsx": (lambda path: write_sheets(path, {"a": [], "b": [[None]]}), "holds no filled sheet"),
    "bad.ods": (
        lambda path: write_sheets(path, {"a": [["lon", "lat"], [1, 2], ["x", 2], [3, 4]]}),
        (3, 2, {"place-unreadable"}),
    ),
    "all_bad.xlsx": (lambda path: write_sheets(path, {"a": [["lon", "lat"], ["x", "y"]]}), "hold no numbers"),
    "leaving.zip": (zipped("../../leaving.geojson"), "a place outside of it"),
    "odd.zip": (zipped("a folder/ö ü;#?.geojson"), (1, 1, set())),
    "nothing.zip": (zipped("readme.txt"), "holds no spatial file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_served_as_far_as_it_goes_or_refused(loader: Loader, name: str) -> None:
    make, said = FILES[name]
    make(loader.path(name))
    check(loader, name, said)


def test_the_line_and_the_reason_of_a_row_that_is_left_out_are_told(loader: Loader) -> None:
    loader.path("a.csv").write_text('n,lon,lat\n1,24,60\nA, B,24,60\n\n"3\n",24,61\n4,24,x\n')
    report = loader.load("a.csv")
    said = {note.code: note.message for note in report.notes}
    assert said["rows-left-out"] == "1 rows are left out (line 3 has 4 values, and the head 3 names)"
    assert "(line 7: lon '24', lat 'x')" in said["place-unreadable"]
    assert loader.column("a", "n") == [1, 3, 4]
