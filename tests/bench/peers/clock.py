"""CPU of processes, also of their threads that have ended, and who those processes are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from bench.setting import below


@dataclass(frozen=True, slots=True)
class Processes:
    """A server's own processes and the backends that serve its database role."""

    root: int
    """0: no processes but the backends."""
    role: str
    watcher: psycopg.Connection
    """A connection of another role, which sees all backends."""

    def pids(self) -> list[int]:
        """All that work for this server now."""
        rows = self.watcher.execute("SELECT pid FROM pg_stat_activity WHERE usename = %s", [self.role]).fetchall()
        return [*([self.root, *below(self.root)] if self.root else []), *(row[0] for row in rows)]

    def reading(self) -> dict[int, float]:
        """CPU seconds used so far, by process."""
        return cpu_by_pid(self.pids())


def spent(before: dict[int, float], after: dict[int, float]) -> float:
    """CPU seconds between two readings. A process that is new has spent all that it has; one that ended is not seen."""
    return sum(cpu_s - before.get(pid, 0.0) for pid, cpu_s in after.items())


def cpu_by_pid(pids: Sequence[int]) -> dict[int, float]:
    """CPU seconds of each process that is still there."""
    found = {pid: cpu_s(pid) for pid in pids}
    return {pid: seconds for pid, seconds in found.items() if seconds is not None}


def cpu_s(pid: int) -> float | None:
    """CPU seconds that a process has used, to the nanosecond; None when it has ended.

    The clock of another process has the number that clock_getcpuclockid(3) makes of its id. Unlike the sum over
    /proc/PID/task it holds what threads that ended have used.
    """
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return None
