"""From which zoom on features are shown, and what stands in for small polygons, worked out for all zooms at once.

A tile of zoom z is divided into 128 x 128 cells, which lie in those of the zoom above: what is shown once stays when
one zooms in. A point is shown from the smallest zoom on where it is the most important of its cell. Importance is a
column's value, or, where no column is named, a number made of the id: the same in every load.

Of lines and polygons what is at least as wide or as high as a cell is shown. Of the shorter lines a cell shows one, the
longest or most important. Smaller polygons are shown as squares that together have their area: along a curve through
the cells their areas are added up, and where the sum reaches that of a 256th of a cell, a square of what was reached is
put into the cell, as near to its largest polygon as it has room; what is more than the cell goes on to the next. So a
low zoom shows how dense an area is.

Cost: 40 bytes a point; 1 M points take 0.5 s, where SQL takes minutes. 100 bytes another feature; 200,000 polygons take
0.2 s.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
CELL_M = 2 * HALF_WORLD_M / 2**CELL_LEVELS
"""The width of a cell at zoom 0."""

LEAST_SQUARES = 256
"""A cell has room for so many of the smallest squares: two units of a tile wide, one is hardly seen, many are grey."""

NEVER = 30
"""Larger than all zooms."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
Zooms = npt.NDArray[np.int16]
Turn = npt.NDArray[np.int32]

