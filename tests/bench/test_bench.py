"""The benchmark runs, and measures something, on a little data."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyogrio
import pytest

from bench.bench import main
from bench.generate import write_points, write_polygons
from bench.measure import compare, time_of


def test_benchmark_prints_a_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--points", "3000", "--polygons", "2000", "--runs", "10", "--json", str(tmp_path / "bench.json")])
    rows = json.loads((tmp_path / "bench.json").read_text())
    printed = capsys.readouterr().out
    assert len(rows) == 11
    for row in rows:
        assert row["name"] in printed
        assert row["ratio"] == row["ours_s"] / row["floor_s"]
        assert row["floor_s"] > 1e-5, "a timer that stands still"


def test_data_is_the_same_each_time(tmp_path: Path):
    for name in ("one", "two"):
        write_points(tmp_path / f"{name}.parquet", 500)
        write_polygons(tmp_path / f"{name}.fgb", 500)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    assert pyogrio.read_arrow(tmp_path / "one.fgb")[1].equals(pyogrio.read_arrow(tmp_path / "two.fgb")[1])


def test_timer_sees_a_known_time():
    assert 0.01 <= time_of(lambda: time.sleep(0.01)) < 1


def test_ratio_is_ours_to_the_floor():
    result = compare("x", "sleep", [(lambda: time.sleep(0.002), lambda: time.sleep(0.01))] * 5)
    assert 1.5 < result.ratio < 20
