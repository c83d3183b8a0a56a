"""The documents at the root keep their shape: short entries, one line a change, the release that the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core import VERSION

ROOT = Path(__file__).parents[2]


def entries(name: str, heading: str) -> list[str]:
    """What begins with a heading of this level, with the heading, to the next heading of any level."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [part.rstrip() for part in re.split(r"^(?=#)", text, flags=re.MULTILINE) if part.startswith(f"{heading} ")]


@pytest.mark.parametrize("entry", entries("DECISIONS.md", "###"), ids=lambda entry: entry.splitlines()[0].strip("# "))
def test_a_decision_is_dated_and_short(entry: str):
    lines = entry.splitlines()
    assert re.fullmatch(r"### .+ \(20\d\d-\d\d-\d\d\)", lines[0])
    assert 2 <= len(lines) <= 8
    assert max(map(len, lines)) <= 120


def test_no_two_decisions_have_one_name():
    titles = [entry.splitlines()[0].rpartition(" (")[0] for entry in entries("DECISIONS.md", "###")]
    assert len(titles) == len(set(titles))


def test_the_changelog_begins_with_what_is_unreleased_and_the_release_of_the_code():
    first, second = entries("CHANGELOG.md", "##")[:2]
    assert first.startswith("## Unreleased")
    assert re.match(rf"## {re.escape(VERSION)} \(20\d\d-\d\d-\d\d\)$", second.splitlines()[0])


def test_a_change_is_one_line():
    for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines():
        assert not line.startswith(" "), line
        assert len(line) <= 240, line


@pytest.mark.parametrize("name", ["CHANGELOG.md", "DECISIONS.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str):
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target
