"""64 clients ask for tiles that nobody has made, and PostgreSQL is killed under them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import mapbox_vector_tile
import psycopg
import pytest

from api.app import create_app
from core.database.connections import Database as Pool, conninfo
from support.cluster import Cluster, Database, private_cluster
from support.publish import publish
from support.server import running_api

CLIENTS, ZOOM = 64, 4
POINTS = """
SELECT n AS fid, 'a point with a name ' || n AS name,
       ST_Point((n * 7919 % 3600) / 10.0 - 180, (n * 104729 % 1600) / 10.0 - 80) AS geom
FROM generate_series(1::bigint, 60000) AS n
"""
PATHS = [
    f"/collections/points/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}" for row in range(1, 15) for column in range(16)
]
GIVE_UP_S = 60.0


@dataclass
class Crowd:
    """Clients that ask until they have a tile, each beginning at another one. `killed`: since then for most."""

    url: str
    statuses: Counter[int] = field(default_factory=Counter[int])
    odd: list[str] = field(default_factory=list)
    tiles: dict[str, set[bytes]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    killed: threading.Event = field(default_factory=threading.Event)

    def walk(self, number: int) -> None:
        """One client: every fourth tile, from a place of its own."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=30)
        start = number * 4 % len(PATHS)
        for asked, path in enumerate((PATHS[start:] + PATHS[:start])[:: 4 if number % 2 else 3]):
            if asked == 2:
                self.killed.wait(GIVE_UP_S)
            self.fetch(connection, path)
        connection.close()

    def fetch(self, connection: http.client.HTTPConnection, path: str) -> None:
        """Ask for a tile, again and again while the database is away."""
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            with self.lock:
                self.statuses[response.status] += 1
                if response.status in (200, 204):
                    self.tiles.setdefault(path, set()).add(body)
                    return
                if not is_promised(response, body) or time.monotonic() > deadline:
                    self.odd.append(f"{path} {response.status} {dict(response.headers)} {body[:300]!r}")
                    return
            time.sleep(0.1)


def is_promised(response: http.client.HTTPResponse, body: bytes) -> bool:
    """Whether an answer is a 503 that says when to come back."""
    if response.status != 503 or response.headers["Content-Type"] != "application/problem+json":
        return False
    return int(response.headers["Retry-After"]) > 0 and json.loads(body)["code"] == "database-unavailable"


def features_of(tile: bytes) -> dict[int, tuple[str, str]]:
    """What a tile shows, by id: in which order PostgreSQL finds the features depends on its plan."""
    layers = mapbox_vector_tile.decode(tile) if tile else {}
    found = [feature for layer in layers.values() for feature in layer["features"]]
    assert len({feature["id"] for feature in found}) == len(found)
    return {feature["id"]: (str(feature["geometry"]), str(feature["properties"])) for feature in found}


@pytest.fixture
def served() -> Iterator[tuple[Cluster, Database]]:
    """A cluster that may be killed, with one collection."""
    with private_cluster() as cluster:
        database = cluster.database("isthmus")
        publish(database, "points", POINTS, columns={"name": "string"})
        yield cluster, database


def kill_server(cluster: Cluster, crowd: Crowd) -> None:
    """End all of PostgreSQL, and start it when it was missed."""
    cluster.kill()
    crowd.killed.set()
    wait_until(lambda: crowd.statuses[503] >= 20)
    cluster.start()


def kill_backend(cluster: Cluster, crowd: Crowd) -> None:
    """End one of its processes, after which PostgreSQL ends the others and recovers."""
    as_superuser = conninfo(cluster.settings_of_template(), user="isthmus_tests")
    with psycopg.connect(as_superuser, autocommit=True) as connection:
        row = connection.execute("SELECT pid FROM pg_stat_activity WHERE usename = 'isthmus_reader' LIMIT 1").fetchone()
    assert row is not None
    os.kill(row[0], signal.SIGKILL)
    crowd.killed.set()
    wait_until(cluster.answers)


def wait_until(holds: Callable[[], bool]) -> None:
    """Raises: AssertionError when something does not come true"""
    deadline = time.monotonic() + GIVE_UP_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("kill", [kill_server, kill_backend])
def test_no_client_sees_anything_but_a_503_and_every_tile_is_whole(
    served: tuple[Cluster, Database], tmp_path: Path, kill: Callable[[Cluster, Crowd], None]
):
    cluster, database = served
    with running_api(database, ISTHMUS_WORKERS="2", ISTHMUS_TILES_DIR=str(tmp_path)) as url:
        crowd = Crowd(url)
        with ThreadPoolExecutor(CLIENTS) as pool:
            walks = [pool.submit(crowd.walk, number) for number in range(CLIENTS)]
            wait_until(lambda: crowd.statuses[200] >= 40)
            kill(cluster, crowd)
            for walk in walks:
                walk.result()
        assert crowd.odd == []
        assert set(crowd.statuses) <= {200, 204, 503}
        assert set(crowd.tiles) == set(PATHS)
        pool = Pool(database.reader)
        bare = create_app(replace(database.reader, tile_cache_mb=0, tiles_mb=0), pool).test_client()
        for path, seen in crowd.tiles.items():
            whole = features_of(bare.get(path).data)
            assert all(features_of(tile) == whole for tile in seen), path
        pool.close()


def test_an_outage_keeps_nobody_waiting(served: tuple[Cluster, Database], tmp_path: Path):
    """Also in workers that never saw the database: 64 who wait for it in turn would wait for two minutes."""
    cluster, database = served
    with running_api(database, ISTHMUS_WORKERS="2", ISTHMUS_TILES_DIR=str(tmp_path)) as url:
        cluster.kill()
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda number: time_of(url, PATHS[number]), range(CLIENTS)))
            took_s = sorted(pool.map(lambda number: time_of(url, PATHS[-number]), range(CLIENTS)))
        assert took_s[-1] < 20, "a wait for each who waits before would be minutes"
        cluster.start()
        wait_until(lambda: time_of(url, PATHS[0], status=200) < GIVE_UP_S)


def time_of(url: str, path: str, status: int = 503) -> float:
    """Seconds until an answer of a status; without end when it is another."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", path)
    found = connection.getresponse().status
    connection.close()
    return time.monotonic() - began if found == status else float("inf")
