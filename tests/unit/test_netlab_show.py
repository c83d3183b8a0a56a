"""`isthmus net show` on a recording: forms, files, errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netlab.cli.main import net

ROOT = Path(__file__).parents[2]
BRIDGE = str(ROOT / "tests/data/netlab/bridge.json")


def show(*arguments: str) -> Result:
    return CliRunner().invoke(net, ["show", *arguments])


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ((), "isthmus in mode bridge"),
        (("--svg",), "<svg "),
        (("--html",), "<!doctype html>"),
        (("--json",), '{"taken_at"'),
    ],
)
def test_a_recording_is_shown_in_every_form(form: tuple[str, ...], start: str) -> None:
    done = show("--from", BRIDGE, *form)
    assert done.exit_code == 0, done.output
    assert done.output.startswith(start)
    assert "vetha5c23d8" in done.output


def test_json_says_what_the_mode_is() -> None:
    assert json.loads(show("--from", BRIDGE, "--json").output)["explanation"].startswith("Each container has")


def test_a_recording_of_a_recording_is_the_same() -> None:
    assert json.loads(show("--from", BRIDGE, "--recording").output) == json.loads(Path(BRIDGE).read_text())


def test_output_goes_to_a_file(tmp_path: Path) -> None:
    done = show("--from", BRIDGE, "--svg", "--output", str(tmp_path / "n.svg"))
    assert (done.exit_code, done.output) == (0, "")
    assert (tmp_path / "n.svg").read_text(encoding="utf-8") == show("--from", BRIDGE, "--svg").output


def test_a_file_that_cannot_be_written_is_one_line_and_a_hint(tmp_path: Path) -> None:
    done = show("--from", BRIDGE, "-o", str(tmp_path / "gone/n.svg"))
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        f"isthmus net: {tmp_path}/gone/n.svg cannot be written: No such file or directory",
        "  give a path in a folder that is there and that you may write to",
    ]


def test_something_else_than_a_recording_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for name in ("x.json", "gone.json"):
        done = show("--from", str(tmp_path / name))
        assert (done.exit_code, len(done.output.splitlines())) == (1, 1)
        assert "is not a recording of the lab" in done.output


def test_a_pipe_that_ends_early_is_no_error() -> None:
    command = f"'{sys.executable}' -m netlab show --from '{BRIDGE}' --html | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={"PYTHONPATH": str(ROOT / "services"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "<!doctype html>\n", "")


def test_the_picture_of_the_docs_is_the_one_that_is_drawn() -> None:
    kept = (ROOT / "docs/images/network-bridge.svg").read_text(encoding="utf-8")
    assert kept == show("--from", BRIDGE, "--svg").output, "scripts/bless draws it again"
