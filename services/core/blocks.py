"""Where the rows of a table lie on the map and on the disk: a box for each block of some of its pages.

A table is written once, with neighbours together (loader/order.py), so few blocks hold what a box holds, and they can
be read in the order of the disk from any place on: a page of a walk costs the same wherever it is and however large the
box is. Like PostgreSQL's BRIN, but in the memory of who asks, who knows without a query how many rows to expect.
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

WITHIN_GROUP = np.arange(GROUP)


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """The blocks that some areas meet, in the order of the disk, and how many rows each has.

    boxes:  four sides of each
    inside: whose box is in an area, so that every row matches
    """

    areas: Sequence[Sides]
    places: Places
    rows: Numbers
    boxes: Numbers
    inside: Truths

    def some(self, chosen: slice | Truths) -> Met:
        """Some of them."""
        which = chosen if isinstance(chosen, slice) else chosen.nonzero()[0]
        return Met(self.areas, self.places[which], self.rows[which], self.boxes[:, which], self.inside[which])

    @property
    def expected(self) -> Numbers:
        """How many rows match, if they lie evenly in each box."""
        shares = [share_of(self.boxes, area) for area in self.areas]
        matching: Numbers = np.where(self.inside, 1.0, sum(shares)) * self.rows
        return matching


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The blocks of a table, of so many pages each: how many rows each has, and its box (four sides, blocks).

    groups: the boxes of as many blocks as are looked at together
    """

    pages: int
    rows: Numbers
    boxes: Numbers
    groups: Numbers

    def meeting(self, areas: Sequence[Sides]) -> Met:
        """The blocks that meet some areas, which do not meet each other.

        Cost: 20 µs for few of ten thousand, 45 for a thousand of half a million
        """
        [near] = either([meets(self.groups, area) for area in areas]).nonzero()
        places = (near[:, None] * GROUP + WITHIN_GROUP).ravel()
        places = places[: places.searchsorted(len(self.rows))]
        boxes = self.boxes.take(places, axis=1)
        [met] = either([meets(boxes, area) for area in areas]).nonzero()
        places, boxes = places[met], boxes.take(met, axis=1)
        inside = either([is_in(boxes, area) for area in areas])
        return Met(areas, places, self.rows[places], boxes, inside)


def either(truths: Sequence[Truths]) -> Truths:
    """Whether one of some is true."""
    return truths[0] if len(truths) == 1 else np.logical_or.reduce(truths)


def meets(boxes: Numbers, area: Sides) -> Truths:
    """Which boxes meet an area."""
    west, south, east, north = boxes
    met: Truths = west <= area[2]
    met &= east >= area[0]
    met &= south <= area[3]
    met &= north >= area[1]
    return met


def is_in(boxes: Numbers, area: Sides) -> Truths:
    """Which boxes are in an area."""
    low, high = corners(area)
    within: Truths = (boxes[:2] >= low) & (boxes[2:] <= high)
    return within[0] & within[1]


def share_of(boxes: Numbers, area: Sides) -> Numbers:
    """The share of each box that an area covers: all of a side that is a point, and of one that has no end."""
    least, most, (low, high) = boxes[:2], boxes[2:], corners(area)
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
    numbers = np.frombuffer(content, "<f8").reshape(-1, 5).T
    boxes: Numbers = np.ascontiguousarray(numbers[1:], np.float64)
    firsts: Places = np.arange(0, boxes.shape[1], GROUP, dtype=np.intp)
    groups = [np.minimum.reduceat(boxes[:2], firsts, axis=1), np.maximum.reduceat(boxes[2:], firsts, axis=1)]
    return Blocks(pages, numbers[0].astype(np.float64), boxes, np.concatenate(groups))
