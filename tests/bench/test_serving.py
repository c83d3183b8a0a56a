"""The comparison of servers runs with the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.serving import main

LITTLE = ["--rounds", "1", "--seconds", "1", "--slow-clients", "100", "--points", "50", "--json"]


@pytest.mark.long
def test_every_server_serves_the_tile_and_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    main([*LITTLE, str(tmp_path / "serving.json")])
    printed = capsys.readouterr().out
    told = json.loads((tmp_path / "serving.json").read_text())
    assert [one["name"] for one in told][:2] == ["Isthmus", "nginx, a file"]
    assert len(told) == 7
    for one in told:
        assert one["name"] in printed
        assert min(value for values in one["cpu_us"].values() for value in values) > 1, "a clock that stands still"


@pytest.mark.long
def test_each_worker_class_is_asked_for_each_kind_of_request(tmp_path: Path):
    main(["--classes", *LITTLE, str(tmp_path / "classes.json")])
    told = {one["name"]: one for one in json.loads((tmp_path / "classes.json").read_text())}
    assert len(told) == 6
    for kind in ("bare", "one feature", "kept tile"):
        granian, gthread = (told[f"{kind}, {name}"]["cpu_us"]["1"][0] for name in ("granian", "gthread"))
        assert 1 < granian < gthread
