"""The benchmark runs, and measures something, on a little data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pyogrio
import pytest

from bench.bench import main
from bench.generate import write_points, write_polygons
from bench.measure import Side, compare, cpu_of, time_of


def test_benchmark_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--points", "3000", "--polygons", "2000", "--runs", "10", "--json", str(tmp_path / "bench.json")])
    rows = json.loads((tmp_path / "bench.json").read_text())
    printed = capsys.readouterr().out
    assert len(rows) == 38
    for row in rows:
        assert row["name"] in printed
        assert row["ratio"] == row["ours_s"] / row["floor_s"]
        assert row["mean_ratio"] == row["ours_mean_s"] / row["floor_mean_s"]
        assert row["cpu_ratio"] == row["ours_cpu_s"] / row["floor_cpu_s"]
        assert min(row["floor_s"], row["floor_cpu_s"], row["ours_cpu_s"]) > 1e-5, "a clock that stands still"


def test_data_is_the_same_each_time(tmp_path: Path):
    for name in ("one", "two"):
        write_points(tmp_path / f"{name}.parquet", 500)
        write_polygons(tmp_path / f"{name}.fgb", 500)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert pyogrio.read_arrow(tmp_path / "one.fgb")[1].equals(pyogrio.read_arrow(tmp_path / "two.fgb")[1])


def test_timer_sees_a_known_time():
    assert 0.01 <= time_of(lambda: time.sleep(0.01)) < 1


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Work that takes so many seconds, by a clock that nothing else moves."""
    now_s = [0.0]
    clock = SimpleNamespace(**{**vars(time), "perf_counter": lambda: now_s[0]})
    monkeypatch.setattr("bench.measure.time", clock)

    def pass_time(seconds: float) -> None:
        now_s[0] += seconds

    return pass_time


def test_ratio_is_ours_to_the_floor(take: Callable[[float], None]):
    sides = (Side([os.getpid()]), Side([os.getpid()]))
    result = compare("x", "nothing", [(lambda: take(0.002), lambda: take(0.01))] * 5, sides)
    assert result.ratio == pytest.approx(5)


def test_what_we_take_beyond_the_floor_is_told_call_by_call(take: Callable[[float], None]):
    sides = (Side([os.getpid()]), Side([os.getpid()]))
    pairs = [(lambda s=s: take(s), lambda s=s: take(1.2 * s + 0.01)) for s in (0.001, 0.05, 0.1)]
    assert compare("x", "nothing", pairs, sides).over_s == pytest.approx(0.01)


def test_cpu_is_that_of_the_process_alone():
    before = cpu_of([os.getpid()])
    time.sleep(0.05)
    idle = cpu_of([os.getpid()]) - before
    while cpu_of([os.getpid()]) - before < 0.05:
        pass
    assert idle < 0.04


def test_cpu_of_a_floor_has_its_parallel_workers():
    """A child that has ended stands for one: PostgreSQL's own start and end with their query."""
    spin = "import time\nwhile time.process_time() < 0.1: pass"
    _, cpu_s = Side([os.getpid()], parent=os.getpid()).cpu_of(lambda: subprocess.run([sys.executable, "-c", spin]))
    assert 0.09 < cpu_s < 1
