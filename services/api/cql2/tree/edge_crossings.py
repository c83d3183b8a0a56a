"""How often the edges of written geometries meet one another, and how far they go to and fro.

What GEOS does for each meeting, and PostGIS for distances to what fills its extent, no time limit interrupts, so it is
refused beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from api.cql2.tree.ast import Geometry, GeometryCollection, Node, mistake
from api.cql2.tree.geometry import lines

MOST_MEETINGS = 50_000
"""In a relation to a feature so many take 5 ms, and 1,800,000 (a line of 4,000 random corners) take 200."""

LOOKED_AT = 200_000
"""Pairs of edges that are looked at, in about 20 ms. They are a sample where there are more."""

GOLDEN = (math.sqrt(5) - 1) / 2
"""Its multiples, without what stands before the point, lie evenly between 0 and 1, however many there are."""

MOST_TURNS = 100
"""Lengths of its extent that a geometry may have. A coast has 5 to 50, a zigzag one for each of its edges."""

Edges = NDArray[np.float64]
"""Rows of x and y of the start, and of the end."""


def check_meetings(*nodes: Node) -> None:
    """Raises: BadFilter for literals whose edges meet too often for a relation"""
    written = [node for node in nodes if isinstance(node, Geometry | GeometryCollection)]
    found = meetings(edges_of(*written)) if written else 0
    if found > MOST_MEETINGS:
        hint = f"they may {MOST_MEETINGS:,} times; S_INTERSECTS and S_DISJOINT take more of a single geometry"
        raise mistake(f"the edges of the geometry meet one another about {found:,} times", written[0].at, hint=hint)


def check_turns(node: Node) -> None:
    """Raises: BadFilter for a literal that goes to and fro too often for distances to it"""
    found = turns(edges_of(node)) if isinstance(node, Geometry | GeometryCollection) else 0
    if found > MOST_TURNS:
        hint = f"it may be {MOST_TURNS} times; a simpler geometry is as good"
        raise mistake(f"the geometry is {found:,.0f} times as long as its extent is wide", node.at, hint=hint)


def edges_of(*shapes: Geometry | GeometryCollection) -> Edges:
    """The edges of all lines and rings."""
    found = [np.hstack([line[:-1], line[1:]]) for shape in shapes for line in lines_of(shape)]
    return np.vstack(found) if found else np.empty((0, 4))


def lines_of(shape: Geometry | GeometryCollection) -> Iterator[Edges]:
    """The corners of each line and ring, without heights."""
    for part in shape.geometries if isinstance(shape, GeometryCollection) else (shape,):
        for line in lines(part.type, part.coordinates):
            yield np.array([corner[:2] for corner in line], dtype=np.float64)


@np.errstate(over="ignore", invalid="ignore")
def turns(edges: Edges) -> float:
    """How many times as long as the diagonal of their extent edges are together."""
    if not len(edges):
        return 0
    ends = edges.reshape(-1, 2)
    diagonal = math.hypot(*np.ptp(ends, axis=0))
    length = np.hypot(*(edges[:, 2:] - edges[:, :2]).T).sum()
    return float(length / diagonal) if diagonal else 0


@np.errstate(over="ignore", invalid="ignore")
def meetings(edges: Edges) -> int:
    """How many pairs of edges meet, but for neighbours; about, of more than LOOKED_AT pairs. 0 where few can.

    Each edge is compared with that so many places on, for some numbers of places, spread evenly.
    """
    count = len(edges)
    if count * count < 2 * MOST_MEETINGS:
        return 0
    apart = range(2, count // 2 + 1)
    number = min(len(apart), LOOKED_AT // count + 1)
    looked_at = {apart[int(len(apart) * (GOLDEN * step % 1))] for step in range(1, number + 1)}
    found = sum(int(meet(edges, np.roll(edges, places, axis=0)).sum()) for places in looked_at)
    return found * len(apart) // len(looked_at)


def meet(some: Edges, others: Edges) -> NDArray[Any]:
    """Whether edges have a point in common with others, row by row."""
    a, b, c, d = some[:, :2].T, some[:, 2:].T, others[:, :2].T, others[:, 2:].T
    boxes = (np.maximum(a, b) >= np.minimum(c, d)).all(axis=0) & (np.maximum(c, d) >= np.minimum(a, b)).all(axis=0)
    return boxes & (side(a, b, c) * side(a, b, d) <= 0) & (side(c, d, a) * side(c, d, b) <= 0)


def side(start: Edges, end: Edges, point: Edges) -> Edges:
    """On which side of a line a point lies: 1, -1, or 0 on it."""
    return np.sign((end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0]))
