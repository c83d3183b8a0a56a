"""Indexes of properties: made after the load, one by one, gone on with after a stop, never in the way of the data."""

from __future__ import annotations

import json
import random
import signal
import string
import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import sql
from test_cli import Shell, shell  # noqa: F401  (a fixture)
from test_watch import watching

from core.database.connections import connect
from loader.states.roll_back import roll_back
from loader.table.cleanup import clean_up
from loader.table.index_rule import PropertyIndex
from loader.table.property_indexes import choose_indexes, make_all, make_next, read_indexes
from support.cluster import Database
from support.loading import Loader

ROWS = 12_000


def write_shops(path: Path, rows: int = ROWS, **more: Any) -> Path:
    """Parquet without geometry: names, a category, numbers, a sparse property, one that is always the same, prose."""
    numbers = range(rows)
    columns: dict[str, Any] = {
        "name": [f"shop {number}" for number in numbers],
        "kind": [["cafe", "park", "stop", "shop", "bank", "pier", "farm"][number % 7] for number in numbers],
        "size": [number * 7919 % 1000 for number in numbers],
        "tower": [number if number % 100 == 0 else None for number in numbers],
        "same": ["x"] * rows,
        "story": [f"{number} {'-' * 100}" for number in numbers],
        **more,
    }
    pq.write_table(pa.table(columns), path)
    return path


def made(loader: Loader, id: str = "shops") -> list[str]:
    """The indexes of properties that the served table has."""
    rows = loader.connection.execute(
        "SELECT indexdef FROM pg_indexes WHERE tablename = %s AND indexname LIKE '%%_property' ORDER BY indexname",
        [loader.catalog()[id].table],
    )
    return [row[0].split(" USING btree ")[1] for row in rows]


def chosen(loader: Loader, id: str = "shops") -> dict[str, PropertyIndex]:
    """What the catalogue says of them."""
    return {i.property_name: i for i in read_indexes(loader.connection, loader.catalog()[id].version)}


def make(loader: Loader, *, auto: bool = True) -> None:
    """Choose and make all."""
    make_all(loader.connection, loader.events.append, list(loader.catalog()), auto=auto)
    clean_up(loader.connection, loader.settings.keep_versions)


def test_properties_that_are_hard_to_meet_get_an_index_and_the_others_none(loader: Loader) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    assert made(loader) == []  # the load does not wait for them
    make(loader)
    assert made(loader) == ["(size)", "(tower) WHERE (tower IS NOT NULL)", "(name)", "(kind, fid)"]
    took = chosen(loader)
    assert list(took) == ["tower", "size", "name", "kind"]
    assert all(index.size_bytes >= 8192 and index.seconds is not None for index in took.values())
    told = [event.values for event in loader.events if event.event == "indexed"]
    assert [(value["property"], value["number"], value["of"]) for value in told] == [
        ("tower", 1, 4),
        ("size", 2, 4),
        ("name", 3, 4),
        ("kind", 4, 4),
    ]
    assert not make_next(loader.connection, loader.events.append)
    assert not choose_indexes(loader.connection, loader.events.append, auto=True)


def test_they_take_at_most_half_the_room_of_the_table(loader: Loader) -> None:
    chance = random.Random(1)
    texts = {f"text{n}": ["".join(chance.choices(string.ascii_letters, k=50)) for _ in range(ROWS)] for n in range(12)}
    write_shops(loader.path("shops.parquet"), **texts)
    loader.load_all("shops.parquet")
    make(loader)
    [(table, indexes)] = loader.connection.execute(
        "SELECT pg_table_size(oid), (SELECT sum(pg_relation_size(x.indexrelid)) FROM pg_index AS x JOIN pg_class AS i"
        " ON i.oid = x.indexrelid WHERE indrelid = t.oid AND i.relname LIKE '%%_property') FROM pg_class AS t"
        " WHERE relname = %s",
        [loader.catalog()["shops"].table],
    )
    assert 0 < indexes < 0.7 * table
    assert 4 < len(made(loader)) < 16


