"""The watcher as the process that the container runs: files in, files out, outages, signals."""

from __future__ import annotations

import ctypes
import errno
import shutil
import signal
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from bench.loading import DONE
from loader.cage import walls
from loader.cage.walls import WALLS
from loader.states.health import is_alive
from loader.watch import walls_event
from support.cluster import Cluster, Database, private_cluster
from support.loading import random_points, write_ogr, write_points
from support.odd import wait_for
from support.watcher import watching


def names(database: Database) -> list[str]:
    """The served collections."""
    with database.connect() as connection:
        rows = connection.execute("SELECT id FROM isthmus.collections WHERE withdrawn_at IS NULL ORDER BY id")
        return [row[0] for row in rows]


def test_a_copied_file_is_served_within_five_seconds_and_a_removed_one_is_withdrawn(
    database: Database, tmp_path: Path
) -> None:
    data_dir = database.owner.data_dir
    write_points(data_dir / "first.geojson", ["a"])
    source = write_points(tmp_path / "second.geojson", ["b"])
    with watching(database.owner, tmp_path, ISTHMUS_SCAN_INTERVAL_S="1") as watcher:
        watcher.ended("first.geojson", "loaded")
        copied = time.monotonic()
        shutil.copyfile(source, data_dir / "second.geojson")
        watcher.ended("second.geojson", "loaded", within_s=5)
        assert time.monotonic() - copied < 5
        assert names(database) == ["first", "second"]
        (data_dir / "second.geojson").unlink()
        watcher.ended("second.geojson", "withdrawn", within_s=5)
        assert names(database) == ["first"]
        shutil.copyfile(source, data_dir / "second.geojson")
        watcher.ended("second.geojson", "restored", within_s=5)
        assert names(database) == ["first", "second"]


def test_a_bad_file_does_not_stop_the_others(database: Database, tmp_path: Path) -> None:
    data_dir = database.owner.data_dir
    (data_dir / "a.gpkg").write_text("this is no GeoPackage")
    write_points(data_dir / "b.geojson", ["b"])
    with watching(database.owner, tmp_path) as watcher:
        line = watcher.ended("a.gpkg", "failed")
        assert "cannot be read" in line["error"]
        watcher.ended("b.geojson", "loaded")
        assert watcher.states() == ["starting", "watching"]


