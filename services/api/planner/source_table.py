"""Plans for a table of somebody else's: pages of a bbox by strips of it, of which some parts are looked through.

Others may move their rows, so the heap has no order that holds. A sample of the table tells where its features are, and
so how far to go in a strip for as many as a page has, without a query; the index of boxes finds them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from math import inf, isfinite, nextafter
from typing import Any

import psycopg

from api.planner import costs
from api.planner.loaded_table import Estimates, plan_by_index
from api.query.items import GridBox, ItemsQuery, halves, sides
from api.query.page_order import STRIPS, bbox_of, can_be_projected, goes_by_strips, is_native
from api.query.plan import BY_POSTGRESQL, Estimate, Plan, StripRange
from api.sql.features.bbox_strips import select_projected_bbox
from api.sql.features.pages import select_sample, select_size
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.catalog.heap_blocks import Sides
from core.database.connections import Database

selectivities: CollectionCache[None, Selectivity] = CollectionCache()
"""Where the features of a collection are, as far as a sample tells."""

projected_bboxes: CollectionCache[BBox | GridBox, GridBox | None] = CollectionCache(capacity=1000)
"""The bboxes that were asked for in the numbers of the table: a walk asks for the same one on each page."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table or a view of somebody else's, or a loaded table without blocks."""

    database: Database
    counts: Estimates
    collection: Collection

    def plan_in_own_order(self, query: ItemsQuery) -> Plan | None:
        """The plan for a page in the order of strips; None for another order."""
        if not goes_by_strips(self.collection, query.filter, query.cursor):
            return None
        box = bbox_of(query.filter)
        projected = self.project(box)
        if projected is None:
            return BY_POSTGRESQL
        estimate = None if query.filter.is_box_alone else self.counts.estimate(self.collection, query.filter)
        plan = plan_in_strips(query, sides(projected), self.selectivity(), estimate)
        return plan if projected is box or not isinstance(projected, GridBox) else replace(plan, projected=projected)

    def expect(self, query: ItemsQuery) -> tuple[float, float] | None:
        """The share of the rows that is in the bbox of a query, and how many rows there are; None: nobody knows."""
        box, source = query.filter.box, self.collection.source
        if box is None or (source is not None and source.sampled is None):
            return None
        projected = self.project(box) if can_be_projected(self.collection, box) else None
        if projected is None:
            return None
        known = self.selectivity()
        return sum(known.share(*sides(half)) for half in halves(projected)), known.features

    def project(self, box: BBox | GridBox | None) -> BBox | GridBox | None:
        """The bbox in the numbers of the table: itself, or the one around its image; None where it has no image there.
        Cost: a query, unless it is cached
        """
        if box is None or is_native(self.collection, box):
            return box

        def ask() -> GridBox | None:
            [numbers] = self.database.run(select_projected_bbox(self.collection, box), one_plan=True)
            return None if self.collection.srid is None or None in numbers else GridBox(self.collection.srid, *numbers)

        return projected_bboxes.get(self.collection, box, ask)

    def selectivity(self) -> Selectivity:
        """Where the features are. Cost: a sample of the table, once for each version in each worker"""

        def sample() -> Selectivity:
            [(pages,)] = self.database.run(select_size(self.collection))
            share = sampled_share(pages)
            middles, counted = self.read_sample(100 * share), self.collection.row_count
            return make_selectivity(middles, len(middles) / share if counted is None else counted)

        return selectivities.get(self.collection, None, sample)

    def read_sample(self, percent: float) -> list[tuple[Any, ...]]:
        """The middles of some features. None where they are those of a table behind a view that may not be read any
        more: who may read the view need not be asked for more.
        """
        try:
            return self.database.run(select_sample(self.collection, percent))
        except psycopg.errors.InsufficientPrivilege:
            if self.collection.source is None or self.collection.source.like is None:
                raise
            return []


def sampled_share(pages: int) -> float:
    """Which share of so many heap pages is read as a sample."""
    return min(1.0, costs.SAMPLE_PAGES / max(1, pages))


