"""States of files in the catalogue, what counts against a dataset, and what the loader says of itself."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from core.catalog.files import FileState, parse_file, select_files
from core.database.connections import Connection
from loader import fill
from loader.cage.reader import CAGES
from loader.catalogue import open_catalogue, read_known
from loader.errors import CannotRead
from loader.load import Job, count_ended, load_dataset
from loader.progress import Event
from loader.scan import scan
from loader.states import faults
from loader.states.health import Doing, Health, health_file, is_alive, read_health
from loader.states.record import FolderRecord
from loader.states.roll_back import roll_back
from support.cluster import Cluster, Database, private_cluster
from support.loading import Loader, random_points, write_ogr, write_points
from support.watcher import Watcher, watching


def states(connection: Connection) -> dict[str, FileState]:
    """Every file by its path."""
    statement = select_files(limit=1000)
    files = map(parse_file, connection.execute(statement.text, statement.params))
    return {file.path: file for file in files}


def look(loader: Loader) -> dict[str, FileState]:
    """The files after a look."""
    FolderRecord().save(loader.connection, loader.settings, scan(loader.data_dir))
    return states(loader.connection)


@cache
def big_content() -> bytes:
    """A GeoPackage that takes seconds to load, in several pieces."""
    rows = 200_000
    table = pa.table({"text": pa.array(["x" * 300] * rows), "geometry": random_points(rows)})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "big.gpkg"
        write_ogr(path, table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
        return path.read_bytes()


def big(path: Path) -> None:
    """Put it into the folder."""
    path.write_bytes(big_content())


def wait_for(found: Callable[[], Any], within_s: float = 30) -> Any:
    """What it gives once it gives something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if (value := found()) is not None and value is not False:
            return value
        time.sleep(0.05)
    pytest.fail("it never came")


def test_a_look_writes_what_changed_and_nothing_else(loader: Loader) -> None:
    write_points(loader.path("a.geojson"), ["a"])
    loader.path("b.tif").write_bytes(b"II")
    record = FolderRecord()
    record.save(loader.connection, loader.settings, scan(loader.data_dir))
    assert {path: file.state for path, file in states(loader.connection).items()} == {
        "a.geojson": "queued",
        "b.tif": "not read",
    }
    before = loader.one("SELECT array_agg(xmin::text ORDER BY path) FROM isthmus.files")
    record.save(loader.connection, loader.settings, scan(loader.data_dir))
    assert loader.one("SELECT array_agg(xmin::text ORDER BY path) FROM isthmus.files") == before
    loader.path("b.tif").unlink()
    record.save(loader.connection, loader.settings, scan(loader.data_dir))
    assert list(states(loader.connection)) == ["a.geojson"]


def test_the_first_look_of_another_release_says_anew_what_is_not_read(loader: Loader) -> None:
    loader.path("b.tif").write_bytes(b"II")
    look(loader)
    loader.connection.execute("UPDATE isthmus.files SET hint = 'of an older release'")
    assert "TiTiler" in str(look(loader)["b.tif"].hint)


def test_a_file_goes_from_queued_to_served_and_back_when_it_changes(loader: Loader) -> None:
    path = write_points(loader.path("a.geojson"), ["a"])
    assert look(loader)["a.geojson"].state == "queued"
    loader.load_all("a.geojson")
    [served] = look(loader)["a.geojson"].collections
    assert (served.id, served.version, served.earlier) == ("a", 1, None)
    assert look(loader)["a.geojson"].state == "served"
    write_points(path, ["a", "b"])
    changed = look(loader)["a.geojson"]
    assert changed.state == "queued"
    assert [one.version for one in changed.collections] == [1]


def test_a_path_that_no_index_takes_keeps_nobody_from_being_told_of(loader: Loader) -> None:
    long = "/".join(["道" * 80] * 8)
    write_points(loader.path(f"{long}/deep.geojson"), ["a"])
    loader.path(f"{long}/deep.tif").write_bytes(b"II")
    write_points(loader.path("a.geojson"), ["a"])
    assert len(look(loader)) == 3
    [deep] = [path for path in look(loader) if path.endswith(".geojson") and path != "a.geojson"]
    loader.load_all(deep)
    assert look(loader)[deep].state == "served"


