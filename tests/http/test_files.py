"""Exports as files: GeoPackage, FlatGeobuf, GeoParquet, Shapefile and KML, made once and sent whole or in ranges."""

from __future__ import annotations

import errno
import http.client
import io
import itertools
import json
import os
import signal
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pyogrio.raw
import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.exports import files
from api.exports.job import run_writer
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import fids, get
from support.publish import publish
from support.server import running_api

ITEMS = "/collections/places/items"
MEDIA_TYPES = {
    "fgb": "application/flatgeobuf",
    "gpkg": "application/geopackage+sqlite3",
    "parquet": "application/vnd.apache.parquet",
    "shp": "application/zip",
    "kml": "application/vnd.google-earth.kml+xml",
}
ROWS = """
SELECT n * 7919 % 40000 + 1 AS fid, 'row ' || n || repeat(' padding', 40) AS name, ST_Point(n % 180, n % 90) AS geom
FROM generate_series(1, 40000) AS n
"""


class WholeClient(FlaskClient):
    """A client that reads each answer to its end and closes it, as a server does."""

    def open(self, *args, buffered: bool = True, **options):
        return super().open(*args, buffered=buffered, **options)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of the API on the small world."""
    return WholeClient(app, app.response_class)


def download(client: FlaskClient, folder: Path, url: str, f: str) -> Path:
    """A file on the disk, named as the answer names it."""
    response = client.get(f"{url}{'&' if '?' in url else '?'}f={f}")
    assert response.status_code == 200, response.text
    name = response.headers["Content-Disposition"].partition("filename=")[2]
    path = folder / name
    path.write_bytes(response.data)
    return path


# what GDAL 3.12 gives as Arrow of features without geometry is broken
pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})


def rows_of(path: Path) -> list[dict]:
    """The features of a file, as GDAL reads it through pyogrio, or pyarrow; ids as `id`."""
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    name = f"/vsizip/{path}" if path.suffix == ".zip" else path
    _, table = pyogrio.raw.read_arrow(name, return_fids=path.suffix == ".gpkg")
    rows = table.to_pylist()
    return [{**row, "id": row.get("fid", row.get("id"))} for row in rows]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The formats of the files that are written from here on."""
    seen: list[str] = []

    def recording(job, check):
        seen.append(job.format)
        run_writer(job, check)

    monkeypatch.setattr(files, "run_writer", recording)
    return seen


def writers() -> list[int]:
    """The processes that write files for this one."""
    found: list[int] = []
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            if b"api.exports.writer" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                found.append(int(pid))
    return found


def each_with_some(queries: list[str]) -> list[Any]:
    """(format, query) of every pair; those beyond one query of each format, and all features, are for `long`."""
    pairs = itertools.product(enumerate(MEDIA_TYPES), enumerate(queries))
    usual = {(n, 0) for n, _ in enumerate(MEDIA_TYPES)} | {(n, n) for n, _ in enumerate(queries)}
    return [pytest.param(f, query, marks=() if (n, m) in usual else pytest.mark.long) for (n, f), (m, query) in pairs]


@pytest.mark.parametrize(
    ("f", "query"),
    each_with_some(
        ["", "bbox=23,60,26,62", "filter=population%20%3E%201000", "limit=3&sortby=name", "ids=1,2"],
    ),
)
def test_same_request_finds_the_same_features_in_any_format(client: FlaskClient, tmp_path: Path, f: str, query: str):
    expected = fids(get(client, f"{ITEMS}?limit=100&{query}" if "limit" not in query else f"{ITEMS}?{query}"))
    found = [int(row["id"]) for row in rows_of(download(client, tmp_path, f"{ITEMS}?{query}", f))]
    in_order = "sortby" in query and f != "gpkg"  # a GeoPackage is a table in the order of its fids
    assert found == expected if in_order else sorted(found) == sorted(expected)