def plan_in_strips(query: ItemsQuery, area: Sides, known: Selectivity, estimate: Estimate | None = None) -> Plan:
    """The plan for a page of a bbox.

    area: the bbox, or what is around it, in the numbers of the table; known: where features are, in these; estimate:
    of all conditions, where there are more than the bbox
    """
    in_box = known.features * known.share(*area)
    matches, cost = (in_box, inf) if estimate is None else estimate
    search = Search(query, known, area, max(1.0, in_box / max(1, matches)), is_bounded=estimate is not None)
    are_many = matches > max(costs.FEW_MATCHES, costs.FEW_STRIP_PAGES * search.wanted)
    if are_many and search.ample * costs.LOOK_COST < cost:
        strips = tuple(search.ranges())
        return Plan("bbox_strips", strips=strips, is_sure=search.is_whole(strips))
    if estimate is not None:
        return plan_by_index(query, estimate)
    if query.offset:
        return BY_POSTGRESQL
    return Plan("matches", counts=query.cursor is None and query.count in ("auto", "exact"))


@dataclass(frozen=True, slots=True)
class Search:
    """For the features of a page in the area of a bbox.

    looks:      how many rows are looked at for a match
    is_bounded: whether it ends where a page should be full: how conditions lie on the map is not known
    """

    query: ItemsQuery
    known: Selectivity
    area: Sides
    looks: float = 1.0
    is_bounded: bool = False

    @property
    def wanted(self) -> int:
        """How many features have to be found."""
        return self.query.limit + 1 + self.query.offset

    @property
    def ample(self) -> float:
        """How many rows the first range should hold."""
        return (costs.AMPLE * self.wanted + costs.SPARE) * self.looks

    def expected(self, area: Sides) -> float:
        """How many features lie in an area, as far as is known."""
        return self.known.features * self.known.share(*area)

    def ranges(self) -> Iterator[StripRange]:
        """The ranges from the cursor's place on, in its direction. What lies behind ample ones is whole strips."""
        missing = costs.FURTHER * self.ample
        for strip, begin, end in self.strips():
            piece = self.piece(strip, begin, end)
            number = self.expected(piece[3:]) if missing > 0 else 0
            if self.is_bounded and (missing <= 0 or number > self.ample):
                yield from islice(self.cut(piece), 2 if missing > 0 else 0)
                return
            yield from self.cut(piece) if number > self.ample else (piece,)
            missing -= number

    def is_whole(self, ranges: Sequence[StripRange]) -> bool:
        """Whether nothing lies behind some ranges."""
        last = ranges[-1]
        if self.query.backwards:
            return (last.strip, last.begin) == (1, -inf)
        return last.strip >= STRIPS and last.end == inf

    def strips(self) -> Iterator[tuple[int, float, float]]:
        """The strips from the cursor's place on: number, and from which easting on to before which."""
        cursor = self.query.cursor
        if cursor is None:
            yield from ((strip, -inf, inf) for strip in range(1, STRIPS + 1))
            return
        place, west = int(cursor.key[0]), float(cursor.key[1])
        if self.query.backwards:
            yield place, -inf, nextafter(west, inf)
            yield from ((strip, -inf, inf) for strip in range(min(place, STRIPS + 1) - 1, 0, -1))
        else:
            yield place, west, inf
            yield from ((strip, -inf, inf) for strip in range(max(place, 0) + 1, STRIPS + 1))

    def piece(self, strip: int, begin: float, end: float) -> StripRange:
        """A range of a strip."""
        west, south, east, north = self.area
        height = (north - south) / STRIPS
        low, high = south + (strip - 1) * height, south + strip * height
        return StripRange(strip, begin, end, max(begin, west), low, min(end, east), high)

    def cut(self, piece: StripRange) -> Iterator[StripRange]:
        """A range in three: one that should hold ample features, one that holds more, and the rest."""
        start, stop = (piece.east, piece.west) if self.query.backwards else (piece.west, piece.east)
        near = self.reach(piece, start, stop, self.ample)
        far = self.reach(piece, near, stop, costs.FURTHER * self.ample)
        if self.query.backwards:
            edges = (near, piece.end), (far, near), (piece.begin, far)
        else:
            edges = (piece.begin, near), (near, far), (far, piece.end)
        yield from (self.piece(piece.strip, begin, end) for begin, end in edges)

    def reach(self, piece: StripRange, start: float, stop: float, features: float) -> float:
        """How far one has to go in a strip from an easting towards another to meet so many features."""
        return self.known.reach(start, stop, piece.south, piece.north, features)


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
