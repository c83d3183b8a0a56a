"""Several clients at once, to a worker that stays on one CPU and to one that does not."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

from bench.generate import SEED
from bench.measure import Result, Side, compare
from bench.setting import below, text_of
from support.cluster import Database
from support.server import running_api

CLIENTS = 4
REQUESTS = 25
"""Of each client, in one call."""


def bench_at_once(database: Database, id: str, count: int, runs: int) -> Result:
    """Single features for several clients, against the same where the kernel spreads the worker's threads."""
    chance = random.Random(SEED)
    with ExitStack() as stack:
        kept = {"ISTHMUS_ANSWER_CACHE_MB": "0"}
        urls = [stack.enter_context(running_api(database, **kept, ISTHMUS_PIN_WORKERS=pin)) for pin in ("off", "on")]
        listens = [urlsplit(url).netloc for url in urls]
        ask_some = [stack.enter_context(Clients(listen)).ask for listen in listens]

        def pair() -> tuple[Callable[[], None], Callable[[], None]]:
            paths = [f"/collections/{id}/items/{1 + chance.randrange(count)}" for _ in range(CLIENTS * REQUESTS)]
            return lambda: ask_some[0](paths), lambda: ask_some[1](paths)

        for work in (work for _ in range(5) for work in pair()):
            work()
        words = f"the same with ISTHMUS_PIN_WORKERS=off; {REQUESTS} requests of each client, CPU of the API alone"
        sides = Side(servers(listens[0])), Side(servers(listens[1]))
        return compare(f"{id} features, {CLIENTS} clients at once", words, [pair() for _ in range(runs)], sides)


def servers(listen: str) -> list[int]:
    """The processes of the API that listens there."""
    return [pid for pid in below(os.getpid()) if f"ISTHMUS_LISTEN={listen}\0" in text_of(pid, "environ")]


class Clients:
    """Connections over which requests are sent before the answers to others have come, at little cost."""

    def __init__(self, listen: str) -> None:
        """Connected to an API."""
        host, port = listen.split(":")
        self._sockets = [socket.create_connection((host, int(port))) for _ in range(CLIENTS)]

    def __enter__(self) -> Clients:
        """Themselves."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        for connection in self._sockets:
            connection.close()

    def ask(self, paths: list[str]) -> None:
        """Ask for each of some paths: one over each connection, and the next when its answer is there."""
        waiting = list(paths)
        for connection in self._sockets:
            send(connection, waiting.pop())
        for _ in range(len(waiting) // CLIENTS):
            for connection in self._sockets:
                receive(connection)
                send(connection, waiting.pop())
        for connection in self._sockets:
            receive(connection)


def send(connection: socket.socket, path: str) -> None:
    """A request."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


def receive(connection: socket.socket) -> bytes:
    """The answer, which must be a 200, up to the end of its body."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += connection.recv(1 << 16)
    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    [length] = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < length:
        body += connection.recv(1 << 16)
    return body