@pytest.mark.parametrize(("f", "type"), MEDIA_TYPES.items())
def test_headers_say_what_it_is(client: FlaskClient, f: str, type: str):
    response = client.get(f"{ITEMS}?f={f}")
    assert response.content_type == type
    ending = "zip" if f == "shp" else f
    assert response.headers["Content-Disposition"] == f"attachment; filename=places.{ending}"
    assert response.headers["Content-Crs"] == "<http://www.opengis.net/def/crs/OGC/1.3/CRS84>"
    assert response.headers["Accept-Ranges"] == "bytes"
    assert int(response.headers["Content-Length"]) == len(response.data)
    assert client.get(ITEMS, headers={"Accept": type}).data == response.data


def test_file_is_made_once(client: FlaskClient, made: list[str]):
    first = client.get(f"{ITEMS}?f=gpkg&limit=4")
    again = client.get(f"{ITEMS}?limit=4&f=gpkg")
    assert again.data == first.data
    assert made == ["gpkg"]
    client.get(f"{ITEMS}?limit=5&f=gpkg")
    assert made == ["gpkg", "gpkg"]


def test_what_the_client_has_is_a_304_without_a_file(client: FlaskClient, made: list[str]):
    first = client.get(f"{ITEMS}?f=fgb&limit=2")
    made.clear()
    url = f"{ITEMS}?f=fgb&limit=2"
    response = client.get(url, headers={"If-None-Match": first.headers["ETag"]})
    assert (response.status_code, response.data) == (304, b"")
    assert response.headers["ETag"] == first.headers["ETag"]
    dated = client.get(url, headers={"If-Modified-Since": first.headers["Last-Modified"]})
    assert dated.status_code == 304
    assert client.get(f"{ITEMS}?f=fgb&limit=7", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200
    assert client.get(f"{ITEMS}?f=fgb&limit=8", headers={"If-None-Match": "*"}).status_code == 304
    assert made == ["fgb"]


def test_head_makes_no_file_and_knows_one_that_is_there(client: FlaskClient, made: list[str]):
    url = f"{ITEMS}?f=gpkg&limit=6"
    before = client.head(url)
    assert (before.status_code, before.content_type) == (200, MEDIA_TYPES["gpkg"])
    assert "Content-Length" not in before.headers
    assert made == []
    size = len(client.get(url).data)
    after = client.head(url)
    assert (after.data, int(after.headers["Content-Length"])) == (b"", size)


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-15", 206, slice(0, 16)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-20", 206, slice(-20, None)),
        ("bytes=99999999-", 416, None),
        ("bytes=0-1,4-5", 200, slice(None)),
        ("rows=1-2", 200, slice(None)),
        ("bytes=nonsense", 200, slice(None)),
    ],
)
def test_range_is_a_part_of_the_file(client: FlaskClient, asked: str, status: int, part: slice | None):
    whole = client.get(f"{ITEMS}?f=gpkg").data
    response = client.get(f"{ITEMS}?f=gpkg", headers={"Range": asked})
    assert response.status_code == status
    if part is not None:
        assert response.data == whole[part]
    else:
        assert response.headers["Content-Range"] == f"bytes */{len(whole)}"
    if status == 206:
        first = len(whole[: part.start]) if part and part.start > 0 else len(whole) + part.start if part.start else 0
        assert response.headers["Content-Range"] == f"bytes {first}-{first + len(response.data) - 1}/{len(whole)}"


def test_range_of_another_file_is_not_mixed_in(client: FlaskClient):
    tag = client.get(f"{ITEMS}?f=gpkg").headers["ETag"]
    part = client.get(f"{ITEMS}?f=gpkg", headers={"Range": "bytes=0-15", "If-Range": tag})
    assert part.status_code == 206
    other = client.get(f"{ITEMS}?f=gpkg", headers={"Range": "bytes=0-15", "If-Range": tag[:-3] + '0"'})
    assert other.status_code == 200


