"""Files of tiles in the data folder: from the loader's look at them to the tile that the API sends."""

from __future__ import annotations

import gzip
import os
import sqlite3
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard
from flask import Flask
from flask.testing import FlaskClient
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from werkzeug.test import Client, TestResponse

from api.app import create_app
from api.middleware.fast_path import FastTiles
from cli.tiles.archive import About
from cli.tiles.writers import MBTiles, PMTiles
from core.database.connections import Database as Pool
from core.database.statement import Statement
from core.errors import DatabaseUnavailable
from loader.catalogue import open_catalogue
from loader.load import Job, load_dataset
from loader.progress import silent
from loader.report import Report
from loader.scan import scan
from loader.watch import Step, run_step
from support.cluster import Database
from support.layers import flask_alone, nothing
from support.loading import write_points

VECTOR = "application/vnd.mapbox-vector-tile"
LAYERS = ({"id": "towns", "fields": {"name": "String", "size": "Number"}, "minzoom": 1, "maxzoom": 3},)
ABOUT = About(
    "Towns of the north", "from a file", "© somebody", (20.0, 60.0, 30.0, 65.0), (25.0, 62.0, 2), 1, 3, LAYERS
)
TILES = {(1, 0, 1): b"\x1a\x00one", (2, 1, 2): b"\x1a\x00two", (3, 2, 4): b"\x1a\x00three"}
"""(zoom, row, column) -> what is in it: a layer without anything, and the start of something else."""

PNG = b"\x89PNG\r\n\x1a\n picture"


def write_archive(path: Path, *, tiles: dict[tuple[int, int, int], bytes] = TILES, packed: bool = True) -> Path:
    """An archive by our own writer, as the suffix says."""
    kind = PMTiles if path.suffix == ".pmtiles" else MBTiles
    archive, zooms = kind(path), [zoom for zoom, _, _ in tiles] or [1]
    for place, tile in tiles.items():
        archive.put(*place, gzip.compress(tile, mtime=0) if packed else tile)
    archive.finish(replace(ABOUT, first_zoom=min(zooms), last_zoom=max(zooms)))
    archive.close()
    return path


def patched(path: Path, offset: int, value: int) -> Path:
    """The file with another byte in its header."""
    content = bytearray(path.read_bytes())
    content[offset] = value
    path.write_bytes(content)
    return path


class Folder:
    """A data folder, its loader, and the API on the same."""

    def __init__(self, database: Database, client: FlaskClient) -> None:
        self.settings = database.owner
        self.path = database.owner.data_dir
        self.client = client

    def look(self, name: str) -> Report:
        """Load a file, or withdraw it when it is gone."""
        with open_catalogue(self.settings) as connection:
            dataset = scan(self.path).datasets.get(name)
            if dataset is not None:
                return load_dataset(Job(connection, self.settings, dataset, "asked for", silent))
            report = run_step(connection, self.settings, Step("withdraw", name, "gone"), silent)
        assert report is not None
        self.client.get("/collections")  # asks for the catalogue of this moment
        return report

    def get(self, path: str, **headers: str):
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def app(database: Database) -> Iterator[Flask]:
    pool = Pool(database.reader)
    yield create_app(replace(database.reader, data_dir=database.owner.data_dir), pool)
    pool.close()


@pytest.fixture
def folder(database: Database, app: Flask) -> Folder:
    return Folder(database, app.test_client())


