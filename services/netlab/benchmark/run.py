"""A benchmark's course: each mode in turn, round after round, and then what ran before."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from core.errors import IsthmusError
from netlab.benchmark.load.job import LoadClient, client_process
from netlab.benchmark.model.path_seen import RequestPath, path_of
from netlab.benchmark.model.workloads import Target, Workload, choose_target, workloads
from netlab.benchmark.report.report import Machine, Report
from netlab.benchmark.run_mode import Measurer, visit_of, wait_ready
from netlab.benchmark.stats.measures import Plan, Slice
from netlab.benchmark.switch_mode import Before, Switcher, ignore_interrupts, interruptible
from netlab.errors import NothingToMeasure
from netlab.model.observation import Observation
from netlab.observe.docker_engine import Engine
from netlab.observe.recording import observe
from netlab.parse.observation import parse

SWITCH_S, LOOK_S, SLICE_S, KINDS = 7.0, 1.2, 0.25, 5
"""What a switch, a look, and the warming up and the clocks around a slice were seen to take; and how many workloads."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure. `modes[0]` is the baseline."""

    modes: tuple[str, ...]
    rounds: int
    plan: Plan
    collection: str | None
    command: str

    def orders(self, running: str | None) -> tuple[tuple[str, ...], ...]:
        """The order of the modes in each round."""
        return turns(begin_with(self.modes, running), self.rounds)

    def expected_s(self, running: str | None) -> float:
        """About how long it takes."""
        visits = len(self.modes) * self.rounds
        measuring_s = KINDS * (self.plan.seconds + 2 * SLICE_S) + LOOK_S
        return (switches(self.orders(running), running) + 1) * SWITCH_S + visits * measuring_s


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: `done` of `of` steps are behind it."""

    event: str
    text: str
    done: int
    of: int
    mode: str = ""
    round: int = 0


Listener = Callable[[Step], None]


class Benchmark:
    """A benchmark under way."""

    def __init__(self, engine: Engine, request: Request, switcher: Switcher, listener: Listener) -> None:
        """Nothing is touched yet."""
        self._engine, self._request, self._switcher, self._listener = engine, request, switcher, listener
        self._orders = request.orders(switcher.before.mode)
        self._of = len(request.modes) * request.rounds * (1 + 2 * KINDS) + 1
        self._done = 0
        self._round = 0
        self._paths: dict[str, RequestPath] = {}
        self._slices: list[Slice] = []
        self._target: Target | None = None
        self._docker = ""

    def run(self, client: LoadClient) -> Report:
        """Visit every mode in every round. Raises: ModeFailed, ApiUnavailable, EngineAway, NoStack, NothingToMeasure"""
        measurer = Measurer(self._engine, client, self._request.plan, self._measuring)
        salt = time.time_ns() // 1_000_000
        self._look_before()
        kinds: tuple[Workload, ...] = ()
        for number, order in enumerate(self._orders, start=1):
            self._round = number
            for mode in order:
                seen, path = self._start(mode)
                if self._target is None:
                    self._target = choose_target(path.address, self._request.collection)
                kinds = workloads(self._target, salt)
                wait_ready(path.address, self._target)
                self._slices += measurer.measure(visit_of(seen, path, self._round), kinds)
        return self._report(kinds)

    def _look_before(self) -> None:
        """Choose the data while the stack runs as it did: a name that is not there is an error before any switch."""
        before = self._switcher.before
        if before.mode is None:
            return
        try:
            path = path_of(parse(observe(self._engine, before.project)))
            self._target = choose_target(path.address, self._request.collection)
        except NothingToMeasure:
            raise
        except IsthmusError:  # it does not run well, which a start of the first mode mends or tells
            return

    def restored(self) -> None:
        """Bring back what ran before."""
        mode = self._switcher.before.mode
        text = f"starting {mode} again, as it ran before" if mode else "taking the stack down again"
        if self._switcher.touched:
            self._listener(Step("restoring", text, self._done, self._of, mode or ""))
        self._switcher.restore()

    def _start(self, mode: str) -> tuple[Observation, RequestPath]:
        """Start a mode, unless it is the one that was measured last, and look at it."""
        self._tell("starting", f"round {self._round}: starting {mode}", mode)
        if self._switcher.mode != mode or not self._switcher.touched:
            self._switcher.start(mode)
        seen = parse(observe(self._engine, self._switcher.before.project))
        path = path_of(seen)
        self._docker = seen.engine.version
        self._paths[mode] = path
        return seen, path

    def _measuring(self, mode: str, title: str) -> None:
        self._tell("measuring", f"round {self._round}: {mode}, {title}", mode)

    def _tell(self, event: str, text: str, mode: str) -> None:
        self._listener(Step(event, text, self._done, self._of, mode, self._round))
        self._done += 1

    def _report(self, kinds: Sequence[Workload]) -> Report:
        if self._target is None:
            raise ValueError("nothing was measured")
        return Report(
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            project=self._switcher.before.project,
            command=self._request.command,
            machine=Machine(os.cpu_count() or 1, os.uname().release, self._docker),
            target=self._target,
            plan=self._request.plan,
            rounds=self._request.rounds,
            orders=self._orders,
            modes=self._request.modes,
            workloads=tuple(kinds),
            paths=self._paths,
            slices=tuple(self._slices),
        )


def run_benchmark(engine: Engine, request: Request, before: Before, log: IO[str], listener: Listener) -> Report:
    """Measure, and bring back what ran before, whatever happens."""
    comparison = Benchmark(engine, request, Switcher(before, log), listener)
    with interruptible(), volumes_as_before(engine, before):
        try:
            with client_process() as client:
                return comparison.run(client)
        finally:
            ignore_interrupts()
            comparison.restored()


@contextmanager
def volumes_as_before(engine: Engine, before: Before) -> Generator[None]:
    """Removes the volumes that the comparison made, when nothing ran before."""
    if before.mode is not None:
        yield
        return
    there = set(engine.volumes_of(before.project))
    try:
        yield
    finally:
        for volume in set(engine.volumes_of(before.project)) - there:
            engine.remove_volume(volume)


def turns(modes: Sequence[str], rounds: int) -> tuple[tuple[str, ...], ...]:
    """The order of the modes in each round; each begins with the one that the round before ended with.

    A B C D, D C B A, A C D B, …: a steady drift meets each pair of rounds alike, and one switch a round is saved.
    """
    orders = [tuple(modes)]
    while len(orders) < rounds:
        last = orders[-1]
        rest = last[-2::-1] if len(orders) % 2 else last[-2::-1][1:] + last[-2::-1][:1]
        orders.append((last[-1], *rest))
    return tuple(orders[:rounds])


def begin_with(modes: Sequence[str], running: str | None) -> tuple[str, ...]:
    """The modes with the running one first, which saves a switch."""
    if running is None or running not in modes:
        return tuple(modes)
    at = list(modes).index(running)
    return (*modes[at:], *modes[:at])


def switches(orders: Sequence[Sequence[str]], running: str | None) -> int:
    """How often another mode is started, the return to the one that runs now (or to none) included."""
    count, now = 0, running
    for mode in (mode for order in orders for mode in order):
        count += mode != now
        now = mode
    return count + (now != running)
