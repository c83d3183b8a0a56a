"""`/metrics` for Prometheus, of all workers, and `Server-Timing` on every answer."""

from __future__ import annotations

import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Database
from support.server import started_api

TILE = "/collections/places/tiles/WebMercatorQuad/{}/{}/{}"
TILE_ROUTE = "/collections/<id>/tiles/<tms>/<z>/<row>/<column>"
DURATION = r"dur=\d+\.\d+"


@pytest.fixture
def fresh(world: Database) -> Iterator[FlaskClient]:
    """A client of an API that has counted nothing yet, and keeps no tiles on the disk."""
    pool = Pool(world.reader)
    yield create_app(world.reader, pool).test_client()
    pool.close()


def values_of(text: str) -> dict[str, float]:
    """The values of the exposition format by name."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_requests_are_counted_by_route_and_status(fresh: FlaskClient):
    for path in (
        "/",
        "/",
        "/collections/places/items/1",
        "/collections/places/items/8",
        "/nowhere",
        "/collections/nope",
    ):
        fresh.get(path)
    response = fresh.get("/metrics")
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    values = values_of(response.text)
    assert values['isthmus_requests_total{route="/",status="200"}'] == 2
    feature = "/collections/<id>/items/<path:feature_id>"
    assert values[f'isthmus_requests_total{{route="{feature}",status="200"}}'] == 1
    assert values[f'isthmus_requests_total{{route="{feature}",status="404"}}'] == 1
    assert values['isthmus_requests_total{route="other",status="404"}'] == 1
    assert values['isthmus_requests_total{route="/collections/<id>",status="404"}'] == 1
    assert values['isthmus_request_seconds_total{route="/"}'] > values['isthmus_database_seconds_total{route="/"}'] > 0


def test_tiles_are_counted_by_zoom(fresh: FlaskClient):
    path = TILE.format(2, 1, 3) + "?name=Suva"
    first = fresh.get(path, headers={"Accept-Encoding": "gzip"})
    before = values_of(fresh.get("/metrics").text)
    assert before["isthmus_tile_build_seconds_count"] <= 1
    for _ in range(3):
        assert fresh.get(path, headers={"Accept-Encoding": "gzip"}).data == first.data
    fresh.get(path, headers={"If-None-Match": first.headers["ETag"]})
    after = values_of(fresh.get("/metrics").text)
    hits, size = 'isthmus_tile_hits_total{zoom="2"}', 'isthmus_tile_bytes_total{zoom="2"}'
    assert after[hits] - before.get(hits, 0) == 4
    assert after[size] - before[size] == 3 * len(first.data)
    assert after[f'isthmus_requests_total{{route="{TILE_ROUTE}",status="304"}}'] == 1
    assert after.get('isthmus_tile_misses_total{zoom="2"}', 0) == before.get('isthmus_tile_misses_total{zoom="2"}', 0)


def test_parameters_of_metrics_are_refused(fresh: FlaskClient):
    assert fresh.get("/metrics?f=json").status_code == 400


@pytest.mark.parametrize(
    ("path", "kinds"),
    [
        ("/", "db total"),
        ("/conformance", "total"),
        ("/collections/places/items", "db total"),
        ("/collections/places/items/1", "db total"),
        ("/collections/places/items?f=csv", "db total"),
        ("/collections/places/items?nmae=x", "total"),
        ("/nowhere", "total"),
    ],
)
def test_every_answer_says_what_it_took(app: Flask, path: str, kinds: str):
    client = app.test_client()
    client.get(path)
    response = client.get(path)
    found = response.headers["Server-Timing"]
    names = re.findall(r"(?:^|, )(\w+);", found)
    assert set(names) <= set(kinds.split()) | {"db"}
    assert names[-1] == "total"
    assert re.search(rf"total;{DURATION}$", found)
    assert response.headers["Timing-Allow-Origin"] == "*"


def test_a_tile_says_whether_it_was_kept(fresh: FlaskClient, database: Database):
    path = TILE.format(3, 2, 4) + f"?filter=population<>{id(database)}"
    made, kept = fresh.get(path), fresh.get(path)
    assert re.fullmatch(
        rf"cache;desc=miss, db;{DURATION}, make;{DURATION}, total;{DURATION}", made.headers["Server-Timing"]
    )
    assert re.fullmatch(rf"cache;desc=hit, total;{DURATION}", kept.headers["Server-Timing"])


@pytest.mark.parametrize("worker_class", ["granian", "gthread"])
def test_metrics_are_those_of_all_workers_also_of_those_before_a_reload(world: Database, worker_class: str):
    def ask(path: str) -> str:
        with urllib.request.urlopen(server.url + path) as response:
            return response.read().decode()

    with started_api(world, ISTHMUS_WORKERS="2", ISTHMUS_WORKER_CLASS=worker_class) as server:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, ["/conformance"] * 200))
        texts = [values_of(ask("/metrics")) for _ in range(4)]
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 20
        while set(before) & set(server.workers()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        texts.append(values_of(ask("/metrics")))
    assert {values['isthmus_requests_total{route="/conformance",status="200"}'] for values in texts} == {200}
