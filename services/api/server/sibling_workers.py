"""Where the other workers of this server are, so that two of them share no CPU, and no core, while others are free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TOPOLOGY = Path("/sys/devices/system/cpu")


def fellows() -> dict[int, int]:
    """The CPU of each other worker that stays on one, by its process id; none where the kernel lists no children."""
    homes: dict[int, int] = {}
    for pid in children(os.getppid()) - {os.getpid()}:
        with suppress(OSError):
            cpus = os.sched_getaffinity(pid)
            if len(cpus) == 1:
                homes[pid] = min(cpus)
    return homes


def children(pid: int) -> set[int]:
    """The processes that one has started."""
    found: set[int] = set()
    for listed in PROC.glob(f"{pid}/task/*/children"):
        with suppress(OSError):
            found.update(map(int, listed.read_text().split()))
    return found


def core(cpu: int) -> str:
    """The core that a CPU is a part of, named by its CPUs (`0,4`); the CPU alone where the kernel does not tell."""
    try:
        return (TOPOLOGY / f"cpu{cpu}/topology/thread_siblings_list").read_text().strip()
    except OSError:
        return str(cpu)


def crowds(home: int | None, others: Mapping[int, int], core_of: Mapping[int, str]) -> dict[int, tuple[int, int]]:
    """How many other workers are on each CPU, and on its core.

    At home only those with a lower process id count: of workers that meet, the others go.
    """
    found: dict[int, tuple[int, int]] = {}
    for cpu, its_core in core_of.items():
        counted = [on for pid, on in others.items() if cpu != home or pid < os.getpid()]
        found[cpu] = (counted.count(cpu), sum(core_of.get(on) == its_core for on in counted))
    return found
