"""Plans for a table that the loader wrote, in the order of its heap: which ranges of it are read is known without a
query.

Neighbours are together there, and the catalogue has a bbox for each block of some heap pages (`core/catalog`).
So the blocks that a bbox meets are known, how many rows to expect in each, and of points how many match. With
conditions that blocks say nothing of, PostgreSQL's estimate tells how far a page reaches, and whether an index had
better find the few matches.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import Protocol

from api.planner import costs
from api.query.items import Cursor, Filter, GridBox, ItemsQuery, halves, sides, srid_of
from api.query.page import LAST_PAGE
from api.query.page_order import extents_of, is_native, order_key
from api.query.plan import BY_POSTGRESQL, CtidRange, Estimate, Plan
from api.sql.features.pages import select_blocks, select_points
from core.cache import CollectionCache
from core.catalog.collections import HEAP_ORDER, Collection
from core.catalog.heap_blocks import BlockPoints, Blocks, Hits, Sides, from_bytes, make_points
from core.database.connections import Database

blocks_of: CollectionCache[None, tuple[Blocks, Blocks | None] | None] = CollectionCache()
"""The blocks of a collection's table."""

points_of: CollectionCache[None, tuple[BlockPoints | None]] = CollectionCache()
"""Where its points are in them, if anybody knows."""


@dataclass(frozen=True, slots=True)
class BoxInBlocks:
    """A bbox among the blocks of a table: as areas in the numbers of those, two where it crosses 180 degrees.

    points: where points are in the blocks; None where nobody knows
    """

    blocks: Blocks
    areas: tuple[Sides, ...]
    points: BlockPoints | None = None

    @property
    def hits(self) -> Hits:
        """The blocks that may hold matches."""
        return self.blocks.meeting(self.areas)

    def count(self, hits: Hits, most_rows: float) -> tuple[int, Hits]:
        """How many rows match, of those blocks for which that is known, and the others.

        hits: the blocks of the bbox; most_rows: how many rows may be read for a count
        """
        edge = ~hits.inside
        on_edge = int(hits.rows @ edge)
        known = int(hits.rows.sum()) - on_edge
        most_points = min(most_rows * costs.POINTS_FOR_A_ROW, costs.MOST_POINTS)
        if self.points is None or not 0 < on_edge <= most_points:
            return known, hits.some(edge)
        places = edge.nonzero()[0]
        found, unsure = self.points.count(self.areas, hits.places.take(places))
        return known + found, hits.some(places[unsure])


