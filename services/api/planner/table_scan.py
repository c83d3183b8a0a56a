"""Pages of a loaded table with more conditions than a box: in the order of the disk, as far as the planner's word for
the number of matches says that a page reaches, or from indexes, where those know the few matches.
"""

from __future__ import annotations

from math import ceil, inf
from typing import NamedTuple

from api.planner.block_ranges import Located, beyond, parts_of, place_of
from api.planner.matches_or_walk import COUNTED
from api.query.cursor import LAST_PAGE
from api.query.items import BY_PLANNER, Cursor, ItemsQuery, Part, Plan
from core.blocks import Blocks

COST_OF_PAGE, COST_OF_ROW = 1.0, 0.0125
"""What the planner reckons for a page that is read in its order, and for a look at one of its rows."""

COST_OF_SHAPE = 12.5
"""And for a look at its geometry."""

MARGIN = 2
"""How many times the rows that a page should need are looked at before its matches are looked for by an index."""

OF_NO_USE = 4
"""Where all matches cost as much as a look at this part of the table, no index finds them: the table is read."""

LEAST_PAGES, MOST_PAGES = 8, 512
"""Pages that are read and sorted at once on the way back: more from time to time."""


class Reckoned(NamedTuple):
    """What the planner expects: how many matches there are, and what reading all of them costs."""

    matches: int
    cost: float


def plan_along_disk(query: ItemsQuery, blocks: Blocks, located: Located | None, reckoned: Reckoned) -> Plan:
    """The way to a page in the order of the disk. `located`: where all matches are; None: anywhere."""
    if located is not None:
        return plan_among_blocks(query, located, reckoned)
    pages = blocks.pages * len(blocks.rows)
    most = rows_to_look_at(query, blocks.number, pages, reckoned)
    if most is None:
        return plan_by_index(query, reckoned)
    most_pages = pages if most >= blocks.number else ceil(most * pages / blocks.number)
    return Plan("blocks", parts=parts_from(query.cursor, most_pages, pages), is_sure=most_pages >= pages)


def plan_among_blocks(query: ItemsQuery, located: Located, reckoned: Reckoned) -> Plan:
    """The way to a page whose matches are in some blocks."""
    met, pages = located.met, located.blocks.pages
    most = rows_to_look_at(query, float(met.rows.sum()), pages * len(met.rows), reckoned)
    if most is None:
        return plan_by_index(query, reckoned)
    ahead = beyond(query.cursor, met, pages) if query.cursor else met
    some = ahead.some(slice(int(ahead.rows.cumsum().searchsorted(most)) + 1))
    return Plan("blocks", parts=parts_of(some, pages, query.cursor), is_sure=len(some.rows) == len(ahead.rows))


def plan_by_index(query: ItemsQuery, reckoned: Reckoned) -> Plan:
    """The way to a page of few matches, all of which are read."""
    counts = query.cursor is None and query.count != "none" and reckoned.matches <= COUNTED
    return BY_PLANNER if query.offset else Plan("matches", counts=counts)


def rows_to_look_at(query: ItemsQuery, rows: float, pages: float, reckoned: Reckoned) -> float | None:
    """How many of some rows on some pages are looked at for a page; None where an index had better find its matches."""
    cost_of_look = pages * COST_OF_PAGE / max(1.0, rows) + COST_OF_ROW
    if query.filter.traits.has_geometry:
        cost_of_look += COST_OF_SHAPE
    affordable = reckoned.cost / cost_of_look
    if affordable * OF_NO_USE >= rows:
        return inf
    wanted = (query.offset + query.limit + 1) * rows / max(1, reckoned.matches)
    return None if wanted > affordable else MARGIN * wanted


def parts_from(cursor: Cursor | None, most: int, pages: int) -> tuple[Part, ...]:
    """The parts of a table of so many pages that are at most so many pages behind a cursor, or before it."""
    if cursor is not None and cursor.direction == "prev":
        return parts_before(cursor, most)
    page, row = place_of(cursor) if cursor else (0, -1)
    last = LAST_PAGE if most >= pages else page + 1 + most
    return (Part(f"({page},{row + 1})", f"({last},0)", whole=True),)


def parts_before(cursor: Cursor, most: int) -> tuple[Part, ...]:
    """The parts before a cursor, the nearest first, as each is sorted."""
    page, row = place_of(cursor)
    end, size, first = f"({page},{row})", LEAST_PAGES, max(0, page - most)
    parts: list[Part] = []
    while page >= first and end != "(0,0)":
        page = max(0, page - size)
        parts.append(Part(f"({page},0)", end, whole=True))
        end, size = f"({page},0)", min(MOST_PAGES, 2 * size)
    return tuple(parts)