@pytest.mark.parametrize("suffix", ["pmtiles", "mbtiles"])
def test_file_of_tiles_is_a_collection_with_its_tiles(folder: Folder, suffix: str):
    write_archive(folder.path / f"north.{suffix}")
    report = folder.look(f"north.{suffix}")
    assert report.status == "loaded", report.error
    listed = folder.get("/collections").json["collections"]
    assert [(found["id"], found["title"], found["itemType"]) for found in listed] == [
        ("north", "Towns of the north", "tile")
    ]
    tilejson = folder.get("/collections/north/tiles/WebMercatorQuad/tilejson.json").json
    assert (tilejson["minzoom"], tilejson["maxzoom"], tilejson["bounds"]) == (1, 3, [20.0, 60.0, 30.0, 65.0])
    assert (tilejson["attribution"], tilejson["vector_layers"][0]["fields"]) == ("© somebody", LAYERS[0]["fields"])
    for (z, row, column), tile in TILES.items():
        answer = folder.get(f"/collections/north/tiles/WebMercatorQuad/{z}/{row}/{column}", Accept_Encoding="gzip")
        assert (answer.status_code, answer.content_type, answer.headers["Content-Encoding"]) == (200, VECTOR, "gzip")
        assert gzip.decompress(answer.data) == tile
        plain = folder.get(f"/collections/north/tiles/WebMercatorQuad/{z}/{row}/{column}")
        assert ("Content-Encoding" in plain.headers, plain.data) == (False, tile)


def test_tile_that_the_file_lacks_is_empty_within_its_bounds_and_unknown_beyond(folder: Folder):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    statuses = {
        place: folder.get(f"/collections/north/tiles/WebMercatorQuad/{place}").status_code
        for place in ("3/2/4", "3/1/4", "3/7/7", "0/0/0", "4/4/9", "3/9/9", "x/0/0")
    }
    assert statuses == {
        "3/2/4": 200,
        "3/1/4": 404,
        "3/7/7": 404,
        "0/0/0": 404,
        "4/4/9": 404,
        "3/9/9": 404,
        "x/0/0": 400,
    }
    wide = {(0, 0, 0): b"\x1a\x00", (3, 2, 4): b"\x1a\x00"}
    write_archive(folder.path / "wide.pmtiles", tiles=wide)
    folder.look("wide.pmtiles")
    empty = folder.get("/collections/wide/tiles/WebMercatorQuad/2/1/2")
    assert (empty.status_code, empty.data) == (204, b"")


def test_client_that_has_the_tile_is_told_until_the_file_changes(folder: Folder):
    path = write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    url = "/collections/north/tiles/WebMercatorQuad/1/0/1"
    etag = folder.get(url).headers["ETag"]
    assert folder.get(url, If_None_Match=etag).status_code == 304
    write_archive(path, tiles={**TILES, (1, 0, 1): b"\x1a\x00other"})
    os.utime(path, ns=(1, 1))
    between = folder.get(url)
    assert (between.status_code, between.json["code"]) == (503, "source-changed")
    folder.look("north.pmtiles")
    folder.get("/collections")
    now = folder.get(url, If_None_Match=etag)
    assert (now.status_code, now.data) == (200, b"\x1a\x00other")


def test_collection_goes_with_its_file(folder: Folder):
    path = write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    assert folder.get("/collections/north").status_code == 200
    path.unlink()
    assert folder.get("/collections/north/tiles/WebMercatorQuad/1/0/1").status_code == 503
    assert folder.look("north.pmtiles").status == "withdrawn"
    assert folder.get("/collections/north").status_code == 404


def test_side_car_speaks_before_the_file(folder: Folder):
    write_archive(folder.path / "north.pmtiles")
    (folder.path / "north.toml").write_text('title = "North"\ncache_control = "public, max-age=60"\n')
    folder.look("north.pmtiles")
    assert folder.get("/collections/north").json["title"] == "North"
    answer = folder.get("/collections/north/tiles/WebMercatorQuad/1/0/1")
    assert answer.headers["Cache-Control"] == "public, max-age=60"


def test_names_of_collections_are_not_taken(folder: Folder):
    write_points(folder.path / "north.geojson", ["a"])
    folder.look("north.geojson")
    (folder.path / "north.geojson").rename(folder.path / ".away")
    folder.look("north.geojson")
    write_archive(folder.path / "north.pmtiles")
    assert [part.id for part in folder.look("north.pmtiles").collections] == ["north_pmtiles"]
    (folder.path / ".away").rename(folder.path / "north.geojson")
    assert [part.id for part in folder.look("north.geojson").collections] == ["north"]
    assert {found["id"] for found in folder.get("/collections").json["collections"]} == {"north", "north_pmtiles"}


