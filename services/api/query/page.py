"""A page of features, cut from the rows that a plan found, and the places where the walk goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from api.query.items import Cursor, Direction, FeatureKey, ItemsQuery
from core.catalog import FID, Key
from core.prepared import TextRows

Place = tuple[Any, ...]
"""The columns of `select_page` behind a feature's text: its key, then the values that the query sorts by."""


@dataclass(frozen=True, slots=True)
class Page:
    """Features as GeoJSON texts, and the cursors of the pages after and before; None where there is no more."""

    features: tuple[bytes, ...]
    next: Cursor | None
    prev: Cursor | None
    matched: int | None = None
    """The number of all matches, where it was found on the way."""
    streamed: int | None = None
    """How many features there are, where they are left to a stream."""
    is_heavy: bool = False
    """Whether it is larger than was asked for: its features are left to a stream, or simplified."""

    @property
    def number(self) -> int:
        """How many features there are."""
        return len(self.features) if self.streamed is None else self.streamed

    @property
    def text(self) -> bytes:
        """The features with commas between them."""
        return b",".join(self.features)


def cut_page(query: ItemsQuery, rows: TextRows, key: Key = FID, matched: int | None = None) -> Page:
    """The page, from the rows of `select_page`: one too many when there is more in the direction of the walk."""
    more = len(rows.texts) > query.limit
    fetched = rows.texts[: query.limit]
    if not fetched:
        return Page((), None, None, matched)
    on, back = (counted_places if query.is_counted(key) else places)(query, rows, key)
    if query.backwards:
        fetched, on, back = fetched[::-1], back, on
    has_next = more or query.backwards
    has_prev = more if query.backwards else query.cursor is not None or query.offset > 0
    return Page(tuple(fetched), on if has_next else None, back if has_prev else None, matched)


def counted_places(query: ItemsQuery, rows: TextRows, _: Key) -> tuple[Cursor, Cursor]:
    """The places after and before a page of a walk whose places are numbers of rows."""
    end = query.offset + min(len(rows.texts), query.limit)
    return Cursor("next", (), skip=end), Cursor("prev", (), skip=query.offset)


def places(query: ItemsQuery, rows: TextRows, key: Key) -> tuple[Cursor | None, Cursor | None]:
    """The places where the walk goes on in the direction of the query, and back; None where that cannot be told."""
    last = min(len(rows.texts), query.limit) - 1
    on, back = ("prev", "next") if query.backwards else ("next", "prev")
    if key.unique:
        return place_of(on, query, key, rows.others[last]), place_of(back, query, key, rows.others[0])
    return tied_on(on, query, key, rows.others[: last + 1]), tied_back(back, query, key, rows.others[:])


def tied_on(direction: Direction, query: ItemsQuery, key: Key, fetched: Sequence[Place]) -> Cursor | None:
    """The place after the last row. Rows with its key that were met are counted, those of the page before too."""
    last = key_of(key, fetched[-1])
    met = len(list(takewhile(lambda row: key_of(key, row) == last, reversed(fetched))))
    if met == len(fetched) and query.offset:
        if query.cursor is None:
            return Cursor(direction, (), skip=query.offset + met)
        met += query.offset if query.cursor.key == last else 0
    return Cursor(direction, last, skip=met)


def tied_back(direction: Direction, query: ItemsQuery, key: Key, rows: Sequence[Place]) -> Cursor | None:
    """The place before the first row, if all rows with its key are seen: they are skipped on the way back."""
    first = key_of(key, rows[0])
    met = len(list(takewhile(lambda row: key_of(key, row) == first, rows)))
    return Cursor(direction, first, skip=met) if met <= query.limit else None


def place_of(direction: Direction, query: ItemsQuery, key: Key, row: Place) -> Cursor:
    """The place of a row."""
    return Cursor(direction, key_of(key, row), tuple(row[len(key.parts) : len(key.parts) + len(query.sort)]))


def key_of(key: Key, row: Place) -> FeatureKey:
    """The key of a row."""
    return tuple(row[: len(key.parts)])
