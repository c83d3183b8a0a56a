"""Figures as people read them: three digits, the unit in the head of the column."""

from __future__ import annotations

from netlab.benchmark.model.slices import MB
from netlab.benchmark.stats.results import Result
from netlab.benchmark.stats.spread import BYTES, P50, P99, RPS, Measure, Spread


def number(value: float) -> str:
    """Three digits of a number: 12,345 -> 12,300; 1.234 -> 1.23."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1000:
        digits = len(str(int(size))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def scaled(measure: Measure, value: float) -> float:
    """In the unit that is shown: bytes as MB."""
    return value / MB if measure.name == BYTES.name else value


def middle(result: Result, measure: Measure) -> str:
    """The median, or a dash."""
    found = result.median(measure)
    return "–" if found is None else number(scaled(measure, found))


def with_bounds(result: Result, measure: Measure) -> str:
    """The median, and the lowest and highest round."""
    found: Spread | None = result.figures.get(measure.name)
    if found is None:
        return "–"
    low, high = number(scaled(measure, found.low)), number(scaled(measure, found.high))
    return f"{number(scaled(measure, found.median))} ({low}–{high})"


UNITS = {RPS.name: "requests/s", BYTES.name: "MB/s", P50.name: "p50 ms", P99.name: "p99 ms"}
