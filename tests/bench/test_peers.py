"""The comparison with peers runs with the real servers on a little data, and compares what is equal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.peers import go_peers
from bench.peers.run import main

HERE = "tables,tipg,pygeoapi,qgis,mapserver,flask"
"""What can be installed from packages."""

CANNOT = {
    ("CQL2", "MapServer"),
    ("CQL2", "QGIS Server"),
    ("size=N,", "MapServer"),
    ("tile", "QGIS Server"),
    ("tile", "pygeoapi"),
}
"""Rows, by their first word, that servers have nothing for."""


@pytest.mark.long
def test_every_server_answers_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main(["--points", "3000", "--rounds", "2", "--only", HERE, "--json", str(tmp_path / "peers.json")])
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "peers.json").read_text())
    ours = ["Isthmus", "Isthmus, plain tables"]
    assert list(told["servers"]) == ["SQL", *ours, "tipg", "pygeoapi", "QGIS Server", "MapServer", "Flask route"]
    for row in told["rows"]:
        assert ("Flask route" in row["cpu_s"]) == (row["name"] == "one feature")
        left_out = {(row["name"].split()[0], name) for name in row["without"]}
        assert {pair for pair in left_out if pair[1] != "Flask route"} <= CANNOT, row["without"]
        assert len(row["cpu_s"]) + len(left_out) == len(told["servers"])
        assert min(row["cpu_s"].values()) > 1e-5, "a clock that stands still"
        assert row["name"] in printed


def test_a_server_that_is_not_there_is_told_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", "/nowhere")
    assert go_peers.missing("pg_featureserv").startswith("not on the PATH: go install ")
    assert go_peers.missing("tipg") == ""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "pg_tileserv" in capsys.readouterr().out
