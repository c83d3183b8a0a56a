"""Gunicorn with workers of both classes: reload, stop, death of a worker or the master, sockets, slow clients."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event

import pytest

from core.api_client import connection, exchange, fetch
from core.settings import Settings
from support.cluster import Cluster, Database
from support.server import Server, free_port, started_api, told

WITHIN_S = 20
WAITS = "/collections/waits/items?seconds={}"
MANY = "/collections/many/items?f=csv"
ROWS = 200_000
LOAD_S = 4
CROWD = 30

SCHEMA = f"""
CREATE SCHEMA theirs;
GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
CREATE FUNCTION theirs.waits(seconds double precision)
RETURNS TABLE (id integer, slept boolean, geom geometry(Point, 4326))
LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM pg_sleep(seconds);
    RETURN QUERY SELECT 1, true, ST_Point(25, 60, 4326);
END $$;
CREATE TABLE theirs.many AS
SELECT n AS id, repeat('x', 100) AS filler, ST_Point(25, 60, 4326) AS geom FROM generate_series(1, {ROWS}) AS n;
ALTER TABLE theirs.many ADD PRIMARY KEY (id);
GRANT SELECT ON theirs.many TO isthmus_reader;
"""

Start = Callable[..., Server]


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """A function that takes as long as it is told, and a table whose export takes a while to read."""
    database = cluster.clone()
    with database.connect() as connection:
        connection.execute(SCHEMA)
        connection.commit()
    yield database
    cluster.drop(database)


@pytest.fixture(params=["granian", "gthread"])
def worker_class(request: pytest.FixtureRequest) -> str:
    """The class of the workers."""
    return request.param


@pytest.fixture
def server(database: Database, worker_class: str) -> Iterator[Server]:
    """A server with two workers."""
    with started_api(
        database, ISTHMUS_SCHEMAS="theirs", ISTHMUS_WORKERS="2", ISTHMUS_WORKER_CLASS=worker_class
    ) as server:
        wait_until(lambda: len(server.workers()) == 2)
        yield server


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, is_so
        time.sleep(0.02)


@contextmanager
def opened(listen: str) -> Iterator[HTTPConnection]:
    """A connection, which is closed at the end."""
    with closing(connection(listen, WITHIN_S)) as client:
        client.connect()
        yield client


def get(listen: str, path: str, *, pause_s: float = 0.0) -> tuple[int, bytes]:
    """Status and body, over a connection of its own. `pause_s`: between its opening and the request"""
    with opened(listen) as client:
        time.sleep(pause_s)
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read()


def is_free(listen: str) -> bool:
    """Whether somebody else can listen at a port."""
    host, _, port = listen.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
        return True


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Load:
    """Clients that keep their connections, clients with a new one for each request, and some that take their time."""

    def __init__(self, listen: str) -> None:
        """Not asking yet. `faults`: what a request met in place of its response."""
        self.listen = listen
        self.over = Event()
        self.answered = Counter[str]()
        self.faults: list[str] = []

    def keep(self) -> None:
        """One connection, renewed when the server says that it closes."""
        while not self.over.is_set():
            with opened(self.listen) as client:
                while not self.over.is_set() and self.count("kept", lambda client=client: self.ask(client)):
                    pass

    def ask(self, client: HTTPConnection) -> bool:
        """Whether the connection may be used again."""
        client.request("GET", "/conformance")
        response = client.getresponse()
        response.read()
        return not response.will_close

    def fresh(self, pause_s: float) -> None:
        """A connection for each request."""
        while not self.over.is_set():
            self.count(f"fresh {pause_s}", lambda: get(self.listen, "/conformance", pause_s=pause_s)[0] == 200)

    def count(self, kind: str, ask: Callable[[], bool]) -> bool:
        """Whether it went well."""
        try:
            went_well = ask()
        except (OSError, HTTPException) as error:
            self.faults.append(f"{kind}: {error!r}")
            return False
        self.answered[kind] += 1
        return went_well


def test_reload_under_load_cuts_no_request(server: Server):
    load, before = Load(server.listen), server.workers()
    with ThreadPoolExecutor(8) as threads:
        running = [threads.submit(load.keep) for _ in range(4)]
        running += [threads.submit(load.fresh, pause_s) for pause_s in (0.0, 0.0, 0.01, 0.05)]
        for _ in range(2):
            time.sleep(LOAD_S / 4)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(LOAD_S / 4)
        wait_until(lambda: len(server.workers()) == 2 and not set(server.workers()) & set(before))
        load.over.set()
        assert [future.exception() for future in running] == [None] * len(running)
    assert load.faults == []
    assert len(load.answered) == 4
    assert min(load.answered.values()) >= 10


def test_reload_and_stop_let_requests_under_way_end(server: Server):
    with ThreadPoolExecutor(2) as threads:
        for sign in (signal.SIGHUP, signal.SIGTERM):
            answers = [threads.submit(get, server.listen, WAITS.format(1.5)) for _ in range(2)]
            time.sleep(0.5)
            server.process.send_signal(sign)
            assert [answer.result()[0] for answer in answers] == [200, 200]
            if sign == signal.SIGHUP:
                assert get(server.listen, "/conformance")[0] == 200
    assert server.process.wait(WITHIN_S) == 0
    assert is_free(server.listen)


def test_stop_does_not_wait_longer_than_it_may(database: Database, worker_class: str):
    settings = {"ISTHMUS_WORKER_CLASS": worker_class, "ISTHMUS_STOP_WITHIN_S": "1", "ISTHMUS_SCHEMAS": "theirs"}
    with started_api(database, **settings) as server, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get, server.listen, WAITS.format(10))
        time.sleep(0.5)
        began_s = time.monotonic()
        server.process.terminate()
        server.process.wait(WITHIN_S)
        assert 0.8 < time.monotonic() - began_s < 5
        assert answer.exception() is not None
        assert is_free(server.listen)


def test_export_outlives_the_reload_of_granian_workers(database: Database):
    settings = {"ISTHMUS_STOP_WITHIN_S": "1", "ISTHMUS_SCHEMAS": "theirs"}
    with started_api(database, **settings) as server, ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get, server.listen, WAITS.format(4))
        time.sleep(0.5)
        server.process.send_signal(signal.SIGHUP)
        assert answer.result()[0] == 200


def test_worker_that_is_killed_is_replaced(server: Server):
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(server.workers()) == 2 and before[0] not in server.workers())
    assert before[1] in server.workers()
    assert [get(server.listen, "/conformance")[0] for _ in range(20)] == [200] * 20


def test_workers_end_when_their_master_is_killed_and_the_port_is_free(server: Server):
    workers = server.workers()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(get, server.listen, WAITS.format(1))
        time.sleep(0.3)
        server.process.kill()
        assert answer.result()[0] == 200
    wait_until(lambda: not any(is_running(pid) for pid in workers))
    assert is_free(server.listen)


def test_unix_socket_is_for_every_user_and_goes_with_the_server(database: Database, worker_class: str, tmp_path: Path):
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    settings = {"ISTHMUS_LISTEN": f"unix:{path}", "ISTHMUS_WORKER_CLASS": worker_class, "ISTHMUS_WORKERS": "2"}
    with started_api(database, **settings) as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        load = Load(server.listen)
        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(load.keep), threads.submit(load.fresh, 0.0)]
            time.sleep(0.5)
            server.process.send_signal(signal.SIGHUP)
            time.sleep(2)
            load.over.set()
            assert [future.exception() for future in running] == [None, None]
        assert load.faults == []
        assert min(load.answered.values()) >= 10
    assert not path.exists()


def test_ipv6_address_is_listened_on(database: Database, worker_class: str):
    listen = f"::1:{free_port()}"
    with started_api(database, ISTHMUS_LISTEN=listen, ISTHMUS_WORKER_CLASS=worker_class):
        assert fetch(listen, "/conformance", timeout_s=WITHIN_S).status == 200


def test_client_that_reads_slowly_gets_everything_and_keeps_nobody_waiting(server: Server):
    head = f"GET {MANY} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    with opened(server.listen) as client:
        client.sock.sendall(head)
        first = client.sock.recv(1000)
        began_s = time.monotonic()
        assert [get(server.listen, "/conformance")[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - began_s < 5
        got = first + b"".join(iter(lambda: client.sock.recv(1 << 20), b""))
    assert got.startswith(b"HTTP/1.1 200")
    assert got.count(b"x" * 100) == ROWS


def test_client_that_sends_slowly_gets_its_response(server: Server):
    head = b"GET /conformance HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with opened(server.listen) as client, ThreadPoolExecutor(1) as threads:
        others: Future[list[int]] = threads.submit(lambda: [get(server.listen, "/conformance")[0] for _ in range(20)])
        for byte in head:
            client.sock.sendall(bytes([byte]))
            time.sleep(0.01)
        assert client.sock.recv(1000).startswith(b"HTTP/1.1 200")
        assert others.result() == [200] * 20


def test_crowd_of_slow_clients_gets_all_responses(server: Server):
    """More of them than there are threads, over connections that they keep, with quick requests between."""

    def one(_: int) -> set[int]:
        with opened(server.listen) as client:
            return {exchange(client, path, {}).status for path in (WAITS.format(0.5), "/health/live") * 3}

    with ThreadPoolExecutor(CROWD) as threads:
        assert list(threads.map(one, range(CROWD))) == [{200}] * CROWD


def test_clients_that_left_hold_nobody_up_for_longer_than_a_statement_may_take(database: Database, worker_class: str):
    settings = {"ISTHMUS_SCHEMAS": "theirs", "ISTHMUS_STATEMENT_TIMEOUT_S": "2", "ISTHMUS_WORKER_CLASS": worker_class}
    with started_api(database, **settings) as server:
        for _ in range(CROWD // 3):
            with opened(server.listen) as client:
                client.request("GET", WAITS.format(60))
        began_s = time.monotonic()
        assert get(server.listen, "/conformance")[0] == 200
        assert time.monotonic() - began_s < 2 * (CROWD // 3 // int(Settings().threads) + 1)


def test_slow_exports_and_bodies_that_do_not_come_leave_a_thread_for_others(database: Database, worker_class: str):
    kind = "Content-Type: application/json\r\nContent-Length: 9"
    body = f"POST /collections/many/items HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n".encode()
    export = f"GET {MANY} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    slow = (export, body) if worker_class == "granian" else (export,)  # gthread needs a proxy that waits for bodies
    with (
        started_api(database, ISTHMUS_SCHEMAS="theirs", ISTHMUS_WORKER_CLASS=worker_class) as server,
        ExitStack() as idle,
    ):
        for number in range(CROWD):
            idle.enter_context(opened(server.listen)).sock.sendall(slow[number % len(slow)])
        began_s = time.monotonic()
        assert [get(server.listen, path)[0] for path in ("/health/live", "/conformance", WAITS.format(0))] == [200] * 3
        assert time.monotonic() - began_s < 6


def test_every_line_of_the_log_is_json(database: Database, worker_class: str):
    with started_api(database, ISTHMUS_LOG_LEVEL="debug", ISTHMUS_WORKER_CLASS=worker_class) as server:
        assert get(server.listen, "/conformance")[0] == 200
        server.process.send_signal(signal.SIGHUP)
        time.sleep(2)
        server.process.terminate()
        server.process.wait(WITHIN_S)
        lines = [json.loads(line) for line in told(server.log).splitlines()]
    loggers = {line["logger"] for line in lines}
    assert {"gunicorn.error", "gunicorn.access" if worker_class == "gthread" else "granian.access"} <= loggers
    assert any("/conformance" in line["message"] for line in lines if line["logger"].endswith(".access"))


def test_worker_that_is_stopped_as_it_begins_ends_in_order(database: Database):
    with started_api(database, ISTHMUS_WORKER_CLASS="granian") as server:
        os.sched_setaffinity(server.process.pid, {min(os.sched_getaffinity(0))})  # its threads take turns
        server.process.send_signal(signal.SIGHUP)
        deadline_s = time.monotonic() + WITHIN_S
        while len(booted := re.findall(r"Booting worker with pid: (\d+)", told(server.log))) < 2:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        time.sleep(0.1)  # it still imports
        os.kill(int(booted[1]), signal.SIGTERM)
        while f"Worker exiting (pid: {booted[1]})" not in told(server.log):
            assert time.monotonic() < deadline_s, told(server.log)
            time.sleep(0.01)


def test_workers_of_gunicorns_own_class_have_nothing_of_granian(server: Server, worker_class: str):
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in (server.process.pid, *server.workers()))
    assert ("granian" in maps) == (worker_class == "granian")
