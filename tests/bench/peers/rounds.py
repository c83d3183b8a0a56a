"""Rounds: every server answers the same asks, in turn or one after the other, and the median over the rounds counts."""

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
class Row:
    """Something to measure. `rounds`: the asks of each round.

    cold: the first time that an ask is made is what counts, so only `before` is asked beforehand
    """

    name: str
    rounds: Sequence[Sequence[Ask]]
    cold: bool = False
    what: str = ""
    before: Sequence[Ask] = ()


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


def measure(
    row: Row, servers: Sequence[Contender], without: dict[str, str], *, apart: bool = False, warm_up: int = 3
) -> Measured:
    """Run every round with each server that is not left out. `apart`: all rounds of one, then all of the next."""
    measured, taking_part = Measured(row, without=dict(without)), [s for s in servers if s.name not in without]
    first = row.before if row.cold else [row.rounds[0][0]] * min(warm_up, len(row.rounds))
    for server in taking_part:
        for ask in first:
            server.perform(ask)
    seen: dict[str, list[Cell]] = {server.name: [] for server in taking_part}
    for server, asks in turns(row, taking_part, apart=apart):
        if server.name in measured.without:
            continue
        try:
            seen[server.name].append(once(server, asks))
        except Refused as error:
            measured.without[server.name] = str(error)
    measured.cells = {name: median(cells) for name, cells in seen.items() if name not in measured.without}
    return measured


def turns(row: Row, servers: Sequence[Contender], *, apart: bool) -> Iterator[tuple[Contender, Sequence[Ask]]]:
    """Who answers what, in order: each round begins with another server, unless they are measured apart."""
    if apart:
        yield from ((server, asks) for server in servers for asks in row.rounds)
        return
    for number, asks in enumerate(row.rounds):
        first = number % max(1, len(servers))
        yield from ((server, asks) for server in (*servers[first:], *servers[:first]))


def once(server: Contender, asks: Sequence[Ask]) -> Cell:
    """One round of one server, an ask's share."""
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