def test_file_that_is_not_the_one_that_is_wanted_is_refused(client: FlaskClient):
    """A download that went on by If-Match got bytes of another file (issue 21)."""
    url = f"{ITEMS}?f=gpkg&limit=9"
    unmade = client.head(url, headers={"If-Match": '"x"'})
    first = client.get(url)
    tag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    before = "Sat, 01 Jan 2000 00:00:00 GMT"
    refused = [{"If-Match": '"x"'}, {"If-Match": f"W/{tag}"}, {"If-Unmodified-Since": before}]
    refused.append({"If-Match": '"x"', "If-None-Match": tag})
    for headers in refused:
        for more in ({}, {"Range": "bytes=0-15"}):
            assert client.get(url, headers=headers | more).status_code == 412, headers
        assert client.head(url, headers=headers).status_code == 412
    problem = json.loads(client.get(url, headers={"If-Match": '"x"'}).data)
    assert (problem["status"], problem["code"]) == (412, "precondition-failed")
    for good in ({"If-Match": tag}, {"If-Match": f'"x", {tag}'}, {"If-Match": "*"}, {"If-Unmodified-Since": modified}):
        assert client.get(url, headers=good | {"Range": "bytes=0-15"}).status_code == 206
        assert client.head(url, headers=good).status_code == 200
    assert client.get(url, headers={"If-Match": tag, "If-Unmodified-Since": before}).status_code == 200
    assert client.get(url, headers={"If-Match": tag, "If-None-Match": tag}).status_code == 304
    assert unmade.status_code == 412


@pytest.mark.parametrize("f", ["fgb", "kml"])
@pytest.mark.parametrize("url", ["/collections/stock/items?", f"{ITEMS}?skipGeometry=true&"])
def test_format_that_needs_geometries_says_what_to_use(client: FlaskClient, f: str, url: str):
    response = client.get(f"{url}f={f}")
    assert response.status_code == 400
    problem = json.loads(response.data)
    assert problem["code"] == "format-unsuitable"
    assert "f=gpkg" in problem["hint"]


def test_kml_is_in_crs84_only(client: FlaskClient):
    response = client.get(f"{ITEMS}?f=kml&crs=EPSG:3857")
    assert (response.status_code, json.loads(response.data)["parameter"]) == (400, "crs")


@pytest.mark.parametrize("f", ["gpkg", "parquet", "shp"])
def test_table_without_geometry_is_a_table(client: FlaskClient, tmp_path: Path, f: str):
    path = download(client, tmp_path, "/collections/stock/items", f)
    if f == "shp":
        with zipfile.ZipFile(path) as archive:
            assert [name for name in archive.namelist() if not name.endswith(".cpg")] == ["stock.dbf"]
    assert [(int(row["id"]), row["amount"]) for row in rows_of(path)] == [(1, 2), (2, 4), (3, 6)]


def test_grid_of_the_data_is_kept(client: FlaskClient, tmp_path: Path):
    for f in ("gpkg", "fgb", "shp"):
        path = download(client, tmp_path, "/collections/grid/items?crs=EPSG:3067", f)
        assert pyogrio.read_info(f"/vsizip/{path}" if f == "shp" else path)["crs"] == "EPSG:3067"
    geo = json.loads(
        pq.read_metadata(download(client, tmp_path, "/collections/grid/items?crs=EPSG:3067", "parquet")).metadata[
            b"geo"
        ]
    )
    assert geo["columns"]["geometry"]["crs"]["id"] == {"authority": "EPSG", "code": 3067}


@pytest.mark.parametrize("query", ["cursor=x", "resultType=hits", "count=exact", "limit=0", "filter=nmae=1"])
def test_mistake_is_a_problem_and_no_file(client: FlaskClient, made: list[str], query: str):
    response = client.get(f"{ITEMS}?f=gpkg&{query}")
    assert (response.status_code, json.loads(response.data)["parameter"]) == (400, query.partition("=")[0])
    assert made == []


def test_mistake_that_only_the_database_sees_is_a_problem_too(client: FlaskClient):
    far = "s_distance(geometry, POLYGON((0 0, 1 1, 1e300 0, 0 0))) < 1"
    query = {"f": "gpkg", "filter": far, "filter-crs": "EPSG:3067"}
    response = client.get("/collections/grid/items", query_string=query)
    assert (response.status_code, json.loads(response.data)["code"]) == (400, "value-invalid")


