"""What the lab leaves on the data volume."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netlab.report.store import network_folder, store_report

AS_NOBODY = """
import os, sys
from pathlib import Path
from netlab.report.store import store_report
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
store_report(Path(sys.argv[1]), "show.json", "{}")
"""


def test_a_report_replaces_the_last_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    store_report(tmp_path, "show.json", "{}")
    store_report(tmp_path, "show.json", '{"mode": "none é"}')
    assert [one.name for one in network_folder(tmp_path).iterdir()] == ["show.json"]
    assert (network_folder(tmp_path) / "show.json").read_text(encoding="utf-8") == '{"mode": "none é"}'


def test_the_services_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        (tmp_path / "var").mkdir(mode=0o755)
        store_report(tmp_path, "show.json", "{}")
    finally:
        os.umask(before)
    folder = network_folder(tmp_path)
    assert (folder.stat().st_mode & 0o777, (folder / "show.json").stat().st_mode & 0o777) == (0o755, 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_as_root_it_belongs_to_the_owner_of_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    os.chown(tmp_path / "var", 10001, 10002)
    store_report(tmp_path, "show.json", "{}")
    folder = network_folder(tmp_path)
    assert [(one.stat().st_uid, one.stat().st_gid) for one in (folder, folder / "show.json")] == [(10001, 10002)] * 2


def test_a_link_that_a_service_left_is_not_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data/var").mkdir(parents=True)
    network_folder(tmp_path / "data").symlink_to(tmp_path / "elsewhere")
    store_report(tmp_path / "data", "show.json", "{}")
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "must be a folder" in capsys.readouterr().err


def test_a_link_in_place_of_the_report_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    network_folder(tmp_path).mkdir(parents=True)
    (network_folder(tmp_path) / "show.json").symlink_to(tmp_path / "precious")
    store_report(tmp_path, "show.json", "{}")
    assert (tmp_path / "precious").read_text() == "kept"
    assert not (network_folder(tmp_path) / "show.json").is_symlink()


def test_a_report_that_has_no_place_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store_report(tmp_path / "gone", "show.json", "{}")
    err = capsys.readouterr().err
    assert err.startswith(f"isthmus net: show.json is not kept in {tmp_path}/gone/var/network: No such file")
    assert err.endswith("./scripts/up starts it anew\n")
    assert err.count("\n") == 1
    assert not (tmp_path / "gone").exists()


def test_without_the_right_to_write_it_says_who_has_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o055)
    network_folder(tmp_path).mkdir(parents=True)
    network_folder(tmp_path).chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(tmp_path)],
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "services")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr.endswith("Permission denied. Run it as who started the stack, or with sudo\n")
    assert list(network_folder(tmp_path).iterdir()) == []