def test_a_file_that_is_still_being_copied_is_waited_for(database: Database, tmp_path: Path) -> None:
    whole = write_points(tmp_path / "slow.geojson", ["x"] * 200).read_bytes()
    target = database.owner.data_dir / "slow.geojson"
    with watching(database.owner, tmp_path, ISTHMUS_SCAN_INTERVAL_S="0.5") as watcher:
        watcher.wait(lambda line: line.get("state") == "watching")
        with target.open("wb") as stream:
            for part in range(10):
                stream.write(whole[part * len(whole) // 10 : (part + 1) * len(whole) // 10])
                stream.flush()
                time.sleep(0.2)  # the copying itself: what is tested is that nobody looks too early
        watcher.ended("slow.geojson", "loaded")
        assert [line["status"] for line in watcher.lines() if line["event"] == "end"] == ["loaded"]


def test_sigterm_ends_it_at_once_and_cleanly(database: Database, tmp_path: Path) -> None:
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line.get("state") == "watching")
        assert is_alive(database.owner.data_dir)
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(5) == 0
        assert watcher.states() == ["starting", "watching", "stopped"]
    assert "Traceback" not in watcher.log.read_text()


def test_a_load_under_way_is_rolled_back_by_sigterm_and_done_by_the_next(database: Database, tmp_path: Path) -> None:
    table = pa.table({"geometry": random_points(400_000)})
    write_ogr(database.owner.data_dir / "big.gpkg", table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        watcher.process.send_signal(signal.SIGTERM)
        assert watcher.process.wait(5) == 0
    with database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'data'").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM isthmus.sources").fetchone() == (0,)
    with watching(database.owner, tmp_path) as watcher:
        assert watcher.ended("big.gpkg", "loaded", within_s=60)["rows"] == 400_000


def test_a_loader_that_was_killed_while_loading_loads_at_its_next_start(database: Database, tmp_path: Path) -> None:
    table = pa.table({"geometry": random_points(200_000)})
    write_ogr(database.owner.data_dir / "big.gpkg", table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        watcher.process.kill()
        watcher.process.wait(5)
    with watching(database.owner, tmp_path) as watcher:
        watcher.ended("big.gpkg", "loaded", within_s=60)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that a test may stop."""
    with private_cluster() as cluster:
        yield cluster


def test_it_outlives_the_database_and_says_so_once(own_cluster: Cluster, tmp_path: Path) -> None:
    database = own_cluster.clone()
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line.get("state") == "watching")
        own_cluster.stop(signal.SIGQUIT)
        watcher.wait(lambda line: line.get("state") == "waiting")
        write_points(database.owner.data_dir / "late.geojson", ["a"])
        own_cluster.start()
        watcher.ended("late.geojson", "loaded")
        assert watcher.states() == ["starting", "watching", "waiting", "watching"]
    assert "Traceback" not in watcher.log.read_text()


def test_it_starts_before_the_database_and_before_the_folder(own_cluster: Cluster, tmp_path: Path) -> None:
    database = own_cluster.clone()
    own_cluster.stop()
    with watching(database.owner, tmp_path) as watcher:
        line = watcher.wait(lambda line: line.get("state") == "waiting")
        assert "PostgreSQL does not answer" in line["message"]
        own_cluster.start()
        watcher.wait(lambda line: line.get("state") == "watching")


def test_a_folder_that_goes_away_withdraws_nothing(database: Database, tmp_path: Path) -> None:
    data_dir = database.owner.data_dir
    write_points(data_dir / "a.geojson", ["a"])
    with watching(database.owner, tmp_path) as watcher:
        watcher.ended("a.geojson", "loaded")
        data_dir.rename(tmp_path / "unmounted")
        watcher.wait(lambda line: "the data folder" in line.get("message", ""))
        assert names(database) == ["a"]
        (tmp_path / "unmounted").rename(data_dir)
        watcher.wait(lambda _: watcher.states() == ["starting", "watching", "waiting", "watching"])
        assert names(database) == ["a"]


def test_a_folder_that_cannot_be_written_to_is_an_error_with_a_hint(database: Database, tmp_path: Path) -> None:
    settings = replace(database.owner, data_dir=tmp_path / "d")
    settings.data_dir.mkdir()
    (settings.data_dir / "var").write_text("in the way")
    with watching(settings, tmp_path) as watcher:
        assert watcher.process.wait(10) == 2
    assert "cannot be written" in watcher.log.read_text()
    assert "Traceback" not in watcher.log.read_text()


def test_the_first_line_says_which_walls_stand(database: Database, tmp_path: Path):
    with watching(database.owner, tmp_path) as watcher:
        first = watcher.wait(lambda line: bool(line))
    assert first["walls"] == [*WALLS]
    assert first["message"] == f"files are read behind walls: {', '.join(WALLS)}"


def test_a_wall_that_is_missing_is_told_with_what_that_means():
    told = walls_event([name for name in WALLS if name != "landlock"]).values["message"]
    assert told.endswith(
        "; landlock is missing, so the process that reads a file can read all that the loader's user can"
    )


def be_without_landlock() -> None:
    """Have its system calls be unknown in this thread, and in the processes that it starts, as in an old kernel."""
    unknown = 0x00050000 | errno.ENOSYS
    steps = [(walls.LOAD, 0, 0, walls.NUMBER_AT), (walls.EQUALS, 0, 1, walls.CREATE_RULESET)]
    steps += [(walls.RETURN, 0, 0, unknown), (walls.RETURN, 0, 0, walls.ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    assert walls.libc.prctl(walls.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    pointer = struct.pack("=HxxxxxxQ", len(steps), ctypes.addressof(program))
    assert walls.libc.prctl(walls.PR_SET_SECCOMP, walls.FILTER_MODE, pointer, 0, 0) == 0


def test_without_landlock_files_are_loaded_behind_the_other_walls(database: Database, tmp_path: Path) -> None:
    write_points(database.owner.data_dir / "a.geojson", ["a"])

    def watch() -> list[str]:
        be_without_landlock()
        with watching(database.owner, tmp_path) as watcher:
            first = watcher.wait(lambda line: bool(line))
            watcher.ended("a.geojson", "loaded")
        return first["walls"]

    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(watch).result() == [name for name in WALLS if name != "landlock"]
    assert names(database) == ["a"]


def test_a_small_file_overtakes_a_large_one_that_was_dropped_with_it(database: Database, tmp_path: Path) -> None:
    data_dir = database.owner.data_dir
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line.get("state") == "watching")
        table = pa.table({"geometry": random_points(400_000)})
        write_ogr(tmp_path / "a_large.gpkg", table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
        write_points(tmp_path / "b_small.geojson", ["x"] * 100)
        for name in ("a_large.gpkg", "b_small.geojson"):
            (tmp_path / name).rename(data_dir / name)
        watcher.ended("b_small.geojson", "loaded")
        assert names(database) == ["b_small"]
        watcher.ended("a_large.gpkg", "loaded", within_s=60)
        watcher.wait(lambda line: line["event"] == "prepared" and line["collection"] == "a_large", within_s=60)
    assert "Traceback" not in watcher.log.read_text()


def test_a_large_file_that_goes_while_it_is_loaded_is_never_served(database: Database, tmp_path: Path) -> None:
    table = pa.table({"geometry": random_points(400_000)})
    file = database.owner.data_dir / "big.gpkg"
    write_ogr(file, table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "rows")
        file.unlink()
        watcher.ended("big.gpkg", "withdrawn", within_s=60)
        assert names(database) == []
        write_points(database.owner.data_dir / "after.geojson", ["a"])
        watcher.ended("after.geojson", "loaded")


def is_made(database: Database) -> bool:
    """Whether nothing is left to be made of the dataset `big`."""
    with database.connect() as connection:
        return connection.execute(DONE, ["big"]).fetchone() is not None


@pytest.mark.parametrize("after_s", [0.4, 1.5, 3.0])
def test_a_loader_that_was_killed_at_any_time_goes_on_by_itself(
    database: Database, tmp_path: Path, after_s: float
) -> None:
    """While rows are copied, while they are indexed, when the dataset is served: as the machine's speed has it."""
    table = pa.table({"name": [f"place {n % 9000}" for n in range(300_000)], "geometry": random_points(300_000)})
    write_ogr(database.owner.data_dir / "big.gpkg", table, "GPKG", geometry_type="Point", SPATIAL_INDEX="NO")
    with watching(database.owner, tmp_path) as watcher:
        watcher.wait(lambda line: line["event"] == "start", within_s=60)
        time.sleep(after_s)
        watcher.process.kill()
        watcher.process.wait(5)
    with database.connect() as connection:
        served = connection.execute("SELECT row_count FROM isthmus.versions").fetchall()
    assert served in ([], [(300_000,)]), "whole, or not at all"
    with watching(database.owner, tmp_path) as watcher:
        wait_for(lambda: is_made(database), bool, 60)
        assert names(database) == ["big"]
        assert "Traceback" not in watcher.log.read_text()
    with database.connect() as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'data'").fetchone()
        assert tables == (2,), "the table and its overview, nothing that was left"
