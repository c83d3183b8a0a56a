"""Several servers behind one database: which of them libpq takes, and how soon it gives one up that does not answer.

Replicas get the same changes one after the other, some milliseconds to seconds apart. What that means for a request is
in `connections.py` (a table that is not there yet) and `api/catalog/live.py` (a catalogue that was seen already).
"""

from __future__ import annotations

from typing import Any

from core.settings import Settings

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
