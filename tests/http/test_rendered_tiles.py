"""Tiles of low zooms are there before anybody asks: a watcher and an API, as they run beside each other."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
import shapely

from support.cluster import Database
from support.loading import random_points, write_ogr, write_points
from support.server import free_port, running_api
from support.watcher import Watcher, watching


def write_many(path: Path, seed: int = 7) -> Path:
    """So many points in one town that low zooms show some of them, and others all over the world."""
    town = shapely.points(np.random.default_rng(seed).uniform((24.9, 60.1), (25.0, 60.2), (12_000, 2)))
    table = pa.table({"geometry": pa.concat_arrays([pa.array(shapely.to_wkb(town)), random_points(1000)])})
    write_ogr(path, table, "FlatGeobuf", geometry_type="Point")
    return path


def write_many_kinds(path: Path) -> Path:
    """As many features in the town, points and areas, a line, and points all over the world."""
    chance = np.random.default_rng(7)
    posts = shapely.points(chance.uniform((24.9, 60.1), (25.0, 60.2), (7_000, 2)))
    corners = chance.uniform((24.9, 60.1), (25.0, 60.2), (5_000, 2))
    shapes = [*posts, *shapely.box(*corners.T, *(corners + 0.0001).T), shapely.LineString([(-179, -80), (179, 80)])]
    geometries = pa.concat_arrays([pa.array(shapely.to_wkb(shapes), pa.binary()), random_points(1000)])
    write_ogr(path, pa.table({"geometry": geometries}), "FlatGeobuf")
    return path


def ask(address: str, path: str) -> tuple[int, str]:
    """The status of an answer, and whether its tile was kept: hit or miss."""
    client = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        answer.read()
        found = [part for part in answer.headers["Server-Timing"].split(", ") if part.startswith("cache;desc=")]
        return answer.status, found[0].removeprefix("cache;desc=") if found else ""
    finally:
        client.close()


def rendered(watcher: Watcher, collection: str | None, within_s: float = 30) -> dict[str, object]:
    """The line that a collection's tiles, or those of all, are there."""

    def matches(line: dict[str, object]) -> bool:
        return line["event"] == "rendered" and line.get("collection") == collection

    return watcher.wait(matches, within_s)


@contextmanager
def hanging() -> Iterator[tuple[str, threading.Event]]:
    """A server that answers TileJSON and never a tile; and the moment when one is asked for."""
    asked = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while request := connection.recv(65536):
                if b"tilejson.json" not in request:
                    asked.set()
                    connection.recv(1)
                    return
                body = b'{"version": "1.0.1"}'
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=[connection]).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize("write", [write_many, write_many_kinds])
def test_what_is_dropped_into_the_folder_has_its_low_zooms_before_anybody_asks(
    database: Database, tmp_path: Path, write: Callable[[Path], Path]
):
    data_dir = database.owner.data_dir
    kept = {"ISTHMUS_TILES_DIR": str(tmp_path / "tiles")}
    write_points(data_dir / "few.geojson", ["a", "b"])
    with (
        running_api(database, **kept) as api,
        watching(database.owner, tmp_path, ISTHMUS_API=api, ISTHMUS_RENDER_TILES="30") as watcher,
    ):
        watcher.ended("few.geojson", "loaded")
        shutil.move(write(tmp_path / "many.fgb"), data_dir / "many.fgb")
        line = rendered(watcher, "many")
        assert (line["last_zoom"], line["tiles"], line.get("failed"), line.get("left")) == (2, 21, None, None)
        for z in range(3):
            for place in range(4**z):
                tile = f"WebMercatorQuad/{z}/{place // 2**z}/{place % 2**z}"
                assert ask(api, f"/collections/many/tiles/{tile}") == (200, "hit")
                assert ask(api, f"/tiles/{tile}") == (200, "hit")
        assert ask(api, "/collections/few/tiles/WebMercatorQuad/0/0/0") == (200, "hit"), "a layer of the tiles of all"
        assert ask(api, "/collections/many/tiles/WebMercatorQuad/3/3/3") == (200, "miss")
    with running_api(database, **kept) as api:
        assert ask(api, "/collections/many/tiles/WebMercatorQuad/2/1/1") == (200, "hit"), "it is on the disk"


