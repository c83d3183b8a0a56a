"""Reports in files: what cannot be written is told before minutes go by, and after them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab.errors import OutputNotWritten
from netlab.report.store import check_writable, write_output


def test_what_can_be_written_is_said_nothing_of_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("before")
    check_writable(tmp_path / "there.html")
    check_writable(tmp_path / "new.html")
    assert [path.name for path in tmp_path.iterdir()] == ["there.html"]
    assert (tmp_path / "there.html").read_text() == "before"


def test_a_folder_that_is_missing_and_one_that_is_shut_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputNotWritten, match=f"there is no folder {tmp_path}/gone"):
        check_writable(tmp_path / "gone/r.html")
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == tmp_path and mode == os.W_OK))
    with pytest.raises(OutputNotWritten, match="you have no right to"):
        check_writable(tmp_path / "r.html")


def test_a_file_that_cannot_be_written_after_all_is_no_traceback(tmp_path: Path) -> None:
    with pytest.raises(OutputNotWritten, match="Is a directory") as raised:
        write_output("text", tmp_path)
    assert raised.value.hint
    write_output("text", tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "text"
