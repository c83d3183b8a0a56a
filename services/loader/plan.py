"""The steps that follow from what the catalogue knows and two looks at the folder. Pure: values in, steps out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from loader.scan import Dataset, Scan

Status = Literal["loaded", "failed", "removed"]
Action = Literal["load", "restore", "withdraw", "wait"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of a file: how it looked when it was last acted upon, and how that ended."""

    signature: str
    status: Status


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and why. `dataset` is None when the file is gone."""

    action: Action
    path: str
    because: str
    dataset: Dataset | None = None


def plan(known: Mapping[str, Known], before: Scan, now: Scan) -> list[Step]:
    """The steps that bring the catalogue in line with the folder; files that are as they were give none.

    Withdrawals come first, so that a moved file finds its name free. A file must look the same in both scans:
    one that differs is still being copied, and gives `wait`.
    """
    return [*plan_missing(known, before, now), *plan_present(known, before, now)]


def plan_missing(known: Mapping[str, Known], before: Scan, now: Scan) -> Iterator[Step]:
    """Steps for files that the catalogue knows and the folder lacks."""
    for path, was in known.items():
        if path in now.datasets or was.status == "removed" or now.is_unknown(path):
            continue
        if path in before.datasets:
            yield Step("wait", path, "the file is gone since the last look")
        else:
            yield Step("withdraw", path, "the file is gone")


def plan_present(known: Mapping[str, Known], before: Scan, now: Scan) -> Iterator[Step]:
    """Steps for files that are there."""
    for path, dataset in now.datasets.items():
        was = known.get(path)
        if was is not None and was.signature == dataset.signature and was.status != "removed":
            continue
        earlier = before.datasets.get(path)
        if earlier is None or earlier.signature != dataset.signature:
            yield Step("wait", path, "the file changed since the last look", dataset)
        elif was is None:
            yield Step("load", path, "the file is new", dataset)
        elif was.status == "removed":
            yield Step("restore", path, "the file is back", dataset)
        else:
            yield Step("load", path, f"the file changed after it {was.status}", dataset)
