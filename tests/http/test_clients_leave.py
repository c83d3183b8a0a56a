"""Clients that leave before their answer: their statements end, and those of nobody else, against a running server."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mapbox_vector_tile
import psycopg
import pytest
from psycopg import sql

from core.db import conninfo
from support.cluster import Cluster, Database
from support.publish import publish
from support.server import running_api

LEAVES_AFTER_S, GIVEN_UP_WITHIN_S, LONG_S = 0.3, 1.5, 20
WAITS = "/collections/waits/items?seconds={}"
TILE = "/collections/{}/tiles/WebMercatorQuad/0/0/0"
CROWD, ROUNDS = 30, 3

SLOW_TILES = 3

SCHEMA = """
CREATE SCHEMA theirs;
GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
CREATE FUNCTION theirs.waits(seconds double precision)
RETURNS TABLE (id integer, slept boolean, geom geometry(Point, 4326))
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM pg_sleep(seconds);
    RETURN QUERY SELECT 1, true, ST_Point(25, 60, 4326);
END $$;
"""


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A function that takes as long as it is told, and collections of tiles that take three seconds each."""
    database = cluster.clone()
    with database.connect() as connection:
        connection.execute(SCHEMA)
        connection.commit()
    for number in range(SLOW_TILES):
        slow_collection(database, f"slow{number}")
    yield database
    cluster.drop(database)


def slow_collection(database: Database, id: str) -> None:
    """A collection of one point, whose table takes its time."""
    select = "SELECT 1 AS fid, 'one' AS name, ST_Point(25, 60) AS geom"
    number = publish(database, id, select, columns={"name": "string"})
    table, hidden = sql.Identifier("data", f"{id}_{number}"), sql.Identifier(f"hidden_{id}")
    sleepy = "CREATE VIEW {} AS SELECT * FROM data.{} WHERE (SELECT pg_sleep(3)) IS NOT NULL"
    with database.connect() as connection:
        connection.execute(sql.SQL("ALTER TABLE {} RENAME TO {}").format(table, hidden))
        connection.execute(sql.SQL(sleepy).format(table, hidden))
        connection.execute(sql.SQL("GRANT SELECT ON {} TO isthmus_reader").format(table))
        connection.commit()


@pytest.fixture(scope="module")
def address(database: Database) -> Iterator[tuple[str, int]]:
    """Where a server listens."""
    with running_api(database, ISTHMUS_SCHEMAS="theirs", ISTHMUS_TILE_TIMEOUT_S="15") as url:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        yield parts.hostname, parts.port


def running(database: Database) -> int:
    """How many statements of the API are at their long sleep."""
    with psycopg.connect(conninfo(database.reader), autocommit=True) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ).fetchone()
    assert row is not None
    return row[0]


def wait_until(database: Database, count: int, within_s: float) -> None:
    """Wait until so many statements are at it."""
    deadline = time.monotonic() + within_s
    while (now := running(database)) != count:
        assert time.monotonic() < deadline, f"{now} statements run, not {count}"
        time.sleep(0.02)


def ask(address: tuple[str, int] | Path, path: str, *headers: str, method: str = "GET") -> socket.socket:
    """A connection with a request on its way."""
    kind = socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET
    connection = socket.socket(kind)
    connection.connect(str(address) if isinstance(address, Path) else address)
    lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


@contextmanager
def client(address: tuple[str, int]) -> Iterator[http.client.HTTPConnection]:
    """A client that keeps its connection."""
    with closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        yield connection


def get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    """Status and body of an answer."""
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read()


def slept(connection: http.client.HTTPConnection, seconds: float) -> bool:
    """Whether the whole answer came, after no less than it had to take."""
    began = time.monotonic()
    status, body = get(connection, WAITS.format(seconds))
    assert status == 200, body
    assert time.monotonic() - began >= seconds
    return json.loads(body)["features"][0]["properties"]["slept"]


def leave_at_once(address: tuple[str, int], database: Database) -> None:
    """Ask for something, and leave as soon as its statement runs."""
    connection = ask(address, WAITS.format(LONG_S))
    wait_until(database, 1, 5)
    connection.close()


def test_statement_of_a_client_that_left_ends(address: tuple[str, int], database: Database):
    connection = ask(address, WAITS.format(LONG_S))
    wait_until(database, 1, 5)
    time.sleep(LEAVES_AFTER_S)
    connection.close()
    wait_until(database, 0, GIVEN_UP_WITHIN_S)


def test_client_that_left_before_the_first_look_is_found_out_too(address: tuple[str, int], database: Database):
    leave_at_once(address, database)
    wait_until(database, 0, GIVEN_UP_WITHIN_S)


def test_it_is_counted_under_a_status_of_its_own(address: tuple[str, int], database: Database):
    leave_at_once(address, database)
    wait_until(database, 0, GIVEN_UP_WITHIN_S)
    with client(address) as connection:
        counted = get(connection, "/metrics")[1].decode()
    assert 'isthmus_requests_total{route="/collections/<id>/items",status="499"}' in counted
    assert 'status="500"' not in counted


@pytest.mark.parametrize("head_start_s", [0.3, -0.3])
def test_others_get_their_answers(address: tuple[str, int], database: Database, head_start_s: float):
    with client(address) as other, ThreadPoolExecutor(1) as pool:
        if head_start_s > 0:
            answer = pool.submit(slept, other, 3)
            time.sleep(head_start_s)
        connection = ask(address, WAITS.format(LONG_S))
        if head_start_s < 0:
            time.sleep(-head_start_s)
            answer = pool.submit(slept, other, 3)
        wait_until(database, 2, 5)
        time.sleep(LEAVES_AFTER_S)
        connection.close()
        wait_until(database, 1, GIVEN_UP_WITHIN_S)
        assert answer.result()  # type: ignore[reportPossiblyUnbound]


