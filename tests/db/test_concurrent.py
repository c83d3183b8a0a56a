"""Loading under readers: every answer is of one version, whoever reads, and two loaders leave one catalogue."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from loader.prerender.renderer import Renderer
from loader.states.health import Health
from loader.watch import State, look
from support.cluster import Database
from support.loading import Loader, feature, write_geojson, write_points

WITHIN_S = 25
ITEMS = "/collections/p/items"
TILE = "/collections/p/tiles/WebMercatorQuad/0/0/0"


def rows_of(number: int) -> int:
    """How many features a version of these tests has: neighbours differ."""
    return 20 + number % 5


def load(loader: Loader, number: int) -> None:
    """The next content: every feature says which one it is of."""
    write_points(loader.path("p.geojson"), [f"load-{number:05}"] * rows_of(number))
    assert loader.load("p.geojson").status == "loaded"


@dataclass(slots=True)
class Seen:
    """What a reader met: kinds of walks with their number, and everything that must not be."""

    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    newest: int = 0


def page_version(page: Any, seen: Seen) -> int:
    """The one version that a page is of. More than one, or another version's count, is written down as wrong."""
    numbers = {int(entry["properties"]["name"][5:]) for entry in page["features"]}
    number = min(numbers)
    if len(numbers) > 1:
        seen.wrong.append(f"a page of {sorted(numbers)}")
    if page["numberMatched"] != rows_of(number):
        seen.wrong.append(f"a page of {number} counts {page['numberMatched']} instead of {rows_of(number)}")
    return number


def walk(client: FlaskClient, seen: Seen) -> str:
    """Read a collection page by page; how it ended: whole, or refused because of a reload."""
    url, versions, ids = f"{ITEMS}?limit=6", set[int](), list[int]()
    while url:
        response = client.get(url)
        page = json.loads(response.data)
        if response.status_code == 400 and "cursor=" in url and page["code"] == "cursor-invalid":
            return "refused"
        if response.status_code != 200:
            seen.wrong.append(f"{response.status_code} {response.text}")
            return "failed"
        versions.add(page_version(page, seen))
        ids += [entry["id"] for entry in page["features"]]
        links = {link["rel"]: link["href"] for link in page["links"]}
        url = links.get("next", "").removeprefix("http://localhost")
    if len(versions) > 1 or len(ids) != rows_of(min(versions)) or len(set(ids)) != len(ids):
        seen.wrong.append(f"a walk over versions {sorted(versions)} met {len(ids)} features")
    if min(versions) < seen.newest:
        seen.wrong.append(f"version {min(versions)} after {seen.newest}")
    seen.newest = max(versions)
    return "whole"


def draw(client: FlaskClient, seen: Seen) -> str:
    """Read a tile."""
    response = client.get(TILE, headers={"Accept-Encoding": "identity"})
    names = set(re.findall(rb"load-\d{5}", response.data))
    if response.status_code != 200 or len(names) != 1:
        seen.wrong.append(f"a tile: {response.status_code} {sorted(names)} {response.text[:300]}")
    return "drawn"


@contextmanager
def api_on(database: Database, answer_cache_mb: int = 16) -> Iterator[Flask]:
    """The API on a database."""
    pool = Pool(database.reader)
    try:
        yield create_app(replace(database.reader, answer_cache_mb=answer_cache_mb), pool)
    finally:
        pool.close()


def read_until(ended: threading.Event, app: Flask, read: Callable[[FlaskClient, Seen], str]) -> Seen:
    """Read again and again, with a breath between: the loader of the test is a thread of the same interpreter."""
    seen, client = Seen(), app.test_client()
    while not ended.wait(0.005):
        seen.ends[read(client, seen)] += 1
    return seen


@contextmanager
def readers(app: Flask) -> Iterator[list[Future[Seen]]]:
    """Two that walk and one that draws, as long as the block runs."""
    ended = threading.Event()
    with ThreadPoolExecutor(3) as threads:
        futures = [threads.submit(read_until, ended, app, read) for read in (walk, walk, draw)]
        try:
            yield futures
        finally:
            ended.set()


