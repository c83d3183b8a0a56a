"""Which points a tile of a low zoom shows, worked out for all zooms at once.

A tile of zoom z is divided into 128 x 128 cells. A point is shown from the smallest zoom on where it is the most
important of its cell. The cells of a zoom lie in those of the zoom above: what is shown once stays when one zooms in.
Importance is a column's value, or, where no column is named, a number made of the id: the same in every load.

Cost: 40 bytes a point; 1 M points take 0.5 s, where SQL takes minutes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HALF_WORLD_M = math.pi * 6378137
CELL_LEVELS = 7
"""A tile has 2^7 cells a side: a point for every 4 pixels of a tile that is drawn 512 pixels wide."""

MOST_FEATURES = 10_000
"""A tile with at most so many points is made of all of them."""

LARGEST_FULL_ZOOM = 14
LEVELS = LARGEST_FULL_ZOOM + CELL_LEVELS

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Ranks:
    """What tiles show of some points.

    full_zoom: from here on no tile has more than it may (or it is LARGEST_FULL_ZOOM): all points are shown
    rows:      the points that are shown before it, those of a zoom together, along a curve
    zooms:     where each of these is shown first
    """

    full_zoom: int
    rows: Rows
    zooms: npt.NDArray[np.int16]

    def counts(self) -> list[int]:
        """How many points are shown at each zoom below `full_zoom`, in all."""
        return [int(count) for count in np.cumsum(np.bincount(self.zooms, minlength=self.full_zoom))]


def rank_points(x: Floats, y: Floats, importance: Codes, most: int | None = None) -> Ranks:
    """The ranks of points in EPSG:3857. `importance`: no value twice; the least is the most important."""
    codes = interleaved(cells(x), cells(y))
    turn = np.argsort(codes, kind="stable")
    codes = codes[turn]
    full_zoom = find_full_zoom(codes, most)
    zooms = first_zooms(codes, importance[turn], full_zoom)
    shown = np.flatnonzero(zooms < full_zoom)
    by_zoom = shown[np.argsort(zooms[shown], kind="stable")]
    return Ranks(full_zoom, turn[by_zoom], zooms[by_zoom])


def first_zooms(codes: Codes, importance: Codes, full_zoom: int) -> npt.NDArray[np.int16]:
    """The smallest zoom at which each of some points in the order of the curve is shown; `full_zoom` for the rest.

    From the largest zoom down only those that won their cell are looked at again.
    """
    zooms = np.full(len(codes), full_zoom, np.int16)
    left = np.arange(len(codes))
    for zoom in reversed(range(full_zoom)):
        starts = group_starts(codes[left] >> shift(zoom + CELL_LEVELS))
        values = importance[left]
        best = np.minimum.reduceat(values, starts)
        left = left[values == np.repeat(best, np.diff(starts, append=len(left)))]
        zooms[left] = zoom
    return zooms


def find_full_zoom(codes: Codes, most: int | None = None) -> int:
    """The smallest zoom at which no tile has more than so many of some points in the order of the curve.

    most: None: MOST_FEATURES
    """
    most = MOST_FEATURES if most is None else most
    for zoom in range(LARGEST_FULL_ZOOM):
        if np.diff(group_starts(codes >> shift(zoom)), append=len(codes)).max(initial=0) <= most:
            return zoom
    return LARGEST_FULL_ZOOM


def group_starts(groups: Codes) -> Rows:
    """Where each group of equal neighbours begins."""
    return np.flatnonzero(np.concatenate([np.ones(min(1, len(groups)), bool), groups[1:] != groups[:-1]]))


def shift(levels: int) -> np.uint64:
    """How far a code of LEVELS levels is to be shifted to be one of fewer levels."""
    return np.uint64(2 * (LEVELS - levels))


def cells(metres: Floats) -> Codes:
    """Coordinates in EPSG:3857 as numbers of cells of the finest level; beyond the edge of the world, the last cell."""
    scaled = (metres + HALF_WORLD_M) / (2 * HALF_WORLD_M) * 2**LEVELS
    return np.clip(scaled, 0, 2**LEVELS - 1).astype(np.uint64)


def interleaved(x: Codes, y: Codes) -> Codes:
    """Cells as codes along the Z-order curve: those of a tile of any zoom have the same first bits."""
    return spread(x) | (spread(y) << np.uint64(1))


SPREADING = (
    (16, 0x0000FFFF0000FFFF),
    (8, 0x00FF00FF00FF00FF),
    (4, 0x0F0F0F0F0F0F0F0F),
    (2, 0x3333333333333333),
    (1, 0x5555555555555555),
)
"""How far to move, and which bits stay. Source: Hacker's Delight, 2nd edition, 7-2."""


def spread(numbers: Codes) -> Codes:
    """Put a zero between each two bits."""
    numbers = numbers.copy()
    for bits, mask in SPREADING:
        numbers = (numbers | (numbers << np.uint64(bits))) & np.uint64(mask)
    return numbers


def importance_of(fids: npt.NDArray[np.int64], values: Floats | None) -> Codes:
    """Places in the order of importance: the larger value first, then by a number made of the id.

    Without values, that number alone. Rows without a value (minus infinity) come last.
    """
    scattered = scatter(fids.astype(np.uint64))
    if values is None:
        return scattered
    places = np.empty(len(fids), np.uint64)
    places[np.lexsort((scattered, -values))] = np.arange(len(fids), dtype=np.uint64)
    return places


def scatter(numbers: Codes) -> Codes:
    """Numbers that look like chance, a different one for each. Source: splitmix64 (Steele, Lea, Flood 2014)."""
    mixed = numbers + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
