"""What a file can do to the process that reads it, and that process to anybody else: nothing."""

from __future__ import annotations

import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import ipc

from loader.cage import reader
from loader.cage.reader import Cages
from loader.cage.wire import receive, receive_layer, send
from loader.errors import CannotRead
from loader.report import Report
from loader.scan import Dataset, scan
from support.cluster import ROOT
from support.loading import POINT, Loader

TRIED = """
import ctypes, json, os, socket, subprocess, sys
from pathlib import Path
from loader.cage.walls import Limits, raise_walls
own, canary, parent = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")
walls = raise_walls([own], Limits(1 << 30, 600))
tries = {
    "own": lambda: own.read_bytes(),
    "canary": lambda: open(canary).read(),
    "passwords": lambda: open("/etc/passwd").read(),
    "beside": lambda: os.listdir(own.parent),
    "write": lambda: open(own, "a"),
    "mode": lambda: os.chmod(own, 0o777),
    "owner": lambda: os.chown(own, os.getuid(), os.getgid()),
    "time": lambda: os.utime(own),
    "attribute": lambda: os.setxattr(own, "user.x", b"x"),
    "cut": lambda: os.truncate(own, 0),
    "socket": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "program": lambda: subprocess.run(["true"]),
    "signal": lambda: os.kill(parent, 0),
    "environment": lambda: open(f"/proc/{parent}/environ").read(),
    "other numbers": lambda: check(ctypes.CDLL(None, use_errno=True).syscall(0x40000000 + 41, 2, 1, 0)),
    "memory": lambda: bytearray(2 << 30),
}
found = {}
for name, act in tries.items():
    try:
        act()
        found[name] = "works"
    except (OSError, MemoryError) as error:
        found[name] = type(error).__name__
print(json.dumps({"walls": walls, "found": found}))
"""


