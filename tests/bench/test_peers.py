"""The comparison with peers runs with the real servers on a little data, and compares what is equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.peers.run import main

CANNOT = {
    ("CQL2", "MapServer"),
    ("CQL2", "QGIS Server"),
    ("size=N,", "MapServer"),
    ("tile", "QGIS Server"),
    ("tile", "pygeoapi"),
}
"""Rows, by their first word, that servers have nothing for."""


def test_every_server_answers_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--points", "3000", "--rounds", "2", "--json", str(tmp_path / "peers.json")])
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "peers.json").read_text())
    assert list(told["servers"]) == ["SQL", "Isthmus", "tipg", "pygeoapi", "QGIS Server", "MapServer"]
    for row in told["rows"]:
        left_out = {(row["name"].split()[0], name) for name in row["without"]}
        assert left_out <= CANNOT, row["without"]
        assert len(row["cpu_s"]) + len(left_out) == len(told["servers"])
        assert min(row["cpu_s"].values()) > 1e-5, "a clock that stands still"
        assert row["name"] in printed
