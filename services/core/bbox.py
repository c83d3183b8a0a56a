"""Boxes in CRS84 degrees."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from core.errors import BadBBox

MERCATOR_LIMIT_DEG = 85.05112877980659
"""Latitude at which the WebMercatorQuad tile matrix set ends (OGC 17-083r4, annex D.1)."""

NUMBER = re.compile(r" *[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)? *")
"""Python reads more than these: underscores, digits of other scripts, words."""


@dataclass(frozen=True, slots=True)
class BBox:
    """A box in CRS84 degrees, longitude first. `west > east` means it crosses the antimeridian.

    Source: OGC API Features Part 1, /req/core/fc-bbox-definition.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        """Raise BadBBox for values that are no degrees, or a south above the north."""
        order = "the order is west,south,east,north"
        if not all(math.isfinite(value) for value in self.as_list()):
            raise BadBBox("a bbox takes finite numbers", hint=order, parameter="bbox")
        if self.south > self.north:
            raise BadBBox(f"south {self.south:g} is above north {self.north:g}", hint=order, parameter="bbox")
        if abs(self.south) > 90 or abs(self.north) > 90:
            raise BadBBox("a latitude lies between -90 and 90", hint=order, parameter="bbox")
        if max(abs(self.west), abs(self.east)) > 180:
            hint = "a box across the antimeridian has its west above its east, as in 170,-20,-170,20"
            raise BadBBox("a longitude lies between -180 and 180", hint=hint, parameter="bbox")

    def halves(self) -> tuple[BBox, ...]:
        """One box, or two when it crosses 180 degrees (the eastern hemisphere's half first)."""
        if self.west <= self.east:
            return (self,)
        return (replace(self, east=180.0), replace(self, west=-180.0))

    def as_list(self) -> list[float]:
        """[west, south, east, north], the order of GeoJSON and the OGC standards."""
        return [self.west, self.south, self.east, self.north]

    def centre(self) -> tuple[float, float]:
        """Longitude and latitude of the middle, on the right side of the antimeridian."""
        east = self.east if self.west <= self.east else self.east + 360
        longitude = (self.west + east) / 2
        return (longitude - 360 if longitude > 180 else longitude, (self.south + self.north) / 2)


def parse_bbox(text: str) -> BBox:
    """Four numbers, or six with heights: `west,south[,low],east,north[,high]`.

    Raises: BadBBox when it is something else
    """
    return BBox(*parse_numbers(text))


def parse_numbers(text: str) -> tuple[float, float, float, float]:
    """The four numbers of a box in the plane. Raises: BadBBox"""
    numbers = read_numbers(text)
    west, south = numbers[:2]
    east, north = numbers[len(numbers) // 2 :][:2]
    return west, south, east, north


def parse_heights(text: str) -> tuple[float, float] | None:
    """The lowest and the highest height of a box of six numbers; None for one of four. Raises: BadBBox"""
    numbers = read_numbers(text)
    return (numbers[2], numbers[5]) if len(numbers) == 6 else None


def read_numbers(text: str) -> list[float]:
    """The four or six numbers of a box. Raises: BadBBox"""
    parts = text.split(",")
    numbers = [float(part) for part in parts] if all(map(NUMBER.fullmatch, parts)) else []
    if len(numbers) not in (4, 6):
        raise BadBBox(
            f"'{text}' is not four or six numbers",
            hint="write bbox=west,south,east,north in degrees, for example bbox=24.9,60.1,25.0,60.2",
            parameter="bbox",
        )
    if len(numbers) == 6 and not -math.inf < numbers[2] <= numbers[5] < math.inf:
        hint = "the order is west,south,low,east,north,high"
        raise BadBBox(f"'{text}' goes from height {numbers[2]:g} to {numbers[5]:g}", hint=hint, parameter="bbox")
    return numbers