def test_there_are_no_features(folder: Folder):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    for path in ("items", "items/1", "queryables", "schema", "sortables"):
        answer = folder.get(f"/collections/north/{path}")
        assert (answer.status_code, answer.json["code"]) == (404, "collection-of-tiles")
    assert folder.client.post("/collections/north/search", json={}).json["code"] == "collection-of-tiles"
    assert folder.get("/collections/north/tiles/WorldCRS84Quad/1/0/1").json["code"] == "tile-matrix-set-unknown"
    assert folder.get("/collections/north/tiles/WebMercatorQuad/1/0/1?x=1").json["code"] == "parameter-unknown"
    assert folder.get("/tiles/WebMercatorQuad/1/0/1?collections=north").status_code == 400


@pytest.mark.parametrize(
    ("compression", "encoding", "pack"),
    [
        (Compression.BROTLI, "br", brotli.compress),
        (Compression.ZSTD, "zstd", zstandard.compress),
        (Compression.NONE, None, bytes),
    ],
)
def test_encoding_of_the_file_is_sent_or_undone(folder: Folder, compression: Compression, encoding: str, pack):
    path = write_archive(folder.path / "a.pmtiles", tiles={(1, 0, 1): pack(TILES[1, 0, 1])}, packed=False)
    patched(path, 98, compression.value)
    assert folder.look("a.pmtiles").status == "loaded"
    url = "/collections/a/tiles/WebMercatorQuad/1/0/1"
    packed = folder.get(url, Accept_Encoding="gzip, br, zstd")
    assert (packed.headers.get("Content-Encoding"), packed.data) == (encoding, pack(TILES[1, 0, 1]))
    assert folder.get(url, Accept_Encoding="identity").data == TILES[1, 0, 1]


def test_pictures_are_sent_as_what_they_are(folder: Folder):
    path = write_archive(folder.path / "photo.pmtiles", tiles={(1, 0, 1): PNG}, packed=False)
    patched(patched(path, 98, Compression.NONE.value), 99, TileType.PNG.value)
    assert folder.look("photo.pmtiles").status == "loaded"
    url = "/collections/photo/tiles/WebMercatorQuad/1/0/1"
    answer = folder.get(url, Accept="image/png,*/*")
    assert (answer.content_type, answer.data, "Content-Encoding" in answer.headers) == ("image/png", PNG, False)
    assert folder.get(url, Accept=VECTOR).status_code == 406
    assert folder.get(f"{url}?f=png").status_code == 200
    assert folder.get(f"{url}?f=mvt").status_code == 400
    tileset = folder.get("/collections/photo/tiles/WebMercatorQuad").json
    assert (tileset["dataType"], tileset["mediaTypes"]) == ("map", ["image/png"])
    style = folder.get("/collections/photo/tiles/WebMercatorQuad/style.json").json
    assert (style["sources"]["photo"]["type"], style["layers"][1]["type"]) == ("raster", "raster")


def test_documents_of_a_file_lead_to_each_other(folder: Folder):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    pending, seen = ["/collections/north"], set[str]()
    while pending:
        path = pending.pop()
        answer = folder.get(path)
        assert answer.status_code == 200, path
        seen.add(path)
        document = answer.json
        links = [*document.get("links", []), *(link for part in document.get("tilesets", []) for link in part["links"])]
        own = [link["href"].removeprefix("http://localhost") for link in links if not link.get("templated")]
        pending += [href for href in own if href not in seen and "north" in href and "f=" not in href]
    assert len(seen) == 5
    for path in (*seen, "/collections", "/"):
        assert "Towns of the north" in folder.get(path, Accept="text/html").text, path


def truncated(path: Path) -> None:
    path.write_bytes(write_archive(path).read_bytes()[:-5])


def of_version_2(path: Path) -> None:
    patched(write_archive(path), 7, 2)


def of_unknown_tiles(path: Path) -> None:
    patched(write_archive(path), 99, TileType.MLT.value)


def of_other_tiles(path: Path) -> None:
    patched(write_archive(path), 99, TileType.PNG.value)


def of_unpacked_tiles(path: Path) -> None:
    write_archive(path, packed=False)


def of_packed_tiles(path: Path) -> None:
    patched(write_archive(path), 98, Compression.NONE.value)


