"""Content that is not what the ending of its file says, and what else would open other files or call out."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from support.cluster import Database, environment
from support.loading import Loader, feature, wkb, write_geojson, write_ogr, write_points
from support.watcher import watching

TABLE = pa.table({"name": ["a"], "geometry": wkb(["POINT (1 2)"])})
CANARY = "canary-in-the-coal-mine"
OURS = {
    *("DXF", "ESRI Shapefile", "FlatGeobuf", "GML", "GPKG", "GPX", "GeoJSON", "GeoJSONSeq", "JSONFG", "LIBKML"),
    *("MapInfo File", "OpenFileGDB", "TopoJSON"),
}


def vrt(secret: Path) -> str:
    """A text that GDAL, asked for a file of any ending, reads as a view of another file."""
    source = f"<SrcDataSource>CSV:{secret}</SrcDataSource>"
    return f"<OGRVRTDataSource><OGRVRTLayer name='{secret.stem}'>{source}</OGRVRTLayer></OGRVRTDataSource>"


@contextmanager
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """A port of loopback, and what came there."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(100))

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], heard
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def everything_in(database: Database) -> str:
    """All rows of all tables that the loader writes, as text."""
    with database.connect() as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('data', 'isthmus')"
        ).fetchall()
        rows = [connection.execute(f"SELECT t::text FROM {name} AS t").fetchall() for (name,) in tables]  # type: ignore[arg-type]
    return str(rows)


def test_the_process_that_reads_has_the_drivers_of_the_formats_that_are_read_and_no_other() -> None:
    code = (
        "from loader.read.gdal_limits import *; limit_gdal(); import pyogrio; print(*pyogrio.list_drivers(), sep=',')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.strip().split(",")) == OURS
    assert run.stderr == ""


def test_files_that_would_open_others_or_call_out_fail_with_a_sentence_and_the_next_is_loaded(
    database: Database, tmp_path: Path
) -> None:
    data = database.owner.data_dir
    secret = tmp_path / "secret.csv"
    secret.write_text(f"lon,lat,name,{CANARY}-name\n1,2,{CANARY},x\n")
    with listener() as (port, heard):
        url = f"http://127.0.0.1:{port}"
        (data / "vrt.geojson").write_text(vrt(secret))
        whole = json.dumps({"type": "FeatureCollection", "features": [feature({"t": vrt(secret)})]})
        (data / "hidden.geojson").write_text(whole)  # GDAL's driver of views looks for its word anywhere in the text
        (data / "vrt.csv").write_text(vrt(secret))
        (data / "wfs.kml").write_text(f"<OGRWFSDataSource><URL>{url}</URL></OGRWFSDataSource>")
        (data / "algorithm.geojson").write_text(
            json.dumps({"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {secret}"})
        )
        (data / "curl.gpx").write_text(vrt(Path(f"/vsicurl/{url}/a.csv")))
        link = {"type": "link", "properties": {"href": f"{url}/crs", "type": "ogcwkt"}}
        write_geojson(data / "linked.geojson", [feature()], crs=link)
        escaped = json.dumps({"type": "FeatureCollection", "crs": link, "features": [feature()]})
        (data / "escaped.geojson").write_text(escaped.replace('"crs"', '"cr\\u0073"'))
        with zipfile.ZipFile(data / "packed.zip", "w") as archive:
            archive.writestr("in/packed.geojson", vrt(secret))
        (data / "link.csv").symlink_to(secret)
        os.mkfifo(data / "pipe.csv")
        write_points(data / "z_good.geojson", ["a"])
        extra = {"NO_PROXY": "*", "no_proxy": "*"}
        with watching(database.owner, tmp_path, **extra) as watcher:
            for path in sorted({file.name for file in data.iterdir() if not file.is_dir()}):
                watcher.wait(lambda line, path=path: line["event"] == "end" and line["path"] == path)
            ends = {line["path"]: line for line in watcher.lines() if line["event"] == "end"}
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"the test")
        deadline = time.monotonic() + 5
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
        assert heard == [b"the test"]
    assert {path: line["error"] for path, line in ends.items() if line["status"] == "failed"} == {
        "vrt.geojson": "vrt.geojson cannot be read: what it holds is no GeoJSON",
        "vrt.csv": "vrt.csv cannot be read: what it holds is no CSV",
        "wfs.kml": "wfs.kml cannot be read: ERROR parsing kml wfs.kml :Invalid root element",
        "algorithm.geojson": "algorithm.geojson cannot be read: what it holds is no GeoJSON",
        "curl.gpx": "curl.gpx cannot be read: what it holds is no GPX",
        "linked.geojson": "linked.geojson cannot be read: its CRS is a link, and links are not followed",
        "packed.zip": "in/packed.geojson in packed.zip cannot be read: what it holds is no GeoJSON",
        "link.csv": "link.csv is a link that leaves the data folder: it is not opened",
        "pipe.csv": "pipe.csv is a named pipe: it is not opened",
    }
    assert sorted(path for path, line in ends.items() if line["status"] == "loaded") == [
        "escaped.geojson",
        "hidden.geojson",
        "z_good.geojson",
    ]
    reports = "".join(file.read_text() for file in (data / "var" / "reports").iterdir())
    assert CANARY not in everything_in(database) + reports + watcher.log.read_text()


