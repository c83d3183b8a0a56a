"""Pages and counts of boxes by the blocks of a loaded table: which parts of it are read is told without a query."""

from __future__ import annotations

from dataclasses import dataclass

from api.planner.matches_or_walk import sides
from api.query.cursor import LAST_PAGE
from api.query.filter_extent import areas_met
from api.query.items import BY_PLANNER, Cursor, Filter, GridBox, ItemsQuery, Part, Plan, halves, srid_of
from api.sql.features.block_ranges import select_blocks, select_points
from core.block_points import BlockPoints, make_points
from core.blocks import Blocks, Met, Sides, from_bytes
from core.catalog import Collection, remembered
from core.db import Database

POINTS_FOR_A_ROW, MOST_POINTS = 4, 200_000
"""So many points are looked up where a row would be read, and at most so many (4 ms)."""

FEW_PAGES, WORTH_READING = 2, 20
"""Matches are few when they fill so many pages: read by the index they are counted too. And where so many rows would be
looked at for each of them.
"""


@dataclass(frozen=True, slots=True)
class Located:
    """A box among the blocks of a collection: as areas in the numbers of those, two where it crosses 180 degrees.

    points: where points are in the blocks; None where nobody knows
    """

    blocks: Blocks
    areas: tuple[Sides, ...]
    points: BlockPoints | None = None

    @property
    def met(self) -> Met:
        """The blocks that may hold matches."""
        return self.blocks.meeting(self.areas)

    def count(self, met: Met, most_rows: float) -> tuple[int, Met]:
        """How many rows match, of those blocks for which that is known, and the others.

        met: the blocks of the box; most_rows: how many rows may be read for a count
        """
        edge = ~met.inside
        on_edge = int(met.rows @ edge)
        known = int(met.rows.sum()) - on_edge
        if self.points is None or not 0 < on_edge <= min(most_rows * POINTS_FOR_A_ROW, MOST_POINTS):
            return known, met.some(edge)
        places = edge.nonzero()[0]
        found, unsure = self.points.count(self.areas, met.places.take(places))
        return known + found, met.some(places[unsure])


def locate(database: Database, collection: Collection, filter: Filter) -> Located | None:
    """Where the box of a filter is among the blocks, or of a shape that all matches meet; None where they cannot tell.
    Cost: a query, once for a version
    """
    if not collection.has_blocks:
        return None
    if filter.box is None:
        areas = areas_met(filter.cql2, filter.cql2_crs) if filter.cql2_crs.srid == collection.srid else ()
        known = known_blocks(database, collection) if areas else None
        return known and Located(known[0], tuple(areas))
    known = known_blocks(database, collection)
    if known is None:
        return None
    stored, degrees = known
    if srid_of(filter.box) == collection.srid:
        points = remembered(collection, "points", lambda: (read_points(database, collection, stored),))[0]
        return Located(stored, tuple(map(sides, halves(filter.box))), points)
    if degrees is None or isinstance(filter.box, GridBox):
        return None
    return Located(degrees, tuple(map(sides, filter.box.halves())))


def known_blocks(database: Database, collection: Collection) -> tuple[Blocks, Blocks | None] | None:
    """What `read_blocks` finds. Cost: a query, once for a version"""
    return remembered(collection, "blocks", lambda: read_blocks(database, collection))


def read_blocks(database: Database, collection: Collection) -> tuple[Blocks, Blocks | None] | None:
    """The blocks with boxes in the table's CRS, and in CRS84 where that is another; None when they went meanwhile."""
    rows = database.run(select_blocks(collection), binary=True)
    if not rows:
        return None
    [(pages, stored, degrees)] = rows
    return from_bytes(pages, stored), None if degrees is None else from_bytes(pages, degrees)


def read_points(database: Database, collection: Collection, blocks: Blocks) -> BlockPoints | None:
    """Where the points of a collection are in their blocks; None where nobody knows. Cost: 10 ms a million"""
    rows = database.run(select_points(collection), binary=True) if collection.geometry_type == "Point" else []
    return make_points(blocks, rows[0][0]) if rows and rows[0][0] else None