def tables(loader: Loader) -> list[str]:
    """The tables that hold features."""
    rows = loader.connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'data' ORDER BY 1")
    return [row[0] for row in rows]


def assert_consistent(loader: Loader, keep: int) -> None:
    """Catalogue, tables and views agree: no table without a version, no version without a table, at most `keep`."""
    rows = loader.connection.execute("SELECT collection_id, table_name FROM isthmus.versions").fetchall()
    assert sorted(row[1] for row in rows) == tables(loader)
    assert max(Counter(row[0] for row in rows).values()) <= keep
    for id, collection in loader.catalog().items():
        assert loader.one(f'SELECT count(*) FROM data."{collection.table}"') == collection.row_count
        assert loader.one(f'SELECT count(*) FROM published."{id}"') == collection.row_count
        newest = "SELECT max(version) FROM isthmus.versions WHERE collection_id = %s"
        assert loader.one(newest, id) == collection.version


@pytest.mark.parametrize(("check_every_s", "answer_cache_mb"), [(0.0, 0), (1.0, 0), (0.0, 16)])
def test_readers_meet_whole_versions_only_while_new_ones_are_swapped_in(
    loader: Loader, database: Database, monkeypatch: pytest.MonkeyPatch, check_every_s: float, answer_cache_mb: int
):
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", check_every_s)
    load(loader, 1)
    with api_on(database, answer_cache_mb) as app:
        started, number = time.monotonic(), 1
        with readers(app) as futures:
            while time.monotonic() - started < 2 or number < 6:
                assert time.monotonic() - started < WITHIN_S
                number += 1
                load(loader, number)
        seen = [future.result(WITHIN_S) for future in futures]
        assert [entry for reader in seen for entry in reader.wrong] == []
        ends = sum((reader.ends for reader in seen), Counter[str]())
        assert ends["whole"] > 0
        assert ends["drawn"] > 0
        assert ends["refused"] > 0 or answer_cache_mb, "no walk met a reload, so nothing was tested"
    loader.load("p.geojson", force=True)
    assert_consistent(loader, 2)
    assert len(tables(loader)) == 2


@pytest.mark.parametrize("keep", [1, 3])
def test_only_the_wanted_number_of_tables_is_left_when_the_readers_have_gone(
    loader: Loader, database: Database, monkeypatch: pytest.MonkeyPatch, keep: int
):
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 0.0)
    loader.settings = replace(loader.settings, keep_versions=keep)
    load(loader, 1)
    with api_on(database) as app, readers(app) as futures:
        for number in range(2, 9):
            load(loader, number)
            assert len(tables(loader)) <= keep + number
    assert [entry for future in futures for entry in future.result(WITHIN_S).wrong] == []
    load(loader, 9)
    assert len(tables(loader)) == keep
    assert_consistent(loader, keep)


@pytest.fixture
def forgotten(loader: Loader, database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FlaskClient, str]]:
    """A client of an API that knows a version whose table is gone, and the second page of that version."""
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 3600.0)
    loader.settings = replace(loader.settings, keep_versions=1)
    load(loader, 1)
    with api_on(database) as app:
        client = app.test_client()
        page = json.loads(client.get(f"{ITEMS}?limit=6").data)
        [second] = [link["href"] for link in page["links"] if link["rel"] == "next"]
        load(loader, 2)
        assert len(tables(loader)) == 1
        yield client, second.removeprefix("http://localhost")


def test_a_page_of_a_dropped_version_is_answered_with_the_new_one(forgotten: tuple[FlaskClient, str]):
    client, _ = forgotten
    response = client.get(f"{ITEMS}?limit=6")
    assert response.status_code == 200, response.text
    seen = Seen()
    assert (page_version(json.loads(response.data), seen), seen.wrong) == (2, [])


def test_a_cursor_of_a_dropped_version_is_refused(forgotten: tuple[FlaskClient, str]):
    client, second = forgotten
    response = client.get(second)
    assert (response.status_code, json.loads(response.data)["code"]) == (400, "cursor-invalid")
    assert "loaded anew" in json.loads(response.data)["detail"]


