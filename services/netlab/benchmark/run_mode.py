"""One visit to a mode: looks at its path, warms it up, and measures each workload twice, forth and back."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from http.client import OK

from core.api_client import Client
from core.errors import IsthmusError
from netlab.benchmark.load.job import LoadClient, Tally
from netlab.benchmark.model.path_seen import RequestPath
from netlab.benchmark.model.workloads import Target, Workload, job_of
from netlab.benchmark.stats.measures import Cpu, Plan, Slice
from netlab.errors import NothingToMeasure
from netlab.model.observation import Observation
from netlab.observe.docker_engine import Engine
from netlab.observe.host import PROC

READY_WITHIN_S = 60.0
WARM_UP_S = 0.15
LEAST_WARM_UPS = 2

SERVING = ("api", "postgis")
"""The services whose CPU is that of requests. The loader serves none, and is busy with files just after a start."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A mode that runs: the path of its requests, and (service, id) of its containers."""

    mode: str
    round: int
    path: RequestPath
    containers: tuple[tuple[str, str], ...]


def visit_of(seen: Observation, path: RequestPath, round_number: int) -> Visit:
    """The visit to a mode that was looked at, with the containers that serve requests."""
    running = [(one.service.removesuffix(f"-{seen.mode}"), one.id) for one in seen.containers if one.running]
    serving = tuple((service, container) for service, container in running if service in SERVING)
    return Visit(seen.mode, round_number, path, serving)


def wait_ready(address: str, target: Target) -> None:
    """Until the API serves what is measured: data may still be loading. Raises: IsthmusError of the last response"""
    deadline = time.monotonic() + READY_WITHIN_S
    with closing(Client(address)) as api:
        while True:
            try:
                status = api.get(*target.tile_segments, accept="*/*").status
                if status == OK:
                    return
                raise NothingToMeasure(f"the tile has status {status}", hint="isthmus list says what was loaded")
            except IsthmusError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.2)


class Measurer:
    """Measures visits. Cold tiles of two slices are never the same, so slices are numbered through."""

    def __init__(self, engine: Engine, client: LoadClient, plan: Plan, listener: Callable[[str, str], None]) -> None:
        """`listener` hears (mode, workload) before it is measured."""
        self._engine, self._client, self._plan, self._listener = engine, client, plan, listener
        self._slices = 0

    def measure(self, visit: Visit, kinds: Sequence[Workload]) -> Iterator[Slice]:
        """Each workload twice: forth, and back again. Raises: ClientEnded, EngineAway"""
        for kind in kinds:
            self._warm_up(visit, kind)
        for half, order in enumerate((kinds, kinds[::-1])):
            for kind in order:
                self._listener(visit.mode, kind.title)
                yield self._slice(visit, kind, half)

    def _warm_up(self, visit: Visit, kind: Workload) -> None:
        """Until every worker has its connections, statements and the cached tile."""
        for _ in range(LEAST_WARM_UPS if kind.expected == "cached" else 1):
            self._run(visit, kind, WARM_UP_S)

    def _run(self, visit: Visit, kind: Workload, seconds: float) -> Tally:
        self._slices += 1
        job = job_of(
            kind,
            visit.path.address,
            seconds=seconds,
            connections=self._plan.connections,
            slice_number=self._slices,
        )
        return self._client.run(job)

    def _slice(self, visit: Visit, kind: Workload, half: int) -> Slice:
        machine = machine_cpu_ns()
        began = time.perf_counter()
        before = self._clocks(visit)
        tally = self._run(visit, kind, self._plan.seconds / 2)
        after = self._clocks(visit)
        cpu = Cpu(
            client_ns=tally.cpu_ns,
            proxy_ns=after[0] - before[0],
            containers_ns={name: after[1][name] - value for name, value in before[1].items()},
        )
        others_ns = machine_cpu_ns() - machine - cpu.total_ns
        return slice_of(visit, kind, half, tally, cpu, max(0.0, others_ns / 1e9 / (time.perf_counter() - began)))

    def _clocks(self, visit: Visit) -> tuple[int, dict[str, int]]:
        return processes_cpu_ns(visit.path.proxies), {
            service: self._engine.cpu_ns(one) for service, one in visit.containers
        }


def slice_of(visit: Visit, kind: Workload, half: int, tally: Tally, cpu: Cpu, other_cpus: float) -> Slice:
    """The slice that a tally and the clocks make."""
    wrong = {"cached": tally.rendered, "rendered": tally.cached}.get(kind.expected or "", 0)
    return Slice(
        mode=visit.mode,
        workload=kind.name,
        round=visit.round,
        half=half,
        requests=tally.requests,
        seconds=tally.elapsed_ns / 1e9,
        body_bytes=tally.body_bytes,
        p50_us=tally.p50_us,
        p99_us=tally.p99_us,
        cpu=cpu,
        errors=tally.errors,
        wrong=wrong,
        other_cpus=other_cpus,
    )


def processes_cpu_ns(pids: Iterable[int]) -> int:
    """Nanoseconds of CPU of some processes, by their clocks (clock_getcpuclockid(3)); one that is gone counts 0."""
    total_ns = 0
    for pid in pids:
        with suppress(OSError):
            total_ns += time.clock_gettime_ns((~pid << 3) | 2)
    return total_ns


def machine_cpu_ns() -> int:
    """Nanoseconds of CPU that all of this machine took, without what a hypervisor withheld (proc_stat(5))."""
    user, nice, system, _, _, irq, softirq = (int(word) for word in (PROC / "stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
