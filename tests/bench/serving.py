"""`scripts/bench serving`: what a kept tile costs, beside nginx that serves the same bytes as a file, and bare servers.

One worker each, in turns; wrk asks over 1 and 16 connections that are kept. Then 500 clients send half of
a request, and one more asks for the tile. Needs nginx and wrk (apt: nginx-light wrk). With `--classes` it is our two
worker classes alone, asked for three kinds of things.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.peers.clock import cpu_by_pid, spent
from bench.peers.venvs import venv
from bench.setting import below
from support.cluster import Database, private_cluster
from support.publish import publish
from support.server import free_port, started_api

POINTS = (
    "SELECT n AS fid, 'point ' || n AS name, ST_Point(n % 170, (n * 7) % 80) AS geom FROM generate_series(1, {}) AS n"
)
PATH = "/collections/points/tiles/WebMercatorQuad/0/0/0"
KINDS = {"bare": "/health/live", "one feature": "/collections/points/items/1", "kept tile": PATH}
ONE_CLIENTS, MOST_WAITS, NEVER = 100, 3, float("inf")
NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 2048; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=1000;
  server {{ listen 127.0.0.1:{port}; location / {{ root {folder}; default_type application/vnd.mapbox-vector-tile;
    add_header Content-Encoding gzip; add_header Cache-Control "public, no-cache"; }} }} }}
"""


@dataclass(slots=True)
class Contender:
    """A running server, and what was measured of it, by the number of connections."""

    name: str
    url: str
    pid: int
    cpu_us: dict[int, list[float]] = field(default_factory=dict)
    rates: dict[int, list[float]] = field(default_factory=dict)
    slow_ms: float = 0.0
    """99th percentile of one client's time while the slow ones are there; infinite when it got no answer."""

    def ask(self, connections: int, seconds: int) -> None:
        """Ask for some seconds."""
        before = cpu_by_pid([self.pid, *below(self.pid)])
        wrk = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "Accept-Encoding: gzip", self.url]
        told = subprocess.run(wrk, capture_output=True, text=True, check=True).stdout
        cpu_s = spent(before, cpu_by_pid([self.pid, *below(self.pid)]))
        number, rate = re.search(r"(\d+) requests in", told), re.search(r"Requests/sec:\s+([\d.]+)", told)
        assert number and rate and "Non-2xx" not in told, told
        self.cpu_us.setdefault(connections, []).append(cpu_s / int(number[1]) * 1e6)
        self.rates.setdefault(connections, []).append(float(rate[1]))

    def meet_slow_clients(self, number: int) -> None:
        """Have so many clients that have sent half of their requests, and see how long another one waits."""
        place = urlsplit(self.url)
        with ExitStack() as stack:
            for _ in range(number):
                client = stack.enter_context(socket.create_connection((place.hostname or "", place.port or 80)))
                client.sendall(f"GET {place.path} HTTP/1.1\r\nHost: ".encode())
            time.sleep(1)
            times = sorted(
                self.time_of_one() for _ in range(MOST_WAITS if self.time_of_one() == NEVER else ONE_CLIENTS)
            )
        self.slow_ms = times[-2] * 1e3

    def time_of_one(self) -> float:
        """Seconds that a client waits that has a connection of its own."""
        start = time.perf_counter()
        try:
            urllib.request.urlopen(self.url, timeout=2).read()
        except OSError:
            return NEVER
        return time.perf_counter() - start


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="scripts/bench serving", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=2000, help="points of the tile (2000: some 20 KB)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3)")
    parser.add_argument(
        "--seconds", type=int, default=2, help="of asking each server, over each number of connections (2)"
    )
    parser.add_argument(
        "--slow-clients", type=int, default=500, metavar="N", help="clients that send half a request (500)"
    )
    parser.add_argument("--classes", action="store_true", help="the worker classes of Isthmus, and no other servers")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results as JSON too")
    given = parser.parse_args(arguments)
    missing = [name for name in ("nginx", "wrk") if shutil.which(name) is None]
    if missing:
        sys.exit(f"bench: {' and '.join(missing)} needed (apt: nginx-light wrk)")
    with ExitStack() as stack:
        contenders = stack.enter_context((both_classes if given.classes else all_running)(given.points))
        for _ in range(given.rounds):
            for contender in contenders:
                contender.ask(1, given.seconds)
                contender.ask(16, given.seconds)
        for contender in contenders:
            contender.meet_slow_clients(given.slow_clients)
    print(render(contenders))
    if given.json:
        given.json.write_text(json.dumps([as_json(contender) for contender in contenders], indent=2))


