"""What each workload came to in each mode, over all rounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from netlab.benchmark.model.slices import Slice
from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.stats.spread import (
    BYTES,
    CLIENT_PER_MB,
    CONTAINERS_PER_MB,
    CPU,
    CPU_CLIENT,
    CPU_CONTAINERS,
    CPU_PER_MB,
    CPU_PROXY,
    MEASURES,
    PROXY_PER_MB,
    RPS,
    Measure,
    Spread,
    by_round,
    spread,
)


@dataclass(frozen=True, slots=True)
class Kinds:
    """Which figures count for a workload: its rate, and its CPU in all and by who takes it, for a request or a MB."""

    rate: Measure
    cpu: Measure
    containers: Measure
    proxy: Measure
    client: Measure
    unit: str

    @property
    def costs(self) -> tuple[Measure, ...]:
        """The figures of CPU, the whole first."""
        return self.cpu, self.containers, self.proxy, self.client


OF_REQUESTS = Kinds(RPS, CPU, CPU_CONTAINERS, CPU_PROXY, CPU_CLIENT, "a request")
OF_BYTES = Kinds(BYTES, CPU_PER_MB, CONTAINERS_PER_MB, PROXY_PER_MB, CLIENT_PER_MB, "a MB")


def kinds_of(workload: Workload) -> Kinds:
    """The figures of a workload: an export may be so long that none is whole, so its bytes count."""
    return OF_BYTES if workload.single else OF_REQUESTS


@dataclass(frozen=True, slots=True)
class Result:
    """A workload in a mode.

    figures: by the names of netlab.benchmark.stats.spread.MEASURES; those without a value are left out
    wrong: tiles that were kept where they had to be made, or made where they had to be kept
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


def result_of(mode: str, workload: str, slices: Sequence[Slice]) -> Result:
    """What the slices of a mode and a workload came to."""
    errors: Counter[str] = Counter()
    for one in slices:
        errors.update(one.errors)
    found = {measure.name: spread(list(by_round(slices, measure).values())) for measure in MEASURES}
    return Result(
        mode,
        workload,
        sum(one.requests for one in slices),
        {name: value for name, value in found.items() if value is not None},
        dict(errors),
        sum(one.wrong for one in slices),
    )


def slices_of(slices: Sequence[Slice], mode: str, workload: str) -> list[Slice]:
    """Those of a mode and a workload."""
    return [one for one in slices if (one.mode, one.workload) == (mode, workload)]


def results(slices: Sequence[Slice], modes: Sequence[str], kinds: Sequence[Workload]) -> tuple[Result, ...]:
    """By workload and mode, in the orders given."""
    return tuple(result_of(mode, kind.name, slices_of(slices, mode, kind.name)) for kind in kinds for mode in modes)
