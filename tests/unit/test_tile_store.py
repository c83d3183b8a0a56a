"""Tiles that were made: in memory, on the disk, and by one builder."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.cache import sqlite, store as tile_store
from api.cache.sqlite import PAGE_BYTES, TileDisk, WriteBehind
from api.cache.store import FILTERED, PLAIN, SingleFlight, TileStore
from api.tiles.keys import CacheEntry, maker_of, tile_key
from api.tms.tile import WORLD_CRS84_QUAD, Tile
from core.catalog.collections import Collection
from core.settings import Settings

ROOT = Path(__file__).parents[2]
TILE = Tile(3, 2, 1)


def test_key_differs_by_all_that_a_tile_depends_on(roads: Collection, tmp_path: Path):
    anew = replace(roads, loaded_at=roads.loaded_at + timedelta(microseconds=1))
    keys = [
        tile_key("m", roads, TILE),
        tile_key("n", roads, TILE),
        *(tile_key("m", other, TILE) for other in (anew, replace(roads, version=8), replace(roads, id="paths"))),
        tile_key("m", roads, Tile(3, 2, 1, WORLD_CRS84_QUAD)),
        tile_key("m", roads, Tile(3, 1, 2)),
        tile_key("m", roads, TILE, "lanes>1"),
    ]
    store = TileStore(Settings(tiles_dir=str(tmp_path)))
    assert len({CacheEntry(store, key).etag for key in keys}) == len(keys)
    assert tile_key("m", replace(roads), Tile(3, 2, 1)) == keys[0]


def test_maker_is_the_same_in_every_worker():
    assert maker_of(Settings()) == maker_of(Settings(port=1))


def test_disk_keeps_tiles_for_the_next_who_opens_it(tmp_path: Path):
    disk = TileDisk(tmp_path / "tiles", 10_000_000)
    disk.put({"a": b"tile"})
    disk.put({"b": b""})
    beside = TileDisk(tmp_path / "tiles", 10_000_000)
    assert (beside.get("a"), beside.get("b"), beside.get("c")) == (b"tile", b"", None)
    disk.put({"a": b"another"})
    assert beside.get("a") == b"another"
    disk.close()
    beside.close()


def test_disk_stays_within_its_limit_and_drops_the_least_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(1000))
    monkeypatch.setattr(sqlite, "now", lambda: next(clock))
    monkeypatch.setattr(sqlite, "DROPPED_AT_ONCE", 5)
    disk = TileDisk(tmp_path, 2_000_000)
    disk.put({"first": bytes(50_000)})
    for number in range(100):
        disk.put({str(number): bytes(50_000)})
        disk.touch("first")
    assert disk.get("0") is None
    assert disk.get("99") is not None
    assert disk.get("first") is not None
    disk.close()
    assert sum(path.stat().st_size for path in tmp_path.glob("tiles-*.sqlite")) < 2_500_000


def test_disk_drops_tiles_whose_uses_nobody_came_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "UNNOTED_PARTS", 1)
    ended, other = TileDisk(tmp_path, 2_000_000), TileDisk(tmp_path, 2_000_000)
    for number in range(10):
        ended.put({f"early {number}": bytes(50_000)})
    for number in range(100):
        other.put({str(number): bytes(50_000)})
    assert [other.get(f"early {number}") for number in range(10)] == [None] * 10
    assert other.get("99") is not None
    ended.close()
    other.close()


def test_uses_are_written_when_there_are_many_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "USES_AT_ONCE", 3)
    disk = TileDisk(tmp_path, 10_000_000)
    for name in ("the first, when room is looked for", "b", "c"):
        disk.put({name: b"tile"})
    with closing(sqlite3.connect(next(tmp_path.glob("tiles-*.sqlite")))) as other:
        noted = "SELECT count(*) FROM uses"
        assert other.execute(noted).fetchone() == (1,)
        disk.touch("nowhere")
        assert other.execute(noted).fetchone() == (3,), "of those that are there"
        disk.put({"d": b"tile"})
        disk.close()
        assert other.execute(noted).fetchone() == (4,)


def test_disk_goes_on_in_a_new_file_when_the_old_one_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    disk = TileDisk(tmp_path, 10_000_000)
    for number in range(50):
        disk.put({str(number): bytes(20_000)})
    disk.close()
    [path] = tmp_path.glob("tiles-*.sqlite")
    with path.open("r+b") as file:
        file.write(b"nonsense" * 1000)
    again, beside = TileDisk(tmp_path, 10_000_000), TileDisk(tmp_path, 10_000_000)
    assert again.get("1") is None
    again.put({"1": b"tile"})
    assert (again.get("1"), beside.get("1")) == (b"tile", b"tile")
    assert sum("damaged" in record.message for record in caplog.records) == 1
    assert not path.exists()
    again.close()
    beside.close()


def test_disk_gives_no_tile_whose_bytes_were_damaged(tmp_path: Path):
    disk = TileDisk(tmp_path, 10_000_000)
    disk.put({"a": b"tile" * 100})
    with sqlite3.connect(next(tmp_path.glob("tiles-*.sqlite"))) as other:
        other.execute("UPDATE tiles SET tile = zeroblob(400)")
    other.close()
    assert disk.get("a") is None
    disk.close()


def test_disk_that_cannot_be_written_is_told_once_and_tried_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "file").touch()
    disk = TileDisk(tmp_path / "file" / "tiles", 10_000_000)
    for _ in range(3):
        disk.put({"a": b"tile"})
        assert disk.get("a") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    (tmp_path / "file").unlink()
    monkeypatch.setattr(disk, "_quiet_until", 0.0)
    disk.put({"a": b"tile"})
    assert disk.get("a") == b"tile"
    disk.close()


def test_disk_that_is_full_keeps_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    disk = TileDisk(tmp_path, 40 * PAGE_BYTES)
    disk.put({"a": b"tile"})
    disk.put({"large": bytes(1_000_000)})
    assert disk.get("large") is None
    assert len(caplog.records) == 1
    disk.close()
    assert TileDisk(tmp_path, 40 * PAGE_BYTES).get("a") == b"tile"


def test_disk_of_no_size_makes_no_folder(tmp_path: Path):
    disk = TileDisk(tmp_path / "tiles", 0)
    disk.put({"a": b"tile"})
    assert disk.get("a") is None
    assert not (tmp_path / "tiles").exists()


def test_one_thread_makes_a_tile_and_the_others_get_its_bytes():
    flights, made = SingleFlight(None), []

    def make() -> bytes:
        made.append(threading.get_ident())
        time.sleep(0.1)
        return b"tile"

    with ThreadPoolExecutor(8) as pool:
        tiles = [pool.submit(flights.run, "a", lambda: None, make) for _ in range(8)]
    assert [tile.result() for tile in tiles] == [b"tile"] * 8
    assert len(made) == 1


def test_an_error_is_that_of_all_who_wait_and_of_nobody_after_them():
    flights, begun, joined = SingleFlight(None), threading.Event(), threading.Event()

    def fail() -> bytes:
        begun.set()
        joined.wait(5)
        time.sleep(0.2)
        raise OSError("gone")

    def join() -> bytes:
        begun.wait(5)
        joined.set()
        return flights.run("a", lambda: None, lambda: b"not asked")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(flights.run, "a", lambda: None, fail)
        second = pool.submit(join)
    assert isinstance(first.exception(), OSError)
    assert isinstance(second.exception(), OSError)
    assert flights.run("a", lambda: None, lambda: b"tile") == b"tile"


LOCKER = """
import sys, time
from pathlib import Path
from api.cache.store import SingleFlight

