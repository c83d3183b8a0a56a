"""CPU that others take: containers, by the engine, and docker-proxy, by /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from netlab.observe.docker_engine import Engine

PROC = Path("/proc")


def processes_cpu_ns(pids: Iterable[int], proc: Path = PROC) -> int:
    """Nanoseconds of CPU of all threads of some processes; one that is gone counts 0.

    The scheduler's own count where the kernel has it: of a request's 25 µs the ticks of `stat`, 10 ms each, say little.
    """
    return sum(process_cpu_ns(proc / str(pid)) for pid in pids)


def process_cpu_ns(process: Path) -> int:
    """Nanoseconds of CPU of a process."""
    try:
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in (process / "task").iterdir())
    except (OSError, IndexError):
        return ticks_ns(process)


def ticks_ns(process: Path) -> int:
    """The same by `stat`, to the tick: utime and stime are the 14th and 15th word, and the name may hold blanks."""
    try:
        words = (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(words[11]) + int(words[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def containers_cpu_ns(engine: Engine, containers: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Nanoseconds by service, of (service, id)."""
    return {service: engine.cpu_ns(container) for service, container in containers}


def machine_cpu_ns() -> int:
    """Nanoseconds of CPU that all of this machine took, without what a hypervisor withheld (proc_stat(5))."""
    user, nice, system, _, _, irq, softirq = (int(word) for word in (PROC / "stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
