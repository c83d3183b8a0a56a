"""Sends requests to a stack on a swarm while its parts are killed and replaced, and counts what clients notice.

usage: swarm_trial.py STACK URL [--json] [--seconds N]

A request that fails is sent once more, as clients do: it counts as retried when that works, as failed when it does not.
Exit 0 when none failed and each step ended as it should; 1 otherwise. Standard library only.
"""

import argparse
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from swarm_wait import Service, docker, services

CLIENTS, PAUSE_S = 4, 0.01
"""Clients that ask one after the other, and how long each rests: some 200 requests a second at most."""

STEP_S = 180.0
"""Longer than any step may take."""


@dataclass
class Counts:
    """What the clients saw during a step. `slowest_s` is the longest time until an answer, retry included."""

    requests: int = 0
    retried: int = 0
    failed: int = 0
    slowest_s: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, first: str, second: str, seconds: float) -> None:
        """One request: why its first and its second attempt failed; nothing where they did not."""
        self.requests += 1
        self.retried += bool(first) and not second
        self.failed += bool(first) and bool(second)
        self.slowest_s = max(self.slowest_s, seconds)
        if first:
            self.reasons.append(f"{first}, then {second or 'well'}")


class Client:
    """A connection that stays open as long as the server lets it."""

    def __init__(self, url: str) -> None:
        """Not yet connected."""
        where = urlsplit(url)
        self._http = http.client.HTTPConnection(where.hostname or "", where.port, timeout=15)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def attempt(self, path: str) -> str:
        """Why GET path gave no whole answer of status 200 or 204; nothing when it did."""
        try:
            self._http.request("GET", path)
            answer = self._http.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            return f"{type(error).__name__} {error}".strip()
        return "" if answer.status in (200, 204) else f"status {answer.status}"


class Load:
    """Clients in threads of their own, from `start` to `stop`."""

    def __init__(self, url: str, paths: list[str]) -> None:
        """Nobody asks yet."""
        self._url, self._paths = url, paths
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._counts = Counts()
        self._threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(CLIENTS)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, once the answers under way have come."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def take(self) -> Counts:
        """What was counted since the last time."""
        with self._lock:
            taken, self._counts = self._counts, Counts()
        return taken

    def _ask(self, number: int) -> None:
        client = Client(self._url)
        while not self._ended.wait(PAUSE_S):
            path = self._paths[number % len(self._paths)]
            number += 1
            began = time.monotonic()
            first = client.attempt(path)
            second = client.attempt(path) if first else ""
            with self._lock:
                self._counts.add(first, second, time.monotonic() - began)
        client.close()


@dataclass
class Step:
    """A step of the trial and how it went. `trouble`: why it did not end as it should."""

    title: str
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)
    trouble: str = ""

    @property
    def good(self) -> bool:
        """No request failed, and it ended as it should."""
        return not self.counts.failed and not self.trouble


