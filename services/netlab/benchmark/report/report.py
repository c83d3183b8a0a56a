"""A comparison as one value, which text, JSON and HTML are views of."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.slices import MB, Slice
from netlab.benchmark.model.workloads import Target, Workload
from netlab.benchmark.run_mode import Plan
from netlab.benchmark.stats.advice import advice
from netlab.benchmark.stats.findings import ModeDifference, findings
from netlab.benchmark.stats.results import Result, results

BUSY_CPUS = 0.25
"""Of all CPUs; when others keep more of them busy, figures spread."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cpus: int
    kernel: str
    docker: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured, and what follows from it. `modes[0]` is what the others are held against."""

    taken_at: str
    project: str
    command: str
    machine: Machine
    target: Target
    plan: Plan
    rounds: int
    orders: tuple[tuple[str, ...], ...]
    modes: tuple[str, ...]
    kinds: tuple[Workload, ...]
    ways: dict[str, RequestPath]
    slices: tuple[Slice, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """By workload and mode."""
        return results(self.slices, self.modes, self.kinds)

    @property
    def findings(self) -> tuple[ModeDifference, ...]:
        """All comparisons, also those that found nothing."""
        return findings(self.slices, self.ways, self.modes, self.kinds)

    @property
    def advice(self) -> tuple[str, ...]:
        """For the operator of this machine."""
        return advice(self.findings, self.results, self.ways, self.modes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before one believes the figures."""
        return (*data_notes(self.target), *trouble_notes(self.results), *noise_notes(self))

    @property
    def failed(self) -> bool:
        """Whether a workload had no answer at all in a mode."""
        return any(not one.figures for one in self.results)


def machine_here(docker: str) -> Machine:
    """This machine."""
    return Machine(os.cpu_count() or 1, os.uname().release, docker)


def data_notes(target: Target) -> Iterator[str]:
    """About the data."""
    if target.is_small:
        yield (
            f"the largest collection at hand, {target.collection}, is about {target.export_bytes / MB:.1f} MB:"
            " an export of it is over before a long one shows its speed"
        )


def trouble_notes(found: Sequence[Result]) -> Iterator[str]:
    """About requests that went wrong."""
    for one in found:
        if one.errors:
            told = ", ".join(f"{count} x {why}" for why, count in sorted(one.errors.items()))
            yield f"{one.mode}, {one.workload}: {told}; {one.requests} requests were answered well"
        if one.wrong:
            yield f"{one.mode}, {one.workload}: {one.wrong} of {one.requests} tiles were not as wanted (kept or made)"


def noise_notes(report: Report) -> Iterator[str]:
    """About others on this machine, and about too few rounds."""
    known = [one.other_cpus for one in report.slices if one.other_cpus is not None]
    others = statistics.median(known) if known else 0.0
    if others > BUSY_CPUS * report.machine.cpus:
        yield f"other processes kept {others:.1f} of {report.machine.cpus} CPUs busy meanwhile: expect wide spreads"
    if report.rounds < 3:
        yield "fewer than 3 rounds: only very steady differences can be told from noise"
