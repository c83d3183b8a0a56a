"""A server under test: how it is asked, and what it costs."""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from bench.peers.asks import Ask, Deep, Dialect, VectorTile, Walk
from bench.peers.clock import Processes
from bench.peers.http_client import HttpClient, Refused

START_S = 90


class Client(Protocol):
    """What carries a request."""

    def get(self, path: str, encoding: str = "identity") -> bytes:
        """The body of a good answer."""
        ...

    def close(self) -> None:
        """Hang up."""
        ...


class Contender(Protocol):
    """What is measured: a server, or the floor."""

    name: str
    version: str
    python: bool
    own_thread: bool
    processes: Processes

    def perform(self, ask: Ask) -> bytes:
        """Ask and read the answer. Raises: NotOffered, Refused"""
        ...


@dataclass(slots=True)
class Server:
    """A running server. `python`: whether it is one of the peers that the goal is about."""

    name: str
    version: str
    dialect: Dialect
    client: Client
    processes: Processes
    python: bool = False
    keyset: bool = False
    """Whether its `next` links lead to a late page without an offset."""
    own_thread: bool = False
    """Whether this process does the work of the server, as for the SQL floor."""
    deep: dict[Deep, str] | None = None

    def perform(self, ask: Ask) -> bytes:
        """Ask and read the answer; of a walk, the last page. Raises: NotOffered, Refused"""
        if isinstance(ask, Walk):
            return self.walk(ask)
        if isinstance(ask, Deep) and self.keyset:
            return self.client.get(self.path_by_links(ask))
        return self.client.get(self.dialect.path(ask), "gzip" if isinstance(ask, VectorTile) else "identity")

    def walk(self, ask: Walk) -> bytes:
        """Follow `next` from the first page to the last. Raises: Refused when features are missing"""
        path, seen, page = self.dialect.path(ask), 0, b""
        while path:
            page = self.client.get(path)
            parsed = json.loads(page)
            seen += len(parsed["features"])
            path = next_path(parsed) if seen < ask.count else ""
        if seen != ask.count:
            raise Refused(f"the walk met {seen} features of {ask.count}")
        return page

    def path_by_links(self, ask: Deep) -> str:
        """The address of a late page: the link after the pages before it, with the limit of the ask."""
        self.deep = self.deep or {}
        if ask not in self.deep:
            step, reached = 10_000, 0
            path = self.dialect.path(Walk(ask.collection, step, 0))
            while reached < ask.offset:
                limit = min(step, ask.offset - reached)
                path = next_path(json.loads(self.client.get(path.replace(f"limit={step}", f"limit={limit}"))))
                path, reached = path.replace(f"limit={limit}", f"limit={step}"), reached + limit
            self.deep[ask] = path.replace(f"limit={step}", f"limit={ask.limit}")
        return self.deep[ask]


def next_path(page: Mapping[str, list[dict[str, str]]]) -> str:
    """Where the `next` link of a page leads, below the server's root; empty on the last page."""
    for link in page["links"]:
        if link["rel"] == "next":
            parts = urlsplit(link["href"])
            return f"{parts.path}?{parts.query}"
    return ""


@contextmanager
def running(
    server: Server,
    command: Sequence[str],
    environment: Mapping[str, str],
    probe: str,
    listen: socket.socket | None = None,
) -> Iterator[Server]:
    """Start a server that listens where `server.client` asks, and wait until it answers `probe`.

    listen: a socket that it is given as its standard input
    """
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=environment, stdin=listen, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            deadline = time.monotonic() + START_S
            while not answers(server.client, probe):
                log.seek(0)
                assert process.poll() is None and time.monotonic() < deadline, log.read().decode()[-3000:]
                time.sleep(0.1)
            yield replace(server, processes=replace(server.processes, root=process.pid))
        finally:
            server.client.close()
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process; libfcgi, which waits for the next connection, does not let itself be asked."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()


def answers(client: Client, probe: str) -> bool:
    """Whether the server gives a good answer."""
    try:
        client.get(probe)
    except (OSError, Refused):
        return False
    return True


def http(name: str, version: str, dialect: Dialect, url: str, processes: Processes) -> Server:
    """A server over HTTP whose process is yet to be started."""
    return Server(name, version, dialect, HttpClient(url), processes)


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """A small environment in which numbers of processes and paths are the same on every machine."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8", **more}