folder = Path(sys.argv[1])

def make():
    (folder / "begun").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)
    return b"tile"

SingleFlight(folder).run("a", lambda: None, make)
"""


@contextmanager
def other_worker(code: str, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of another worker."""
    environment = {"PYTHONPATH": str(ROOT / "services")}
    with subprocess.Popen([sys.executable, "-c", code, *args], env=environment, stdout=subprocess.PIPE) as process:
        yield process


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_locks_are_found_again_when_their_folder_was_removed(tmp_path: Path):
    folder = tmp_path / "tiles"
    flights = SingleFlight(folder)
    assert flights.run("a", lambda: None, lambda: b"tile") == b"tile"
    shutil.rmtree(folder)
    with other_worker(LOCKER, str(folder)) as other, ThreadPoolExecutor(1) as pool:
        wait_for(folder / "begun")
        mine = pool.submit(flights.run, "a", lambda: b"of the other", lambda: b"mine")
        time.sleep(0.05)
        assert not mine.done()
        (folder / "go").touch()
        assert other.wait(20) == 0
        assert mine.result() == b"of the other"


def test_who_waits_too_long_makes_the_tile_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tile_store, "WAIT_S", 0.05)
    with other_worker(LOCKER, str(tmp_path)):
        wait_for(tmp_path / "begun")
        assert SingleFlight(tmp_path).run("a", lambda: None, lambda: b"tile") == b"tile"
        (tmp_path / "go").touch()


def test_a_lock_goes_with_the_worker_that_held_it(tmp_path: Path):
    with other_worker(LOCKER, str(tmp_path)) as other:
        wait_for(tmp_path / "begun")
        other.kill()
        assert SingleFlight(tmp_path).run("a", lambda: None, lambda: b"tile") == b"tile"


ASKER = """
import sys
from api.cache.store import TileStore
from core.settings import Settings

store = TileStore(Settings(tiles_dir=sys.argv[1], tile_cache_mb=0))
print(store.get_or_make("a", lambda: b"made again").decode())
store.close()
"""


