"""The measuring client, a process of its own: it reads jobs and writes tallies, a line each.

Raw sockets, one thread, epoll: about 30 µs of CPU a request, apart from what the stack takes. A process of its own
has its CPU measured, and the interpreter's lock is not shared with the rest of the lab.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import asdict

from netlab.benchmark.load.http_reader import BadResponse, ResponseReader
from netlab.benchmark.load.job import Job, Tally, quantile

PATIENCE_S = 10.0
"""An answer that takes longer than that, or that long after the end, is an error."""
MOST_ERRORS = 200
BLOCK = 262_144
GOOD = (200, 204)


def connect(address: str) -> socket.socket:
    """A connected socket that does not wait. Raises: OSError"""
    if address.startswith("unix:"):
        talk = socket.socket(socket.AF_UNIX)
        target: str | tuple[str, int] = address.removeprefix("unix:")
    else:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        talk = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        talk.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = (host, int(port))
    talk.settimeout(PATIENCE_S)
    try:
        talk.connect(target)
    except OSError:
        talk.close()
        raise
    talk.setblocking(False)
    return talk


class Connection:
    """A connection's request under way: when it began, and as much of its answer as there is."""

    __slots__ = ("began_ns", "reader", "talk")

    def __init__(self, talk: socket.socket, began_ns: int) -> None:
        """A request that was just sent, or is about to be."""
        self.talk, self.began_ns, self.reader = talk, began_ns, ResponseReader()


class Driver:
    """Does one job."""

    def __init__(self, job: Job) -> None:
        """Nothing is sent yet."""
        self._job = job
        self._requests = job.requests()
        self._sent = 0
        self._open: dict[int, Connection] = {}
        self._poll = select.epoll()
        self._latencies_ns: list[int] = []
        self._errors: Counter[str] = Counter()
        self._cached = self._rendered = self._body_bytes = 0
        self._last_ns = 0

    def run(self) -> Tally:
        """Send requests until the time, or what there is to send, is over."""
        cpu_ns, began_ns = time.process_time_ns(), time.perf_counter_ns()
        self._last_ns = began_ns
        self._until_ns = began_ns + int(self._job.seconds * 1e9)
        for _ in range(self._job.connections):
            self._begin(None)
        self._listen()
        elapsed_ns = self._last_ns - began_ns
        return self._tally(elapsed_ns, time.process_time_ns() - cpu_ns)

    def _listen(self) -> None:
        """Until no request is under way."""
        patience_ns = int(PATIENCE_S * 1e9)
        while self._open:
            now = time.perf_counter_ns()
            ends_ns = self._until_ns + (0 if self._job.cut else patience_ns)
            if now >= ends_ns:
                self._give_up(now)
                return
            events = self._poll.poll((ends_ns - now) / 1e9)
            for number, _ in events:
                self._hear(self._open[number])

    def _give_up(self, now: int) -> None:
        """End what is under way: cut off as the job says, or because nobody answers."""
        for one in list(self._open.values()):
            self._body_bytes += one.reader.body_bytes
            if not self._job.cut:
                self._errors[f"no answer within {PATIENCE_S:.0f} s"] += 1
            self._close(one)
        self._last_ns = now

    def _begin(self, talk: socket.socket | None) -> None:
        """Send the next request, on this connection or on a new one."""
        now = time.perf_counter_ns()
        if now >= self._until_ns or self._sent >= self._job.most or self._errors.total() >= MOST_ERRORS:
            if talk is not None:
                talk.close()
            return
        request = self._requests[self._sent % len(self._requests)]
        self._sent += 1
        try:
            if talk is None:
                talk = connect(self._job.address)
                self._poll.register(talk, select.EPOLLIN)
            talk.sendall(request)
        except OSError as error:
            self._fail(error.strerror or type(error).__name__, talk)
            return
        self._open[talk.fileno()] = Connection(talk, now)

    def _fail(self, why: str, talk: socket.socket | None) -> None:
        """Count an error, and go on with a new connection."""
        self._errors[why] += 1
        if talk is not None:
            talk.close()
        self._begin(None)

    def _hear(self, one: Connection) -> None:
        """Take in what has come."""
        try:
            block = one.talk.recv(BLOCK)
            one.reader.feed(block)
        except (OSError, BadResponse) as error:
            self._body_bytes += one.reader.body_bytes
            del self._open[one.talk.fileno()]
            self._fail(getattr(error, "strerror", None) or str(error), one.talk)
            return
        if one.reader.done:
            self._count(one)
            self._next(one, closed=not block)

    def _count(self, one: Connection) -> None:
        """Note an answer."""
        self._last_ns = time.perf_counter_ns()
        reader = one.reader
        self._body_bytes += reader.body_bytes
        if reader.status not in GOOD:
            self._errors[f"status {reader.status}"] += 1
            return
        self._latencies_ns.append(self._last_ns - one.began_ns)
        self._cached += reader.cached_tile is True
        self._rendered += reader.cached_tile is False

    def _next(self, one: Connection, *, closed: bool) -> None:
        """The next request, on the same connection where that is wanted and possible."""
        if self._job.keep_alive and not one.reader.closes and not closed:
            del self._open[one.talk.fileno()]
            self._begin(one.talk)
        else:
            self._close(one)
            self._begin(None)

    def _close(self, one: Connection) -> None:
        del self._open[one.talk.fileno()]
        one.talk.close()

    def _tally(self, elapsed_ns: int, cpu_ns: int) -> Tally:
        self._poll.close()
        ordered_us = sorted(one / 1e3 for one in self._latencies_ns)
        return Tally(
            requests=len(ordered_us),
            errors=dict(self._errors),
            cached=self._cached,
            rendered=self._rendered,
            body_bytes=self._body_bytes,
            elapsed_ns=elapsed_ns,
            cpu_ns=cpu_ns,
            p50_us=quantile(ordered_us, 0.5),
            p99_us=quantile(ordered_us, 0.99),
        )


def main() -> None:
    """Do the jobs on standard input, one after the other, until it ends."""
    for line in sys.stdin:
        tally = Driver(Job(**json.loads(line))).run()
        sys.stdout.write(json.dumps(asdict(tally)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
