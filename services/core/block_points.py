"""Where the points of a table lie, as 16 bits for x and y in the box of their block: how many are in a box is told
without reading them, but for those so near to its sides that the bits do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.blocks import Blocks, Met, Numbers, Places, Sides, Truths, corners

STEPS = 65535
"""Steps across the box of a block."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockPoints:
    """The points of a table in the order of the disk.

    steps:  how many steps they are from the least corner of their block (x and y, points)
    firsts: of each block, the number of its first point
    scales: of each block, how many steps a unit is (x and y, blocks)
    """

    steps: NDArray[np.uint16]
    firsts: Places
    scales: Numbers

    def count(self, blocks: Blocks, met: Met, areas: Sequence[Sides]) -> tuple[int, Truths]:
        """How many points are in one of some areas, of those blocks for which the steps tell it, and for which they do
        not. Points with other steps than the side of an area are on the same side of it as their steps.
        Cost: 60 µs for a thousand points
        """
        sizes = met.rows.astype(np.intp)
        block = np.repeat(np.arange(len(sizes)), sizes)
        rows = np.arange(len(block)) + (self.firsts[met.places] - np.cumsum(sizes) + sizes)[block]
        steps, inside = self.steps.take(rows, axis=1), np.zeros(len(block), np.bool_)
        least, scale = (of.take(met.places, axis=1) for of in (blocks.boxes[:2], self.scales))
        unsure: Truths = np.isnan(scale[0]) | np.isnan(scale[1])
        for area in areas:
            low, high = steps_to(corners(area), least, scale).take(block, axis=2)
            within, beside = (steps > low) & (steps < high), (steps == low) | (steps == high)
            inside |= within[0] & within[1]
            unsure[block[beside[0] | beside[1]]] = True
        return int(np.count_nonzero(inside & ~unsure[block])), unsure


def make_points(blocks: Blocks, content: bytes) -> BlockPoints:
    """The points that `to_steps` wrote."""
    sizes = blocks.rows.astype(np.intp)
    return BlockPoints(np.frombuffer(content, "<u2").reshape(2, -1), np.cumsum(sizes) - sizes, scales_of(blocks))


def to_steps(blocks: Blocks, places: Numbers) -> bytes:
    """The steps of points in the order of the disk, given as (x and y, points). Those without a place have any."""
    block = np.repeat(np.arange(len(blocks.rows)), blocks.rows.astype(np.intp))
    least, scale = blocks.boxes[:2].take(block, axis=1), scales_of(blocks).take(block, axis=1)
    return np.nan_to_num(steps_to(places, least, scale)).clip(0, STEPS).astype("<u2").tobytes()


def steps_to(places: Numbers, least: Numbers, scale: Numbers) -> Numbers:
    """How many whole steps there are from the least corner of a block to a place."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.floor((places - least) * scale)


def scales_of(blocks: Blocks) -> Numbers:
    """How many steps a unit is in each block; NaN where its box has no end."""
    length = blocks.boxes[2:] - blocks.boxes[:2]
    with np.errstate(divide="ignore", over="ignore"):
        scales: Numbers = STEPS / length
    scales[np.isinf(scales)] = 1.0  # all points are at the least corner
    scales[np.isinf(length)] = np.nan
    return scales