def test_a_feature_of_a_dropped_version_is_that_of_the_new_one(forgotten: tuple[FlaskClient, str]):
    client, _ = forgotten
    response = client.get(f"{ITEMS}/3")
    assert response.status_code == 200, response.text
    assert json.loads(response.data)["properties"]["name"] == "load-00002"


def test_a_tile_of_a_dropped_version_is_that_of_the_new_one(forgotten: tuple[FlaskClient, str]):
    client, _ = forgotten
    seen = Seen()
    assert (draw(client, seen), seen.wrong) == ("drawn", [])
    assert b"load-00002" in client.get(TILE, headers={"Accept-Encoding": "identity"}).data


def test_a_filter_in_a_body_is_asked_again_of_the_new_version(forgotten: tuple[FlaskClient, str]):
    client, _ = forgotten
    body = {"filter": "name = 'load-00002'", "filter-lang": "cql2-text", "limit": 3}
    response = client.post("/collections/p/search", json=body)
    assert response.status_code == 200, response.text
    page = json.loads(response.data)
    assert (page["numberMatched"], page["numberReturned"]) == (rows_of(2), 3)


def test_a_property_that_only_the_dropped_version_had_is_unknown(forgotten: tuple[FlaskClient, str], loader: Loader):
    client, _ = forgotten
    write_geojson(loader.path("p.geojson"), [feature({"other": "x"})])
    assert loader.load("p.geojson").status == "loaded"
    response = client.get(ITEMS, query_string={"name": "load-00001"})
    assert response.status_code == 400
    assert json.loads(response.data)["code"] in ("parameter-unknown", "property-unknown")


def test_a_table_that_the_catalogue_still_names_is_unavailable_and_not_asked_for_ever(
    forgotten: tuple[FlaskClient, str], loader: Loader
):
    client, _ = forgotten
    loader.connection.execute(f'DROP TABLE data."{tables(loader)[0]}" CASCADE')
    response = client.get(ITEMS)
    assert (response.status_code, json.loads(response.data)["code"]) == (503, "catalogue-missing")
    assert response.headers["Retry-After"]


def test_two_loaders_that_watch_one_folder_load_each_content_once(loader: Loader, database: Database):
    names, rounds = [f"c{number}" for number in range(4)], 4
    meet = threading.Barrier(2, timeout=WITHIN_S)

    def write(number: int) -> None:
        for place, name in enumerate(names):
            write_points(loader.path(f"{name}.geojson"), [f"load-{number:05}"] * (5 + number), y=float(place))

    def one(writes: bool) -> list[str]:
        outcomes = list[str]()

        def listen(event: Any) -> None:
            outcomes.extend([event.values["status"]] if event.event == "end" else [])

        state = State(Renderer(database.owner, listen), Health(loader.data_dir))
        with open_catalogue(database.owner) as connection:
            for number in range(rounds):
                if writes:
                    write(number)
                meet.wait()
                for _ in range(3):  # seen, rested, and once more for what the other was about
                    look(connection, loader.settings, state, listen)
                meet.wait()
        return outcomes

    with ThreadPoolExecutor(2) as threads:
        outcomes = Counter(sum(threads.map(one, (True, False)), list[str]()))
    assert set(outcomes) <= {"loaded", "unchanged"}
    assert outcomes["loaded"] == len(names) * rounds
    catalog = loader.catalog()
    assert {id: collection.row_count for id, collection in catalog.items()} == dict.fromkeys(names, 5 + rounds - 1)
    assert set(loader.column("c2", "name")) == {f"load-{rounds - 1:05}"}
    assert_consistent(loader, 2)


def test_two_loaders_of_one_file_serve_one_version(loader: Loader, database: Database):
    write_points(loader.path("p.geojson"), ["a", "b"])
    meet = threading.Barrier(2, timeout=WITHIN_S)

    def one(_: int) -> str:
        with open_catalogue(database.owner) as connection:
            other = Loader(loader.settings, connection)
            meet.wait()
            return other.load("p.geojson", overviews=False).status

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(one, range(2))) == ["loaded", "unchanged"]
    assert loader.one("SELECT count(*) FROM isthmus.versions") == 1
    assert_consistent(loader, 2)