def test_a_small_table_and_one_whose_side_car_says_no_have_none(loader: Loader) -> None:
    write_shops(loader.path("few.parquet"), 500)
    write_shops(loader.path("shops.parquet"))
    loader.path("shops.toml").write_text("index = false")
    loader.load_all("few.parquet", "shops.parquet")
    make(loader)
    assert made(loader) == made(loader, "few") == []


def test_the_setting_leaves_them_to_the_side_cars(loader: Loader) -> None:
    for name in ("shops", "other"):
        write_shops(loader.path(f"{name}.parquet"))
    loader.path("other.toml").write_text('index = ["size"]')
    loader.load_all("shops.parquet", "other.parquet")
    make(loader, auto=False)
    assert (made(loader), made(loader, "other")) == ([], ["(size)"])
    make(loader, auto=True)
    assert (len(made(loader)), made(loader, "other")) == (4, ["(size)"])


def test_a_new_word_of_the_side_car_changes_them_without_a_load(loader: Loader) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    make(loader)
    before = chosen(loader)["size"]
    loader.path("shops.toml").write_text('index = ["size", "same", "nane"]')
    assert loader.load("shops.parquet").status == "described"
    assert loader.catalog()["shops"].version == 1
    make(loader)
    assert made(loader) == ["(size)", "(same, fid)"]
    assert chosen(loader)["size"] == before  # it stayed
    problem = "there is no such property: perhaps you meant 'name'"
    assert chosen(loader)["nane"].problem == problem
    assert [e.values["property"] for e in loader.events if e.values.get("problem") == problem] == ["nane"]
    loader.path("shops.toml").write_text("index = true")
    loader.load("shops.parquet")
    make(loader)
    assert len(made(loader)) == 4


def test_layers_have_words_of_their_own(loader: Loader) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.path("shops.toml").write_text('index = ["size"]\n[layers.""]\nindex = "kind"\n')
    loader.load_all("shops.parquet")
    make(loader)
    assert made(loader) == ["(kind, fid)"]


def test_a_wrong_word_is_an_error_with_a_hint(loader: Loader) -> None:
    write_shops(loader.path("shops.parquet"), 10)
    loader.path("shops.toml").write_text("index = 7")
    report = loader.load("shops.parquet")
    assert report.error is not None
    assert report.error["hint"] == 'write index = ["name", "kind"], or index = false'


def test_a_text_too_long_for_an_index_is_told_and_the_others_are_made(loader: Loader) -> None:
    chance = random.Random(2)
    long = "".join(chance.choices(string.printable[:90], k=9000))
    rows = [f"note {number}" for number in range(ROWS - 1)]
    write_shops(loader.path("shops.parquet"), note=[*rows, long])
    loader.load_all("shops.parquet")
    make(loader)
    assert len(made(loader)) == 4
    problem = chosen(loader)["note"].problem or ""
    assert problem == "a value is too long for an index"
    [told] = [e.values["problem"] for e in loader.events if e.event == "indexed" and e.values["problem"]]
    assert told == problem
    assert loader.one("SELECT count(*) FROM published.shops WHERE note LIKE 'note 1%%'") > 0


def test_an_index_under_way_keeps_no_reader_waiting(loader: Loader, database: Database) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    choose_indexes(loader.connection, loader.events.append, auto=True)
    table = sql.Identifier("data", loader.catalog()["shops"].table)
    with loader.connection.transaction(force_rollback=True), connect(database.reader) as reader:
        loader.connection.execute(sql.SQL("CREATE INDEX ON {} (size)").format(table))  # not committed: its lock is held
        reader.execute("SET statement_timeout = '2s'")
        assert reader.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone() == (ROWS,)


