"""Rows in the order of a walk to a page in its order, and the places where the walk goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.query import Cursor, Direction, ItemsQuery


@dataclass(frozen=True, slots=True)
class Page:
    """Features as GeoJSON texts, and the cursors of the pages after and before; None where there is no more."""

    features: tuple[str, ...]
    next: Cursor | None
    prev: Cursor | None


def cut_page(query: ItemsQuery, rows: Sequence[tuple[Any, ...]]) -> Page:
    """The page, from the rows of `select_page`: one too many when there is more in the direction of the walk."""
    more = len(rows) > query.limit
    kept = list(rows[: query.limit])
    if query.backwards:
        kept.reverse()
    if not kept:
        return Page((), None, None)
    has_next = more or query.backwards
    has_prev = more if query.backwards else query.cursor is not None or query.offset > 0
    return Page(
        tuple(row[0] for row in kept),
        place_of("next", query, kept[-1]) if has_next else None,
        place_of("prev", query, kept[0]) if has_prev else None,
    )


def place_of(direction: Direction, query: ItemsQuery, row: tuple[Any, ...]) -> Cursor:
    """The cursor that goes on from a row: its key and, at its end, the values that the query sorts by."""
    end = len(row) - len(query.sort)
    return Cursor(direction, tuple(row[1:end]), tuple(row[end:]))