class Estimates(Protocol):
    """What plans are made with beside the table: `planner/counts.py`."""

    def estimate(self, collection: Collection, filter: Filter) -> Estimate:
        """What PostgreSQL's planner expects of a filter."""
        ...

    def most_rows(self, collection: Collection, query: ItemsQuery) -> float:
        """How many rows may be looked at to count the matches of a page."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """A loaded table with blocks."""

    database: Database
    counts: Estimates
    collection: Collection

    def plan_in_own_order(self, query: ItemsQuery) -> Plan | None:
        """The plan for a page in the order of the heap; None for another order."""
        if order_key(self.collection, query.filter, query.sort, query.cursor) != HEAP_ORDER:
            return None
        box = find_box(self.database, self.collection, query.filter)
        if query.filter.is_box_alone:
            return plan_box(query, box, self.counts.most_rows(self.collection, query)) if box else BY_POSTGRESQL
        blocks = read_blocks(self.database, self.collection)
        if blocks is None:
            return BY_POSTGRESQL
        return plan_conditions(query, blocks[0], box, self.counts.estimate(self.collection, query.filter))

    def expect(self, query: ItemsQuery) -> tuple[float, float] | None:
        """The share of the rows that is in the bbox of a query, and how many rows there are; None: nobody knows."""
        if query.filter.box is None or not is_native(self.collection, query.filter.box):
            return None
        box = find_box(self.database, self.collection, query.filter)
        if box is None or not self.collection.row_count:
            return None
        return float(box.hits.expected.sum()) / self.collection.row_count, self.collection.row_count


def find_box(database: Database, collection: Collection, filter: Filter) -> BoxInBlocks | None:
    """Where the bbox of a filter is among the blocks, or of a shape that all matches meet; None where they cannot tell.
    Cost: a query, once for a version
    """
    if not collection.has_blocks:
        return None
    if filter.box is None:
        areas = extents_of(filter.cql2, filter.cql2_crs) if filter.cql2_crs.srid == collection.srid else ()
        known = read_blocks(database, collection) if areas else None
        return known and BoxInBlocks(known[0], tuple(areas))
    known = read_blocks(database, collection)
    if known is None:
        return None
    stored, degrees = known
    if srid_of(filter.box) == collection.srid:
        points = points_of.get(collection, None, lambda: (read_points(database, collection, stored),))[0]
        return BoxInBlocks(stored, tuple(map(sides, halves(filter.box))), points)
    if degrees is None or isinstance(filter.box, GridBox):
        return None
    return BoxInBlocks(degrees, tuple(map(sides, filter.box.halves())))


def read_blocks(database: Database, collection: Collection) -> tuple[Blocks, Blocks | None] | None:
    """The blocks with bboxes in the table's CRS, and in CRS84 where that is another; None when they went meanwhile.
    Cost: a query, once for a version
    """

    def read() -> tuple[Blocks, Blocks | None] | None:
        rows = database.run(select_blocks(collection), binary=True)
        if not rows:
            return None
        [(pages, stored, degrees)] = rows
        return from_bytes(pages, stored), None if degrees is None else from_bytes(pages, degrees)

    return blocks_of.get(collection, None, read)


def read_points(database: Database, collection: Collection, blocks: Blocks) -> BlockPoints | None:
    """Where the points of a collection are in their blocks; None where nobody knows. Cost: 10 ms a million"""
    rows = database.run(select_points(collection), binary=True) if collection.geometry_type == "Point" else []
    return make_points(blocks, rows[0][0]) if rows and rows[0][0] else None


def plan_box(query: ItemsQuery, box: BoxInBlocks, most_counted: float = 0) -> Plan:
    """The plan for a page of a bbox alone: by blocks, or by an index, which finds few matches.

    most_counted: how many rows may be looked at to count the matches of the first page; below 0: they are not counted
    """
    hits, pages = box.hits, box.blocks.pages
    counts = query.cursor is None and query.count != "none"
    known, rest = box.count(hits, most_counted) if counts and most_counted >= 0 else (0, None)
    matched = known if rest is not None and not len(rest.rows) else None
    if are_few(hits, query, matched):
        return BY_POSTGRESQL if query.offset else Plan("matches", counts=counts and matched is None, matched=matched)
    ranges = ranges_of(enough(query, hits, pages), pages, query.cursor)
    if rest is None or matched is not None or rest.rows.sum() > most_counted:
        return Plan("ctid_ranges", ranges=ranges, matched=matched)
    return Plan("ctid_ranges", ranges=ranges, counts=True, edge=ranges_of(rest, pages), inside=known)


def plan_conditions(query: ItemsQuery, blocks: Blocks, box: BoxInBlocks | None, estimate: Estimate) -> Plan:
    """The plan for a page with more conditions than a bbox. `box`: where all matches are; None: anywhere"""
    if box is not None:
        return plan_conditions_in_box(query, box, estimate)
    pages = blocks.pages * len(blocks.rows)
    most = rows_to_look_at(query, blocks.number, pages, estimate)
    if most is None:
        return plan_by_index(query, estimate)
    most_pages = pages if most >= blocks.number else ceil(most * pages / blocks.number)
    return Plan("ctid_ranges", ranges=ranges_from(query.cursor, most_pages, pages), is_sure=most_pages >= pages)


def plan_conditions_in_box(query: ItemsQuery, box: BoxInBlocks, estimate: Estimate) -> Plan:
    """The plan for a page whose matches are in some blocks."""
    hits, pages = box.hits, box.blocks.pages
    most = rows_to_look_at(query, float(hits.rows.sum()), pages * len(hits.rows), estimate)
    if most is None:
        return plan_by_index(query, estimate)
    ahead = beyond(query.cursor, hits, pages) if query.cursor else hits
    some = ahead.some(slice(int(ahead.rows.cumsum().searchsorted(most)) + 1))
    ranges = ranges_of(some, pages, query.cursor)
    return Plan("ctid_ranges", ranges=ranges, is_sure=len(some.rows) == len(ahead.rows))


def plan_by_index(query: ItemsQuery, estimate: Estimate) -> Plan:
    """The plan for a page of few matches, all of which are read."""
    counts = query.cursor is None and query.count != "none" and estimate.matches <= costs.MOST_COUNTED
    return BY_POSTGRESQL if query.offset else Plan("matches", counts=counts)


def rows_to_look_at(query: ItemsQuery, rows: float, pages: float, estimate: Estimate) -> float | None:
    """How many of some rows on some heap pages are looked at for a page; None where an index is better."""
    look_cost = pages * costs.PAGE_COST / max(1.0, rows) + costs.ROW_COST
    if query.filter.traits.has_geometry:
        look_cost += costs.SHAPE_COST
    affordable = estimate.cost / look_cost
    if affordable * costs.NO_INDEX_HELPS >= rows:
        return inf
    wanted = (query.offset + query.limit + 1) * rows / max(1, estimate.matches)
    return None if wanted > affordable else costs.SCAN_MARGIN * wanted


def enough(query: ItemsQuery, hits: Hits, pages: int) -> Hits:
    """The blocks that fill a page for certain. Of the block where the cursor is, rows may be behind it."""
    hits = beyond(query.cursor, hits, pages) if query.cursor else hits
    wanted = query.limit + 1 + query.offset + (int(hits.rows[:1].sum()) if query.cursor else 0)
    return hits.some(slice(int((hits.rows * hits.inside).cumsum().searchsorted(wanted)) + 1))


def beyond(cursor: Cursor, hits: Hits, pages: int) -> Hits:
    """The blocks from that of a cursor on, in its direction."""
    block = ctid_of(cursor)[0] // pages
    if cursor.direction == "prev":
        return hits.some(hits.places <= block).some(slice(None, None, -1))
    return hits.some(hits.places >= block)


def are_few(hits: Hits, query: ItemsQuery, matched: int | None = None) -> bool:
    """Whether an index had better look for the matches: a page holds most of them, or they are far between.

    matched: how many there are; None where that is estimated by what the bbox covers
    """
    few, rows = costs.FEW_PAGES * (query.limit + 1), float(hits.rows.sum())
    known = float(hits.rows @ hits.inside) if matched is None else matched
    if known > few and rows <= costs.MOST_LOOKED_AT * known:
        return False
    expected = float(hits.expected.sum()) if matched is None else matched
    return expected <= few or rows > costs.MOST_LOOKED_AT * expected


def ctid_of(cursor: Cursor) -> tuple[int, int]:
    """The heap page, and the row in it, that a cursor names as `(page,row)`."""
    page, row = str(cursor.key[0]).strip("()").split(",")
    return int(page), int(row)


def ranges_of(hits: Hits, pages: int, cursor: Cursor | None = None) -> tuple[CtidRange, ...]:
    """The ranges that blocks are, without the rows that the cursor has behind it. Neighbours are one range, but not on
    the way back, where each is sorted.
    """
    first, last = (0, 0), (LAST_PAGE, 0)
    backwards = cursor is not None and cursor.direction == "prev"
    if cursor is not None:
        page, row = ctid_of(cursor)
        first, last = (first, (page, row)) if backwards else ((page, row + 1), last)
    ranges: list[CtidRange] = []
    for begin, end, inside in runs_of(hits, joined=not backwards):
        least, most = max((begin * pages, 0), first), min((end * pages, 0), last)
        ranges.append(CtidRange(f"({least[0]},{least[1]})", f"({most[0]},{most[1]})", inside))
    return tuple(ranges)


def runs_of(hits: Hits, *, joined: bool) -> list[tuple[int, int, bool]]:
    """(first block, the one after the last, whether all are in the area) of blocks one after the other in the heap."""
    found: list[tuple[int, int, bool]] = []
    for block, inside in zip(hits.places.tolist(), hits.inside.tolist(), strict=True):
        if joined and found and found[-1][1:] == (block, inside):
            found[-1] = (found[-1][0], block + 1, inside)
        else:
            found.append((block, block + 1, inside))
    return found


def ranges_from(cursor: Cursor | None, most: int, pages: int) -> tuple[CtidRange, ...]:
    """The ranges of a table of so many heap pages that are at most so many pages behind a cursor, or before it."""
    if cursor is not None and cursor.direction == "prev":
        return ranges_before(cursor, most)
    page, row = ctid_of(cursor) if cursor else (0, -1)
    last = LAST_PAGE if most >= pages else page + 1 + most
    return (CtidRange(f"({page},{row + 1})", f"({last},0)", is_inside=True),)


def ranges_before(cursor: Cursor, most: int) -> tuple[CtidRange, ...]:
    """The ranges before a cursor, the nearest first, as each is sorted."""
    page, row = ctid_of(cursor)
    end, size, first = f"({page},{row})", costs.LEAST_PAGES_BACK, max(0, page - most)
    ranges: list[CtidRange] = []
    while page >= first and end != "(0,0)":
        page = max(0, page - size)
        ranges.append(CtidRange(f"({page},0)", end, is_inside=True))
        end, size = f"({page},0)", min(costs.MOST_PAGES_BACK, 2 * size)
    return tuple(ranges)
