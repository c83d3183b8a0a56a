"""Where the rows of a table lie on the map and on the disk: a box for each block of some of its pages.

A table is written once, with neighbours together (loader/table/heap_order.py), so few blocks hold what a box holds, and
they can be read in the order of the disk from any place on: a page of a walk costs the same wherever it is and however
large the box is. Like PostgreSQL's BRIN, but in the memory of who asks, who knows without a query how many rows to
expect.
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


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """The blocks that some areas meet, in the order of the disk, and how many rows each has.

    faces:  west, south, -east, -north of the box of each
    inside: whose box is in an area, so that every row matches
    """

    areas: Sequence[Sides]
    places: Places
    rows: Numbers
    faces: Numbers
    inside: Truths

    def some(self, chosen: slice | Truths | Places) -> Met:
        """Some of them."""
        faces, inside = self.faces[:, chosen], self.inside[chosen]
        return Met(self.areas, self.places[chosen], self.rows[chosen], faces, inside)

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

    def meeting(self, areas: Sequence[Sides]) -> Met:
        """The blocks that meet some areas, which do not meet each other.

        Cost: 20 µs for few of ten thousand, 40 for a thousand of half a million; up to three times that when others
        used the CPU meanwhile
        """
        near = either([meets(self.groups, area) for area in areas]).nonzero()[0]
        looked_at = self.grouped.take(near, axis=0).reshape(-1, 4)
        met = either([meets(looked_at.T, area) for area in areas]).nonzero()[0]
        faces, places = looked_at.take(met, axis=0).T, near.take(met // GROUP) * GROUP + met % GROUP
        inside = either([is_in(faces, area) for area in areas])
        return Met(areas, places, self.rows.take(places), faces, inside)


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
