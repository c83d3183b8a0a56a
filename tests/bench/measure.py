"""Timing of two ways to do the same thing, in turns, so that a drift of the machine's speed meets both."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], object]

RATIOS = ("ratio", "mean_ratio", "cpu_ratio")
"""What is told of a result besides its fields."""


@dataclass(frozen=True, slots=True)
class Side:
    """Whose CPU counts: some processes, and this thread where it does the work of the client."""

    pids: Sequence[int]
    client: bool = False
    parent: int | None = None
    """The server whose children count once they have ended: PostgreSQL's, as a query may have parallel workers."""

    def cpu_of(self, work: Work) -> tuple[float, float]:
        """Seconds that a call takes, and seconds of CPU. What it costs to read the clocks is not among them."""
        others = self._others()
        own = time.thread_time()
        took_s = time_of(work)
        own = time.thread_time() - own if self.client else 0.0
        return took_s, own + self._others() - others

    def _others(self) -> float:
        """Seconds of CPU that the processes have used."""
        return cpu_of(self.pids) + (cpu_of_the_ended(self.parent) if self.parent else 0.0)


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured: medians in seconds, our 99th percentile, and means in seconds of time and CPU.

    floor: what the floor is, as SQL or in words
    over_s: the median, call by call, of what we take beyond 1.2 times the floor, as requests are not alike
    """

    name: str
    floor: str
    floor_s: float
    ours_s: float
    ours_p99_s: float
    floor_mean_s: float
    ours_mean_s: float
    over_s: float
    floor_cpu_s: float
    ours_cpu_s: float
    runs: int

    @property
    def ratio(self) -> float:
        """How many times the floor's time we take."""
        return self.ours_s / self.floor_s

    @property
    def mean_ratio(self) -> float:
        """How many times the floor's time we take for all calls together, where they are not alike."""
        return self.ours_mean_s / self.floor_mean_s

    @property
    def cpu_ratio(self) -> float:
        """How many times the floor's CPU we take."""
        return self.ours_cpu_s / self.floor_cpu_s


@dataclass(slots=True)
class Stopwatch:
    """Times and CPU of the calls of one side."""

    side: Side
    times: list[float]
    cpu_s: float = 0.0

    def run(self, work: Work) -> None:
        """Call, and note what it took."""
        took_s, cpu_s = self.side.cpu_of(work)
        self.times.append(took_s)
        self.cpu_s += cpu_s


def time_of(work: Work) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def cpu_of(pids: Sequence[int]) -> float:
    """Seconds of CPU that some processes have used, to the nanosecond, with threads that ended.

    A process that ended counts 0. The clock of another process is clock_getcpuclockid(3), which Python lacks.
    """
    total_s = 0.0
    for pid in pids:
        with suppress(OSError):
            total_s += time.clock_gettime((~pid << 3) | 2)
    return total_s


def cpu_of_the_ended(parent: int) -> float:
    """Seconds of CPU that children of a process had used when they ended, in hundredths."""
    fields = Path(f"/proc/{parent}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def compare(name: str, floor: str, pairs: Sequence[tuple[Work, Work]], sides: tuple[Side, Side]) -> Result:
    """Run each pair (floor, ours) once. Every other pair begins with ours, since the second finds the caches warm."""
    bare, ours = Stopwatch(sides[0], []), Stopwatch(sides[1], [])
    for number, (floor_work, our_work) in enumerate(pairs):
        turns = [(bare, floor_work), (ours, our_work)]
        for watch, work in turns[::-1] if number % 2 else turns:
            watch.run(work)
    ordered = sorted(ours.times)
    return Result(
        name,
        floor,
        floor_s=statistics.median(bare.times),
        ours_s=statistics.median(ordered),
        ours_p99_s=ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
        floor_mean_s=statistics.mean(bare.times),
        ours_mean_s=statistics.mean(ordered),
        over_s=statistics.median(over(*times) for times in zip(bare.times, ours.times, strict=True)),
        floor_cpu_s=bare.cpu_s / len(pairs),
        ours_cpu_s=ours.cpu_s / len(pairs),
        runs=len(pairs),
    )


def over(floor_s: float, ours_s: float) -> float:
    """What we take beyond 1.2 times the floor."""
    return ours_s - 1.2 * floor_s


def render_table(results: Sequence[Result]) -> str:
    """A table for people: milliseconds of time and of CPU, the ratios to the floor, and then each floor."""
    sides = f"{'floor':>9}{'ours':>9}"
    width = max((len(result.name) for result in results), default=0) + 1
    of_time = f"{sides}{'p99':>9}{'ratio':>8}{'in all':>8}{'over':>11}"
    head = f"{'what':<{width}}{of_time} |  CPU{sides}{'ratio':>8}{'runs':>6}"
    lines = [render_line(result, width) for result in results]
    floors = [f"{result.name}\n    {' '.join(result.floor.split())}" for result in results]
    note = (
        "Milliseconds: medians of time, means of CPU (server, database and, on the floor's side, the client)."
        "\nIn all: the ratio of the time that all calls together took."
        " Over: call by call, what we take beyond 1.2 times the floor (the median)."
    )
    return "\n".join([note, "", head, *lines, "", "The floors:", "", *floors])


def render_line(result: Result, width: int) -> str:
    """A result as a line of the table, after its name in so many columns."""
    time_s, cpu_s = (result.floor_s, result.ours_s, result.ours_p99_s), (result.floor_cpu_s, result.ours_cpu_s)
    ratios = times(result.ratio) + times(result.mean_ratio)
    of_time = f"{''.join(map(milliseconds, time_s))}{ratios}{milliseconds(result.over_s):>11}"
    of_cpu = "".join(map(milliseconds, cpu_s)) + times(result.cpu_ratio)
    return f"{result.name:<{width}}{of_time} |     {of_cpu}{result.runs:>6}"


def times(ratio: float) -> str:
    """A ratio in a column of eight; small ones with more digits, which are all that tells them from nothing."""
    return f"{ratio:>8.4f}" if ratio < 0.1 else f"{ratio:>8.2f}"


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, in a column of nine."""
    return f"{seconds * 1e3:>9.3f}"
