"""Whose client has left: requests under way beside the connections that are open.

A request is not told by which connection it came, so one is found for it, and when none is left that it can have come
by, its client has gone. What is uncertain counts for the client: a statement that goes on costs less than a wrong end.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from api.monitoring.in_flight import Asking
from api.server.sockets import OpenConnection, Traffic

TICKS_S = 0.025
"""How far Linux' times may be off: a tick of 1 to 10 ms on either side."""

REACH_S = 0.1
"""From the coming of a request until Python gets it, at most, where it does not wait for a thread."""

LAG_S = 1.0
"""The same on a machine that has no time: what would end a statement by this alone asks for more."""


def can_carry(connection: OpenConnection, asking: Asking) -> bool:
    """Whether a request can have come by a connection.

    Not, when nothing came; when an answer was sent since; and when the only data came after the request began. Nor when
    the last data were answered: unless that was just before the request began, which then came together with those.
    """
    traffic, began_s = connection.traffic, asking.began_s
    if traffic is None:
        return True
    if traffic.segments_in == 0 or traffic.sent_s > began_s + TICKS_S:
        return False
    if traffic.segments_in == 1 and traffic.received_s > began_s + TICKS_S:
        return False
    if traffic.is_answered:
        return traffic.sent_s > asking.after_s - REACH_S
    return not traffic.may_be_answered or traffic.received_s > asking.after_s - LAG_S


def came_as(traffic: Traffic, asking: Asking, reach_s: float) -> bool:
    """Whether a connection's last data are those of a request, by the time: they came until it began."""
    return asking.began_s - reach_s <= traffic.received_s <= asking.began_s + TICKS_S


def must_be_anothers(connection: OpenConnection, asking: Asking, claimed: Collection[int]) -> bool:
    """Whether a connection belongs to another request, which began when its data came, as this one did not."""
    traffic = connection.traffic
    if traffic is None or connection.id not in claimed:
        return False
    is_late = traffic.received_s > asking.began_s + TICKS_S
    return traffic.received_s < asking.after_s - REACH_S or (is_late and not asking.has_body)


def claims(others: Iterable[Asking], connections: Sequence[OpenConnection]) -> set[int]:
    """The connections of other requests: of each the one whose data came last before it began, and shortly before."""
    claimed: set[int] = set()
    for other in sorted(others, key=lambda other: other.began_s):
        near = [
            (connection.traffic.received_s, connection.id)
            for connection in connections
            if connection.traffic is not None
            and connection.id not in claimed
            and can_carry(connection, other)
            and came_as(connection.traffic, other, REACH_S)
        ]
        if near:
            claimed.add(max(near)[1])
    return claimed


def carriers(asking: Asking, connections: Iterable[OpenConnection]) -> set[int]:
    """The connections that a request can have come by."""
    return {connection.id for connection in connections if can_carry(connection, asking)}


def has_left(
    asking: Asking, possible: Collection[int], others: Iterable[Asking], connections: Sequence[OpenConnection]
) -> bool:
    """Whether a request has none of its possible connections left. `connections`: all that are open"""
    claimed = claims(others, connections) if possible else set[int]()
    left = (connection for connection in connections if connection.id in possible)
    return all(must_be_anothers(connection, asking, claimed) for connection in left)
