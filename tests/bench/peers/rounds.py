"""Rounds: every server answers the same asks in turn, and the median over the rounds counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.peers.asks import Ask, NotOffered
from bench.peers.clock import spent
from bench.peers.http_client import Refused
from bench.peers.servers import Contender

SETTLE_S = 0.003
"""What a server does after the last byte of an answer counts too: so long is waited before the clocks are read."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a server is asked in its turn. `ahead`: others like it that do not count, after which it finds in the
    processor's caches what it needs, as a server at work does; none where an ask takes longer than these matter.
    """

    asks: Sequence[Ask]
    ahead: Sequence[Ask] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """Something to measure. `before`: what is asked once, before the first round."""

    name: str
    rounds: Sequence[Round]
    before: Sequence[Ask] = ()
    what: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One server in one row: medians over rounds, of an ask."""

    cpu_s: float
    took_s: float
    size_bytes: int


@dataclass(slots=True)
class Measured:
    """A row's cells by the names of the servers, and why one has none."""

    row: Row
    cells: dict[str, Cell] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def measure(row: Row, servers: Sequence[Contender], without: dict[str, str], *, cold: bool = False) -> Measured:
    """Run every round with each server that is not left out. `cold`: nothing is asked ahead of a round."""
    measured, taking_part = Measured(row, without=dict(without)), [s for s in servers if s.name not in without]
    for server in taking_part:
        for ask in row.before:
            server.perform(ask)
    seen: dict[str, list[Cell]] = {server.name: [] for server in taking_part}
    for server, round in turns(row, taking_part):
        if server.name in measured.without:
            continue
        try:
            seen[server.name].append(once(server, round, cold=cold))
        except Refused as error:
            measured.without[server.name] = str(error)
    measured.cells = {name: median(cells) for name, cells in seen.items() if name not in measured.without}
    return measured


def turns(row: Row, servers: Sequence[Contender]) -> Iterator[tuple[Contender, Round]]:
    """Who answers what, in order: each round begins with another server."""
    for number, round in enumerate(row.rounds):
        first = number % max(1, len(servers))
        yield from ((server, round) for server in (*servers[first:], *servers[:first]))


def once(server: Contender, round: Round, *, cold: bool = False) -> Cell:
    """One round of one server, an ask's share."""
    asks = round.asks
    for ask in () if cold else round.ahead:
        server.perform(ask)
    time.sleep(SETTLE_S)
    before, own_s, start = server.processes.reading(), time.thread_time(), time.perf_counter()
    size = sum(len(server.perform(ask)) for ask in asks)
    took_s, own_s = time.perf_counter() - start, time.thread_time() - own_s
    time.sleep(SETTLE_S)
    cpu_s = spent(before, server.processes.reading()) + (own_s if server.own_thread else 0.0)
    return Cell(cpu_s / len(asks), took_s / len(asks), size // len(asks))


def median(cells: Sequence[Cell]) -> Cell:
    """The median of each."""
    return Cell(
        statistics.median(cell.cpu_s for cell in cells),
        statistics.median(cell.took_s for cell in cells),
        round(statistics.median(cell.size_bytes for cell in cells)),
    )


def reason_against(server: Contender, ask: Ask) -> str:
    """Why a server cannot take part: it lacks the resource, or fails; empty when it answers."""
    try:
        server.perform(ask)
    except (NotOffered, Refused) as error:
        return str(error)
    return ""
