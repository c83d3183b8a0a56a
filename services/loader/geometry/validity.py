"""What is wrong with geometries, and where, as Shapely says it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import shapely


def reasons(fids: Sequence[int], wkb: Sequence[bytes]) -> list[str]:
    """The rules that geometries break, each with how many do, and the first of them and where."""
    found: Counter[str] = Counter()
    first: dict[str, str] = {}
    for fid, reason in zip(fids, shapely.is_valid_reason(shapely.from_wkb(wkb, on_invalid="ignore")), strict=True):
        rule, _, place = str(reason or "not readable").partition("[")
        found[rule] += 1
        first.setdefault(rule, f"feature {fid}" + (f" at {place.rstrip(']')}" if place else ""))
    return [f"{rule}: {count} ({first[rule]})" for rule, count in found.most_common()]
