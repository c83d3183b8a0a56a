"""PostgreSQL hangs: none of its processes runs, or a network drops everything. Requests end, and it is used again when
it goes on.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import LiteralString

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from core.api_client import fetch
from core.database.connections import Database as Pool
from core.database.statement import Statement, kept_ready
from core.errors import DatabaseUnavailable, IsthmusError, QueryTooSlow
from support.cluster import Cluster, Database, private_cluster
from support.publish import publish
from support.server import running_api

SEEN_ONCE = "/collections/places/items?f=jsonfg"
"""A page that is kept nowhere."""

SELECT = "SELECT n AS fid, 'x' AS name, ST_Point(n, n) AS geom FROM generate_series(1, 3) AS n"

LIMIT_S = 1
SOON_S = LIMIT_S + 4.0
"""A second for PostgreSQL, two more until it is taken for one that hangs, and what this machine needs."""


@pytest.fixture(scope="module")
def own_cluster() -> Iterator[Cluster]:
    """A cluster that these tests may stop."""
    with private_cluster() as running:
        publish(running.database("isthmus"), "places", SELECT, columns={"name": "string"})
        yield running


@pytest.fixture
def database(own_cluster: Cluster) -> Database:
    """Its database; the reader has a second for a statement."""
    database = own_cluster.database("isthmus")
    return replace(database, reader=replace(database.reader, statement_timeout_s=LIMIT_S, pool_size=4))


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    """The reader's connections."""
    with closing(Pool(database.reader)) as opened:
        yield opened


@pytest.fixture
def client(database: Database, pool: Pool) -> FlaskClient:
    """A client of an API."""
    return create_app(database.reader, pool).test_client()


def statement(text: LiteralString) -> Statement:
    """A statement without values."""
    return Statement(sql.SQL(text))


def timed(ask: Callable[[], int]) -> tuple[int, float]:
    """A status, and the seconds until it was there."""
    began = time.monotonic()
    return ask(), time.monotonic() - began


def wait_for(status: int, ask: Callable[[], int]) -> None:
    """Ask until the answer has a status. Raises: AssertionError after 20 s."""
    deadline = time.monotonic() + 20
    while (seen := ask()) != status:
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.1)


def sessions(database: Database) -> int:
    """How many sessions the reader has."""
    with database.connect() as connection:
        look = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'isthmus_reader'"
        [number] = connection.execute(look).fetchone() or [0]
        return number


def test_requests_and_health_end_while_the_database_hangs_and_all_is_well_when_it_goes_on(
    own_cluster: Cluster, database: Database, client: FlaskClient
):
    assert client.get(SEEN_ONCE).status_code == 200
    with own_cluster.frozen():
        began = time.monotonic()
        response = client.get(SEEN_ONCE)
        assert time.monotonic() - began < SOON_S
        assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
        assert json.loads(response.data)["code"] == "database-unavailable"
        status, took_s = timed(lambda: client.get("/health/ready").status_code)
        assert status == 503
        assert took_s < 4
        for _ in range(5):  # it is known to hang
            status, took_s = timed(lambda: client.get(SEEN_ONCE).status_code)
            assert status == 503
            assert took_s < 3
        assert client.get("/health/live").status_code == 200
    wait_for(200, lambda: client.get(SEEN_ONCE).status_code)
    wait_for(200, lambda: client.get("/health/ready").status_code)
    wait_for(True, lambda: sessions(database) <= 4)


@pytest.mark.parametrize("schemas", ["", "public"])
def test_health_needs_no_request_before_it_to_tell(own_cluster: Cluster, database: Database, schemas: str):
    settings = replace(database.reader, schemas=schemas, statement_timeout_s=30)
    with closing(Pool(settings)) as pool:
        client = create_app(settings, pool).test_client()
        assert client.get("/health/ready").status_code == 200
        with own_cluster.frozen():
            status, took_s = timed(lambda: client.get("/health/ready").status_code)
        assert status == 503
        assert took_s < 4.5
        wait_for(200, lambda: client.get("/health/ready").status_code)


