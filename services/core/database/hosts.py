"""Several servers behind one database: which of them libpq takes, how soon it gives up one that does not answer, and
how often something is tried.

Replicas get the same changes one after the other, some milliseconds to seconds apart. What that means for a request is
in `connections.py` (a table that is not there yet) and `api/catalog/live.py` (a catalogue that was seen already).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from core.errors import IsthmusError
from core.settings import Settings

T = TypeVar("T")

LAG_S = 2.0
"""How long a request waits for a replica that has what the catalogue names."""

LAG_PAUSE_S = 0.05

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
