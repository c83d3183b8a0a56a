"""How many files a reader of one `net check` has to open."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import docker
import pytest
from click.testing import CliRunner, Result

from netlab.cli.main import net
from netlab.observe.recording import load
from support.hops import files_run_by
from support.recorded_engine import RecordedApi

RECORDINGS = Path(__file__).parents[1] / "data/netlab"
MOST_FILES = 25


@pytest.mark.parametrize("mode", ["bridge", "host", "container", "none"])
def test_a_check_runs_through_few_files(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = load(RECORDINGS / f"{mode}.json")
    monkeypatch.setattr(docker, "from_env", lambda **_: SimpleNamespace(api=RecordedApi(recording)))
    monkeypatch.setenv("ISTHMUS_DATA_DIR", str(tmp_path))
    done: list[Result] = []
    files = files_run_by(
        lambda: done.append(CliRunner().invoke(net, ["check", "--project", recording.project, "--json"]))
    )
    assert json.loads(done[0].stdout)["mode"] == mode, done[0].output
    assert len(files) <= MOST_FILES, "\n".join(files)