def paths_of(url: str) -> list[str]:
    """What clients ask for: readiness, and of the first collections a page, a feature's page and a tile."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=15)
    connection.request("GET", "/collections?f=json")
    ids = [found["id"] for found in json.loads(connection.getresponse().read())["collections"][:3]]
    connection.close()
    wanted = ["/health/ready", "/collections?f=json"]
    for id in ids:
        wanted += [f"/collections/{id}/items?f=json&limit=5", f"/collections/{id}/items?f=json&limit=20&offset=3"]
        wanted.append(f"/collections/{id}/tiles/WebMercatorQuad/0/0/0?f=mvt")
    client = Client(url)
    try:
        return [path for path in wanted if not client.attempt(path)]
    finally:
        client.close()


def containers(service: str) -> list[str]:
    """The running containers of a service on this node."""
    return docker("ps", "-q", "--no-trunc", "--filter", f"label=com.docker.swarm.service.name={service}").split()


def until(look: Callable[[], bool], what: str) -> str:
    """Wait until it is so, also at the second and the third look: the swarm notices things one after the other.

    Returns what did not happen, or nothing
    """
    deadline, looks = time.monotonic() + STEP_S, 0
    while looks < 3:
        looks = looks + 1 if look() else 0
        if time.monotonic() > deadline:
            return f"not within {STEP_S:.0f} s: {what}"
        time.sleep(0.3)
    return ""


def find(stack: str, name: str) -> Service:
    """A service of the stack. Raises: KeyError"""
    return {some.name: some for some in services(stack)}[name]


def kill(stack: str, name: str) -> str:
    """kill -9 of a task, and wait until another one runs in its place."""
    victim = containers(f"{stack}_{name}")[0]
    docker("kill", "--signal", "KILL", victim)

    def replaced() -> bool:
        return find(stack, name).settled and victim not in containers(f"{stack}_{name}")

    return until(replaced, f"{name} has all its tasks again")


def update(stack: str, name: str, *change: str, ends_as: str) -> str:
    """Change a service, and wait until the swarm says that this ended."""
    before = find(stack, name).updated
    docker("service", "update", "--detach", "--quiet", *change, f"{stack}_{name}")

    def ended() -> bool:
        now = find(stack, name)
        return now.updated != before and now.update == ends_as and now.settled

    return until(ended, f"the update of {name} is {ends_as}")


def steps(stack: str) -> list[tuple[str, Callable[[], str]]]:
    """What is done under requests."""
    return [
        ("nothing happens", lambda: ""),
        ("an API is killed", lambda: kill(stack, "api")),
        ("a replica of the database is killed", lambda: kill(stack, "replica")),
        ("the primary of the database is killed", lambda: kill(stack, "primary")),
        ("an update of the API is rolled out", lambda: update(stack, "api", "--force", ends_as="completed")),
        (
            "an update that cannot start rolls back",
            lambda: update(stack, "api", "--env-add", "ISTHMUS_LOG_LEVEL=broken", ends_as="rollback_completed"),
        ),
    ]


def run(stack: str, url: str, seconds: float, tell: Callable[[str], None]) -> list[Step]:
    """Every step, each watched for some seconds at least."""
    load = Load(url, paths_of(url))
    load.start()
    done: list[Step] = []
    try:
        for title, act in steps(stack):
            tell(f"{title} ...")
            began, step = time.monotonic(), Step(title)
            step.trouble = act()
            time.sleep(max(1.0, seconds - (time.monotonic() - began)))
            step.seconds, step.counts = time.monotonic() - began, load.take()
            done.append(step)
            tell(line_of(step))
    finally:
        load.stop()
    return done


def line_of(step: Step) -> str:
    """A step in a line."""
    counts = step.counts
    text = (
        f"  {step.seconds:5.1f} s  {counts.requests:6} requests  {counts.retried:3} retried  {counts.failed:3} failed"
    )
    return f"{text}  slowest {1000 * counts.slowest_s:.0f} ms" + (f"  {step.trouble}" if step.trouble else "")


def verdict(done: list[Step]) -> str:
    """The last line."""
    total = sum(step.counts.requests for step in done)
    retried = sum(step.counts.retried for step in done)
    failed = sum(step.counts.failed for step in done)
    bad = [step.title for step in done if not step.good]
    text = f"{total} requests, {retried} of them answered at the second attempt, {failed} failed"
    return f"{text}: {'not well: ' + ', '.join(bad) if bad else 'well'}"


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="swarm test")
    parser.add_argument("stack")
    parser.add_argument("url")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=8.0)
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    out = sys.stderr if given.json else sys.stdout

    def tell(line: str) -> None:
        out.write(line + "\n")
        out.flush()

    try:
        done = run(given.stack, given.url, given.seconds, tell)
    except KeyboardInterrupt:
        tell("interrupted: what was killed comes back by itself")
        return 130
    except (OSError, http.client.HTTPException, subprocess.CalledProcessError, LookupError) as error:
        sys.stderr.write(f"swarm: the trial ended: {getattr(error, 'stderr', '') or error}\n")
        return 1
    tell(verdict(done))
    if given.json:
        sys.stdout.write(json.dumps([asdict(step) | {"good": step.good} for step in done], indent=1) + "\n")
    return int(not all(step.good for step in done))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
