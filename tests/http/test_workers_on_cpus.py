"""Workers stay on one CPU each, unless the operator leaves that to the kernel."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api.server.cpu_pinning import ALLOWED, FIRST_S
from bench.setting import below, text_of
from core.api_client import fetch
from support.cluster import Cluster, Database
from support.odd import wait_for
from support.server import running_api


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """An empty database."""
    database = cluster.clone()
    yield database
    cluster.drop(database)


def workers() -> list[int]:
    """The API's processes that answer: those that its first one started."""
    servers = [pid for pid in below(os.getpid()) if "api.server.serve" in text_of(pid, "cmdline")]
    return [pid for pid in servers if any(pid in below(other) for other in servers)]


def cpus_of(pid: int) -> set[int]:
    """Where the threads of a process may run."""
    return {cpu for task in Path(f"/proc/{pid}/task").iterdir() for cpu in os.sched_getaffinity(int(task.name))}


def test_all_threads_of_a_worker_are_on_one_cpu_and_two_workers_on_two(database: Database):
    with running_api(database, ISTHMUS_WORKERS="2") as url:
        for _ in range(20):
            assert fetch(urlsplit(url).netloc, "/health/live", timeout_s=4).status == 200
        assert len(workers()) == 2
        for pid in workers():
            wait_for(lambda pid=pid: cpus_of(pid), lambda found: len(found) == 1)
        wait_for(lambda: set[int]().union(*map(cpus_of, workers())), lambda used: len(used) == min(2, len(ALLOWED)))


def test_the_kernel_decides_where_workers_run_if_they_are_not_pinned(database: Database):
    with running_api(database, ISTHMUS_PIN_WORKERS="off", ISTHMUS_WORKERS="2"):
        time.sleep(2 * FIRST_S)
        assert [cpus_of(pid) for pid in workers()] == [ALLOWED, ALLOWED]
