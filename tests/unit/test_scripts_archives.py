"""Archives of tiles, written by the script for the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.clone import Clone, make_clone

SHOW = """load_settings; take_output {}; printf '%s|' "${{arguments[@]}}"; printf 'to %s' "$output" """


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return make_clone(tmp_path)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("export a --pmtiles a.pmtiles", "export|a|--pmtiles|-|to a.pmtiles"),
        ("export a --mbtiles=/tmp/a.mbtiles", "export|a|--mbtiles|-|to /tmp/a.mbtiles"),
        ("export a --pmtiles data/a.pmtiles", "export|a|--pmtiles|-|to data/a.pmtiles"),
        ("export a --pmtiles - --zoom 3", "export|a|--pmtiles|-|--zoom|3|to "),
        ("export a --pmtiles a.gpkg", "export|a|--pmtiles|a.gpkg|to "),
        ("load data/roads.gpkg", "load|data/roads.gpkg|to "),
        ("load a.pmtiles", "load|a.pmtiles|to "),
    ],
)
def test_archive_is_written_by_the_script(clone: Clone, given: str, told: str):
    assert clone.says(SHOW.format(given)) == told


def test_two_archives_at_once_are_refused(clone: Clone):
    assert "one archive" in clone.refuses("load_settings; take_output export a --pmtiles a.pmtiles --mbtiles a.mbtiles")


def test_output_becomes_the_file_when_the_command_succeeds(clone: Clone):
    clone.says("umask 027; output=a.pmtiles; with_output printf tiles")
    target = clone.root / "a.pmtiles"
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("tiles", 0o640)


def test_output_is_left_alone_when_the_command_fails(clone: Clone):
    (clone.root / "a.pmtiles").write_text("before")
    done = clone.run("bad() { echo half; return 3; }; output=a.pmtiles; with_output bad")
    assert done.returncode == 3
    assert (clone.root / "a.pmtiles").read_text() == "before"
    assert [path.name for path in clone.root.iterdir() if path.name.startswith(".")] == []