def text(path: Path) -> None:
    path.write_text("no archive " * 50)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def bad_directory(path: Path) -> None:
    patched(write_archive(path), 130, 77)


def without_tiles(path: Path) -> None:
    write_archive(path, tiles={})


def without_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE a (b)")
    connection.close()


def of_foreign_format(path: Path) -> None:
    write_archive(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE metadata SET value = 'tiff' WHERE name = 'format'")
    connection.close()


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("a.pmtiles", truncated, "it is cut off"),
        ("a.pmtiles", of_version_2, "another version than 3"),
        ("a.pmtiles", of_unknown_tiles, "of a kind that is not served (MLT)"),
        ("a.pmtiles", of_other_tiles, "a tile is no PNG"),
        ("a.pmtiles", of_unpacked_tiles, "a tile is not compressed as it says (GZIP)"),
        ("a.pmtiles", of_packed_tiles, "a tile is not compressed as it says (NONE)"),
        ("a.pmtiles", text, "it is no PMTiles archive"),
        ("a.pmtiles", empty, "is empty"),
        ("a.pmtiles", bad_directory, "cannot be unpacked"),
        ("a.pmtiles", without_tiles, "it holds no tile"),
        ("a.mbtiles", text, "cannot be read"),
        ("a.mbtiles", without_tables, "its tables cannot be read"),
        ("a.mbtiles", without_tiles, "it holds no tile"),
        ("a.mbtiles", of_foreign_format, "its tiles are 'tiff'"),
    ],
)
def test_bad_file_is_reported_and_not_served(folder: Folder, name: str, spoil, message: str):
    spoil(folder.path / name)
    report = folder.look(name)
    assert report.status == "failed"
    assert message in (report.error or {})["message"]
    assert (report.error or {})["hint"]
    assert folder.get("/collections").json["collections"] == []


def test_file_that_turns_bad_is_withdrawn(folder: Folder):
    path = write_archive(folder.path / "a.pmtiles")
    folder.look("a.pmtiles")
    path.write_text("no archive any more, but as long as a header has to be, so that more than its length is looked at")
    assert folder.look("a.pmtiles").status == "failed"
    assert folder.get("/collections").json["collections"] == []


