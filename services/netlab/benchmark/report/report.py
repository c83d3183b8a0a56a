"""A benchmark as one value, which text and page are views of; and as JSON, which the API reads from the data volume."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.workloads import Target, Workload
from netlab.benchmark.stats.advice import advice
from netlab.benchmark.stats.differences import ModeDifference, Ratio, mode_differences
from netlab.benchmark.stats.measures import MB, Plan, Result, Slice, result_of

Json = dict[str, Any]
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
    workloads: tuple[Workload, ...]
    paths: dict[str, RequestPath]
    slices: tuple[Slice, ...]

    @property
    def results(self) -> tuple[Result, ...]:
        """By workload and mode."""
        return tuple(result_of(self.slices, mode, one.name) for one in self.workloads for mode in self.modes)

    @property
    def findings(self) -> tuple[ModeDifference, ...]:
        """All comparisons, also those that found nothing."""
        return mode_differences(self.slices, self.results, self.paths, self.modes, self.workloads)

    @property
    def advice(self) -> tuple[str, ...]:
        """For the operator of this machine."""
        return advice(self.findings, self.results, self.paths, self.modes)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before one believes the figures: about the data, requests that went wrong, noise."""
        return (
            *data_notes(self.target),
            *(note for one in self.results for note in trouble_notes(one)),
            *noise_notes(self),
        )

    @property
    def failed(self) -> bool:
        """Whether a workload had no answer at all in a mode."""
        return any(not one.figures for one in self.results)


def data_notes(target: Target) -> Iterator[str]:
    """About the data."""
    if target.is_small:
        yield (
            f"the largest collection at hand, {target.collection}, is about {target.export_bytes / MB:.1f} MB:"
            " an export of it is over before a long one shows its speed"
        )


def trouble_notes(one: Result) -> Iterator[str]:
    """About requests that went wrong."""
    if one.errors:
        errors = ", ".join(f"{count} x {why}" for why, count in sorted(one.errors.items()))
        yield f"{one.mode}, {one.workload}: {errors}; {one.requests} requests were answered well"
    if one.wrong:
        yield f"{one.mode}, {one.workload}: {one.wrong} of {one.requests} tiles were not as wanted (cached or rendered)"


def noise_notes(report: Report) -> Iterator[str]:
    """About others on this machine, and about too few rounds."""
    known = [one.other_cpus for one in report.slices if one.other_cpus is not None]
    others = statistics.median(known) if known else 0.0
    if others > BUSY_CPUS * report.machine.cpus:
        yield f"other processes kept {others:.1f} of {report.machine.cpus} CPUs busy meanwhile: expect wide spreads"
    if report.rounds < 3:
        yield "fewer than 3 rounds: only very steady differences can be told from noise"


def report_json(report: Report) -> Json:
    """The comparison; `results` and `findings` are flat, for tables."""
    return {
        "taken_at": report.taken_at,
        "project": report.project,
        "command": report.command,
        "machine": asdict(report.machine),
        "modes": list(report.modes),
        "baseline": report.modes[0],
        "rounds": report.rounds,
        "orders": [list(order) for order in report.orders],
        "seconds": report.plan.seconds,
        "connections": report.plan.connections,
        "data": asdict(report.target),
        "workloads": [{"name": one.name, "title": one.title} for one in report.workloads],
        "ways": {mode: asdict(path) for mode, path in report.paths.items()},
        "results": [result_json(one) for one in report.results],
        "findings": [finding_json(one) for one in report.findings if one.matters],
        "within_noise": [
            {"mode": one.mode, "baseline": one.baseline, "workload": one.workload}
            for one in report.findings
            if not one.matters
        ],
        "advice": list(report.advice),
        "notes": list(report.notes),
        "slices": [asdict(one) for one in report.slices],
    }


def result_json(one: Result) -> Json:
    """A result: each figure is its median; `spread` has the lowest, the highest and each round."""
    return {
        "mode": one.mode,
        "workload": one.workload,
        "requests": one.requests,
        "errors": one.errors,
        "wrong": one.wrong,
        **{name: spread.median for name, spread in one.figures.items()},
        "spread": {
            name: {"low": spread.low, "high": spread.high, "rounds": list(spread.rounds)}
            for name, spread in one.figures.items()
        },
    }


def finding_json(one: ModeDifference) -> Json:
    """A difference that is more than noise."""
    return {
        "text": one.text,
        "mode": one.mode,
        "baseline": one.baseline,
        "workload": one.workload,
        "rate": ratio_json(one.rate),
        "p50": ratio_json(one.time),
        "cpu": ratio_json(one.cpu),
        "because": list(one.because),
    }


def ratio_json(one: Ratio | None) -> Json | None:
    """A ratio to the baseline, its interval, and whether it is more than noise."""
    return None if one is None else {**asdict(one), "exceeds_noise": one.exceeds_noise}
