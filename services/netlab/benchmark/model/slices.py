"""What is measured, as values: a slice is one workload in one mode for a moment; a round has two of each."""

from __future__ import annotations

from dataclasses import dataclass, field

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
