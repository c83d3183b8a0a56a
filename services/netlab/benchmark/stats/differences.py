"""When two modes differ by more than noise, and why. Pure: everything follows from the slices and the paths.

Machines drift, so modes are compared within a round: the logarithms of the ratios of its two visits. Their mean over
the rounds has Student's interval of 95 %, which holds what it says for three rounds; a bootstrap's would hold 75 %. And
two halves of one visit differ by noise alone: a difference that is no larger is none either. Figures: DECISIONS.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.stats.measures import OF_REQUESTS, P50, Measure, Result, Slice, by_round, kinds_of, slices_of

T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""Student's 97.5 % points for 1 to 15 degrees of freedom; with more rounds the last is used, which is too careful."""
FROM_MEMORY = ("cached-tile", "connect")
"""Workloads that the API answers without the database."""
WORTH_TELLING = 0.03
"""A part of all CPU that is smaller is no cause."""
TO_DATABASE = {
    "veth": "through the bridge and a veth pair each",
    "loopback": "over loopback",
    "unix socket": "by a unix socket",
}
UNKNOWN = "the lab sees the same path in both, so it does not know the cause"


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

    @property
    def text(self) -> str:
        """Its interval and the noise: `(1.70 to 2.21; noise 1.09)`."""
        return f"({self.low:.2f} to {self.high:.2f}; noise {self.noise:.2f})"


def ratio_of(mode: Sequence[Slice], baseline: Sequence[Slice], measure: Measure) -> Ratio | None:
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
    error = statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), T_95[min(len(values) - 1, len(T_95)) - 1] * error


def halves_noise(slices: Sequence[Slice], measure: Measure) -> float:
    """The root mean square of the logarithms of the ratios of two halves of a visit."""
    halves: dict[tuple[str, int], dict[int, float]] = {}
    for one in slices:
        value = measure.read(one)
        if value:
            halves.setdefault((one.mode, one.round), {})[one.half] = value
    logs = [math.log(pair[0] / pair[1]) for pair in halves.values() if len(pair) == 2]
    return math.sqrt(statistics.fmean(log * log for log in logs)) if logs else 0.0


@dataclass(frozen=True, slots=True)
class ModeDifference:
    """A mode against the baseline in one workload: rate, median time, CPU. None: too few rounds, or no value."""

    mode: str
    baseline: str
    workload: str
    title: str
    rate: Ratio | None
    time: Ratio | None
    cpu: Ratio | None
    because: tuple[str, ...]

    @property
    def matters(self) -> bool:
        """Whether anything differs by more than noise."""
        return any(one is not None and one.exceeds_noise for one in (self.rate, self.time, self.cpu))

    @property
    def sentence(self) -> str:
        """How many times the baseline's: what is noise is left out, but for the rate, which everybody wants to know."""
        return f"{self.title}: {self.figures}"

    @property
    def text(self) -> str:
        """The same where nobody says which modes, and why."""
        first = f"{self.title}: {self.mode} has {self.figures} of {self.baseline}"
        return ". ".join([first, *(capital(one) for one in self.because)]) + "."

    @property
    def figures(self) -> str:
        """Rate, median time and CPU, in words."""
        unit = f"{'bytes' if self.workload == 'export' else 'requests'} a second"
        pairs = (("the " + unit, self.rate), ("the median time", self.time), ("the CPU", self.cpu))
        parts = [f"{one.ratio:.2f} times {words} {one.text}" for words, one in pairs if one and one.exceeds_noise]
        if self.rate is None or not self.rate.exceeds_noise:
            parts.insert(0, f"{unit} within the noise")
        *first, last = parts
        return " and ".join([", ".join(first), last] if first else [last])


def capital(text: str) -> str:
    """With a capital, unless it begins with a name that is written small."""
    return text if text.startswith("docker-proxy") else text[0].upper() + text[1:]


def mode_differences(
    slices: Sequence[Slice],
    results: Sequence[Result],
    paths: Mapping[str, RequestPath],
    modes: Sequence[str],
    workloads: Sequence[Workload],
) -> tuple[ModeDifference, ...]:
    """Every other mode against the first of `modes`, in each workload."""
    known = causes(results, {mode: paths[mode] for mode in modes})
    return tuple(
        mode_difference(slices, mode, modes[0], workload, known) for mode in modes[1:] for workload in workloads
    )


def mode_difference(
    slices: Sequence[Slice], mode: str, baseline: str, workload: Workload, known: Sequence[Cause]
) -> ModeDifference:
    """A mode against another in a workload."""
    kinds = kinds_of(workload)
    ours, theirs = slices_of(slices, mode, workload.name), slices_of(slices, baseline, workload.name)
    rate, time, cpu = (ratio_of(ours, theirs, measure) for measure in (kinds.rate, P50, kinds.cpu))
    because = [
        one.text
        for one in known
        if one.of[mode] != one.of[baseline] and not (one.of_database and workload.name in FROM_MEMORY)
    ]
    return ModeDifference(mode, baseline, workload.name, workload.title, rate, time, cpu, tuple(because) or (UNKNOWN,))


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that differs between modes: `of` has by mode what is there. `of_database`: only with PostGIS."""

    text: str
    of: dict[str, object]
    of_database: bool = False


def causes(results: Sequence[Result], paths: Mapping[str, RequestPath]) -> list[Cause]:
    """What lies on the path of a request in some of the modes, each once, in the order in which a packet meets it."""
    proxies = {mode: bool(path.proxies) for mode, path in paths.items()}
    veths = {mode: path.veth for mode, path in paths.items()}
    sockets = {mode: path.client == "unix socket" for mode, path in paths.items()}
    by_nat = any(path.client == "NAT" for path in paths.values())
    parts = f"the {'NAT rule, the ' if by_nat else ''}bridge and the veth pair of {having(veths)}"
    found = [
        Cause(proxy_text([one for one in results if proxies[one.mode]], having(proxies)), {**proxies}),
        Cause(f"{parts} are no process, so their CPU is in that of the others", {**veths}),
        Cause(f"the unix socket of {having(sockets)} needs no TCP: no packets, no steps to connect", {**sockets}),
        Cause(database_text(paths), {mode: path.database for mode, path in paths.items()}, of_database=True),
    ]
    return [one for one in found if len(set(one.of.values())) > 1]


def having(of: Mapping[str, bool]) -> str:
    """`bridge and container`: the modes that have it."""
    return " and ".join(mode for mode, there in of.items() if there)


def proxy_text(results: Sequence[Result], modes: str) -> str:
    """docker-proxy, and what it took for a request, from workload to workload."""
    pairs = [(one.median(OF_REQUESTS.proxy), one.median(OF_REQUESTS.cpu)) for one in results]
    shares = {proxy: proxy / total for proxy, total in pairs if proxy is not None and total} or {0.0: 0.0}
    least, most = micros(min(shares)), micros(max(shares))
    took = f"{'' if least == most else f'{least} to '}{most} of CPU a request"
    if max(shares.values()) < WORTH_TELLING:
        return f"docker-proxy is in the way in {modes}, but took only {took}"
    return (
        f"docker-proxy carries this machine's clients in {modes} and copies every byte: {took},"
        f" {max(shares.values()):.0%} of all that is spent"
    )


def database_text(paths: Mapping[str, RequestPath]) -> str:
    """The path to PostGIS."""
    parts = [f"{TO_DATABASE[path.database]} in {mode}" for mode, path in paths.items()]
    return f"the API asks PostGIS {', '.join(parts)}"


def micros(value: float) -> str:
    """Microseconds for people."""
    return f"{value:.1f} µs" if value < 10 else f"{value:,.0f} µs"