def test_file_without_layers_is_served_with_a_warning(folder: Folder):
    path = folder.path / "a.mbtiles"
    write_archive(path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM metadata WHERE name IN ('json', 'bounds', 'center')")
    connection.close()
    report = folder.look("a.mbtiles")
    assert [note.code for note in report.notes] == ["layers-unknown"]
    tilejson = folder.get("/collections/a/tiles/WebMercatorQuad/tilejson.json").json
    assert (tilejson["vector_layers"], tilejson["bounds"][::2]) == ([], [-180, 180])


def test_leaf_directories_are_followed(folder: Folder):
    numbers = {(9, row, column): str(zlib.crc32(bytes([row, column]))) for row in range(90) for column in range(90)}
    ordered = dict(sorted(numbers.items(), key=lambda item: zxy_to_tileid(item[0][0], item[0][2], item[0][1])))
    tiles = {place: b"\x1a\x00" + value.encode() for place, value in ordered.items()}
    write_archive(folder.path / "many.pmtiles", tiles=tiles)
    folder.look("many.pmtiles")
    for place in list(tiles)[::997]:
        answer = folder.get("/collections/many/tiles/WebMercatorQuad/" + "/".join(map(str, place)))
        assert answer.data == tiles[place]


def test_limits_are_told_for_the_zooms_of_the_file(folder: Folder):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    tileset = folder.get("/collections/north/tiles/WebMercatorQuad").json
    assert [limits["tileMatrix"] for limits in tileset["tileMatrixSetLimits"]] == ["1", "2", "3"]


REQUESTS = [
    ("1/0/1", {}),
    ("1/0/1", {"Accept-Encoding": "gzip"}),
    ("1/0/1", {"Accept-Encoding": "br;q=0.5, identity"}),
    ("1/0/1", {"Accept": "application/vnd.mapbox-vector-tile"}),
    ("1/0/1?f=mvt", {}),
    ("01/0/1", {}),
    ("2/1/2", {"Accept-Encoding": "gzip"}),
    ("1/0/1", {"If-None-Match": "*"}),
    ("1/0/1", {"If-None-Match": '"something"'}),
]


@pytest.mark.parametrize(("place", "headers"), REQUESTS)
def test_flask_gives_the_response_of_the_fast_path(folder: Folder, app: Flask, place: str, headers: dict[str, str]):
    tiles = {known: tile for known, tile in TILES.items() if known != (2, 1, 2)}
    write_archive(folder.path / "north.pmtiles", tiles=tiles)
    folder.look("north.pmtiles")
    url = f"/collections/north/tiles/WebMercatorQuad/{place}"
    api = app.extensions["isthmus"]
    fast = Client(FastTiles(nothing, api.tiles, api.metrics, lambda _: nothing)).get(url, headers=headers)
    assert fast.status_code in (200, 204, 304)
    route = flask_alone(app).get(url, headers=headers)
    assert (fast.status_code, fast.data) == (route.status_code, route.data)
    assert told(fast) == told(route)


@pytest.mark.parametrize("place", ["0/0/0", "1/0/1?x=1", "1/0/x"])
def test_mistakes_are_told(folder: Folder, place: str):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    answer = folder.get(f"/collections/north/tiles/WebMercatorQuad/{place}")
    assert answer.content_type == "application/problem+json"
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def told(response: TestResponse) -> dict[str, str]:
    """The headers but for those that are another one each time, and the length of nothing."""
    left_out = ("x-request-id", "server-timing", *(["content-length"] if not response.data else []))
    return {name.lower(): value for name, value in response.headers.items() if name.lower() not in left_out}


class Unreachable:
    """A database that does not answer."""

    def run(self, statement: Statement, *, one_plan: bool = False, within_s: float | None = None) -> list[Any]:
        raise DatabaseUnavailable("PostgreSQL does not answer")


def test_tiles_of_a_file_are_sent_while_the_database_is_away(folder: Folder, app: Flask):
    write_archive(folder.path / "north.pmtiles")
    folder.look("north.pmtiles")
    assert folder.get("/collections/north").status_code == 200
    live = app.extensions["isthmus"].catalog
    live._database = Unreachable()
    live._checked_at = float("-inf")
    answer = folder.get("/collections/north/tiles/WebMercatorQuad/1/0/1")
    assert (answer.status_code, answer.data) == (200, TILES[1, 0, 1])


def test_mbtiles_without_an_index_are_served_with_a_warning(folder: Folder):
    path = folder.path / "a.mbtiles"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE metadata (name text, value text)")
        connection.execute("CREATE TABLE tiles (zoom_level int, tile_column int, tile_row int, tile_data blob)")
        connection.execute("INSERT INTO metadata VALUES ('format', 'png')")
        connection.execute("INSERT INTO tiles VALUES (1, 1, 1, ?)", [PNG])
    connection.close()
    report = folder.look("a.mbtiles")
    assert [note.code for note in report.notes] == ["tiles-without-index"]
    assert folder.get("/collections/a/tiles/WebMercatorQuad/1/0/1").data == PNG


def test_tile_that_is_damaged_in_its_file_is_told_where_it_has_to_be_unpacked(folder: Folder):
    write_archive(folder.path / "a.mbtiles", tiles={**TILES, (3, 2, 5): b"\x1a\x00"})
    connection = sqlite3.connect(folder.path / "a.mbtiles")
    with connection:
        bad = gzip.compress(b"\x1a\x00" * 99)[:-9]
        connection.execute("DELETE FROM images WHERE tile_id IN (SELECT tile_id FROM map WHERE zoom_level = 3)")
        connection.execute("INSERT INTO images SELECT DISTINCT tile_id, ? FROM map WHERE zoom_level = 3", [bad])
    connection.close()
    folder.look("a.mbtiles")
    url = "/collections/a/tiles/WebMercatorQuad/3/2/4"
    answer = folder.get(url)
    assert (answer.status_code, answer.json["code"]) == (500, "collection-broken")
    assert folder.get(url, Accept_Encoding="gzip").data == bad
