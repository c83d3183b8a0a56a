"""Which steps follow from what the catalogue knows and two looks at the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from loader.catalogue import Known
from loader.scan import Dataset, Scan
from loader.watch import plan


def look(unreadable: tuple[str, ...] = (), **signatures: str) -> Scan:
    """A scan of files named like the arguments."""
    datasets = {
        name: Dataset(name, "gpkg", Path(name), (Path(name),), signature) for name, signature in signatures.items()
    }
    return Scan(datasets, unreadable)


LOADED, FAILED, REMOVED = Known("1", "loaded"), Known("1", "failed"), Known("1", "removed")


@pytest.mark.parametrize(
    ("known", "before", "now", "expected"),
    [
        ({}, look(), look(), []),
        ({}, look(), look(a="1"), [("wait", "a", "the file changed since the last look")]),
        ({}, look(a="1"), look(a="1"), [("load", "a", "the file is new")]),
        ({}, look(a="1"), look(a="2"), [("wait", "a", "the file changed since the last look")]),
        ({"a": LOADED}, look(), look(a="1"), []),
        ({"a": LOADED}, look(a="1"), look(a="1"), []),
        ({"a": LOADED}, look(a="2"), look(a="2"), [("load", "a", "the file changed after it loaded")]),
        ({"a": FAILED}, look(a="1"), look(a="1"), []),
        ({"a": FAILED}, look(a="2"), look(a="2"), [("load", "a", "the file changed after it failed")]),
        ({"a": REMOVED}, look(a="1"), look(a="1"), [("restore", "a", "the file is back")]),
        ({"a": REMOVED}, look(a="2"), look(a="2"), [("restore", "a", "the file is back")]),
        ({"a": REMOVED}, look(), look(), []),
        ({"a": LOADED}, look(a="1"), look(), [("wait", "a", "the file is gone since the last look")]),
        ({"a": LOADED}, look(), look(), [("withdraw", "a", "the file is gone")]),
        ({"a": FAILED}, look(), look(), [("withdraw", "a", "the file is gone")]),
        ({"d/a": LOADED}, look(), look(("d",)), []),
        ({"dd/a": LOADED}, look(), look(("d",)), [("withdraw", "dd/a", "the file is gone")]),
    ],
)
def test_a_comparison_gives_its_steps(
    known: dict[str, Known], before: Scan, now: Scan, expected: list[tuple[str, str, str]]
) -> None:
    assert [(step.action, step.path, step.because) for step in plan(known, before, now)] == expected


def test_withdrawals_come_before_loads_so_that_a_moved_file_finds_its_name_free() -> None:
    steps = plan({"z": LOADED}, look(a="1"), look(a="1"))
    assert [(step.action, step.path) for step in steps] == [("withdraw", "z"), ("load", "a")]
