"""Which CPU a worker chooses, from what /proc/stat says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from api.server import cpu_pinning
from api.server.cpu_pinning import Home, Reading, choose, parse_busy, read, taken
from support.odd import wait_for

STAT = """cpu  700 0 90 9000 50 0 10 0 0 0
cpu0 300 10 40 4000 50 3 5 2 100 0
cpu11 400 0 50 5000 0 0 5 0 0 0
intr 12345 0 9
"""


def test_time_that_a_cpu_was_busy_is_all_but_idle_and_waiting():
    ticks = os.sysconf("SC_CLK_TCK")
    assert parse_busy(STAT) == {0: 360 / ticks, 11: 455 / ticks}
    assert set(parse_busy(cpu_pinning.STAT.read_text())) >= cpu_pinning.ALLOWED


def test_what_others_take_is_without_the_worker_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpu_pinning, "ALLOWED", frozenset({0, 1}))
    before, now = Reading(10, 1, 0, {0: 5, 1: 7, 2: 0}), Reading(12, 2.5, 0, {0: 7, 1: 7.5, 2: 2, 3: 1})
    assert taken(before, now, 0) == {0: 0.25, 1: 0.25}
    assert taken(before, now, None) == {0: 1, 1: 0.25}


NOBODY = (0, 0)


@pytest.mark.parametrize(
    ("home", "shares", "chosen"),
    [
        (0, {0: 0.1, 1: 0.0}, {0}),
        (0, {0: 0.5, 1: 0.0}, {1}),
        (0, {0: 0.5, 1: 0.45, 2: 0.4}, {0}),
        (0, {1: 0.9}, {1}),
        (None, {0: 0.04, 1: 0.0, 2: 0.5}, {0, 1}),
    ],
)
def test_a_worker_moves_only_where_much_more_is_free(home: int | None, shares: dict[int, float], chosen: set[int]):
    crowds = dict.fromkeys(shares, NOBODY)
    assert {choose(home, shares, crowds, Random(seed)) for seed in range(20)} == chosen


@pytest.mark.parametrize(
    ("home", "crowds", "chosen"),
    [
        (0, {0: (1, 1), 1: (0, 0)}, {1}),
        (0, {0: (1, 1), 1: (1, 1)}, {0}),
        (0, {0: (0, 1), 1: (0, 1), 2: (0, 0)}, {2}),
        (None, {0: (1, 1), 1: (1, 2), 2: (2, 2)}, {0}),
    ],
)
def test_a_worker_goes_where_fewer_others_are_however_busy_it_is(
    home: int | None, crowds: dict[int, tuple[int, int]], chosen: set[int]
):
    shares = {cpu: 0.4 * cpu for cpu in crowds}
    assert {choose(home, shares, crowds, Random(seed)) for seed in range(20)} == chosen


def test_a_worker_goes_where_others_leave_room(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cpu_pinning, "ALLOWED", frozenset({0, 1}))
    clocks = iter([(0, 0, 0, 0), (1, 0, 0.9, 0), (2, 0.5, 1.8, 0.5), (3, 1.0, 1.8, 1.5), (4, 1.0, 1.8, 2.5)])
    stays: list[set[int]] = []
    monkeypatch.setattr(cpu_pinning, "read", lambda: reading(*next(clocks)))
    monkeypatch.setattr(cpu_pinning, "stay_on", stays.append)
    monkeypatch.setattr(cpu_pinning, "fellows", dict)
    home = Home(1)
    assert [home.look() for _ in range(5)] == [False, False, True, False, True]
    assert stays == [{1}, {1}, {0}, {0}], "others take the second CPU from the third second on"


@pytest.mark.parametrize(("workers", "stays"), [(1, [{0}] * 4), (2, [{0}, {0, 1}, {0, 1}, {0}])])
def test_busy_workers_on_all_cpus_are_left_to_the_kernel(
    workers: int, stays: list[set[int]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cpu_pinning, "ALLOWED", frozenset({0, 1}))
    waited_s = iter([50, 53, 58, 61, 62])
    found: list[set[int]] = []
    clocks = iter(range(5))
    monkeypatch.setattr(cpu_pinning, "read", lambda: Reading(next(clocks), 0, next(waited_s), {0: 0, 1: 0}))
    monkeypatch.setattr(cpu_pinning, "stay_on", lambda cpus: found.append(set(cpus)))
    monkeypatch.setattr(cpu_pinning, "fellows", lambda: {1: 1})
    home = Home(workers)
    for _ in range(5):
        home.look()
    assert found == stays


def test_threads_that_wait_for_a_cpu_are_noticed():
    text = (
        "import threading, os\n"
        "from api.server.cpu_pinning import ALLOWED, read, stay_on\n"
        "from hashlib import pbkdf2_hmac\n"
        "stay_on({min(ALLOWED)})\n"
        "before = read()\n"
        "threads = [threading.Thread(target=pbkdf2_hmac, args=('sha256', b'', b'', 10**6)) for _ in range(3)]\n"
        "[thread.start() for thread in threads]\n"
        "threads[0].join(0.3)\n"
        "now = read()\n"
        "print((now.waited_s - before.waited_s) / (now.at_s - before.at_s) > 1)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-uc", text], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_worker_is_left_to_go_anywhere_where_nobody_tells_of_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "stat").write_text("cpu  1 2 3\ncpu0 1 2 3\nintr 5\n")
    for path in (tmp_path / "stat", tmp_path / "none"):
        caplog.clear()
        monkeypatch.setattr(cpu_pinning, "STAT", path)
        monkeypatch.setattr(cpu_pinning, "ALLOWED", cpu_pinning.ALLOWED | {1000, 1001})
        Home(1).start()
        wait_for(lambda: caplog.text, lambda text: "any CPU" in text)
        assert os.sched_getaffinity(0) <= cpu_pinning.ALLOWED


def reading(at_s: float, own_s: float, first_s: float, second_s: float) -> Reading:
    """A reading of two CPUs."""
    return Reading(at_s, own_s, 0, {0: first_s, 1: second_s})


def test_all_threads_stay_on_a_cpu_and_what_they_start_is_let_go():
    one = min(cpu_pinning.ALLOWED)
    text = (
        "import os, subprocess, sys, threading, time\n"
        "from api.server.cpu_pinning import ALLOWED, let_go, stay_on\n"
        "threading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
        f"stay_on({{{one}}})\n"
        "print([sorted(os.sched_getaffinity(int(id))) for id in os.listdir('/proc/self/task')])\n"
        "with subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE) as child:\n"
        "    let_go(child.pid)\n"
        "    print(os.sched_getaffinity(child.pid) == ALLOWED)\n"
        "    child.communicate(b'x')\n"
        "    let_go(child.pid)\n"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"{[[one]] * 2}", "True"]


def test_clocks_go_on():
    before = read()
    while read().own_s - before.own_s < 0.03:
        pass
    assert sum(read().busy_s.values()) > sum(before.busy_s.values())
