"""A worker stays on one CPU, and moves where others leave more room.

Threads of Python hand each other the interpreter's lock, and a thread of the server hands them each request. The kernel
spreads them over idle CPUs, where each hand-over finds cold caches: two clients are answered 4,400 times a second so,
and 7,700 times on one CPU. Nothing is left unused: the threads take turns in any case, PostgreSQL's processes and the
writers of files go where there is room, and each worker looks for a CPU without others.

Where workers have all CPUs among them, PostgreSQL's processes find none without one. They wait behind the threads of
busy workers then, and a few answers would take a second, so busy workers are left to the kernel there.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import Random
from threading import Thread

from api.server.sibling_workers import core, crowds, fellows

log = logging.getLogger("isthmus.api")

ALLOWED = frozenset(os.sched_getaffinity(0))
"""The CPUs that this process may use."""

FIRST_S, EVERY_S = 0.2, 2.0
FREER = 0.2
"""So much more of a CPU's time has to be free elsewhere for a worker to move."""

ALIKE = 0.05
"""Workers that start together take any of CPUs that differ by no more."""

BUSY, QUIET = 4.0, 2.0
"""A worker is busy from when more of its threads wait for a CPU at a time, until fewer do."""

STAT = Path("/proc/stat")
CPU = re.compile(r"^cpu(\d+)((?: \d+){8})", re.MULTILINE)
RAN = (0, 1, 2, 5, 6, 7)
"""The numbers of a CPU's line in /proc/stat that count time in which something ran; guests are among them already."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Clocks, in seconds: the time, what this process has run, what its threads, which could run, have waited for a
    CPU, all together, and how long something ran on each CPU.
    """

    at_s: float
    own_s: float
    waited_s: float
    busy_s: Mapping[int, float]


class Home:
    """The CPU of this worker, one of so many; None: not chosen yet, or left to the kernel."""

    def __init__(self, workers: int, chance: Random | None = None) -> None:
        """Not chosen yet."""
        self._are_everywhere, self._is_busy = workers >= len(ALLOWED), False
        self.cpu: int | None = None
        self._chance = chance or Random()  # noqa: S311  nothing is secret
        self._before: Reading | None = None
        self._cores = {cpu: core(cpu) for cpu in ALLOWED}

    def start(self) -> None:
        """Choose, and look again every now and then; not where there is no choice."""
        if len(ALLOWED) > 1:
            Thread(target=self._run, name="isthmus-home", daemon=True).start()

    def _run(self) -> None:
        try:
            while True:
                settled = self.look()
                time.sleep((EVERY_S if settled else FIRST_S) * self._chance.uniform(0.5, 1.5))  # not all at once
        except OSError as error:
            log.warning("this worker is left to go to any CPU: %s", error)
            with suppress(OSError):
                stay_on(ALLOWED)

    def look(self) -> bool:
        """Stay, move, or leave it to the kernel; the first time only look. Raises: OSError

        Returns whether all is as before: others that looked at the same time may have moved to the same CPU.
        """
        before, self._before, home = self._before, read(), self.cpu
        if before is None:
            return False
        self.cpu = self._choose(before, self._before)
        stay_on(ALLOWED if self.cpu is None else {self.cpu})
        return self.cpu == home

    def _choose(self, before: Reading, now: Reading) -> int | None:
        waiting = (now.waited_s - before.waited_s) / (now.at_s - before.at_s)
        self._is_busy = waiting > (QUIET if self._is_busy else BUSY)
        if self._is_busy and self._are_everywhere:
            return None
        return choose(self.cpu, taken(before, now, self.cpu), crowds(self.cpu, fellows(), self._cores), self._chance)


def read() -> Reading:
    """The clocks now. Raises: OSError, also where the file does not tell of each CPU"""
    busy_s = parse_busy(STAT.read_text())
    if not busy_s.keys() >= ALLOWED:
        raise OSError(f"{STAT} does not tell of all of them")
    return Reading(time.monotonic(), time.process_time(), waited_s(), busy_s)


def waited_s() -> float:
    """How long the threads of this process have waited for a CPU; 0 where the kernel does not tell."""
    waited_ns = 0
    for told in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):
            waited_ns += int(told.read_text().split()[1])
    return waited_ns / 1e9


def parse_busy(text: str) -> dict[int, float]:
    """How long something ran on each CPU since the machine started, from the text of /proc/stat."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = CPU.findall(text)
    return {int(cpu): sum(int(numbers.split()[place]) for place in RAN) / ticks for cpu, numbers in found}


def taken(before: Reading, now: Reading, home: int | None) -> dict[int, float]:
    """The share of each CPU's time that others took between two readings, while this worker was at home."""
    took_s, own_s = now.at_s - before.at_s, now.own_s - before.own_s
    return {
        cpu: (busy_s - before.busy_s.get(cpu, busy_s) - (own_s if cpu == home else 0)) / took_s
        for cpu, busy_s in now.busy_s.items()
        if cpu in ALLOWED
    }


def choose(home: int | None, taken: Mapping[int, float], crowds: Mapping[int, tuple[int, int]], chance: Random) -> int:
    """The CPU to be on, of those with the fewest workers: the one where this one is, unless others leave much more of
    another one.
    """
    fewest = min(crowds.values())
    shares = {cpu: taken[cpu] for cpu, crowd in crowds.items() if crowd == fewest}
    least = min(shares.values())
    if home is not None and shares.get(home, inf) <= least + FREER:
        return home
    return chance.choice([cpu for cpu, share in shares.items() if share <= least + ALIKE])


def stay_on(cpus: frozenset[int] | set[int]) -> None:
    """Have all threads of this process run on some CPUs only; threads that they start do so too. Raises: OSError"""
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cpus)


def let_go(pid: int) -> None:
    """Let a process that this worker started run on all CPUs."""
    with suppress(OSError):
        os.sched_setaffinity(pid, ALLOWED)