@pytest.fixture(scope="module")
def rows(cluster: Cluster) -> Iterator[Database]:
    """A collection whose files are some megabytes."""
    database = cluster.clone()
    publish(database, "rows", ROWS, columns={"name": "string"})
    yield database
    cluster.drop(database)


@pytest.fixture
def spooled(rows: Database, tmp_path: Path) -> Iterator[tuple[FlaskClient, Path]]:
    """A client of an API with small limits, and its spool."""
    reader = replace(rows.reader, spool_dir=str(tmp_path / "spool"), spool_mb=30, spool_file_mb=12)
    pool = Pool(reader)
    app = create_app(reader, pool)
    yield WholeClient(app, app.response_class), tmp_path / "spool"
    pool.close()


@pytest.mark.parametrize("f", ["gpkg", "kml", "fgb"])
def test_file_that_is_too_large_is_a_problem_with_a_way_out(spooled: tuple[FlaskClient, Path], f: str):
    client, spool = spooled
    response = client.get(f"/collections/rows/items?f={f}")
    assert response.status_code == 413, response.headers
    problem = json.loads(response.data)
    assert (problem["code"], problem["detail"]) == ("file-too-large", "the file would be larger than 12 MB")
    assert "f=csv" in problem["hint"]
    assert not list(spool.glob(f"*.{f}*"))
    assert client.get(f"/collections/rows/items?f={f}&limit=10").status_code == 200