def write_points(path: Path, number: int = 3) -> None:
    """A GeoJSON of some points."""
    features = [{"type": "Feature", "geometry": POINT, "properties": {"n": n}} for n in range(number)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def dataset(loader: Loader, name: str) -> Dataset:
    return scan(loader.data_dir).datasets[name]


def test_behind_the_walls_nothing_can_be_done_but_to_read_ones_own_files(tmp_path: Path) -> None:
    own, canary = tmp_path / "own.geojson", tmp_path / "canary.txt"
    own.write_text("{}")
    canary.write_text("a secret")
    command = [sys.executable, "-c", TRIED, str(own), str(canary), str(os.getpid())]
    environment = {"PYTHONPATH": str(ROOT / "services")}
    done = subprocess.run(command, capture_output=True, check=True, timeout=60, env=environment)
    told = json.loads(done.stdout)
    assert told["walls"] == ["limits", "capabilities", "landlock", "seccomp"]
    refused = {name: said for name, said in told["found"].items() if name not in ("own", "memory")}
    assert told["found"]["own"] == "works"
    assert told["found"]["memory"] == "MemoryError"
    assert set(refused.values()) == {"PermissionError"}, refused


def test_no_secret_of_the_loader_is_in_the_process_that_makes_cages(
    loader: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_DB_PASSWORD", "a-secret-of-the-loader")
    write_points(loader.path("a.geojson"))
    cages = Cages()
    try:
        with cages.reading(dataset(loader, "a.geojson"), loader.settings) as cage:
            assert [ref.name for ref in cage.layers()] == [""]
            environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in cages.processes()]
    finally:
        cages.close()
    assert len(environments) == 2
    assert all(b"a-secret" not in environment for environment in environments)


def test_a_process_that_dies_costs_its_dataset_a_report_and_nothing_else(loader: Loader) -> None:
    for name in ("a", "b"):
        write_points(loader.path(f"{name}.geojson"))
    cages = Cages()
    try:
        with (
            pytest.raises(CannotRead, match=r"a\.geojson ended the process that read it \(SIGKILL\)"),
            cages.reading(dataset(loader, "a.geojson"), loader.settings) as cage,
        ):
            os.kill(cages.processes()[-1], 9)
            cage.layers()
        with cages.reading(dataset(loader, "b.geojson"), loader.settings) as cage:
            assert sum(len(chunk) for chunk in cage.open(cage.layers()[0]).chunks) == 3
        os.kill(cages.processes()[0], 9)
        with cages.reading(dataset(loader, "b.geojson"), loader.settings) as cage:
            assert cage.layers()
    finally:
        cages.close()


def test_a_process_that_dies_in_the_middle_of_the_rows_does_not_end_the_loader(loader: Loader) -> None:
    write_points(loader.path("a.geojson"), 300_000)
    cages = Cages()
    try:
        with (
            pytest.raises(CannotRead, match=r"ended the process that read it \(SIGKILL\)"),
            cages.reading(dataset(loader, "a.geojson"), loader.settings) as cage,
        ):
            chunks = cage.open(cage.layers()[0]).chunks
            next(chunks)
            os.kill(cages.processes()[-1], 9)
            list(chunks)
    finally:
        cages.close()


def test_a_view_that_never_ends_does(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CPU_S", 3)
    write_points(loader.path("points.geojson"))
    endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n AS fid, NULL AS geom FROM r"
    report = altered_geopackage(loader, "DROP TABLE seen", f"CREATE VIEW seen AS {endless} WHERE n < 0")
    assert report.status == "failed"
    assert report.error is not None
    assert "more processor time than files of its size do" in report.error["message"]


@pytest.mark.parametrize(
    "sent",
    [
        *(b"no message\n", b"[]\n", b"7\n", b'"walls"\n', b"{}\n", b'{"shape": {"kind": 1}}\n', b"\xff\n"),
        *(b'{"error": "annotations"}\n', b'{"error": 1, "detail": 2, "hint": []}\n', b'{"error": {}}\n'),
        b'{"shape": null, "crs": null, "row_count": 1, "notes": []}\nno stream of Arrow, but some bytes instead of it',
    ],
)
def test_what_a_cage_sends_is_not_believed(sent: bytes) -> None:
    with pytest.raises(CannotRead):
        receive_layer(io.BytesIO(sent))


def test_a_message_without_an_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.cage.wire.MOST_BYTES", 1000)
    with pytest.raises(CannotRead, match="does not understand"):
        receive(io.BytesIO(b"x" * 2000))


def layer_of(ids: pa.Array) -> bytes:
    """What a cage sends of a layer of rows without geometries."""
    file = io.BytesIO()
    send(file, {"shape": None, "crs": None, "row_count": len(ids)})
    batch = pa.record_batch([ids], names=["fid"])
    with ipc.new_stream(file, batch.schema) as rows:
        rows.write_batch(batch)
    send(file, {"notes": []})
    return file.getvalue()


def test_ids_of_another_type_are_refused() -> None:
    assert [len(chunk) for chunk in receive_layer(io.BytesIO(layer_of(pa.array([1, 2])))).chunks] == [2]
    with pytest.raises(CannotRead, match="does not understand"):
        receive_layer(io.BytesIO(layer_of(pa.array(["1"]))))


def test_rows_that_break_off_anywhere_are_no_whole_layer() -> None:
    """Arrow has a word of its own for a stream that breaks off, and it is an error of the system without a number."""
    sent = layer_of(pa.array(range(100)))
    for length in range(len(sent)):
        with pytest.raises((EOFError, CannotRead)):
            list(receive_layer(io.BytesIO(sent[:length])).chunks)


def test_reading_without_progress_ends(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(loader.settings, read_stall_s=1)
    monkeypatch.setattr(reader, "LOOK_S", 0.1)
    write_points(loader.path("a.geojson"))
    cages = Cages()
    try:
        with (
            pytest.raises(CannotRead, match="without progress"),
            cages.reading(dataset(loader, "a.geojson"), settings) as cage,
        ):
            os.kill(cages.processes()[-1], 19)
            cage.layers()
        assert len(cages.processes()) == 1
    finally:
        cages.close()


def test_a_layer_that_was_not_read_to_its_end_can_be_read_again(loader: Loader) -> None:
    write_points(loader.path("a.geojson"), 200_000)
    cages = Cages()
    try:
        with cages.reading(dataset(loader, "a.geojson"), loader.settings) as cage:
            [ref] = cage.layers()
            assert len(next(cage.open(ref).chunks)) > 0
            assert sum(len(chunk) for chunk in cage.open(ref).chunks) == 200_000
    finally:
        cages.close()


def test_nothing_listens_where_a_file_would_call(loader: Loader) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(1)
        place = f"http://127.0.0.1:{canary.getsockname()[1]}/crs.json"
        crs = {"type": "link", "properties": {"href": place, "type": "proj4"}}
        feature = {"type": "Feature", "geometry": POINT, "properties": {}}
        text = json.dumps({"type": "FeatureCollection", "features": [feature] * 5000, "crs": crs})
        loader.path("late.geojson").write_text(text)
        loader.load("late.geojson")
        with pytest.raises(TimeoutError):
            canary.accept()


def altered_geopackage(loader: Loader, *statements: str) -> Report:
    """The report of a GeoPackage of two layers, `points` and `seen`, that these statements were run on."""
    path = loader.path("a.gpkg")
    for layer in ("points", "seen"):
        subprocess.run(
            ["ogr2ogr", "-f", "GPKG", "-update", "-append", "-nln", layer, path, loader.path("points.geojson")],
            check=True,
        )
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(statements))
        connection.commit()
    return loader.load("a.gpkg")


VIRTUAL = "CREATE VIRTUAL TABLE v USING VirtualOGR(''/etc/passwd'')"


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (("DROP TABLE seen", "CREATE VIEW seen AS SELECT * FROM points"), None),
        (("DROP TABLE seen", "CREATE VIEW seen AS SELECT * FROM elsewhere"), "'seen' is a view of a table that is not"),
        (
            ("PRAGMA writable_schema = 1", f"INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, '{VIRTUAL}')"),
            "asks 'virtualogr' for its rows",
        ),
    ],
)
def test_views_of_what_is_not_in_a_geopackage_are_refused(
    loader: Loader, statements: tuple[str, ...], told: str | None
):
    write_points(loader.path("points.geojson"))
    report = altered_geopackage(loader, *statements)
    assert report.status == ("failed" if told else "loaded")
    assert told is None or told in (report.error or {})["message"]


def test_the_loader_itself_has_no_gdal() -> None:
    code = "import sys, cli.main, loader.watch; print(sorted({'pyogrio', 'pandas', 'shapely'} & sys.modules.keys()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