def test_they_go_with_the_table_of_their_version(loader: Loader) -> None:
    for size in (0, 1, 2):
        write_shops(loader.path("shops.parquet"), extra=[size] * ROWS)
        loader.load_all("shops.parquet")
        make(loader)
    assert loader.settings.keep_versions == 2
    assert [row[0] for row in loader.connection.execute("SELECT version FROM isthmus.indexed ORDER BY 1")] == [2, 3]
    assert loader.one("SELECT count(*) FROM pg_class WHERE relname LIKE '1%%_property'") == 0
    assert loader.one("SELECT count(*) FROM pg_class WHERE relname LIKE '2%%_property'") == 4
    roll_back(loader.connection, "shops", None)
    assert not choose_indexes(loader.connection, loader.events.append, auto=True)  # it still has them


def test_two_loaders_do_not_make_the_same_index(loader: Loader, database: Database) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    with database.connect() as other:
        other.execute("SELECT")  # begins a transaction, which stays open
        assert choose_indexes(other, loader.events.append, auto=True)
        assert not choose_indexes(loader.connection, loader.events.append, auto=True)
        assert not make_next(loader.connection, loader.events.append)
        other.commit()
    assert make_next(loader.connection, loader.events.append)


def test_the_api_hears_of_them_once_when_all_are_made(loader: Loader) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    choose_indexes(loader.connection, loader.events.append, auto=True)
    before = loader.one("SELECT number FROM isthmus.generation")
    numbers = []
    while make_next(loader.connection, loader.events.append):
        numbers.append(loader.one("SELECT number FROM isthmus.generation") - before)
    assert numbers == [0, 0, 0, 1]
    filled = {column.name: column.is_filled for column in loader.catalog()["shops"].columns}
    assert [name for name, is_filled in filled.items() if is_filled] == ["name", "kind", "size"]


def test_the_index_of_times_is_taken_as_it_is(loader: Loader) -> None:
    days = [date(2000, 1, 1) + timedelta(days=number % 9000) for number in range(ROWS)]
    write_shops(loader.path("shops.parquet"), opened=days)
    loader.load_all("shops.parquet")
    make(loader)
    took = chosen(loader)["opened"]
    assert (took.name, took.is_filled, took.problem) == ("shops_1_opened_idx", True, None)
    assert took.size_bytes > 8192
    assert loader.one("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%%(opened)'") == 1
    loader.path("shops.toml").write_text("index = false")
    loader.load("shops.parquet")
    make(loader)
    assert loader.one("SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%%(opened)'") == 1


def test_one_that_is_there_already_is_taken(loader: Loader) -> None:
    """The catalogue may be older than the table: the row says that it is open, and the index is there."""
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    make(loader)
    loader.connection.execute("DELETE FROM isthmus.indexed")
    make(loader)
    assert all(index.problem is None and index.size_bytes > 0 for index in chosen(loader).values())


def eventually(holds: Callable[[], bool], within_s: float = 20) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_waiting(connection: psycopg.Connection) -> bool:
    """Whether a CREATE INDEX waits for a lock."""
    text = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%%' AND wait_event_type = 'Lock'"
    return connection.execute(text).fetchone() == (1,)


def test_an_index_that_the_operator_cancels_is_told_and_not_begun_again(loader: Loader, database: Database) -> None:
    write_shops(loader.path("shops.parquet"))
    loader.load_all("shops.parquet")
    choose_indexes(loader.connection, loader.events.append, auto=True)
    with database.connect() as blocker, database.connect() as observer:
        observer.autocommit = True
        blocker.execute("LOCK TABLE data.shops_1 IN ROW EXCLUSIVE MODE")
        making = threading.Thread(target=make_next, args=(loader.connection, loader.events.append))
        making.start()
        eventually(lambda: is_waiting(observer))
        observer.execute("SELECT pg_cancel_backend(%s)", [loader.connection.info.backend_pid])
        making.join(10)
        blocker.rollback()
    make(loader)
    assert chosen(loader)["tower"].problem == "canceling statement due to user request"
    assert len(made(loader)) == 3


