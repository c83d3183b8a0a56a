"""Timing of two ways to do the same thing, in turns, so that a drift of the machine's speed meets both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured: medians in seconds, and the other's 99th percentile."""

    name: str
    floor: str
    floor_s: float
    ours_s: float
    ours_p99_s: float
    runs: int

    @property
    def ratio(self) -> float:
        """How many times the floor's time we take."""
        return self.ours_s / self.floor_s


def time_of(work: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, floor: str, pairs: Sequence[tuple[Callable[[], object], Callable[[], object]]]) -> Result:
    """Time each (floor, ours) pair once. Every other pair begins with ours, since the second finds the caches warm.

    floor: what the floor is, in words
    """
    times: list[tuple[float, float]] = []
    for number, (bare, ours) in enumerate(pairs):
        if number % 2:
            ours_s = time_of(ours)
            times.append((time_of(bare), ours_s))
        else:
            times.append((time_of(bare), time_of(ours)))
    all_ours = sorted(pair[1] for pair in times)
    return Result(
        name,
        floor,
        floor_s=statistics.median(pair[0] for pair in times),
        ours_s=statistics.median(all_ours),
        ours_p99_s=all_ours[min(len(all_ours) - 1, int(len(all_ours) * 0.99))],
        runs=len(times),
    )


def render_table(results: Sequence[Result]) -> str:
    """A table for people: milliseconds, and the ratio to the floor."""
    head = f"{'what':<34}{'floor ms':>11}{'ours ms':>11}{'p99 ms':>11}{'ratio':>8}{'runs':>7}  floor"
    lines = [
        f"{result.name:<34}{result.floor_s * 1e3:>11.2f}{result.ours_s * 1e3:>11.2f}{result.ours_p99_s * 1e3:>11.2f}"
        f"{result.ratio:>8.2f}{result.runs:>7}  {result.floor}"
        for result in results
    ]
    return "\n".join([head, *lines])
