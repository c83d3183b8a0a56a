"""Counters of several workers, and their text."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.monitoring import shared_counters
from api.monitoring.metrics import FAMILIES, Metrics, family_of
from api.monitoring.shared_counters import NAME_BYTES, Counters, counters_folder, shared_folder

ROOT = Path(__file__).parents[2]
WORKER = """
import sys
from pathlib import Path
from api.monitoring.shared_counters import Counters

counted = Counters(Path(sys.argv[1]))
for _ in range(1000):
    counted.add([(counted.slot("a"), 1), (counted.slot(sys.argv[2]), 0.5)])
"""


def test_workers_count_together_and_what_one_counted_stays_when_it_ends(tmp_path: Path):
    environment = {"PYTHONPATH": str(ROOT / "services")}
    for name in ("b", "c", "b"):
        subprocess.run([sys.executable, "-c", WORKER, str(tmp_path), name], env=environment, check=True)
    counted = Counters(tmp_path)
    counted.add([(counted.slot("a"), 1)])
    assert counted.read() == {"a": 3001, "b": 1000, "c": 500}


def test_threads_lose_no_count():
    counted = Counters()

    def count() -> None:
        for number in range(2000):
            counted.add([(counted.slot("a"), 1), (counted.slot(f"b{number % 7}"), 1)])

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(count) for _ in range(8)]:
            done.result()
    values = counted.read()
    assert values.pop("a") == 16000
    assert sum(values.values()) == 16000


def test_too_many_names_count_under_the_last_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_counters, "MOST", 3)
    counted = Counters()
    for name in ("a", "b", "c", "d", "é" * NAME_BYTES):
        counted.add([(counted.slot(name), 1)])
    assert sum(counted.read().values()) == 5
    assert list(counted.read())[:2] == ["a", "b"]


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shared_counters.tempfile, "gettempdir", lambda: str(tmp_path))
    assert shared_folder() == counters_folder(os.getppid())
    assert oct(counters_folder(os.getppid()).stat().st_mode)[-3:] == "700"
    monkeypatch.setattr(shared_counters.os, "geteuid", lambda: 12345)
    assert shared_folder() is None
    monkeypatch.setattr(shared_counters.tempfile, "gettempdir", lambda: str(tmp_path / "missing"))
    assert shared_folder() is None


def test_every_counter_belongs_to_a_family_and_buckets_hold_those_below():
    metrics = Metrics(Counters())
    metrics.answered("/", 200, 0.01, 0.005)
    metrics.tile(3, 100, None)
    metrics.tile(3, 50, 0.05)
    metrics.hit(metrics.hit_slots("/tiles", 3), 200, 7, 0.001)
    values = metrics.counters.read()
    assert {family_of(name) for name in values} == set(FAMILIES)
    assert values['isthmus_tile_bytes_total{zoom="3"}'] == 157
    assert values['isthmus_tile_hits_total{zoom="3"}'] == 2
    assert values['isthmus_tile_misses_total{zoom="3"}'] == 1
    assert values['isthmus_tile_build_seconds_bucket{le="0.02"}'] == 0
    assert values['isthmus_tile_build_seconds_bucket{le="0.1"}'] == 1
    lines = metrics.text().splitlines()
    assert [line for line in lines if line.startswith("# TYPE")] == [
        f"# TYPE {family} {kind}" for family, (kind, _) in FAMILIES.items()
    ]
    for line in lines:
        if not line.startswith("#"):
            float(line.rpartition(" ")[2])
