"""Where the versions of a collection differ: what the loader found, as the catalogue has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Area = tuple[float, float, float, float]
"""A box in EPSG:3857: west, south, east, north."""


@dataclass(frozen=True, slots=True)
class Change:
    """What separates a version from the one before it.

    version:   the version before
    stamp:     when that was loaded, in microseconds since 1970
    full_zoom: the zoom of WebMercatorQuad from which on a tile holds what lies in it, in both versions; below it,
               what is shown in one place depends on others
    areas:     the boxes around what changed
    elsewhere: whether something changed that has no place in EPSG:3857
    """

    version: int
    stamp: int
    full_zoom: int
    areas: tuple[Area, ...]
    elsewhere: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the catalogue has it."""
        return {
            "version": self.version,
            "stamp": self.stamp,
            "full_zoom": self.full_zoom,
            "areas": [list(area) for area in self.areas],
            "elsewhere": self.elsewhere,
        }


def parse_changes(found: Sequence[Mapping[str, Any]] | None) -> tuple[Change, ...]:
    """What a version's column `changes` says, the newest first; nothing when it differs everywhere."""
    return tuple(map(parse_change, found or ()))


def parse_change(found: Mapping[str, Any]) -> Change:
    """The value that `as_json` was made of."""
    areas: list[Area] = [(west, south, east, north) for west, south, east, north in found["areas"]]
    return Change(found["version"], found["stamp"], found["full_zoom"], tuple(areas), found["elsewhere"])
