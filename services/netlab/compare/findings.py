"""Which differences are more than noise, in words, with their causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netlab.compare.causes import Side, causes
from netlab.compare.results import kinds_of, result_of, slices_of
from netlab.compare.slices import Slice
from netlab.compare.spread import Difference, difference
from netlab.compare.way import Way
from netlab.compare.workloads import Workload

FROM_MEMORY = ("cached-tile", "connect")
"""Workloads that the API answers without the database."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mode against the baseline in one workload: the rate, and the CPU. None: too few rounds, or no value."""

    mode: str
    baseline: str
    workload: str
    title: str
    rate: Difference | None
    cpu: Difference | None
    because: tuple[str, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether the rate or the CPU differs by more than noise."""
        return any(one is not None and one.exceeds_noise for one in (self.rate, self.cpu))

    @property
    def text(self) -> str:
        """One sentence, and why."""
        said = [*rate_words(self), *cpu_words(self)]
        return (
            f"{self.title}: {self.mode} {' and '.join(said)}. {' '.join(f'{sentence(one)}.' for one in self.because)}"
        )


def findings(
    slices: Sequence[Slice], ways: Mapping[str, Way], modes: Sequence[str], kinds: Sequence[Workload]
) -> tuple[Finding, ...]:
    """Every other mode against the first of `modes`, in each workload."""
    return tuple(finding(slices, ways, mode, modes[0], kind) for mode in modes[1:] for kind in kinds)


def finding(slices: Sequence[Slice], ways: Mapping[str, Way], mode: str, baseline: str, kind: Workload) -> Finding:
    """A mode against another in a workload."""
    ours, theirs = slices_of(slices, mode, kind.name), slices_of(slices, baseline, kind.name)
    used = kinds_of(kind)
    rate, cpu = difference(ours, theirs, used.rate), difference(ours, theirs, used.cpu)
    found = Finding(mode, baseline, kind.name, kind.title, rate, cpu)
    if not found.matters:
        return found
    because = causes(
        Side(mode, ways[mode], result_of(mode, kind.name, ours)),
        Side(baseline, ways[baseline], result_of(baseline, kind.name, theirs)),
        used,
        asks_database=kind.name not in FROM_MEMORY,
    )
    return Finding(mode, baseline, kind.name, kind.title, rate, cpu, because)


def rate_words(one: Finding) -> list[str]:
    """How the rate differs, when it does."""
    if one.rate is None or not one.rate.exceeds_noise:
        return [f"is not told from {one.baseline} in speed"] if one.cpu and one.cpu.exceeds_noise else []
    unit = "bytes" if one.workload == "export" else "requests"
    return [f"has {times(one.rate)} the {unit} a second of {one.baseline} ({bounds(one.rate)})"]


def cpu_words(one: Finding) -> list[str]:
    """How the CPU differs, when it does."""
    if one.cpu is None or not one.cpu.exceeds_noise:
        return []
    return [f"takes {times(one.cpu)} its CPU ({bounds(one.cpu)})"]


def times(one: Difference) -> str:
    """`1.94 times`."""
    return f"{one.ratio:.2f} times"


def bounds(one: Difference) -> str:
    """`1.70 to 2.21; noise 1.09`."""
    return f"{one.low:.2f} to {one.high:.2f}; noise {one.noise:.2f}"


def sentence(text: str) -> str:
    """With a capital, unless it begins with a name that is written small."""
    return text if text.startswith("docker-proxy") else text[0].upper() + text[1:]
