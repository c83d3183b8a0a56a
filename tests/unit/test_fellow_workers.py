"""Where other workers are, and which of those that meet on a CPU goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from api.server import sibling_workers
from api.server.cpu_pinning import choose
from api.server.sibling_workers import children, core, crowds, fellows

ALONE = {0: "0", 1: "1"}
THREADS = {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}


def test_workers_are_counted_by_cpu_and_by_core():
    high = os.getpid() + 1
    assert crowds(None, {high: 2, high + 1: 3, high + 2: 3}, THREADS) == {0: (0, 1), 1: (0, 2), 2: (1, 1), 3: (2, 2)}
    assert crowds(None, {high: 7}, ALONE) == {0: (0, 0), 1: (0, 0)}, "a CPU that this worker may not use"


def test_at_home_only_those_count_that_were_there_first():
    low, high = os.getpid() - 1, os.getpid() + 1
    assert crowds(0, {low: 0, high: 0, high + 1: 2}, THREADS)[0] == (1, 1)
    assert crowds(0, {high: 0}, ALONE) == {0: (0, 0), 1: (0, 0)}


@pytest.mark.parametrize(("core_of", "workers"), [(ALONE, 2), (ALONE, 4), (ALONE, 5), (THREADS, 2), (THREADS, 4)])
@pytest.mark.parametrize("seed", range(5))
def test_workers_that_start_together_spread(
    core_of: dict[int, str], workers: int, seed: int, monkeypatch: pytest.MonkeyPatch
):
    homes, chance, shares = dict.fromkeys(range(workers), 0), Random(seed), dict.fromkeys(core_of, 0.0)
    for _ in range(4):
        before = dict(homes)  # all look at once
        for pid in homes:
            monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
            others = {other: cpu for other, cpu in before.items() if other != pid}
            homes[pid] = choose(before[pid], shares, crowds(before[pid], others, core_of), chance)
    used = list(homes.values())
    assert len({*used}) == min(workers, len(core_of))
    assert len({core_of[cpu] for cpu in used}) == min(workers, len({*core_of.values()}))
    assert max(map(used.count, used)) - min(map(used.count, used)) <= 1


def test_processes_on_one_cpu_with_the_same_parent_are_fellows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "getppid", os.getpid)  # of this process' children, as a worker sees its parent's
    one = min(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in children(os.getpid())
        assert child.pid not in fellows(), "it may run anywhere"
        os.sched_setaffinity(child.pid, {one})
        assert fellows()[child.pid] == one
        child.communicate(b"x")
    assert child.pid not in fellows()


def test_cores_are_what_the_kernel_says_or_cpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    topology = tmp_path / "cpu1/topology"
    topology.mkdir(parents=True)
    (topology / "thread_siblings_list").write_text("1,5\n")
    monkeypatch.setattr(sibling_workers, "TOPOLOGY", tmp_path)
    assert [core(0), core(1)] == ["0", "1,5"]


def test_where_the_kernel_lists_no_children_nobody_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sibling_workers, "PROC", tmp_path)
    assert fellows() == {}
