"""The benchmark of loading runs on a little data; and what must hold whatever the size of a file holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.loading import main

MEMORY_MB, SMALL_S = 600, 15.0
"""A bound in time is several times what is right: other tests run beside."""


def test_benchmark_of_loading_says_when_files_are_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    arguments = ["--points", "150000", "--features", "60000", "--wal-mb", "400", "--idle", "0"]
    main([*arguments, "--json", str(tmp_path / "out.json")])
    found = json.loads((tmp_path / "out.json").read_text())
    loaded = {row["name"]: row for row in found["loaded"]}
    assert [row["rows"] for row in loaded.values()] == [150_000, 60_000, 60_000, 5_000]
    for row in loaded.values():
        assert row["name"] in capsys.readouterr().out or row["served_s"] > 0.1, "a clock that stands still"
        assert 30 < row["memory_mb"] < MEMORY_MB
        assert 10 < row["wal_mb"] < found["wal_mb"]
    assert loaded["small.geojson"]["served_s"] < min(SMALL_S, loaded["large.geojson"]["served_s"])
    assert loaded["points.parquet"]["served_s"] < loaded["points.parquet"]["done_s"]
    assert 30 < found["idle_mb"] < MEMORY_MB
