"""A page of features, cut from the rows that a plan found, and the cursors with which the walk goes on.

A cursor is a text, opaque to the client, bound to the filter, the order and the version of the data. What it holds is
public, so it is checked and not signed: a made-up one can only ask for another page.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, cast

from api.cql2.tree.literals import check_text
from api.query.items import Cursor, Direction, FeatureKey, Filter, ItemsQuery, SortKey, digest
from api.query.page_order import bounds, order_key
from core.catalog.collections import FID, Collection, Key, KeyPart
from core.database.statement import TextRows
from core.errors import BadCursor

HINT = "begin again with the first page: leave `cursor` out"
LARGEST_INTEGER = 2**63 - 1
MOST_SKIPPED = 10**12
compact = json.JSONEncoder(separators=(",", ":")).encode
PLACE_TEXT = re.compile(r"\(([0-9]{1,10}),([0-9]{1,5})\)")
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-][0-9]{1,3})?")
LAST_PAGE, LAST_ROW = 2**32 - 2, 2**16 - 2

Place = tuple[Any, ...]
"""The columns of `select_page` behind a feature's text: its key, then the values that the query sorts by."""


@dataclass(frozen=True, slots=True)
class Page:
    """Features as GeoJSON texts, and the cursors of the pages after and before; None where there is no more."""

    features: tuple[bytes, ...]
    next: Cursor | None
    prev: Cursor | None
    matched: int | None = None
    """The number of all matches, where the rows tell it."""
    streamed: int | None = None
    """How many features there are, where they are left to a stream."""
    is_heavy: bool = False
    """Whether it is larger than a worker holds: its features are left to a stream, or simplified."""

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
    """The places where the walk goes on in the direction of the query, and back; None where nobody knows."""
    last = min(len(rows.texts), query.limit) - 1
    on, back = ("prev", "next") if query.backwards else ("next", "prev")
    if key.unique:
        return place_of(on, query, key, rows.others[last]), place_of(back, query, key, rows.others[0])
    return tied_on(on, query, key, rows.others[: last + 1]), tied_back(back, query, key, rows.others[:])


def tied_on(direction: Direction, query: ItemsQuery, key: Key, fetched: Sequence[Place]) -> Cursor | None:
    """The place after the last row. Rows with its key are counted, those of the page before too."""
    last = key_of(key, fetched[-1])
    tied = len(list(takewhile(lambda row: key_of(key, row) == last, reversed(fetched))))
    if tied == len(fetched) and query.offset:
        if query.cursor is None:
            return Cursor(direction, (), skip=query.offset + tied)
        tied += query.offset if query.cursor.key == last else 0
    return Cursor(direction, last, skip=tied)


def tied_back(direction: Direction, query: ItemsQuery, key: Key, rows: Sequence[Place]) -> Cursor | None:
    """The place before the first row, if all rows with its key are there: they are skipped backwards."""
    first = key_of(key, rows[0])
    tied = len(list(takewhile(lambda row: key_of(key, row) == first, rows)))
    return Cursor(direction, first, skip=tied) if tied <= query.limit else None


def place_of(direction: Direction, query: ItemsQuery, key: Key, row: Place) -> Cursor:
    """The place of a row."""
    return Cursor(direction, key_of(key, row), tuple(row[len(key.parts) : len(key.parts) + len(query.sort)]))


def key_of(key: Key, row: Place) -> FeatureKey:
    """The key of a row."""
    return tuple(row[: len(key.parts)])


def render_cursor(cursor: Cursor, filter: Filter, sort: tuple[SortKey, ...], collection: Collection) -> str:
    """The text of a cursor, safe in a URL."""
    bound_to = [collection.id, collection.revision, digest(filter, sort)]
    parts = [*bound_to, cursor.direction, cursor.key, cursor.skip, *cursor.place]
    return urlsafe_b64encode(compact(parts).encode()).decode().rstrip("=")


def parse_cursor(text: str, filter: Filter, sort: tuple[SortKey, ...], collection: Collection) -> Cursor:
    """The place that a cursor names.

    Raises: BadCursor when it is damaged, or was made for another collection, filter, order or version of the data
    """
    id, revision, made_for, cursor = decode(text)
    if (id, made_for) != (collection.id, digest(filter, sort)):
        raise BadCursor("the cursor belongs to another collection, filter or order", hint=HINT, parameter="cursor")
    if revision != collection.revision:
        raise BadCursor("the collection was loaded anew since the cursor was made", hint=HINT, parameter="cursor")
    if not fits(cursor, len(sort), order_key(collection, filter, sort, cursor)):
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor")
    return cursor


def order_of(text: str, filter: Filter, collection: Collection) -> tuple[SortKey, ...]:
    """The order of a walk without `sortby`: that of a property with bounds, or none. Raises: BadCursor"""
    orders = [(SortKey(column),) for column in map(collection.column, bounds(filter)) if column is not None]
    made_for = decode(text)[2] if orders else None
    return next((order for order in orders if digest(filter, order) == made_for), ())


def decode(text: str) -> tuple[Any, Any, Any, Cursor]:
    """Collection, revision, digest and place of a cursor. Raises: BadCursor"""
    try:
        parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        id, revision, made_for, direction, key, skip, *place = parts
        for value in (*key, *place):
            if isinstance(value, str):
                check_text(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor") from error
    whole = direction in ("next", "prev") and isinstance(key, list) and type(skip) is int and 0 <= skip <= MOST_SKIPPED
    if not whole or not all(value is None or isinstance(value, str) for value in place):
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor")
    return id, revision, made_for, Cursor(direction, tuple(cast("list[Any]", key)), tuple(place), skip)


def fits(cursor: Cursor, sort_keys: int, key: Key) -> bool:
    """Whether a place can be one of this walk: its values are those of the key, or it is a number of rows."""
    if not cursor.key and not key.unique:
        return not cursor.place
    same_length = len(cursor.place) == sort_keys and len(cursor.key) == len(key.parts)
    return same_length and all(map(fits_part, cursor.key, key.parts))


def fits_part(value: Any, part: KeyPart) -> bool:
    """Whether a value can be one of the key: a whole number that fits a bigint, or a text."""
    if part.type == "integer":
        return type(value) is int and abs(value) <= LARGEST_INTEGER
    if part.sql_type == "tid":
        return isinstance(value, str) and is_place(value)
    if part.sql_type == "float8":
        return isinstance(value, str) and NUMBER.fullmatch(value) is not None
    return isinstance(value, str)


def is_place(text: str) -> bool:
    """Whether a text is a CTID: heap page and row."""
    found = PLACE_TEXT.fullmatch(text)
    return found is not None and int(found[1]) <= LAST_PAGE and int(found[2]) <= LAST_ROW