def test_the_server_answers_all_who_ask_at_once(own_cluster: Cluster, database: Database):
    limits = {"ISTHMUS_STATEMENT_TIMEOUT_S": str(LIMIT_S), "ISTHMUS_POOL_SIZE": "4", "ISTHMUS_THREADS": "8"}
    with running_api(database, **limits) as url, ThreadPoolExecutor(12) as clients:
        wait_for(200, lambda: fetch(url, SEEN_ONCE, timeout_s=60).status)
        with own_cluster.frozen():
            asked = [clients.submit(timed, lambda: fetch(url, SEEN_ONCE, timeout_s=60).status) for _ in range(12)]
            answers = [one.result(30) for one in asked]
        assert {status for status, _ in answers} == {503}
        assert max(took_s for _, took_s in answers) < 2 * SOON_S, "those that found no thread free waited for one"
        wait_for(200, lambda: fetch(url, SEEN_ONCE, timeout_s=60).status)
        wait_for(200, lambda: fetch(url, "/health/ready", timeout_s=60).status)
        wait_for(True, lambda: sessions(database) <= 4)


RUNS: dict[str, Callable[[Pool], object]] = {
    "run": lambda pool: pool.run(statement("SELECT pg_sleep(0.5)")),
    "prepared": lambda pool: pool.run(kept_ready(statement("SELECT pg_sleep(0.5)"))),
    "texts": lambda pool: pool.run_texts(statement("SELECT pg_sleep(0.5)::text")),
    "prepared texts": lambda pool: pool.run_texts(kept_ready(statement("SELECT pg_sleep(0.5)::text"))),
    "together": lambda pool: pool.run_together(statement("SELECT pg_sleep(0.5)")),
    "stream": lambda pool: list(pool.stream(statement("COPY (SELECT pg_sleep(0.5)) TO STDOUT"), LIMIT_S)),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
def test_whatever_waits_for_the_database_ends(own_cluster: Cluster, pool: Pool, run: Callable[[Pool], object]):
    pool.run(statement("SELECT 1"))
    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(run, pool)
        time.sleep(0.2)
        with own_cluster.frozen():
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable, match="PostgreSQL does not answer"):
                waits.result(20)
            assert time.monotonic() - began < SOON_S
    wait_for(True, lambda: answers(pool))


def answers(pool: Pool) -> bool:
    """Whether a statement has its row."""
    try:
        return pool.run(statement("SELECT 1")) == [(1,)]
    except IsthmusError:
        return False


def test_connections_that_hang_while_others_are_lost_are_given_up_too(own_cluster: Cluster, database: Database):
    """After one was lost the pool looks at those that nobody has, one by one."""
    with closing(Pool(database.reader)) as pool:
        held = [pool.pool.getconn() for _ in range(3)]
        for connection in held:
            pool.pool.putconn(connection)
        first = pool.run(statement("SELECT pg_backend_pid()"))[0][0]
        del held
        with psycopg.connect(own_cluster.superuser("isthmus"), autocommit=True) as connection:
            order = [pool.run(statement("SELECT pg_backend_pid()"))[0][0] for _ in range(2)]
            assert first not in order
            connection.execute("SELECT pg_terminate_backend(%s)", [first])
            with own_cluster.frozen():
                began = time.monotonic()
                with pytest.raises(DatabaseUnavailable):
                    pool.run(statement("SELECT 1"))
                assert time.monotonic() - began < 2 * SOON_S
        wait_for(True, lambda: answers(pool))


def test_a_statement_within_its_limit_is_not_given_up(database: Database):
    with closing(Pool(replace(database.reader, statement_timeout_s=5))) as pool:
        assert pool.run(statement("SELECT 1 FROM pg_sleep(3.5)")) == [(1,)]
        with pytest.raises(QueryTooSlow):
            pool.run(statement("SELECT pg_sleep(30)"), timeout_s=0.5)


def test_a_network_that_drops_everything_is_no_reason_to_wait(database: Database):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        settings = replace(database.reader, db_host="127.0.0.1", db_port=port)
        with closing(Pool(settings)) as pool:
            client = create_app(settings, pool).test_client()
            for path in ("/health/ready", "/collections"):
                status, took_s = timed(lambda path=path: client.get(path).status_code)
                assert status == 503
                assert took_s < 4


def test_one_thread_looks_after_all_connections(database: Database, client: FlaskClient):
    client.get(SEEN_ONCE)
    before = threading.active_count()
    for _ in range(20):
        client.get(SEEN_ONCE)
    assert threading.active_count() <= before + 1  # the pool may start one more connection
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("isthmus-deadlines") >= 1
