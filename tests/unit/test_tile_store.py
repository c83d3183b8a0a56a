"""Tiles that were made: in memory, on the disk, and by one builder."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from api.cache import single_flight, sqlite
from api.cache.keys import etag_of, maker_of, tile_key
from api.cache.memory import ENTRY_OVERHEAD_BYTES, Memory
from api.cache.single_flight import Builders
from api.cache.sqlite import PAGE_BYTES, TileDisk
from api.cache.store import FILTERED, PLAIN, TileStore
from api.cache.write_behind import TileWriter
from api.tiles.revisions import tile_revision
from api.tms.tile import Tile
from core.catalog import Collection
from core.settings import Settings

ROOT = Path(__file__).parents[2]
PLACE = ("WebMercatorQuad", 3, 2, 1)
TILE = Tile(3, 2, 1)


def test_memory_keeps_values_and_knows_empty_ones():
    memory = Memory[str, bytes](10_000)
    memory.put("a", b"tile", 4)
    memory.put("b", b"", 0)
    assert (memory.get("a"), memory.get("b"), memory.get("c")) == (b"tile", b"", None)


def test_memory_drops_the_least_used_when_it_is_full():
    memory = Memory[str, bytes](2 * (1000 + ENTRY_OVERHEAD_BYTES))
    memory.put("a", b"a" * 1000, 1000)
    memory.put("b", b"b" * 1000, 1000)
    memory.get("a")
    memory.put("c", b"c" * 1000, 1000)
    assert memory.get("b") is None
    assert memory.get("a") is not None


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3000)), max_size=60))
def test_memory_never_holds_more_than_its_capacity_and_knows_its_size(puts: list[tuple[int, int]]):
    memory = Memory[str, bytes](5000)
    for column, size in puts:
        memory.put(str(column), b"x" * size, size)
        assert memory.size_bytes <= 5000
    held = [tile for column in range(21) if (tile := memory.get(str(column))) is not None]
    assert memory.size_bytes == sum(len(tile) + ENTRY_OVERHEAD_BYTES for tile in held)


def test_memory_of_no_capacity_keeps_nothing():
    memory = Memory[str, bytes](0)
    memory.put("a", b"", 0)
    assert memory.get("a") is None


def test_key_differs_by_all_that_a_tile_depends_on(roads: Collection):
    anew = replace(roads, loaded_at=roads.loaded_at + timedelta(microseconds=1))
    others = (anew, replace(roads, version=8), replace(roads, id="paths"))
    data, *other_data = (tile_revision(collection, TILE) for collection in (roads, *others))
    keys = [
        tile_key("m", data, PLACE),
        tile_key("n", data, PLACE),
        *(tile_key("m", other, PLACE) for other in other_data),
        tile_key("m", data, ("WorldCRS84Quad", 3, 2, 1)),
        tile_key("m", data, ("WebMercatorQuad", 3, 1, 2)),
        tile_key("m", data, PLACE, "lanes>1"),
    ]
    assert len({etag_of(key) for key in keys}) == len(keys)
    assert tile_key("m", tile_revision(roads, TILE), PLACE) == keys[0]


def test_maker_is_the_same_in_every_worker():
    assert maker_of(Settings()) == maker_of(Settings(port=1))


def test_disk_keeps_tiles_for_the_next_who_opens_it(tmp_path: Path):
    disk = TileDisk(tmp_path / "tiles", 10_000_000)
    disk.put("a", b"tile")
    disk.put("b", b"")
    beside = TileDisk(tmp_path / "tiles", 10_000_000)
    assert (beside.get("a"), beside.get("b"), beside.get("c")) == (b"tile", b"", None)
    disk.put("a", b"another")
    assert beside.get("a") == b"another"
    disk.close()
    beside.close()


def test_disk_stays_within_its_limit_and_drops_the_least_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(1000))
    monkeypatch.setattr(sqlite, "now", lambda: next(clock))
    monkeypatch.setattr(sqlite, "DROPPED_AT_ONCE", 5)
    disk = TileDisk(tmp_path, 2_000_000)
    disk.put("first", bytes(50_000))
    for number in range(100):
        disk.put(str(number), bytes(50_000))
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
        ended.put(f"early {number}", bytes(50_000))
    for number in range(100):
        other.put(str(number), bytes(50_000))
    assert [other.get(f"early {number}") for number in range(10)] == [None] * 10
    assert other.get("99") is not None
    ended.close()
    other.close()


def test_uses_are_written_when_there_are_many_and_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sqlite, "USES_AT_ONCE", 3)
    disk = TileDisk(tmp_path, 10_000_000)
    for name in ("the first, when room is looked for", "b", "c"):
        disk.put(name, b"tile")
    with closing(sqlite3.connect(next(tmp_path.glob("tiles-*.sqlite")))) as other:
        noted = "SELECT count(*) FROM uses"
        assert other.execute(noted).fetchone() == (1,)
        disk.touch("nowhere")
        assert other.execute(noted).fetchone() == (3,), "of those that are there"
        disk.put("d", b"tile")
        disk.close()
        assert other.execute(noted).fetchone() == (4,)


def test_disk_goes_on_in_a_new_file_when_the_old_one_is_damaged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    disk = TileDisk(tmp_path, 10_000_000)
    for number in range(50):
        disk.put(str(number), bytes(20_000))
    disk.close()
    [path] = tmp_path.glob("tiles-*.sqlite")
    with path.open("r+b") as file:
        file.write(b"nonsense" * 1000)
    again, beside = TileDisk(tmp_path, 10_000_000), TileDisk(tmp_path, 10_000_000)
    assert again.get("1") is None
    again.put("1", b"tile")
    assert (again.get("1"), beside.get("1")) == (b"tile", b"tile")
    assert sum("damaged" in record.message for record in caplog.records) == 1
    assert not path.exists()
    again.close()
    beside.close()


def test_disk_gives_no_tile_whose_bytes_were_damaged(tmp_path: Path):
    disk = TileDisk(tmp_path, 10_000_000)
    disk.put("a", b"tile" * 100)
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
        disk.put("a", b"tile")
        assert disk.get("a") is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    (tmp_path / "file").unlink()
    monkeypatch.setattr(disk, "_quiet_until", 0.0)
    disk.put("a", b"tile")
    assert disk.get("a") == b"tile"
    disk.close()


def test_disk_that_is_full_keeps_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    disk = TileDisk(tmp_path, 40 * PAGE_BYTES)
    disk.put("a", b"tile")
    disk.put("large", bytes(1_000_000))
    assert disk.get("large") is None
    assert len(caplog.records) == 1
    disk.close()
    assert TileDisk(tmp_path, 40 * PAGE_BYTES).get("a") == b"tile"


def test_disk_of_no_size_makes_no_folder(tmp_path: Path):
    disk = TileDisk(tmp_path / "tiles", 0)
    disk.put("a", b"tile")
    assert disk.get("a") is None
    assert not (tmp_path / "tiles").exists()


def test_one_thread_makes_a_tile_and_the_others_get_its_bytes():
    builders, made = Builders(None), []

    def make() -> bytes:
        made.append(threading.get_ident())
        time.sleep(0.1)
        return b"tile"

    with ThreadPoolExecutor(8) as pool:
        tiles = [pool.submit(builders.build, "a", lambda: None, make) for _ in range(8)]
    assert [tile.result() for tile in tiles] == [b"tile"] * 8
    assert len(made) == 1


def test_an_error_is_that_of_all_who_wait_and_of_nobody_after_them():
    builders, begun = Builders(None), threading.Event()

    def fail() -> bytes:
        begun.set()
        time.sleep(0.1)
        raise OSError("gone")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(builders.build, "a", lambda: None, fail)
        begun.wait(5)
        second = pool.submit(builders.build, "a", lambda: None, lambda: b"not asked")
    assert isinstance(first.exception(), OSError)
    assert isinstance(second.exception(), OSError)
    assert builders.build("a", lambda: None, lambda: b"tile") == b"tile"


def test_locks_are_let_go_of_and_found_again_when_their_folder_was_removed(tmp_path: Path):
    folder = tmp_path / "tiles"
    one, other = Builders(folder), Builders(folder)
    for builders in (one, other, one, other):
        assert builders.build("a", lambda: None, lambda: b"tile") == b"tile"
    shutil.rmtree(folder)
    tell, begun = threading.Event(), threading.Event()

    def wait() -> bytes:
        begun.set()
        tell.wait(5)
        return b"of one"

    made: list[bytes] = []
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(one.build, "a", lambda: None, wait)
        begun.wait(5)
        second = pool.submit(other.build, "a", lambda: made[-1] if made else None, lambda: b"of the other")
        time.sleep(0.05)
        assert not second.done()
        made.append(b"of one")
        tell.set()
    assert (first.result(), second.result()) == (b"of one", b"of one")


def test_who_waits_too_long_makes_the_tile_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(single_flight, "WAIT_S", 0.05)
    slow, quick, begun, done = Builders(tmp_path), Builders(tmp_path), threading.Event(), threading.Event()

    def hang() -> bytes:
        begun.set()
        done.wait(5)
        return b"late"

    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(slow.build, "a", lambda: None, hang)
        begun.wait(5)
        assert quick.build("a", lambda: None, lambda: b"tile") == b"tile"
        assert slow.build("a", lambda: None, lambda: b"tile") == b"tile"
        done.set()
    assert late.result() == b"late"


def test_a_tile_is_found_by_others_soon_after_its_answer_and_by_those_of_its_own_worker_at_once(tmp_path: Path):
    settings = Settings(tiles_dir=str(tmp_path), tile_cache_mb=0)
    one, other = TileStore(settings), TileStore(settings)
    assert one.get_or_make("a", lambda: b"tile") == b"tile"
    assert one.get("a") == b"tile"
    assert other.get_or_make("a", lambda: b"made again") == b"tile", "who looks waits until it is written"
    assert one.get("a") == b"tile"


def test_what_waits_for_the_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.cache.write_behind.TOGETHER_S", 1)
    disk = TileDisk(tmp_path, 10_000_000)
    writer, written = TileWriter(disk), list[str]()
    writer.put("small", b"tile", lambda: written.append("small"))
    assert (writer.get("small"), written) == (b"tile", [])
    writer.put("large", bytes(200_000), lambda: written.append("large"))
    assert written == ["small", "large"]
    assert writer.get("small") is None
    assert disk.get("small") == b"tile"


def test_tiles_that_cannot_be_written_are_waited_for_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    writer, written = TileWriter(TileDisk(tmp_path, 10_000_000)), threading.Event()
    monkeypatch.setattr("api.cache.sqlite.TileDisk.put_all", lambda *_: 1 / 0)
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
from api.cache.store import FILTERED, PLAIN, TileStore
from api.cache.write_behind import TileWriter
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