def test_a_tile_is_found_by_others_soon_after_its_answer_and_by_those_of_its_own_worker_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.cache.sqlite.TOGETHER_S", 1)
    store = TileStore(Settings(tiles_dir=str(tmp_path), tile_cache_mb=0))
    assert store.get_or_make("a", lambda: b"tile") == b"tile"
    assert store.get("a") == b"tile"
    with other_worker(ASKER, str(tmp_path)) as other:
        assert other.communicate(timeout=20) == (b"tile\n", None), "who looks waits until it is written"
    assert store.get("a") == b"tile"
    store.close()


def test_a_tile_that_is_not_final_is_given_to_who_waits_and_cached_nowhere(tmp_path: Path):
    store = TileStore(Settings(tiles_dir=str(tmp_path)), is_final=lambda tile: tile != b"hasty")
    assert store.get_or_make("a", lambda: b"hasty") == b"hasty"
    assert store.get("a") is None
    assert store.get_or_make("a", lambda: b"tile") == b"tile"
    assert store.get_or_make("a", lambda: b"made again") == b"tile"
    store.close()


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.cache.sqlite.TOGETHER_S", 1)
    disk = TileDisk(tmp_path, 10_000_000)
    writer, written = WriteBehind(disk), list[str]()
    writer.put("small", b"tile", lambda: written.append("small"))
    assert (writer.get("small"), written) == (b"tile", [])
    writer.put("large", bytes(200_000), lambda: written.append("large"))
    assert written == ["small", "large"]
    assert writer.get("small") is None
    assert disk.get("small") == b"tile"


def test_tiles_that_cannot_be_written_are_waited_for_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    writer, written = WriteBehind(TileDisk(tmp_path, 10_000_000)), threading.Event()
    monkeypatch.setattr("api.cache.sqlite.TileDisk.put", lambda *_: 1 / 0)
    for _ in range(2):
        writer.put("a", b"tile", written.set)
        assert written.wait(5)
        written.clear()
    monkeypatch.undo()
    writer.close()
    assert writer.get("a") is None
    assert caplog.text.count("exception calling callback") == 2


WORKER = """
import sys, time
from pathlib import Path
from api.cache.store import TileStore
from core.settings import Settings

store = TileStore(Settings(tiles_dir=sys.argv[1], tile_cache_mb=int(sys.argv[2])))

def make():
    with (Path(sys.argv[1]) / "made").open("a") as file:
        file.write("x")
    time.sleep(0.05)
    return b"tile"

for number in range(20):
    assert store.get_or_make(str(number), make) == b"tile"
store.close()
"""


def test_many_processes_make_each_tile_once(tmp_path: Path):
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT / "services")}
    workers = [subprocess.Popen([*command, str(number % 2)], env=environment) for number in range(6)]
    assert [worker.wait(60) for worker in workers] == [0] * 6
    assert (tmp_path / "made").read_text() == "x" * 20


def test_store_finds_on_the_disk_what_memory_dropped(tmp_path: Path):
    store = TileStore(Settings(tiles_dir=str(tmp_path), tile_cache_mb=0))
    assert store.get_or_make("a", lambda: b"tile") == b"tile"
    assert store.get("a") == b"tile"
    store.close()


def test_filtered_tiles_have_a_share_of_their_own_and_never_push_out_plain_ones(tmp_path: Path):
    settings = Settings(tiles_dir=str(tmp_path), tile_cache_mb=1, tiles_mb=1)
    plain, filtered = TileStore(settings), TileStore(settings, FILTERED)
    assert plain.get_or_make("plain", lambda: b"tile") == b"tile"
    for number in range(30):
        filtered.get_or_make(str(number), lambda: b"x" * 100_000)
    assert plain.get("plain") == b"tile"
    assert filtered.get("plain") is None
    assert filtered.get("0") is None, "the bound holds"
    assert filtered.get("29") is not None
    size = sum(path.stat().st_size for path in (tmp_path / "filtered").glob("*.sqlite"))
    assert size <= 1_000_000 * FILTERED.share
    assert PLAIN.share + FILTERED.share == 1
    plain.close()
    filtered.close()


def test_store_tells_the_disk_what_is_used_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.cache.sqlite.USES_AT_ONCE", 1)
    clock = iter(range(100, 1000))
    monkeypatch.setattr(sqlite, "now", lambda: next(clock))
    store = TileStore(Settings(tiles_dir=str(tmp_path)))
    store.get_or_make("a", lambda: b"tile")
    for _ in range(200):
        store.get("a")
    store.close()
    with sqlite3.connect(next(tmp_path.glob("tiles-*.sqlite"))) as connection:
        assert connection.execute("SELECT used FROM uses").fetchone() == (103,)
    connection.close()
