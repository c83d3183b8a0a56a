"""Jobs and tallies of the measuring client, which travel as lines of JSON, and its process seen from outside."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, cast

from netlab.errors import ClientEnded


@dataclass(frozen=True, slots=True)
class Job:
    """Requests for a while, by some connections that each wait for an answer before they ask again.

    address: `host:port`, `[::1]:port` or `unix:/path`
    request: the text of a request; `#` in it becomes `first`, `first + 1`, …, eight digits, never twice
    most:    so many requests at most
    cut:     an answer that comes when the time is over is cut off, its bytes count
    """

    address: str
    request: str
    seconds: float
    connections: int
    most: int
    first: int = 0
    keep_alive: bool = True
    cut: bool = False

    def requests(self) -> list[bytes]:
        """The requests as they are sent: one that is sent again and again, or `most` different ones."""
        if "#" not in self.request:
            return [self.request.encode()]
        before, _, after = self.request.partition("#")
        return [f"{before}{number:08d}{after}".encode() for number in range(self.first, self.first + self.most)]


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a job.

    requests:    whole answers of status 200 or 204
    errors:      how often what went wrong
    cached, rendered: of tiles, how many were cached, and how many were rendered for this request
    body_bytes:  of all bodies, those that were cut off included
    elapsed_ns:  from the first request to the last answer
    cpu_ns:      of the client's process in that time
    p50_us, p99_us: of the time from a request (without keep-alive: from its connect) to its whole answer
    """

    requests: int
    errors: dict[str, int] = field(default_factory=dict[str, int])
    cached: int = 0
    rendered: int = 0
    body_bytes: int = 0
    elapsed_ns: int = 0
    cpu_ns: int = 0
    p50_us: float | None = None
    p99_us: float | None = None


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value that this share of the ordered values does not exceed (nearest rank); None of no values."""
    return ordered[max(1, math.ceil(len(ordered) * share)) - 1] if ordered else None


SERVICES = Path(__file__).parents[3]
"""Where `python -m` finds this package, whoever started the lab."""


class LoadClient:
    """Does jobs, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """A process that reads jobs."""
        self._process = process

    def run(self, job: Job) -> Tally:
        """Do a job. Raises: ClientEnded"""
        reader, writer = cast(IO[str], self._process.stdout), cast(IO[str], self._process.stdin)
        try:
            writer.write(json.dumps(asdict(job)) + "\n")
            writer.flush()
        except BrokenPipeError as error:
            raise ClientEnded("the measuring client ended") from error
        line = reader.readline()
        if not line:
            raise ClientEnded("the measuring client ended before it had measured")
        return Tally(**json.loads(line))


@contextmanager
def client_process() -> Generator[LoadClient]:
    """A client, in a session of its own, so that Ctrl-C is for the lab alone; ended for certain."""
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "netlab.benchmark.load.client"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=SERVICES,
        start_new_session=True,
    )
    try:
        yield LoadClient(process)
    finally:
        process.kill()
        process.communicate()
