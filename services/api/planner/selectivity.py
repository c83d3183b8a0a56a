"""Where the features of a collection are, by a sample: the share of them in a bbox, without a query."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, isfinite

from api.planner import costs


@dataclass(frozen=True, slots=True)
class Selectivity:
    """A table of sums over a sample of features.

    columns, rows: the edges, ascending
    sums:          sums[i][j]: how many of the sample lie west of column edge i and south of row edge j
    features:      how many there are in all, as far as the sample tells
    """

    columns: tuple[float, ...]
    rows: tuple[float, ...]
    sums: tuple[tuple[int, ...], ...]
    features: float

    def share(self, west: float, south: float, east: float, north: float) -> float:
        """The share of the features whose middle lies in a box, from 0 to 1. Cost: some microseconds."""
        total = self.sums[-1][-1]
        if not total:
            return 0.0
        left, right = place(self.columns, west), place(self.columns, east)
        low, high = place(self.rows, south), place(self.rows, north)
        inside = self.below(right, high) - self.below(left, high) - self.below(right, low) + self.below(left, low)
        return min(1.0, max(0.0, inside / total))

    def reach(self, start: float, stop: float, south: float, north: float, features: float) -> float:
        """How far one has to go from a column to another, between two rows, to meet so many features; `stop` where
        there are fewer. Cost: some microseconds
        """
        low, high = place(self.rows, south), place(self.rows, north)
        near, far = place(self.columns, start), place(self.columns, stop)
        wanted = features / self.features * self.sums[-1][-1] if self.features else inf
        before, end = self.below(near, high) - self.below(near, low), far
        for _ in range(costs.REACH_HALVINGS):
            middle = (near + far) / 2
            if abs(self.below(middle, high) - self.below(middle, low) - before) < wanted:
                near = middle
            else:
                far = middle
        return stop if far == end else value_at(self.columns, far)

    def below(self, column: float, row: float) -> float:
        """The sum at a place between the edges, as if features lay evenly in each cell."""
        i, j = int(column), int(row)
        x, y = column - i, row - j
        this, after = self.sums[i], self.sums[min(i + 1, len(self.sums) - 1)]
        up = min(j + 1, len(this) - 1)
        return (this[j] * (1 - x) + after[j] * x) * (1 - y) + (this[up] * (1 - x) + after[up] * x) * y


def place(edges: Sequence[float], value: float) -> float:
    """Where a value lies among edges: 0 at the first, 1.5 half-way between the second and the third."""
    after = bisect_right(edges, value)
    if after == 0:
        return 0.0
    if after == len(edges):
        return len(edges) - 1.0
    low, high = edges[after - 1], edges[after]
    return after - 1 + (value - low) / (high - low)


def value_at(edges: Sequence[float], place: float) -> float:
    """The value that lies at a place among edges."""
    low = int(place)
    high = min(low + 1, len(edges) - 1)
    return edges[low] + (place - low) * (edges[high] - edges[low])


def make_selectivity(middles: Sequence[tuple[float, float]], features: float) -> Selectivity:
    """The table of a sample, given as the middles of its features. `features`: how many there are in all.

    A middle that is no place, such as that of a point at infinity, lies in no box.
    """
    middles = [(x, y) for x, y in middles if isfinite(x) and isfinite(y)]
    columns, rows = quantiles([x for x, _ in middles]), quantiles([y for _, y in middles])
    counts = [[0] * len(rows) for _ in columns]
    for x, y in middles:
        counts[min(bisect_right(columns, x), len(columns) - 1)][min(bisect_right(rows, y), len(rows) - 1)] += 1
    upwards = [list(accumulate(column)) for column in counts]
    sums = zip(*(accumulate(row) for row in zip(*upwards, strict=True)), strict=True)
    return Selectivity(columns, rows, tuple(sums), features)


def quantiles(values: list[float]) -> tuple[float, ...]:
    """Edges with about as many of the values between each two, and all values between the first and the last."""
    ordered = sorted(values) or [0.0]
    last = len(ordered) - 1
    edges = sorted({ordered[round(last * part / costs.SAMPLE_CELLS)] for part in range(costs.SAMPLE_CELLS + 1)})
    return tuple(edges) if len(edges) > 1 else (edges[0], edges[0] + 1.0)