def test_sigterm_ends_an_index_at_once_and_the_next_loader_makes_it(database: Database, tmp_path: Path) -> None:
    write_shops(database.owner.data_dir / "shops.parquet")
    with database.connect() as blocker, database.connect() as observer:
        observer.autocommit = True
        with watching(database.owner, tmp_path, ISTHMUS_INDEX="off") as watcher:
            watcher.ended("shops.parquet", "loaded")
        blocker.execute("LOCK TABLE data.shops_1 IN ROW EXCLUSIVE MODE")
        with watching(database.owner, tmp_path) as watcher:
            eventually(lambda: is_waiting(observer))
            watcher.process.send_signal(signal.SIGTERM)
            assert watcher.process.wait(5) == 0
            assert watcher.states()[-1] == "stopped"
        assert "Traceback" not in watcher.log.read_text()
        eventually(lambda: not is_waiting(observer))  # PostgreSQL ends what was cancelled in its own time
        blocker.rollback()
        with watching(database.owner, tmp_path) as watcher:
            watcher.wait(lambda line: line["event"] == "indexed" and line["number"] == line["of"])
            assert [line["event"] for line in watcher.lines() if line["event"] == "start"] == []
    with database.connect() as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE '1%%_property'")
    assert count == 4


def test_files_do_not_wait_for_indexes_of_those_before(database: Database, tmp_path: Path) -> None:
    write_shops(tmp_path / "shops.parquet")
    wide = {f"more{number}": [row * number % 997 for row in range(ROWS)] for number in range(3, 12)}
    write_shops(database.owner.data_dir / "first.parquet", **wide)
    with watching(database.owner, tmp_path, ISTHMUS_SCAN_INTERVAL_S="0.01") as watcher:
        watcher.wait(lambda line: line["event"] == "index")
        (tmp_path / "shops.parquet").rename(database.owner.data_dir / "second.parquet")
        watcher.ended("second.parquet", "loaded")
        watcher.wait(
            lambda line: line["event"] == "indexed" and line["collection"] == "second" and line["number"] == line["of"]
        )
        watcher.wait(
            lambda line: line["event"] == "indexed" and line["collection"] == "first" and line["number"] == line["of"]
        )


@pytest.mark.parametrize("output", ["text", "json"])
def test_load_makes_them_where_no_loader_is_at_work(shell: Shell, output: str) -> None:  # noqa: F811
    write_shops(shell.data_dir / "shops.parquet")
    done = shell.process("load", shell.data_dir / "shops.parquet", *(["--json"] if output == "json" else []))
    assert done.returncode == 0, done.stderr
    assert "index" not in done.stdout  # results only; indexes are progress
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["property"] for event in events if event["event"] == "indexed"] == ["tower", "size", "name", "kind"]
    info = json.loads(shell("info", "shops", "--json").stdout)
    assert [(index["property"], index["index"]) for index in info["indexes"]] == [
        ("tower", "1_3_tower_property"),
        ("size", "1_2_size_property"),
        ("name", "1_4_name_property"),
        ("kind", "1_5_kind_property"),
    ]
    text = shell("info", "shops").stdout
    assert "INDEX OF        MB  SECONDS  STATE" in text
    assert text.count("  made\n") == 4


def test_load_leaves_those_of_other_collections_alone(shell: Shell) -> None:  # noqa: F811
    for name in ("shops", "other"):
        write_shops(shell.data_dir / f"{name}.parquet")
    assert shell("load", shell.data_dir / "shops.parquet").exit_code == 0
    assert shell("load", shell.data_dir / "other.parquet", ISTHMUS_INDEX="off").exit_code == 0
    assert shell("info", "shops").stdout.count("  made\n") == 4
    assert "INDEX OF" not in shell("info", "other").stdout


def test_load_leaves_them_to_the_loader_that_is_at_work(shell: Shell, tmp_path: Path) -> None:  # noqa: F811
    with watching(shell.settings, tmp_path, ISTHMUS_SCAN_INTERVAL_S="3600") as watcher:
        watcher.wait(lambda line: line.get("state") == "watching")
        write_shops(shell.data_dir / "shops.parquet")
        done = shell.process("load", shell.data_dir / "shops.parquet")
        assert done.returncode == 0, done.stderr
        assert '"indexed"' not in done.stderr
