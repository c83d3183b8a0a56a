"""Rows in the order of a walk to a page in its order, and the places where the walk goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from api.query.items import Cursor, Direction, FeatureKey, ItemsQuery
from core.catalog import FID, Key

Row = tuple[Any, ...]
"""A row of `select_page`: the feature's text, its key, and at the end the values that the query sorts by."""


@dataclass(frozen=True, slots=True)
class Page:
    """Features as GeoJSON texts, and the cursors of the pages after and before; None where there is no more."""

    features: tuple[str, ...]
    next: Cursor | None
    prev: Cursor | None
    matched: int | None = None
    """The number of all matches, where it was found on the way."""
    joined: int | None = None
    """How many features there are, where `features` does not hold them."""
    text: bytes | None = None
    """These features with commas between them, where PostgreSQL joined them."""
    is_heavy: bool = False
    """Whether it is larger than was asked for: its features are left to `stream_page`, or simplified."""

    @property
    def number(self) -> int:
        """How many features there are."""
        return len(self.features) if self.joined is None else self.joined

    def as_text(self) -> Page:
        """The same with the features as one text."""
        if self.text is not None:
            return self
        text = ",".join(self.features).encode()
        return Page((), self.next, self.prev, self.matched, self.number, text, self.is_heavy)


def cut_page(query: ItemsQuery, rows: Sequence[Row], key: Key = FID, matched: int | None = None) -> Page:
    """The page, from the rows of `select_page`: one too many when there is more in the direction of the walk."""
    more = len(rows) > query.limit
    fetched = list(rows[: query.limit])
    if not fetched:
        return Page((), None, None, matched)
    on, back = (counted_places if query.is_counted(key) else places)(query, rows, key)
    kept, next, prev = (fetched[::-1], back, on) if query.backwards else (fetched, on, back)
    has_next = more or query.backwards
    has_prev = more if query.backwards else query.cursor is not None or query.offset > 0
    features = tuple([row[0] for row in kept])
    return Page(features, next if has_next else None, prev if has_prev else None, matched)


def counted_places(query: ItemsQuery, rows: Sequence[Row], _: Key) -> tuple[Cursor, Cursor]:
    """The places after and before a page of a walk whose places are numbers of rows."""
    end = query.offset + min(len(rows), query.limit)
    return Cursor("next", (), skip=end), Cursor("prev", (), skip=query.offset)


def places(query: ItemsQuery, rows: Sequence[Row], key: Key) -> tuple[Cursor | None, Cursor | None]:
    """The places where the walk goes on in the direction of the query, and back; None where that cannot be told."""
    fetched = rows[: query.limit]
    on, back = ("prev", "next") if query.backwards else ("next", "prev")
    if key.unique:
        return place_of(on, query, fetched[-1]), place_of(back, query, fetched[0])
    return tied_on(on, query, fetched), tied_back(back, query, rows)


def tied_on(direction: Direction, query: ItemsQuery, fetched: Sequence[Row]) -> Cursor | None:
    """The place after the last row. Rows with its key that were met are counted, those of the page before too."""
    last = key_of(query, fetched[-1])
    met = len(list(takewhile(lambda row: key_of(query, row) == last, reversed(fetched))))
    if met == len(fetched) and query.offset:
        if query.cursor is None:
            return Cursor(direction, (), skip=query.offset + met)
        met += query.offset if query.cursor.key == last else 0
    return Cursor(direction, last, skip=met)


def tied_back(direction: Direction, query: ItemsQuery, rows: Sequence[Row]) -> Cursor | None:
    """The place before the first row, if all rows with its key are seen: they are skipped on the way back."""
    first = key_of(query, rows[0])
    met = len(list(takewhile(lambda row: key_of(query, row) == first, rows)))
    return Cursor(direction, first, skip=met) if met <= query.limit else None


def place_of(direction: Direction, query: ItemsQuery, row: Row) -> Cursor:
    """The place of a row."""
    return Cursor(direction, key_of(query, row), tuple(row[len(row) - len(query.sort) :]))


def key_of(query: ItemsQuery, row: Row) -> FeatureKey:
    """The key of a row."""
    return tuple(row[1 : len(row) - len(query.sort)])
