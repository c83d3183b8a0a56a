"""Which differences are more than noise, in words, with their causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.slices import Slice
from netlab.benchmark.model.workloads import Workload
from netlab.benchmark.stats.causes import Side, causes
from netlab.benchmark.stats.results import kinds_of, result_of, slices_of
from netlab.benchmark.stats.spread import P50, Ratio, difference

FROM_MEMORY = ("cached-tile", "connect")
"""Workloads that the API answers without the database."""


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
    because: tuple[str, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether anything differs by more than noise."""
        return any(is_told(one) for one in (self.rate, self.time, self.cpu))

    @property
    def text(self) -> str:
        """One sentence, and why."""
        said = f"{self.title}: {self.mode} {listing(differences(self))}."
        return " ".join([said, *(f"{sentence(one)}." for one in self.because)])


def is_told(one: Ratio | None) -> bool:
    """Whether it was measured, and is more than noise."""
    return one is not None and one.exceeds_noise


def findings(
    slices: Sequence[Slice], ways: Mapping[str, RequestPath], modes: Sequence[str], kinds: Sequence[Workload]
) -> tuple[ModeDifference, ...]:
    """Every other mode against the first of `modes`, in each workload."""
    return tuple(finding(slices, ways, mode, modes[0], kind) for mode in modes[1:] for kind in kinds)


def finding(
    slices: Sequence[Slice], ways: Mapping[str, RequestPath], mode: str, baseline: str, kind: Workload
) -> ModeDifference:
    """A mode against another in a workload."""
    ours, theirs = slices_of(slices, mode, kind.name), slices_of(slices, baseline, kind.name)
    used = kinds_of(kind)
    rate, time, cpu = (difference(ours, theirs, measure) for measure in (used.rate, P50, used.cpu))
    found = ModeDifference(mode, baseline, kind.name, kind.title, rate, time, cpu)
    if not found.matters:
        return found
    because = causes(
        Side(mode, ways[mode], result_of(mode, kind.name, ours)),
        Side(baseline, ways[baseline], result_of(baseline, kind.name, theirs)),
        used,
        asks_database=kind.name not in FROM_MEMORY,
    )
    return replace(found, because=because)


def differences(one: ModeDifference) -> list[str]:
    """How they differ: what is noise is left out, but for the rate, which everybody asks for."""
    unit = "bytes" if one.workload == "export" else "requests"
    said = [f"is not told from {one.baseline} in {unit} a second"]
    if one.rate is not None and one.rate.exceeds_noise:
        said = [f"has {one.rate.ratio:.2f} times the {unit} a second of {one.baseline} ({bounds(one.rate)})"]
    if one.time is not None and one.time.exceeds_noise:
        said.append(f"needs {one.time.ratio:.2f} times its median time ({bounds(one.time)})")
    if one.cpu is not None and one.cpu.exceeds_noise:
        said.append(f"takes {one.cpu.ratio:.2f} times its CPU ({bounds(one.cpu)})")
    return said


def listing(parts: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def bounds(one: Ratio) -> str:
    """`1.70 to 2.21; noise 1.09`."""
    return f"{one.low:.2f} to {one.high:.2f}; noise {one.noise:.2f}"


def sentence(text: str) -> str:
    """With a capital, unless it begins with a name that is written small."""
    return text if text.startswith("docker-proxy") else text[0].upper() + text[1:]