@pytest.mark.parametrize("f", ["gpkg", "kml", "parquet", "shp"])
def test_full_disk_is_no_fault_of_the_file(
    spooled: tuple[FlaskClient, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, f: str
):
    """It was a 413, which sends the client away for good (issue 21)."""
    client, spool = spooled
    monkeypatch.setattr("api.exports.spool.RESERVE_BYTES", 2**60)
    response = client.get(f"/collections/rows/items?f={f}")
    problem = json.loads(response.data)
    assert (response.status_code, problem["code"]) == (503, "storage-full")
    assert response.headers["Retry-After"] == "60"
    assert "ISTHMUS_SPOOL_DIR" in problem["hint"]
    assert str(spool) in caplog.text
    assert not list(spool.glob(f"*.{f}*"))
    assert client.get("/collections/rows/items?f=csv").status_code == 200


def test_folder_that_cannot_be_made_on_a_full_disk_is_the_same(
    spooled: tuple[FlaskClient, Path], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("api.exports.spool.Path.mkdir", full)
    response = spooled[0].get("/collections/rows/items?f=gpkg")
    assert (response.status_code, json.loads(response.data)["code"]) == (503, "storage-full")


@pytest.mark.parametrize("f", ["parquet", "gpkg"])
def test_pieces_in_files_are_parts_of_the_list_of_pages(spooled: tuple[FlaskClient, Path], tmp_path: Path, f: str):
    """Only an offset had an order: what a limit alone gave came again later, and as many never came (issue 21)."""
    url, listed = "/collections/rows/items?properties=", [*range(1, 40_001)]
    found: list[list[int]] = []
    for number, piece in enumerate(("limit=25", "limit=60&offset=25", "offset=85")):
        (folder := tmp_path / str(number)).mkdir()
        found.append([int(row["id"]) for row in rows_of(download(spooled[0], folder, f"{url}&{piece}", f))])
    wanted = [listed[:25], listed[25:85], listed[85:]]
    assert found == (wanted if f == "parquet" else [sorted(part) for part in wanted])


def test_files_that_were_not_used_for_longest_make_room(spooled: tuple[FlaskClient, Path], made: list[str]):
    client, spool = spooled
    urls = [f"/collections/rows/items?f=kml&limit={limit}" for limit in (16_000, 16_001, 16_002)]
    sizes = [len(client.get(url).data) for url in urls[:2]]
    assert 8_000_000 < min(sizes) < 10_000_000
    client.get(urls[0], headers={"Range": "bytes=0-0"})
    client.get(urls[2])
    client.get("/collections/rows/items?f=kml&limit=16003")
    assert sum(path.stat().st_size for path in spool.glob("*.kml")) < 30_000_000
    made.clear()
    client.get(urls[0])
    client.get(urls[1])
    assert made == ["kml"]


def test_what_a_dead_process_left_is_tidied(spooled: tuple[FlaskClient, Path]):
    client, spool = spooled
    left = spool / "left.gpkg.build"
    left.mkdir(parents=True)
    (left / "made.gpkg").write_bytes(b"half")
    assert client.get("/collections/rows/items?f=gpkg&limit=1").status_code == 200
    assert not left.exists()


def test_spool_may_be_a_relative_path(rows: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The process that writes a file starts in another folder."""
    monkeypatch.chdir(tmp_path)
    pool = Pool(rows.reader)
    client = create_app(replace(rows.reader, spool_dir="made/here"), pool).test_client()
    assert client.get("/collections/rows/items?f=fgb&limit=3").status_code == 200
    assert list((tmp_path / "made/here").glob("*.fgb"))
    pool.close()


def test_writer_that_dies_is_a_problem_and_leaves_nothing(
    spooled: tuple[FlaskClient, Path], monkeypatch: pytest.MonkeyPatch
):
    client, spool = spooled

    def killing(job, check):
        run_writer(job, lambda: [os.kill(pid, signal.SIGKILL) for pid in writers()])

    monkeypatch.setattr(files, "run_writer", killing)
    response = client.get("/collections/rows/items?f=kml&limit=30000")
    assert (response.status_code, json.loads(response.data)["code"]) == (500, "file-not-written")
    assert not list(spool.glob("*.kml*"))


def test_many_that_want_one_file_wait_for_one_writer(rows: Database, tmp_path: Path):
    spool = tmp_path / "spool"
    with running_api(rows, ISTHMUS_SPOOL_DIR=str(spool), ISTHMUS_WORKERS="2") as url:
        found: list[tuple[int, str | None]] = []

        def fetch() -> None:
            client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
            client.request("GET", "/collections/rows/items?f=parquet")
            response = client.getresponse()
            response.read()
            found.append((response.status, response.headers["ETag"]))
            client.close()

        threads = [threading.Thread(target=fetch) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {status for status, _ in found} == {200}
        assert len({tag for _, tag in found}) == 1
        assert len(list(spool.glob("*.parquet"))) == 1


def test_kml_and_shapefile_are_read_by_gdal(client: FlaskClient, tmp_path: Path):
    for f in ("kml", "shp"):
        path = download(client, tmp_path, ITEMS, f)
        name = f"/vsizip/{path}/places.shp" if f == "shp" else str(path)
        seen = subprocess.run(["ogrinfo", "-ro", "-al", "-so", name], capture_output=True, text=True, check=True).stdout
        assert "Feature Count: 10" in seen
        assert "Extent: (-171.76" in seen


def test_zip_holds_a_whole_shapefile(client: FlaskClient, tmp_path: Path):
    with zipfile.ZipFile(download(client, tmp_path, ITEMS, "shp")) as archive:
        assert sorted(archive.namelist()) == [f"places.{end}" for end in ("cpg", "dbf", "prj", "shp", "shx")]
        assert archive.read("places.cpg") == b"UTF-8"
        assert b"GCS_WGS_1984" in archive.read("places.prj")
        assert archive.testzip() is None


def test_geoparquet_has_what_readers_skip_by(client: FlaskClient):
    file = pq.ParquetFile(io.BytesIO(client.get(f"{ITEMS}?f=parquet").data))
    geo = json.loads(file.metadata.metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Point"])
    assert column["bbox"] == [-171.76, -90.0, 178.44, 61.5]
    assert column["crs"]["id"] == {"authority": "OGC", "code": "CRS84"}
    assert column["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    paths = {file.metadata.row_group(0).column(n).path_in_schema: n for n in range(file.metadata.num_columns)}
    assert file.metadata.row_group(0).column(paths["bbox.xmin"]).statistics.min == -171.76
    assert file.metadata.row_group(0).column(paths["name"]).compression == "ZSTD"
