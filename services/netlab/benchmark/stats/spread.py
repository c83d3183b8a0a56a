"""Numbers of several rounds, and when two modes differ by more than noise. Pure: every figure follows from the slices.

Machines drift, so modes are compared within a round: the logarithms of the ratios of its two visits. Their mean over
the rounds has Student's interval of 95 %, which holds what it says for three rounds; a bootstrap's would hold 75 %. And
two halves of one visit differ by noise alone: a difference that is no larger is none either. Figures: DECISIONS.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netlab.benchmark.model.slices import MB, Slice

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's 97.5 % points for 1 to 15 degrees of freedom; with more rounds the last is used, which is too careful."""

Reading = Callable[[Slice], float | None]


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of slices. `more_is_better` tells rates from times and costs."""

    name: str
    read: Reading
    more_is_better: bool = False


def per_request(value: Callable[[Slice], int]) -> Reading:
    """Microseconds a request; None without one."""
    return lambda one: value(one) / 1e3 / one.requests if one.requests else None


def per_mb(value: Callable[[Slice], int]) -> Reading:
    """Microseconds for a MB of bodies; None without a byte."""
    return lambda one: value(one) / 1e3 / (one.body_bytes / MB) if one.body_bytes else None


def in_all(one: Slice) -> int:
    """Nanoseconds of CPU of all."""
    return one.cpu.total_ns


def of_proxy(one: Slice) -> int:
    """Nanoseconds of CPU of docker-proxy."""
    return one.cpu.proxy_ns


def of_client(one: Slice) -> int:
    """Nanoseconds of CPU of the measuring client."""
    return one.cpu.client_ns


def of_containers(one: Slice) -> int:
    """Nanoseconds of CPU of the containers."""
    return sum(one.cpu.containers_ns.values())


RPS = Measure("rps", lambda one: one.rps or None, more_is_better=True)
BYTES = Measure("bytes_per_s", lambda one: one.bytes_per_s or None, more_is_better=True)
P50 = Measure("p50_ms", lambda one: one.p50_us / 1e3 if one.p50_us else None)
P99 = Measure("p99_ms", lambda one: one.p99_us / 1e3 if one.p99_us else None)
CPU = Measure("cpu_us_per_request", per_request(in_all))
CPU_CONTAINERS = Measure("container_cpu_us_per_request", per_request(of_containers))
CPU_PROXY = Measure("proxy_cpu_us_per_request", per_request(of_proxy))
CPU_CLIENT = Measure("client_cpu_us_per_request", per_request(of_client))
CPU_PER_MB = Measure("cpu_us_per_mb", per_mb(in_all))
CONTAINERS_PER_MB = Measure("container_cpu_us_per_mb", per_mb(of_containers))
PROXY_PER_MB = Measure("proxy_cpu_us_per_mb", per_mb(of_proxy))
CLIENT_PER_MB = Measure("client_cpu_us_per_mb", per_mb(of_client))
MEASURES = (
    *(RPS, P50, P99, BYTES),
    *(CPU, CPU_CONTAINERS, CPU_PROXY, CPU_CLIENT),
    *(CPU_PER_MB, CONTAINERS_PER_MB, PROXY_PER_MB, CLIENT_PER_MB),
)


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the lowest and the highest of them, and each in order."""

    median: float
    low: float
    high: float
    rounds: tuple[float, ...]


def spread(values: Sequence[float]) -> Spread | None:
    """Of one value a round; None of none."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), tuple(values))


def by_round(slices: Sequence[Slice], measure: Measure) -> dict[int, float]:
    """Round -> the mean of its halves. Halves without a value are left out."""
    found: dict[int, list[float]] = {}
    for one in slices:
        value = measure.read(one)
        if value is not None:
            found.setdefault(one.round, []).append(value)
    return {number: statistics.fmean(values) for number, values in sorted(found.items())}


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times the baseline's value a mode has: the mean and its interval, beside what is noise.

    noise: the ratio of two halves of one visit to either mode, typically (root mean square of the logarithms)
    """

    ratio: float
    low: float
    high: float
    noise: float

    @property
    def exceeds_noise(self) -> bool:
        """The interval leaves out 1, and the ratio is farther from it than halves of one mode are from each other."""
        apart = max(self.ratio, 1 / self.ratio)
        return (self.low > 1 or self.high < 1) and apart > self.noise


def difference(mode: Sequence[Slice], baseline: Sequence[Slice], measure: Measure) -> Ratio | None:
    """Of the rounds that have both; None of fewer than two: one round has no spread."""
    ours, theirs = by_round(mode, measure), by_round(baseline, measure)
    logs = [math.log(ours[one] / theirs[one]) for one in ours if one in theirs and ours[one] > 0 < theirs[one]]
    if len(logs) < 2:
        return None
    middle, half_width = interval(logs)
    noise = halves_noise([*mode, *baseline], measure)
    return Ratio(math.exp(middle), exp(middle - half_width), exp(middle + half_width), math.exp(noise))


def exp(value: float) -> float:
    """The exponential, which an interval of two wild rounds would overflow."""
    return math.exp(max(-50.0, min(50.0, value)))


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and half the width of its interval of 95 %."""
    freedom = len(values) - 1
    error = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), T_95[min(freedom, len(T_95)) - 1] * error


def halves_noise(slices: Sequence[Slice], measure: Measure) -> float:
    """The root mean square of the logarithms of the ratios of two halves of a visit."""
    halves: dict[tuple[str, int], dict[int, float]] = {}
    for one in slices:
        value = measure.read(one)
        if value:
            halves.setdefault((one.mode, one.round), {})[one.half] = value
    logs = [math.log(pair[0] / pair[1]) for pair in halves.values() if len(pair) == 2]
    return math.sqrt(statistics.fmean(log * log for log in logs)) if logs else 0.0
