"""What is measured, and what it comes to: each figure by round, its median and its spread, for a workload in a mode.

A slice is one workload in one mode for a moment; a round has two of each.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from netlab.benchmark.model.workloads import Workload

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and with how many connections each slice measures; a round's seconds are those of both halves."""

    seconds: float
    connections: int


@dataclass(frozen=True, slots=True)
class Cpu:
    """Nanoseconds of CPU by who took them. `containers`: by service (`api`, `postgis`, …, without the mode)."""

    client_ns: int = 0
    proxy_ns: int = 0
    containers_ns: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def total_ns(self) -> int:
        """With the client's, which has the kernel's work of its side of each connection."""
        return self.client_ns + self.proxy_ns + sum(self.containers_ns.values())


@dataclass(frozen=True, slots=True)
class Slice:
    """A moment's measurement.

    half:  0 or 1 of a visit to a mode; two halves of a visit differ by noise alone
    wrong: tiles that were not answered as the workload wants (cached, or rendered)
    other_cpus: how many CPUs others kept busy meanwhile; None where it is not known
    """

    mode: str
    workload: str
    round: int
    half: int
    requests: int
    seconds: float
    body_bytes: int
    p50_us: float | None
    p99_us: float | None
    cpu: Cpu
    errors: dict[str, int] = field(default_factory=dict[str, int])
    wrong: int = 0
    other_cpus: float | None = None

    @property
    def rps(self) -> float:
        """Whole answers a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def bytes_per_s(self) -> float:
        """Bytes of bodies a second."""
        return self.body_bytes / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of slices, by its name in the JSON; None where a slice has no value."""

    name: str
    read: Callable[[Slice], float | None]


RPS = Measure("rps", lambda one: one.rps or None)
BYTES = Measure("bytes_per_s", lambda one: one.bytes_per_s or None)
P50 = Measure("p50_ms", lambda one: one.p50_us / 1e3 if one.p50_us else None)
P99 = Measure("p99_ms", lambda one: one.p99_us / 1e3 if one.p99_us else None)
CPU_NS: dict[str, Callable[[Slice], int]] = {
    "cpu": lambda one: one.cpu.total_ns,
    "container_cpu": lambda one: sum(one.cpu.containers_ns.values()),
    "proxy_cpu": lambda one: one.cpu.proxy_ns,
    "client_cpu": lambda one: one.cpu.client_ns,
}


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which figures count for a workload: its rate, and its CPU in all and by who takes it, for a request or a MB."""

    unit: str
    rate: Measure
    cpu: Measure
    containers: Measure
    proxy: Measure
    client: Measure

    @property
    def costs(self) -> tuple[Measure, ...]:
        """The figures of CPU, the whole first."""
        return self.cpu, self.containers, self.proxy, self.client


def kinds(unit: str, rate: Measure, units: Callable[[Slice], float]) -> Kinds:
    """The figures for a unit of work: microseconds of CPU for each, None without one."""

    def measure(name: str, taken_ns: Callable[[Slice], int]) -> Measure:
        return Measure(
            f"{name}_us_per_{unit.lower()}", lambda one: taken_ns(one) / 1e3 / units(one) if units(one) else None
        )

    return Kinds(unit, rate, *(measure(name, taken_ns) for name, taken_ns in CPU_NS.items()))


OF_REQUESTS = kinds("request", RPS, lambda one: one.requests)
OF_BYTES = kinds("MB", BYTES, lambda one: one.body_bytes / MB)
MEASURES = (RPS, P50, P99, BYTES, *OF_REQUESTS.costs, *OF_BYTES.costs)


def kinds_of(workload: Workload) -> Kinds:
    """The figures of a workload: an export may be so long that none is whole, so its bytes count."""
    return OF_BYTES if workload.single else OF_REQUESTS


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the lowest and the highest of them, and each in order."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]


def spread(values: Sequence[float]) -> Spread | None:
    """Of one value a round; None of none."""
    return Spread(statistics.median(values), min(values), max(values), tuple(values)) if values else None


def by_round(slices: Sequence[Slice], measure: Measure) -> dict[int, float]:
    """Round -> the mean of its halves. Halves without a value are left out."""
    found: dict[int, list[float]] = {}
    for one in slices:
        value = measure.read(one)
        if value is not None:
            found.setdefault(one.round, []).append(value)
    return {number: statistics.fmean(values) for number, values in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Result:
    """A workload in a mode.

    figures: by the names of MEASURES; those without a value are left out
    wrong: tiles that were cached where they had to be rendered, or rendered where they had to be cached
    """

    mode: str
    workload: str
    requests: int
    figures: dict[str, Spread]
    errors: dict[str, int] = field(default_factory=dict[str, int])
    wrong: int = 0

    def median(self, measure: Measure) -> float | None:
        """The median of a figure over the rounds."""
        found = self.figures.get(measure.name)
        return found.median if found else None


def slices_of(slices: Sequence[Slice], mode: str, workload: str) -> list[Slice]:
    """Those of a mode and a workload."""
    return [one for one in slices if (one.mode, one.workload) == (mode, workload)]


def result_of(slices: Sequence[Slice], mode: str, workload: str) -> Result:
    """What the slices of a mode and a workload came to."""
    found = slices_of(slices, mode, workload)
    figures = {measure.name: spread(list(by_round(found, measure).values())) for measure in MEASURES}
    errors: Counter[str] = Counter()
    for one in found:
        errors.update(one.errors)
    return Result(
        mode,
        workload,
        sum(one.requests for one in found),
        {name: value for name, value in figures.items() if value is not None},
        dict(errors),
        sum(one.wrong for one in found),
    )
