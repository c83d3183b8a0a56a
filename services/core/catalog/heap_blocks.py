"""Where the rows of a table are on the map and in its heap: a box for each block of some heap pages, and of points
where they are in the box of their block.

A table is written once, with neighbours together (loader/table/heap_order.py), so few blocks hold what a bbox holds,
and they can be read in the order of the heap from any place on: a page costs the same wherever it is in a walk and
however large the bbox is. Like PostgreSQL's BRIN, but in the memory of who asks, who knows without a query how many
rows to expect. Points are kept as 16 bits for x and y: how many are in a bbox is known without reading them, but for
those so near to its sides that the bits do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

Sides = tuple[float, float, float, float]
"""West, south, east, north."""

EVERYWHERE: Sides = (-inf, -inf, inf, inf)
"""The box of a block with rows that have no place: every box may match them (Part 1, /req/core/fc-bbox-response, C)."""
NOWHERE: Sides = (inf, inf, -inf, -inf)

GROUP = 64
"""So many blocks, one after the other, are looked at together before each of them is."""

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]
Truths = NDArray[np.bool_]
Steps = NDArray[np.int32]

STEPS = 65535
"""Steps across the box of a block."""

AT_A_TIME = 200_000
"""Points whose steps are computed together."""

MOST_STEPS = 1e15
"""A block in which a unit is more is looked at instead: what is computed must not grow beyond doubles."""


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The blocks that some areas meet, in the order of the heap, and how many rows each has.

    faces:  west, south, -east, -north of the box of each
    inside: whose box is in an area, so that every row matches
    """

    areas: Sequence[Sides]
    places: Places
    rows: Numbers
    faces: Numbers
    inside: Truths

    def some(self, chosen: slice | Truths | Places) -> Hits:
        """Some of them."""
        faces, inside = self.faces[:, chosen], self.inside[chosen]
        return Hits(self.areas, self.places[chosen], self.rows[chosen], faces, inside)

    @property
    def expected(self) -> Numbers:
        """How many rows match, if they lie evenly in each box."""
        shares = [share_of(self.faces, area) for area in self.areas]
        matching: Numbers = np.where(self.inside, 1.0, sum(shares)) * self.rows
        return matching


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The blocks of a table, of so many pages each: how many rows each has, and its box by four faces: west, south,
    -east, -north. The least of the faces of some boxes are those of the box around them.

    grouped: the faces of as many blocks as are looked at together, one group after the other (groups, blocks, four);
             the last one is filled up with boxes that meet nothing
    groups:  those of the box around each group (four, groups)
    number:  of all rows
    """

    pages: int
    rows: Numbers
    grouped: Numbers
    groups: Numbers
    number: float

    @property
    def faces(self) -> Numbers:
        """Those of each block (four, blocks)."""
        return self.grouped.reshape(-1, 4)[: len(self.rows)].T

    def meeting(self, areas: Sequence[Sides]) -> Hits:
        """The blocks that meet some areas, which do not meet each other.

        Cost: 20 µs for few of ten thousand, 40 for a thousand of half a million; up to three times that when others
        used the CPU meanwhile
        """
        near = either([meets(self.groups, area) for area in areas]).nonzero()[0]
        looked_at = self.grouped.take(near, axis=0).reshape(-1, 4)
        hits = either([meets(looked_at.T, area) for area in areas]).nonzero()[0]
        faces, places = looked_at.take(hits, axis=0).T, near.take(hits // GROUP) * GROUP + hits % GROUP
        inside = either([is_in(faces, area) for area in areas])
        return Hits(areas, places, self.rows.take(places), faces, inside)


def either(truths: Sequence[Truths]) -> Truths:
    """Whether one of some is true."""
    return truths[0] if len(truths) == 1 else np.logical_or.reduce(truths)


def meets(faces: Numbers, area: Sides) -> Truths:
    """Which boxes meet an area."""
    west, south, east, north = area
    return all_of(faces[0] <= east, faces[1] <= north, faces[2] <= -west, faces[3] <= -south)


def is_in(faces: Numbers, area: Sides) -> Truths:
    """Which boxes are in an area."""
    west, south, east, north = area
    return all_of(faces[0] >= west, faces[1] >= south, faces[2] >= -east, faces[3] >= -north)


def all_of(first: Truths, *others: Truths) -> Truths:
    """Whether all are true. With little in the CPU's caches a reduction by numpy takes 15 µs more than this."""
    for other in others:
        first &= other
    return first


def share_of(faces: Numbers, area: Sides) -> Numbers:
    """The share of each box that an area covers: all of a side that is a point, and of one that has no end."""
    least, most, (low, high) = faces[:2], -faces[2:], corners(area)
    length = most - least
    known = (length > 0) & (length < inf)
    covered = np.minimum(most, high) - np.maximum(least, low)
    parts = np.where(known, np.maximum(covered, 0.0) / np.where(known, length, 1.0), 1.0)
    shares: Numbers = parts[0] * parts[1]
    return shares


def corners(area: Sides) -> Numbers:
    """The least and the largest corner of an area, as columns."""
    return np.array(area).reshape(2, 2, 1)


def make_blocks(pages: int, blocks: Sequence[tuple[float, Sides]]) -> Blocks:
    """Blocks, each given by how many rows it has and its box."""
    return from_bytes(pages, to_bytes(blocks))


def to_bytes(blocks: Sequence[tuple[float, Sides]]) -> bytes:
    """Blocks as the catalogue keeps them: five doubles for each, little-endian."""
    return np.array([(rows, *box) for rows, box in blocks], "<f8").tobytes()


def from_bytes(pages: int, content: bytes) -> Blocks:
    """The blocks that `to_bytes` wrote."""
    numbers = np.frombuffer(content, "<f8").reshape(-1, 5)
    rows: Numbers = numbers[:, 0].astype(np.float64)
    grouped: Numbers = np.full((-(-len(rows) // GROUP), GROUP, 4), inf)
    grouped.reshape(-1, 4)[: len(rows)] = numbers[:, 1:] * (1, 1, -1, -1)
    return Blocks(pages, rows, grouped, np.ascontiguousarray(grouped.min(axis=1).T), float(rows.sum()))


@dataclass(frozen=True, slots=True, eq=False)
class BlockPoints:
    """The points of a table in the order of the heap.

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
    """The steps of points in the order of the heap, given as (x and y, points). Those without a place have any."""
    block = np.repeat(np.arange(len(blocks.rows), dtype=np.int32), blocks.rows.astype(np.intp))
    leasts, scales, steps = blocks.faces[:2], scales_of(blocks), np.empty(places.shape, "<u2")
    for first in range(0, len(block), AT_A_TIME):
        part = slice(first, first + AT_A_TIME)
        least, scale = leasts.take(block[part], axis=1), scales.take(block[part], axis=1)
        steps[:, part] = np.nan_to_num(steps_to(places[:, part], least, scale)).clip(0, STEPS)
    return steps.tobytes()


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
