"""A benchmark as JSON: what `--json` prints, and what the API reads from the data volume."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from netlab.benchmark.report.report import Report
from netlab.benchmark.stats.differences import ModeDifference, Ratio
from netlab.benchmark.stats.measures import Result

Json = dict[str, Any]


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