def test_registered_tile_matrix_sets_are_no_files_of_their_own(loader: Loader) -> None:
    loader.path("tile_matrix_sets/Mine.json").write_text("{}")
    loader.path("other.json").write_text("{}")
    assert {path: file.kind for path, file in look(loader).items()} == {"other.json": "JSON"}


@pytest.mark.parametrize("error", [KeyError("x"), MemoryError(), ZeroDivisionError(), RecursionError()])
def test_any_exception_counts_three_times_and_then_the_file_is_set_aside(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    write_points(loader.path("a.geojson"), ["a"])
    write_points(loader.path("b.geojson"), ["b"])
    monkeypatch.setattr(fill, "save_blocks", fail)
    for attempt in (1, 2, 3):
        report = loader.load("a.geojson")
        assert report.error is not None
        assert report.error["code"] == "load-broken"
        file = look(loader)["a.geojson"]
        assert file.faults == attempt
        assert file.state == ("failed" if attempt < 3 else "set aside")
        assert (file.retry_at is None) == (attempt == 3)
        assert not read_known(loader.connection)["a.geojson"].retry_due
    monkeypatch.undo()
    loader.load_all("b.geojson")
    loader.load_all("a.geojson")  # somebody asks for it
    assert (look(loader)["a.geojson"].state, look(loader)["a.geojson"].faults) == ("served", 0)


def test_it_starts_anew_when_the_file_changes(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError

    write_points(loader.path("a.geojson"), ["a"])
    monkeypatch.setattr(fill, "save_blocks", fail)
    for _ in range(3):
        loader.load("a.geojson")
    write_points(loader.path("a.geojson"), ["a", "b"])
    assert (look(loader)["a.geojson"].state, look(loader)["a.geojson"].faults) == ("queued", 0)
    loader.load("a.geojson")
    assert (look(loader)["a.geojson"].state, look(loader)["a.geojson"].faults) == ("failed", 1)


def test_no_report_tells_where_the_data_folder_lies(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_points(loader.path("inner/a.geojson"), ["a"])

    def fail(*_: object) -> None:
        raise CannotRead(f"cannot open {path}, nor {path.resolve()}")

    monkeypatch.setattr(fill, "save_blocks", fail)
    report = loader.load("inner/a.geojson")
    assert report.error is not None
    assert report.error["message"] == "cannot open inner/a.geojson, nor inner/a.geojson"


def test_a_verdict_about_the_file_is_no_fault_and_not_tried_again(loader: Loader) -> None:
    loader.path("a.gpkg").write_text("no GeoPackage")
    loader.load("a.gpkg")
    file = look(loader)["a.gpkg"]
    assert (file.state, file.faults, file.retry_at) == ("failed", 0, None)


@pytest.mark.parametrize(
    "error", [psycopg.errors.DiskFull("could not extend file"), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_full_disk_is_nobodys_fault_and_tried_again(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(faults, "ROOM_AGAIN_S", 0.0)
    write_points(loader.path("a.geojson"), ["a"])
    with monkeypatch.context() as patch:
        patch.setattr(fill, "save_blocks", fail)
        for _ in range(4):
            report = loader.load("a.geojson")
            assert report.error is not None
            assert (report.error["code"], "is full" in str(report.error["message"])) == ("disk-full", True)
    file = look(loader)["a.geojson"]
    assert (file.state, file.faults) == ("failed", 0)
    assert read_known(loader.connection)["a.geojson"].retry_due
    loader.load_all("a.geojson")


def test_a_cage_that_dies_counts_and_the_next_file_goes_on(loader: Loader) -> None:
    big(loader.path("big.gpkg"))
    write_points(loader.path("b.geojson"), ["b"])
    dataset = scan(loader.data_dir).datasets["big.gpkg"]

    def kill(event: Event) -> None:
        if event.event == "rows":
            os.kill(CAGES.processes()[-1], signal.SIGKILL)

    report = load_dataset(Job(loader.connection, loader.settings, dataset, "the test", kill))
    assert report.error is not None
    assert report.error["code"] == "reader-ended"
    file = look(loader)["big.gpkg"]
    assert (file.state, file.faults) == ("failed", 1)
    assert "ended the process that read it" in str(file.detail)
    loader.load_all("b.geojson")
    loader.load_all("big.gpkg")


def test_a_cage_that_hangs_counts(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = replace(loader.settings, read_stall_s=1)
    monkeypatch.setattr("loader.cage.reader.LOOK_S", 0.1)
    big(loader.path("big.gpkg"))
    dataset = scan(loader.data_dir).datasets["big.gpkg"]

    def stop(event: Event) -> None:
        if event.event == "rows":
            os.kill(CAGES.processes()[-1], signal.SIGSTOP)

    report = load_dataset(Job(loader.connection, settings, dataset, "the test", stop))
    assert report.error is not None
    assert report.error["code"] == "reader-ended"
    assert look(loader)["big.gpkg"].faults == 1


def test_while_a_file_loads_everybody_sees_how_far_it_is(loader: Loader, database: Database) -> None:
    big(loader.path("big.gpkg"))
    look(loader)
    dataset = scan(loader.data_dir).datasets["big.gpkg"]
    seen: list[FileState] = []
    with open_catalogue(database.owner) as other:

        def watch(event: Event) -> None:
            if event.event in ("rows", "step") and event.values.get("step") != "freeze":  # it is served before
                seen.append(states(other)["big.gpkg"])

        load_dataset(Job(loader.connection, loader.settings, dataset, "the test", watch))
    percents = [file.percent for file in seen if file.percent is not None]
    assert {file.state for file in seen} == {"loading"}
    assert percents == sorted(percents)
    assert seen[-1].rows is not None
    assert percents[-1] < 100
    assert states(loader.connection)["big.gpkg"].state == "served"


def test_a_file_that_comes_during_a_long_load_is_queued_at_once(loader: Loader, tmp_path: Path) -> None:
    big(loader.path("big.gpkg"))
    with watching(loader.settings, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        write_points(loader.path("late.geojson"), ["a"])
        loader.path("late.tif").write_bytes(b"II")
        wait_for(lambda: "late.tif" in states(loader.connection))
        found = {path: file.state for path, file in states(loader.connection).items()}
        assert found == {"big.gpkg": "loading", "late.geojson": "queued", "late.tif": "not read"}
        watcher.ended("late.geojson", "loaded", within_s=60)


def test_a_roll_back_and_the_report_agree(loader: Loader) -> None:
    for names in (["a"], ["a", "b"]):
        write_points(loader.path("p.geojson"), names)
        loader.load_all("p.geojson")
    version, report = roll_back(loader.connection, "p", None)
    assert report is not None
    assert (version, report.status, report.collections[0].version, report.collections[0].rows) == (
        1,
        "rolled back",
        1,
        1,
    )
    stored = loader.one("SELECT report FROM isthmus.sources WHERE path = 'p.geojson'")
    assert stored["collections"] == json.loads(json.dumps(report.as_json()))["collections"]
    [served] = look(loader)["p.geojson"].collections
    assert (served.version, served.is_rolled_back, [kept.version for kept in served.versions]) == (1, True, [2, 1])
    os.utime(loader.path("p.geojson"))
    again = loader.load("p.geojson")
    assert (again.status, again.collections[0].version) == ("unchanged", 1)
    assert look(loader)["p.geojson"].state == "served"
    version, report = roll_back(loader.connection, "p", 2)
    assert report is not None
    assert (version, report.collections[0].version) == (2, 2)


def test_a_roll_back_beside_a_file_that_failed_leaves_its_report(loader: Loader) -> None:
    for names in (["a"], ["a", "b"]):
        write_points(loader.path("p.geojson"), names)
        loader.load_all("p.geojson")
    loader.path("p.geojson").write_text('{"type":"FeatureCollection","features":[{')
    loader.load("p.geojson")
    assert roll_back(loader.connection, "p", None) == (1, None)
    file = look(loader)["p.geojson"]
    assert file.state == "failed"
    assert "cannot be read" in str(file.detail)
    assert [one.version for one in file.collections] == [1]


def kill_in_mid_load(watcher: Watcher, path: str) -> None:
    """Kill the loader when it has begun to copy the rows of a file."""
    watcher.wait(lambda line: line["event"] == "rows" and line["path"] == path, within_s=40)
    watcher.process.kill()
    watcher.process.wait(5)


def test_a_file_that_ends_the_loader_three_times_is_set_aside_and_the_others_are_served(
    loader: Loader, tmp_path: Path
) -> None:
    big(loader.path("big.gpkg"))
    for attempt in (1, 2, 3):
        with watching(loader.settings, tmp_path) as watcher:
            kill_in_mid_load(watcher, "big.gpkg")
        assert loader.one("SELECT count(*) FROM isthmus.loading") == 1
        wait_for(lambda: states(loader.connection)["big.gpkg"].state != "loading")
        if attempt == 1:
            write_points(loader.path("small.geojson"), ["a"])
    with watching(loader.settings, tmp_path) as watcher:
        line = watcher.ended("big.gpkg", "failed")
        assert "the loader ended while it loaded big.gpkg" in line["error"]
        watcher.wait(lambda line: line.get("state") == "watching")
        file = wait_for(lambda: (found := states(loader.connection)["big.gpkg"]).state == "set aside" and found)
        assert file.faults == 3
        wait_for(lambda: states(loader.connection)["small.geojson"].state == "served")
        time.sleep(1)  # several looks, in which nothing may begin
        assert not [line for line in watcher.lines() if line["event"] == "start" and line["path"] == "big.gpkg"]
    loader.load_all("big.gpkg")


def test_a_loader_that_is_stopped_in_mid_load_holds_nothing_against_the_file(loader: Loader, tmp_path: Path) -> None:
    big(loader.path("big.gpkg"))
    with watching(loader.settings, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(10) == 0
    assert loader.one("SELECT count(*) FROM isthmus.loading") == 0
    assert states(loader.connection)["big.gpkg"].state == "queued"


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that a test may stop."""
    with private_cluster() as cluster:
        yield cluster


def test_a_database_that_goes_away_is_not_the_files_fault(own_cluster: Cluster, tmp_path: Path) -> None:
    database = own_cluster.clone()
    big(database.owner.data_dir / "big.gpkg")
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        own_cluster.stop(signal.SIGQUIT)
        watcher.wait(lambda line: line.get("state") == "waiting")
        own_cluster.start()
        watcher.ended("big.gpkg", "loaded", within_s=60)
        assert not [line for line in watcher.lines() if line.get("status") == "failed"]


def test_a_pipe_and_what_is_no_dataset_keep_nobody_waiting(loader: Loader, tmp_path: Path) -> None:
    os.mkfifo(loader.path("pipe.geojson"))
    os.mkfifo(loader.path("pipe.tif"))
    loader.path("notes.pdf").write_bytes(b"%PDF")
    loader.path("lost.toml").write_text('title = "x"')
    write_points(loader.path("z.geojson"), ["z"])
    with watching(loader.settings, tmp_path) as watcher:
        watcher.ended("z.geojson", "loaded", within_s=10)
        watcher.ended("pipe.geojson", "failed", within_s=10)
        found = {path: file.state for path, file in states(loader.connection).items()}
    assert found == {
        **{"pipe.geojson": "failed", "z.geojson": "served"},
        **dict.fromkeys(("pipe.tif", "notes.pdf", "lost.toml"), "not read"),
    }


def test_what_the_loader_says_of_itself(loader: Loader, tmp_path: Path) -> None:
    big(loader.path("big.gpkg"))
    said: list[str] = []
    with watching(loader.settings, tmp_path) as watcher:

        def told() -> Doing | None:
            found = read_health(loader.data_dir)
            if found is not None:
                said.append(found.sentence(time.time()))
                assert found.is_healthy(time.time())
            return found

        wait_for(
            lambda: (found := told()) is not None and found.what.startswith("loading big.gpkg, ") and "%" in found.what
        )
        watcher.ended("big.gpkg", "loaded", within_s=60)
        wait_for(lambda: (found := told()) is not None and found.what == "looking at the data folder")
        os.kill(watcher.process.pid, signal.SIGSTOP)
        stopped = read_health(loader.data_dir)
        assert stopped is not None
        assert not stopped.is_healthy(time.time() + 31)
        assert "stuck or gone: it was looking at the data folder" in stopped.sentence(time.time() + 31)
        os.kill(watcher.process.pid, signal.SIGCONT)
        watcher.process.kill()
        wait_for(lambda: not is_alive(loader.data_dir), within_s=5)
    gone = read_health(loader.data_dir)
    assert gone is not None
    assert (
        gone.sentence(time.time()) == "no loader is at work: the last one ended while it was looking at the data folder"
    )
    assert any(" %, since " in sentence for sentence in said)


def test_a_long_load_is_healthy_as_long_as_it_gets_on(tmp_path: Path) -> None:
    health = Health(tmp_path)
    health.begin()
    health.hear(Event("start", "big.gpkg", {"bytes": 5_000_000_000}))
    first = read_health(tmp_path)
    assert first is not None
    assert first.is_healthy(time.time() + 600)  # it is read whole before the first row
    health.hear(Event("rows", "big.gpkg", {"layer": "", "rows": 5_000_000, "of": 10_000_000}))
    reading = read_health(tmp_path)
    assert reading is not None
    assert reading.what == "loading big.gpkg, 30 %"
    assert not reading.is_healthy(time.time() + 200)
    health.hear(Event("step", "big.gpkg", {"step": "indexes", "number": 2, "of": 4}))
    indexing = read_health(tmp_path)
    assert indexing is not None
    assert indexing.since == first.since
    assert indexing.is_healthy(time.time() + 5000)
    assert not indexing.is_healthy(time.time() + 6000)


def test_no_thread_says_that_a_loop_lives_which_hangs(tmp_path: Path) -> None:
    health = Health(tmp_path)
    health.begin()
    health.doing("looking at the data folder", 0.3)
    assert is_alive(tmp_path)
    assert [thread.name for thread in threading.enumerate() if "heart" in thread.name] == []
    wait_for(lambda: not is_alive(tmp_path))


def test_a_health_file_that_is_half_written_is_of_one_that_starts(tmp_path: Path) -> None:
    assert read_health(tmp_path) is None
    file = health_file(tmp_path)
    file.parent.mkdir()
    file.write_text('{"what": "loo')
    assert is_alive(tmp_path)
    os.utime(file, (time.time() - 31, time.time() - 31))
    assert not is_alive(tmp_path)


def test_the_loop_outlives_a_mistake_of_ours_and_the_other_files_are_served(loader: Loader, tmp_path: Path) -> None:
    loader.connection.execute("""
        CREATE FUNCTION isthmus.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.path = 'a.geojson' THEN RAISE 'no report of it is taken'; END IF; RETURN NEW; END $$;
        CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON isthmus.sources FOR EACH ROW EXECUTE FUNCTION isthmus.refuse()
        """)
    for name in ("a", "b"):
        write_points(loader.path(f"{name}.geojson"), [name])
    with watching(loader.settings, tmp_path) as watcher:
        watcher.wait(lambda line: "mistake of Isthmus" in line.get("message", ""))
        watcher.ended("b.geojson", "loaded")
        assert watcher.process.poll() is None
        loader.connection.execute("DROP TRIGGER refuse ON isthmus.sources")
        watcher.ended("a.geojson", "loaded", within_s=30)


def test_a_load_that_another_process_lost_is_counted_by_the_next_look(loader: Loader) -> None:
    write_points(loader.path("a.geojson"), ["a"])
    signature = scan(loader.data_dir).datasets["a.geojson"].signature
    loader.connection.execute(
        "INSERT INTO isthmus.loading (path, signature, process, process_start) VALUES (%s, %s, 1, '2020-01-01')",
        ["a.geojson", signature],
    )
    count_ended(loader.connection, loader.settings, loader.events.append, excused=())
    file = look(loader)["a.geojson"]
    assert (file.state, file.faults) == ("failed", 1)
    assert (loader.data_dir / "var/reports/a_geojson.json").exists()


def test_what_postgresql_refuses_is_a_verdict_and_what_it_gives_up_a_fault(loader: Loader) -> None:
    write_points(loader.path("a.geojson"), ["a"])
    dataset = scan(loader.data_dir).datasets["a.geojson"]
    for error, kind in (
        (psycopg.errors.NumericValueOutOfRange("too large"), CannotRead),
        (psycopg.errors.ProgramLimitExceeded("too many"), CannotRead),
        (psycopg.errors.DeadlockDetected("deadlock"), faults.LoadBroken),
        (psycopg.errors.QueryCanceled("canceled"), faults.LoadBroken),
        (psycopg.errors.OutOfMemory("out of memory"), faults.LoadBroken),
    ):
        assert type(faults.explanation(error, dataset)) is kind
