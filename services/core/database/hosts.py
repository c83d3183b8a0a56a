"""The servers behind one database: which of them libpq takes, how soon one is given up that does not answer, and how
often something is tried.

Replicas get the same changes one after the other, some milliseconds to seconds apart. What that means for a request is
in `connections.py` (a table that is not there yet) and `api/catalog/live.py` (a catalogue that was seen already).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any, TypeVar

import psycopg

from core.errors import IsthmusError
from core.settings import Settings

T = TypeVar("T")

LAG_S = 2.0
"""How long a request waits for a replica that has what the catalogue names."""

LAG_PAUSE_S = 0.05

GRACE_S = 2.0
"""How long a statement may be over its limit of time, which PostgreSQL keeps itself unless it hangs."""

LOOK_EVERY_S = 0.25

LIFETIME_S, LIFETIME_AMONG_REPLICAS_S = 3600.0, 60.0
"""A connection is made anew after so long: among replicas soon, so that one that came back gets its share."""


def reads_replicas(settings: Settings) -> bool:
    """Whether connections may lead to different servers, which need not have the same state."""
    return settings.db_target == "prefer-standby"


def lifetime_s(settings: Settings) -> float:
    """How long a connection of a pool is used."""
    return LIFETIME_AMONG_REPLICAS_S if reads_replicas(settings) else LIFETIME_S


def host_keywords(settings: Settings) -> dict[str, Any]:
    """What libpq needs to know beside the names of the hosts. Nothing for one server that may be any.

    A server that is gone is noticed within 11 s while an answer is awaited, and when connecting within 2 s, which each
    address is tried for.
    """
    if settings.db_target == "any" and "," not in settings.db_host:
        return {}
    return {
        "target_session_attrs": settings.db_target,
        "load_balance_hosts": "random" if reads_replicas(settings) else "disable",
        "connect_timeout": 2,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 6_000,
    }


class Deadlines:
    """When the connections in use have to be done. Those that are late are cut off from this side, which ends what
    waits for them with an error.

    libpq itself waits without end for a server that hangs: one that was stopped, or whose disk does not answer, takes
    what it is sent and keeps no limit of time. One thread looks after all connections of a process; a statement costs
    two changes of a dictionary.
    """

    def __init__(self) -> None:
        """No connection is in use."""
        self._due: dict[psycopg.Connection[Any], float] = {}
        self._late: set[psycopg.Connection[Any]] = set()
        self._lock = Lock()
        self._ended = Event()
        Thread(target=self._watch, name="isthmus-deadlines", daemon=True).start()

    def __len__(self) -> int:
        """How many connections are in use."""
        return len(self._due)

    def begin(self, connection: psycopg.Connection[Any], within_s: float) -> None:
        """A connection is in use from now on, and has so many seconds."""
        self._due[connection] = time.monotonic() + within_s

    def end(self, connection: psycopg.Connection[Any]) -> bool:
        """It is not in use any more. Whether it was late: then it was cut off."""
        with self._lock:
            self._due.pop(connection, None)
            if connection not in self._late:
                return False
            self._late.remove(connection)
        return True

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_EVERY_S):
            now = time.monotonic()
            for connection, due in list(self._due.items()):
                if due < now:
                    self._cut(connection, now)

    def _cut(self, connection: psycopg.Connection[Any], now: float) -> None:
        """Cut a connection off, unless it was given back meanwhile: its descriptor may be that of another one then."""
        with self._lock, suppress(OSError, psycopg.Error):
            if connection not in self._late and self._due.get(connection, now) < now:
                self._late.add(connection)
                with socket.socket(fileno=os.dup(connection.pgconn.socket)) as own:
                    own.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often something that only reads is done: `most_runs` times at most, `pause_s` after each that failed.

    A statement runs at most 3 times: again where its connection turns out to be dead, or has a plan for a table as it
    was before. Each run takes its time limit and a wait for a connection at most, 3 * (10 + 2) = 36 s by default if the
    server ends its sessions so often. Where replicas answer it runs at most 43 times: one that lacks a table says so at
    once, so that is 2 s more.

    A request whose catalogue turns out to be old is answered at most 4 times (`api/catalog/live.py`), each time with
    the catalogue of that moment.
    """

    most_runs: int
    pause_s: float = 0.0

    def run(self, attempt: Callable[[], T], mend: Callable[[Exception], bool]) -> T:
        """What an attempt gives: the first that does not fail. `mend`: does what can be done about an error, and tells
        whether another attempt may succeed. Raises: what the last attempt raises
        """
        for _ in range(self.most_runs - 1):
            try:
                return attempt()
            except (psycopg.Error, IsthmusError) as error:
                if not mend(error):
                    raise
            time.sleep(self.pause_s)
        return attempt()


OF_A_STATEMENT = RetryPolicy(most_runs=3)
AMONG_REPLICAS = RetryPolicy(most_runs=3 + round(LAG_S / LAG_PAUSE_S), pause_s=LAG_PAUSE_S)