@contextmanager
def published(points: int) -> Iterator[Database]:
    """A database with the points of the tile."""
    with private_cluster() as cluster:
        database = cluster.clone()
        publish(database, "points", POINTS.format(points), columns={"name": "string"})
        yield database


@contextmanager
def both_classes(points: int) -> Iterator[list[Contender]]:
    """Isthmus by each worker class, for each kind of request. It keeps tiles, and no features."""
    with ExitStack() as stack:
        database = stack.enter_context(published(points))
        servers = {
            name: stack.enter_context(started_api(database, ISTHMUS_WORKER_CLASS=name, ISTHMUS_ANSWER_CACHE_MB="0"))
            for name in ("granian", "gthread")
        }
        yield [
            Contender(f"{kind}, {name}", server.url + path, server.process.pid)
            for kind, path in KINDS.items()
            for name, server in servers.items()
        ]


@contextmanager
def all_running(points: int) -> Iterator[list[Contender]]:
    """Isthmus and the others, on the tile that it gives."""
    with ExitStack() as stack:
        server = stack.enter_context(started_api(stack.enter_context(published(points))))
        url = server.url + PATH
        request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        (folder / "tile").write_bytes(urllib.request.urlopen(request).read())
        contenders = [Contender("Isthmus", url, server.process.pid)]
        for name, command in commands(folder).items():
            contenders.append(stack.enter_context(started(name, command, folder)))
        yield contenders


def commands(folder: Path) -> dict[str, list[str]]:
    """What starts each server; PORT stands for its port."""
    bin = venv("serving") / "bin"
    granian = [str(bin / "granian"), "--port", "PORT", "--log-level", "error", "--no-ws", "--http", "1"]
    uvicorn = [str(bin / "uvicorn"), "--port", "PORT", "--log-level", "error", "--no-access-log"]
    gunicorn = [str(bin / "gunicorn"), "-b", "127.0.0.1:PORT", "--log-level", "error", "--keep-alive", "60"]
    return {
        "nginx, a file": ["nginx", "-e", str(folder / "error"), "-c", str(folder / "nginx.conf")],
        "Granian WSGI, 8 threads": [*granian, "--interface", "wsgi", "--blocking-threads", "8", "serving_apps:wsgi"],
        "Granian RSGI, uvloop": [*granian, "--interface", "rsgi", "--loop", "uvloop", "serving_apps:rsgi"],
        "uvicorn ASGI": [*uvicorn, "serving_apps:asgi"],
        "uvicorn, a2wsgi": [*uvicorn, "serving_apps:bridged"],
        "gunicorn gthread, 8 threads": [*gunicorn, "-k", "gthread", "--threads", "8", "serving_apps:wsgi"],
    }


@contextmanager
def started(name: str, command: Sequence[str], folder: Path) -> Iterator[Contender]:
    """A server on a free port."""
    port = free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "TILE": str(folder / "tile")}
    words = [word.replace("PORT", str(port)) for word in command]
    with subprocess.Popen(words, cwd=Path(__file__).parent, env=environment) as process:
        one = Contender(name, f"http://127.0.0.1:{port}/tile", process.pid)
        deadline = time.monotonic() + 20
        try:
            while one.time_of_one() == NEVER:
                assert process.poll() is None and time.monotonic() < deadline, f"{name} does not answer"
                time.sleep(0.1)
            yield one
        finally:
            process.terminate()


def render(contenders: Sequence[Contender]) -> str:
    """A table for people."""
    lines = [f"{'':<30}{'CPU µs, 1':>10}{'16':>7}{'a second, 1':>14}{'16':>9}{'500 slow: p99 ms':>19}"]
    for one in contenders:
        cpu, rates = (
            {number: statistics.median(seen) for number, seen in of.items()} for of in (one.cpu_us, one.rates)
        )
        lines.append(
            f"{one.name:<30}{cpu[1]:>10.1f}{cpu[16]:>7.1f}{rates[1]:>14.0f}{rates[16]:>9.0f}{one.slow_ms:>19.1f}"
        )
    return "\n".join(lines)


def as_json(one: Contender) -> dict[str, object]:
    """What was measured, in full."""
    return {"name": one.name, "cpu_us": one.cpu_us, "per_second": one.rates, "slow_p99_ms": one.slow_ms}


if __name__ == "__main__":
    main()