def test_idle_connections_keep_no_statement(address: tuple[str, int], database: Database):
    kept = [http.client.HTTPConnection(*address, timeout=20) for _ in range(6)]
    for idle in kept:
        assert get(idle, "/conformance")[0] == 200
    time.sleep(1.5)
    connection = ask(address, WAITS.format(LONG_S))
    wait_until(database, 1, 5)
    connection.close()
    wait_until(database, 0, GIVEN_UP_WITHIN_S)
    for idle in kept:
        idle.close()


@pytest.mark.parametrize("rest_s", [0, 0.6, 1.5])
def test_client_that_asks_again_over_one_connection_is_waited_for(address: tuple[str, int], rest_s: float):
    with client(address) as connection:
        for _ in range(2):
            assert get(connection, "/conformance")[0] == 200
            time.sleep(rest_s)
            assert get(connection, "/health/live")[0] == 200
            assert slept(connection, 1)


def test_crowd_of_slow_clients_gets_all_answers(address: tuple[str, int]):
    """Four times as many as threads, over connections that they keep, each asking again at once."""
    with ThreadPoolExecutor(CROWD) as pool:
        assert all(pool.map(lambda _: all_slept(address), range(CROWD)))


def all_slept(address: tuple[str, int]) -> bool:
    """One of the crowd, with quick requests between the slow ones."""
    with client(address) as connection:
        return all(slept(connection, 0.5) and get(connection, "/health/live")[0] == 200 for _ in range(ROUNDS))


def test_crowd_gets_all_answers_while_others_leave(address: tuple[str, int], database: Database):
    with ThreadPoolExecutor(CROWD) as pool:
        answers = [pool.submit(all_slept, address) for _ in range(CROWD // 2)]
        for number in range(CROWD // 2):
            connection = ask(address, WAITS.format(1))
            time.sleep(number % 5 * 0.1)
            connection.close()
        assert all(answer.result() for answer in answers)
    wait_until(database, 0, 10)


def test_pipelined_requests_are_all_answered(address: tuple[str, int]):
    connection = ask(address, WAITS.format(1))
    connection.settimeout(20)
    for path in (WAITS.format(1), "/health/live"):
        time.sleep(0.4)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    heard = b""
    while heard.count(b"HTTP/1.1 200") < 3:
        heard += connection.recv(65536) or b"HTTP/1.1 closed" * 3
    assert b"closed" not in heard
    connection.close()


def test_body_that_waits_for_100_continue_is_answered(address: tuple[str, int]):
    body = json.dumps({"filter": "slept = TRUE"}).encode()
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Expect: 100-continue")
    connection = ask(address, "/collections/waits/search?seconds=1.5", *headers, method="POST")
    connection.settimeout(20)
    assert connection.recv(1000).startswith(b"HTTP/1.1 100")
    connection.sendall(body)
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()


def test_body_that_comes_late_is_answered_and_given_up_when_its_client_leaves(
    address: tuple[str, int], database: Database
):
    body = json.dumps({"filter": "slept = TRUE"}).encode()
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    for seconds in (1.5, LONG_S):
        connection = ask(address, f"/collections/waits/search?seconds={seconds}", *headers, method="POST")
        connection.settimeout(20)
        time.sleep(0.15)
        connection.sendall(body)
        if seconds < LONG_S:
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        else:
            wait_until(database, 1, 5)
        connection.close()
    wait_until(database, 0, GIVEN_UP_WITHIN_S)


def names(tile: bytes) -> list[Any]:
    """The names of the features in the only layer."""
    [layer] = mapbox_vector_tile.decode(tile).values()
    return [feature["properties"]["name"] for feature in layer["features"]]


def test_tile_is_made_for_another_when_the_client_of_its_builder_leaves(address: tuple[str, int], database: Database):
    path = TILE.format("slow0")
    builder = ask(address, path)
    wait_until(database, 1, 5)
    with client(address) as other, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(get, other, path)
        time.sleep(LEAVES_AFTER_S)
        builder.close()
        status, tile = answer.result()
    assert (status, names(tile)) == (200, ["one"])


def test_tile_that_nobody_waits_for_is_given_up(address: tuple[str, int], database: Database):
    builder = ask(address, TILE.format("slow1"))
    wait_until(database, 1, 5)
    builder.close()
    wait_until(database, 0, GIVEN_UP_WITHIN_S)


def test_pool_is_whole_afterwards(address: tuple[str, int], database: Database):
    for _ in range(5):
        leave_at_once(address, database)
        wait_until(database, 0, GIVEN_UP_WITHIN_S)
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda _: all_slept(address), range(8)))


def test_unix_socket_tells_when_nobody_is_left(database: Database, tmp_path: Path):
    path = tmp_path / "s"
    with running_api(database, ISTHMUS_SCHEMAS="theirs", ISTHMUS_LISTEN=f"unix:{path}"):
        connection = ask(path, WAITS.format(LONG_S))
        wait_until(database, 1, 5)
        connection.close()
        wait_until(database, 0, GIVEN_UP_WITHIN_S)
        living = ask(path, WAITS.format(2))
        living.settimeout(20)
        ask(path, WAITS.format(1.5)).close()
        assert living.recv(65536).startswith(b"HTTP/1.1 200")
        living.close()
