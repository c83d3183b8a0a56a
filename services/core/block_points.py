"""Where the points of a table lie, as 16 bits for x and y in the box of their block: how many are in a box is told
without reading them, but for those so near to its sides that the bits do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.blocks import Blocks, Numbers, Places, Sides, Truths, corners, either

STEPS = 65535
"""Steps across the box of a block."""

MOST_STEPS = 1e15
"""A block in which a unit is more is looked at instead: what is computed must not grow beyond doubles."""

Steps = NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class BlockPoints:
    """The points of a table in the order of the disk.

    steps:  how many steps they are from the least corner of their block (x and y, points)
    blocks: of each block, what tells where its points are (blocks, six): how many come before, how many it has, its
            least corner (x and y), and how many steps a unit is (x and y)
    unsure: of which blocks the steps tell nothing, as their box has no end or next to no size
    """

    steps: NDArray[np.uint16]
    blocks: Numbers
    unsure: Truths

    def count(self, areas: Sequence[Sides], blocks: Places) -> tuple[int, Truths]:
        """How many points are in one of some areas, of those blocks for which the steps tell it, and for which they do
        not. Points with other steps than the side of an area are on the same side of it as their steps.
        Cost: 35 µs for two thousand points, three times that when others used the CPU meanwhile
        """
        known = self.blocks.take(blocks, axis=0).T
        before, sizes = known[:2].astype(np.intp)
        block: Places = np.arange(len(sizes)).repeat(sizes)
        points: Places = np.arange(len(block)) + (before - sizes.cumsum() + sizes).take(block)
        steps = self.steps.take(points, axis=1)
        found = [between(steps, whole_steps(corners(area), known[2:4], known[4:]), block) for area in areas]
        within, touching = either([some[0] for some in found]), either([some[1] for some in found])
        unsure, doubtful = self.unsure.take(blocks), touching ^ within
        if doubtful.any():
            unsure[block[doubtful]] = True
        if unsure.any():
            within &= ~unsure[block]
        return int(np.count_nonzero(within)), unsure


def between(steps: NDArray[np.uint16], sides: Steps, block: Places) -> tuple[Truths, Truths]:
    """Which points are between two steps of their blocks (low and high, x and y, blocks), and which are there or at one
    of the two. What is below is far beyond, in numbers without a sign.
    """
    low, high = sides.take(block, axis=2)
    beyond, width = (steps - low).view(np.uint32), (high - low).view(np.uint32)
    touching, within = beyond <= width, (beyond < width) & (beyond > 0)
    return within[0] & within[1], touching[0] & touching[1]


def make_points(blocks: Blocks, content: bytes) -> BlockPoints:
    """The points that `to_steps` wrote."""
    scales, least = scales_of(blocks), blocks.faces[:2]
    unsure: Truths = np.logical_not(np.logical_and.reduce(scales < MOST_STEPS))
    before = blocks.rows.cumsum() - blocks.rows
    known = np.vstack([before, blocks.rows, np.where(unsure, 0.0, least), np.where(unsure, 0.0, scales)])
    return BlockPoints(np.frombuffer(content, "<u2").reshape(2, -1), np.ascontiguousarray(known.T), unsure)


def to_steps(blocks: Blocks, places: Numbers) -> bytes:
    """The steps of points in the order of the disk, given as (x and y, points). Those without a place have any."""
    block = np.repeat(np.arange(len(blocks.rows)), blocks.rows.astype(np.intp))
    least, scale = blocks.faces[:2].take(block, axis=1), scales_of(blocks).take(block, axis=1)
    return np.nan_to_num(steps_to(places, least, scale)).clip(0, STEPS).astype("<u2").tobytes()


def steps_to(places: Numbers, least: Numbers, scale: Numbers) -> Numbers:
    """How many whole steps there are from the least corner of a block to a place."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.floor((places - least) * scale)


def whole_steps(places: Numbers, least: Numbers, scale: Numbers) -> Steps:
    """The same, for finite places that may be anywhere: before the first step and behind the last one are enough."""
    with np.errstate(over="ignore"):
        steps = (places - least) * scale
    return np.floor(np.minimum(np.maximum(steps, -1.0), STEPS + 1.0)).astype(np.int32)


def scales_of(blocks: Blocks) -> Numbers:
    """How many steps a unit is in each block; NaN where its box has no end."""
    length = -blocks.faces[2:] - blocks.faces[:2]
    with np.errstate(divide="ignore", over="ignore"):
        scales: Numbers = STEPS / length
    scales[np.isinf(scales)] = 1.0  # all points are at the least corner
    scales[np.isinf(length)] = np.nan
    return scales