def test_a_new_version_is_made_again_and_the_same_content_is_not(database: Database, tmp_path: Path):
    data_dir = database.owner.data_dir
    write_many(data_dir / "many.fgb")
    with (
        running_api(database) as api,
        watching(database.owner, tmp_path, ISTHMUS_API=api, ISTHMUS_RENDER_TILES="21") as watcher,
    ):
        rendered(watcher, "many")
        (data_dir / "many.fgb").touch()
        watcher.ended("many.fgb", "unchanged")
        shutil.move(write_many(tmp_path / "many.fgb", seed=8), data_dir / "many.fgb")
        watcher.wait(
            lambda line: line["event"] == "end" and line["status"] == "loaded" and "changed" in line["because"]
        )
        watcher.wait(lambda line: sum(one["event"] == "rendered" for one in watcher.lines()) == 4)
        assert ask(api, "/collections/many/tiles/WebMercatorQuad/2/1/1") == (200, "hit")
        lines = [line for line in watcher.lines() if line["event"] == "rendered"]
        assert [(line.get("collection"), line["made"]) for line in lines] == [(None, 21), ("many", 0)] * 2


def test_without_an_api_files_are_loaded_all_the_same_and_tiles_are_made_when_it_comes(
    database: Database, tmp_path: Path
):
    port = free_port()
    write_many(database.owner.data_dir / "many.fgb")
    settings = {"ISTHMUS_API": f"127.0.0.1:{port}", "ISTHMUS_RENDER_TILES": "5"}
    with watching(database.owner, tmp_path, **settings) as watcher:
        watcher.ended("many.fgb", "loaded")
        write_points(database.owner.data_dir / "more.geojson", ["a"])
        watcher.ended("more.geojson", "loaded", within_s=5)
        with running_api(database, ISTHMUS_LISTEN=f"127.0.0.1:{port}"):
            rendered(watcher, "many")
        assert "Traceback" not in watcher.log.read_text()


def test_sigterm_ends_it_at_once_in_the_middle_of_a_tile(database: Database, tmp_path: Path):
    write_points(database.owner.data_dir / "few.geojson", ["a"])
    with (
        hanging() as (address, asked),
        watching(database.owner, tmp_path, ISTHMUS_API=address, ISTHMUS_RENDER_TILES="5") as watcher,
    ):
        watcher.ended("few.geojson", "loaded")
        assert asked.wait(20), watcher.log.read_text()
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(5) == 0
        assert watcher.states() == ["starting", "watching", "stopped"]
    assert "Traceback" not in watcher.log.read_text()


def test_a_file_that_comes_while_tiles_are_made_is_loaded_at_once(database: Database, tmp_path: Path):
    write_points(database.owner.data_dir / "few.geojson", ["a"])
    with (
        hanging() as (address, asked),
        watching(database.owner, tmp_path, ISTHMUS_API=address, ISTHMUS_RENDER_TILES="5") as watcher,
    ):
        assert asked.wait(20), watcher.log.read_text()
        write_points(database.owner.data_dir / "more.geojson", ["b"])
        watcher.ended("more.geojson", "loaded", within_s=5)


@pytest.mark.parametrize("off", [{"ISTHMUS_RENDER_TILES": "0"}, {"ISTHMUS_TILES_MB": "0"}])
def test_turned_off_nothing_is_asked_for(database: Database, tmp_path: Path, off: dict[str, str]):
    write_points(database.owner.data_dir / "few.geojson", ["a"])
    settings = {"ISTHMUS_RENDER_TILES": "5", **off}
    with (
        hanging() as (address, asked),
        watching(database.owner, tmp_path, ISTHMUS_API=address, **settings) as watcher,
    ):
        watcher.ended("few.geojson", "loaded")
        assert not asked.wait(2)
