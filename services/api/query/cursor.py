"""Cursors as text: opaque to the client, bound to the filter, the order and the version of the data.

What a cursor holds is public, so it is checked and not signed: a made-up one can only ask for another page.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, cast

from api.cql2.tree.literals import check_text
from api.query.items import Cursor, Filter, SortKey, digest
from api.query.page_order import bounds, order_key
from core.catalog import Collection, Key, KeyPart
from core.errors import BadCursor

HINT = "begin again with the first page: leave `cursor` out"
LARGEST_INTEGER = 2**63 - 1
MOST_SKIPPED = 10**12
compact = json.JSONEncoder(separators=(",", ":")).encode
PLACE_TEXT = re.compile(r"\(([0-9]{1,10}),([0-9]{1,5})\)")
NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?(e[+-][0-9]{1,3})?")
LAST_PAGE, LAST_ROW = 2**32 - 2, 2**16 - 2


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
    """The order of a walk that was asked for none: that of a property with bounds, or none. Raises: BadCursor"""
    orders = [(SortKey(column),) for column in map(collection.column, bounds(filter)) if column is not None]
    made_for = decode(text)[2] if orders else None
    return next((order for order in orders if digest(filter, order) == made_for), ())


def decode(text: str) -> tuple[Any, Any, Any, Cursor]:
    """Collection, revision, digest and place of a cursor. Raises: BadCursor"""
    try:
        parts = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        id, revision, made_for, direction, key, skip, *place = parts
        check_texts([*key, *place])
    except (ValueError, TypeError, RecursionError) as error:
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor") from error
    whole = direction in ("next", "prev") and isinstance(key, list) and type(skip) is int and 0 <= skip <= MOST_SKIPPED
    if not whole or not all(value is None or isinstance(value, str) for value in place):
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor")
    return id, revision, made_for, Cursor(direction, tuple(cast("list[Any]", key)), tuple(place), skip)


def check_texts(values: list[Any]) -> None:
    """Raises: ValueError for a text that PostgreSQL cannot hold"""
    for value in values:
        if isinstance(value, str):
            check_text(value)


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
    """Whether a text names a place on the disk: page and row."""
    found = PLACE_TEXT.fullmatch(text)
    return found is not None and int(found[1]) <= LAST_PAGE and int(found[2]) <= LAST_ROW