def plan_in_blocks(query: ItemsQuery, located: Located, most_counted: float = 0) -> Plan:
    """The way to a page of a box alone, in the order of the disk: by blocks, or by an index, which knows few matches.

    most_counted: how many rows may be looked at to count the matches of the first page; below 0: they are not counted
    """
    met, pages = located.met, located.blocks.pages
    counts = query.cursor is None and query.count != "none"
    known, rest = located.count(met, most_counted) if counts and most_counted >= 0 else (0, None)
    matched = known if rest is not None and not len(rest.rows) else None
    if are_few(met, query, matched):
        return BY_PLANNER if query.offset else Plan("matches", counts=counts and matched is None, matched=matched)
    parts = parts_of(wanted(query, met, pages), pages, query.cursor)
    if rest is None or matched is not None or rest.rows.sum() > most_counted:
        return Plan("blocks", parts=parts, matched=matched)
    return Plan("blocks", parts=parts, counts=True, edge=parts_of(rest, pages), inside=known)


def wanted(query: ItemsQuery, met: Met, pages: int) -> Met:
    """The blocks that fill a page for certain. Of the block where the cursor is, rows may be behind it."""
    met = beyond(query.cursor, met, pages) if query.cursor else met
    enough = query.limit + 1 + query.offset + (int(met.rows[:1].sum()) if query.cursor else 0)
    return met.some(slice(int((met.rows * met.inside).cumsum().searchsorted(enough)) + 1))


def beyond(cursor: Cursor, met: Met, pages: int) -> Met:
    """The blocks from that of a cursor on, in its direction."""
    block = place_of(cursor)[0] // pages
    if cursor.direction == "prev":
        return met.some(met.places <= block).some(slice(None, None, -1))
    return met.some(met.places >= block)


def are_few(met: Met, query: ItemsQuery, matched: int | None = None) -> bool:
    """Whether an index had better look for the matches: a page holds most of them, or they are far between.

    matched: how many there are; None where that is reckoned by what the box covers
    """
    few, rows = FEW_PAGES * (query.limit + 1), float(met.rows.sum())
    known = float(met.rows @ met.inside) if matched is None else matched
    if known > few and rows <= WORTH_READING * known:
        return False
    expected = float(met.expected.sum()) if matched is None else matched
    return expected <= few or rows > WORTH_READING * expected


def place_of(cursor: Cursor) -> tuple[int, int]:
    """The page and the row in it that a cursor names as `(page,row)`."""
    page, row = str(cursor.key[0]).strip("()").split(",")
    return int(page), int(row)


def parts_of(met: Met, pages: int, cursor: Cursor | None = None) -> tuple[Part, ...]:
    """The parts of the table that blocks are, without the rows that the cursor has behind it. Neighbours are one part,
    but not on the way back, where each is sorted.
    """
    first, last = (0, 0), (LAST_PAGE, 0)
    backwards = cursor is not None and cursor.direction == "prev"
    if cursor is not None:
        page, row = place_of(cursor)
        first, last = (first, (page, row)) if backwards else ((page, row + 1), last)
    parts: list[Part] = []
    for begin, end, inside in runs(met, joined=not backwards):
        least, most = max((begin * pages, 0), first), min((end * pages, 0), last)
        parts.append(Part(f"({least[0]},{least[1]})", f"({most[0]},{most[1]})", inside))
    return tuple(parts)


def runs(met: Met, *, joined: bool) -> list[tuple[int, int, bool]]:
    """(first block, the one after the last, whether all are in the area) of blocks one after the other on the disk."""
    found: list[tuple[int, int, bool]] = []
    for place, inside in zip(met.places.tolist(), met.inside.tolist(), strict=True):
        if joined and found and found[-1][1:] == (place, inside):
            found[-1] = (found[-1][0], place + 1, inside)
        else:
            found.append((place, place + 1, inside))
    return found