def test_the_command_reads_no_other_files_either(database: Database, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(f"lon,lat,name\n1,2,{CANARY}\n")
    name = database.owner.data_dir / "hidden.geojson"
    name.write_text(json.dumps({"type": "FeatureCollection", "features": [feature({"t": vrt(secret)})]}))
    command = [sys.executable, "-m", "cli", "load", "--json", str(name)]
    run = subprocess.run(command, env=environment(database.owner), capture_output=True, text=True, check=True)
    assert [collection["rows"] for collection in json.loads(run.stdout)["collections"]] == [1]
    assert CANARY not in everything_in(database)


@pytest.mark.parametrize("held", ["gpkg", "geojson", "shp", "fgb", "kml", "gpx", "csv", "zip"])
@pytest.mark.parametrize("ending", ["gpkg", "geojson", "geojsonl", "shp", "fgb", "kml", "gpx", "csv", "zip", "parquet"])
def test_a_file_of_another_format_fails_and_one_of_its_own_does_not(
    loader: Loader, tmp_path: Path, held: str, ending: str
) -> None:
    source = tmp_path / f"a.{held}"
    if held == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            archive.writestr("a.csv", "lon,lat\n1,2\n")
    elif held == "gpx":
        source.write_text('<gpx version="1.1" creator="t"><wpt lat="1" lon="2"><name>a</name></wpt></gpx>')
    elif held == "csv":
        source.write_text("lon,lat,name\n1,2,a\n")
    else:
        drivers = {"gpkg": "GPKG", "geojson": "GeoJSON", "shp": "ESRI Shapefile", "fgb": "FlatGeobuf", "kml": "KML"}
        write_ogr(source, TABLE, drivers[held], geometry_type="Point")
    for end in ("dbf", "shx", "prj"):
        if ending == "shp" and held == "shp":
            shutil.copy(tmp_path / f"a.{end}", loader.path(f"a.{end}"))
        elif ending == "shp":
            loader.path(f"a.{end}").write_bytes(bytes(200))
    shutil.copy(source, loader.path(f"a.{ending}"))
    report = loader.load(f"a.{ending}")
    same = held == ending or (held, ending) == ("geojson", "geojsonl")
    assert report.status == ("loaded" if same else "failed"), report.error
    if not same:
        assert report.error is not None
        assert report.error["message"]
        assert report.error["hint"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bom.geojson", '\ufeff\n{"type": "FeatureCollection", "features": []}'),
        ("prologue.gpx", '<?xml version="1.0"?>\n<!-- a > b --><!-- <kml> -->\n<gpx version="1.1" creator="t"></gpx>'),
        ("doctype.gpx", '<!DOCTYPE gpx [<!ENTITY a "b">]><gpx version="1.1" creator="t"><wpt lat="1" lon="2"/></gpx>'),
        (
            "comment.kml",
            "<!-- <gpx> --><kml><Document><Placemark><Point><coordinates>1,2</coordinates></Point>"
            "</Placemark></Document></kml>",
        ),
        ("odd.csv", "<lon>,lat\n1,2\n"),
        ("json.csv", '"{""type"": 1}",x\n1,2\n'),
    ],
)
def test_files_that_begin_strangely_are_read(loader: Loader, name: str, text: str) -> None:
    loader.path(name).write_text(text)
    report = loader.load(name)
    if name == "prologue.gpx":  # it holds nothing
        assert report.error is not None
        assert "holds no layer" in str(report.error["message"])
    else:
        assert report.status == "loaded", report.error


def test_a_link_in_an_archive_is_not_followed(loader: Loader) -> None:
    info = zipfile.ZipInfo("in/a.csv")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(loader.path("a.zip"), "w") as archive:
        archive.writestr(info, "/etc/passwd")
    report = loader.load("a.zip")
    assert report.error is not None
    assert report.error["message"] == "in/a.csv in a.zip is a link: it is not followed"