AT_A_TIME = 500_000
"""Features whose codes are computed together."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """What tiles show of some points.

    full_zoom: from here on no tile has more than it may (or it is LARGEST_FULL_ZOOM): all points are shown
    rows:      the points that are shown before it, those of a zoom together, along a curve
    zooms:     where each of these is shown first
    """

    full_zoom: int
    rows: Turn
    zooms: Zooms

    def counts(self) -> list[int]:
        """How many points are shown at each zoom below `full_zoom`, in all."""
        return [int(count) for count in np.cumsum(np.bincount(self.zooms, minlength=self.full_zoom))]


@dataclass(frozen=True, slots=True)
class Shapes:
    """Lines or polygons in EPSG:3857, in the order of a curve through the middles of their boxes.

    measures: lengths of lines in m, areas of polygons in m²; points: how many corners they have
    """

    fids: npt.NDArray[np.int64]
    west: Floats
    south: Floats
    east: Floats
    north: Floats
    measures: Floats
    points: npt.NDArray[np.int64]

    @property
    def middles(self) -> tuple[Floats, Floats]:
        """The middles of the boxes."""
        return (self.west + self.east) / 2, (self.south + self.north) / 2

    @property
    def codes(self) -> Codes:
        """Those of the middles along the curve."""
        x, y = self.middles
        return interleaved(cells(x), cells(y))

    def in_order(self, turn: Rows) -> Shapes:
        """The same shapes in another order, or some of them."""
        box = (self.west[turn], self.south[turn], self.east[turn], self.north[turn])
        return Shapes(self.fids[turn], *box, self.measures[turn], self.points[turn])


@dataclass(frozen=True, slots=True)
class Squares:
    """Squares of one zoom, in the order of the curve: middles and sides in metres, and how many each stands for."""

    zoom: int
    x: Floats
    y: Floats
    sides: Floats
    counts: npt.NDArray[np.int64]


def along_curve(codes: Codes) -> tuple[Turn, Codes]:
    """The order of points along the curve, and their codes in it."""
    turn = np.argsort(codes, kind="stable").astype(np.int32)
    return turn, codes[turn]


def rank_points(turn: Turn, codes: Codes, importance: Codes, full_zoom: int) -> Ranks:
    """The ranks of points, given in the order of the curve. `importance`: no value twice; the least is the most
    important. Memory: 25 bytes a point
    """
    zooms = first_zooms(codes, importance, full_zoom)
    shown = np.flatnonzero(zooms < full_zoom)
    by_zoom = shown[np.argsort(zooms[shown], kind="stable")]
    return Ranks(full_zoom, turn[by_zoom], zooms[by_zoom])


def first_zooms(codes: Codes, importance: Codes, full_zoom: int) -> Zooms:
    """The smallest zoom at which each of some points in the order of the curve is shown; `full_zoom` for the rest.

    From the largest zoom down only those that won their cell are looked at again.
    """
    zooms = np.full(len(codes), full_zoom, np.int16)
    left = np.arange(len(codes), dtype=np.int32)
    for zoom in reversed(range(full_zoom)):
        cell_of = codes[left]
        cell_of >>= shift(zoom + CELL_LEVELS)
        starts = group_starts(cell_of)
        del cell_of
        values = importance[left]
        best = np.minimum.reduceat(values, starts)
        left = left[values == np.repeat(best, np.diff(starts, append=len(left)))]
        zooms[left] = zoom
    return zooms


def find_full_zoom(codes: Codes, most: int) -> int:
    """The smallest zoom at which no tile has more than so many of some points in the order of the curve."""
    for zoom in range(LARGEST_FULL_ZOOM):
        if np.diff(group_starts(codes >> shift(zoom)), append=len(codes)).max(initial=0) <= most:
            return zoom
    return LARGEST_FULL_ZOOM


def full_zoom_of(shapes: Sequence[Shapes], most: int = MOST_FEATURES) -> int:
    """The smallest zoom at which no tile has more middles than a tile may have features (see `find_full_zoom`)."""
    codes = np.concatenate([np.empty(0, np.uint64), *(one.codes for one in shapes)])
    return find_full_zoom(np.sort(codes, kind="stable"), most)


def own_zooms(shapes: Shapes) -> Zooms:
    """The smallest zoom at which each shape is at least a cell wide or high."""
    size = np.maximum(shapes.east - shapes.west, shapes.north - shapes.south)
    with np.errstate(divide="ignore"):
        zooms = np.ceil(np.log2(CELL_M / size))
    return np.clip(zooms, 0, NEVER).astype(np.int16)


def line_zooms(shapes: Shapes, importance: Codes, full_zoom: int) -> Zooms:
    """The smallest zoom at which each line is shown. `importance`: no value twice; the least is the most important."""
    codes, zooms = shapes.codes, np.minimum(own_zooms(shapes), full_zoom).astype(np.int16)
    for zoom in reversed(range(full_zoom)):
        # what the next zoom is the first to show, by its size or as the best of a smaller cell: the best is among them
        left = np.flatnonzero(zooms == zoom + 1)
        starts = group_starts(codes[left] >> shift(zoom + CELL_LEVELS))
        best = np.minimum.reduceat(importance[left], starts) if len(left) else importance[:0]
        left = left[importance[left] == np.repeat(best, np.diff(starts, append=len(left)))]
        zooms[left] = zoom
    return zooms


def squares(shapes: Shapes, zooms: Zooms, full_zoom: int) -> Iterator[Squares]:
    """The squares of each zoom below the full one, for the polygons that are not shown by themselves."""
    for zoom in range(full_zoom):
        small = np.flatnonzero(zooms > zoom)
        if len(small):
            yield squares_of(shapes.in_order(small), zoom)


def squares_of(shapes: Shapes, zoom: int) -> Squares:
    """The squares of some polygons. At least one, so that a zoom is never empty where there is something."""
    starts = group_starts(shapes.codes >> shift(zoom + CELL_LEVELS))
    weights = np.maximum(shapes.measures, 1e-9)
    cell = CELL_M / 2**zoom
    areas = carried_over(np.add.reduceat(weights, starts), cell**2)
    x, y = (middle[largest_of_each(weights, starts)] for middle in shapes.middles)
    least = cell**2 / LEAST_SQUARES
    reached = np.floor(np.cumsum(areas) / least)
    new = np.diff(reached, prepend=0)
    shown = np.flatnonzero(new > 0) if reached[-1] else np.array([int(np.argmax(areas))])
    sides = np.minimum(np.sqrt(np.maximum(new[shown], 1) * least), cell)
    ends = np.append(starts, len(shapes.fids))[shown + 1]
    ends[-1] = len(shapes.fids)
    x, y = (inside_cell(middle[shown], sides, cell) for middle in (x, y))
    return Squares(zoom, x, y, sides, np.diff(ends, prepend=0))


def carried_over(areas: Floats, most: float) -> Floats:
    """Areas of cells along the curve, of which none has more than `most`: the next cells have what is beyond it."""
    reached = np.cumsum(areas - most)
    beyond = reached - np.minimum(np.minimum.accumulate(reached), 0)
    return areas - np.diff(beyond, prepend=0)


def inside_cell(middles: Floats, sides: Floats, cell: float) -> Floats:
    """Middles of squares, moved so far that each lies in its cell: so none hides another, and a full area is filled."""
    first = np.floor((middles + HALF_WORLD_M) / cell) * cell - HALF_WORLD_M
    return np.clip(middles, first + sides / 2, first + cell - sides / 2)


def largest_of_each(weights: Floats, starts: Rows) -> Rows:
    """The place of the largest number of each group, of equal ones the first."""
    sizes = np.diff(starts, append=len(weights))
    best = np.flatnonzero(weights == np.repeat(np.maximum.reduceat(weights, starts), sizes))
    return best[np.searchsorted(best, starts)]


def smallest_tiles(shapes: Shapes, deepest: int) -> tuple[npt.NDArray[np.int64], ...]:
    """The smallest tile that holds each shape, at most of a zoom: zooms, columns, and rows from the north."""
    west, east = cells(shapes.west), cells(shapes.east)
    north, south = cells(-shapes.north), cells(-shapes.south)
    differ = (west ^ east) | (north ^ south)
    levels = LEVELS - np.frexp(differ.astype(np.float64))[1]
    levels = np.clip(levels, 0, deepest).astype(np.int64)
    down = (LEVELS - levels).astype(np.uint64)
    return levels, (west >> down).astype(np.int64), (north >> down).astype(np.int64)


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


def codes_of(x: Floats, y: Floats) -> Codes:
    """The codes of places in EPSG:3857. With -y, rows are counted from the north."""
    codes = np.empty(len(x), np.uint64)
    for first in range(0, len(x), AT_A_TIME):
        part = slice(first, first + AT_A_TIME)
        codes[part] = interleaved(cells(x[part]), cells(y[part]))
    return codes


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
    scattered = np.empty(len(fids), np.uint64)
    for first in range(0, len(fids), AT_A_TIME):
        part = slice(first, first + AT_A_TIME)
        scattered[part] = scatter(fids[part].astype(np.uint64))
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
