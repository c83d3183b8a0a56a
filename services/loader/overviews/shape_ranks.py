"""From which zoom on lines and polygons are shown by themselves, and what is shown in place of smaller ones.

A tile has 128 x 128 cells (see point_ranks). What is at least as wide or as high as a cell is shown. Of the shorter
lines a cell shows one, the longest or most important, so what a zoom shows stays when one zooms in. Smaller polygons
are shown as squares that together have their area: along a curve through the cells their areas are added up, and where
the sum reaches that of a 256th of a cell, a square of what was reached is put into the cell, as near to its largest
polygon as it has room; what is more than the cell goes on to the next. So a low zoom shows how dense an area is.

Cost: 100 bytes a feature; 200,000 polygons take 0.2 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from loader.overviews.point_ranks import (
    CELL_LEVELS,
    HALF_WORLD_M,
    LEVELS,
    Codes,
    Floats,
    Rows,
    cells,
    find_full_zoom,
    group_starts,
    interleaved,
    shift,
)

CELL_M = 2 * HALF_WORLD_M / 2**CELL_LEVELS
"""The width of a cell at zoom 0."""

LEAST_SQUARES = 256
"""A cell has room for so many of the smallest squares: two units of a tile wide, one is hardly seen, many are grey."""

NEVER = 30
"""Larger than all zooms."""

Zooms = npt.NDArray[np.int16]


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


def full_zoom_of(shapes: Sequence[Shapes], most: int | None = None) -> int:
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
