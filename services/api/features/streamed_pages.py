"""Pages of many megabytes: they are streamed as exports are, so that no worker holds them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from math import inf, log2
from typing import NamedTuple

from api.context import Api
from api.query.items import ItemsQuery, Presentation
from api.query.page import Page
from api.query.source_errors import reading
from api.sql.features.streamed_pages import copy_page, select_expansion, select_largest, select_sizes
from core.catalog import Collection, remembered

MOST_HELD = 8_000_000
"""Bytes of features, as PostgreSQL has them in memory, that a page may have for a worker to hold it. Their text is one
to two times as large, and there four times.
"""

MOST_SHOWN = 1_000_000
"""Such bytes that are sent to a browser as they are, for the map of a page."""

MOST_EXPANSION = 250
"""How many times as large as stored a value may be: LZ4 makes a byte of 255 equal ones, PostgreSQL's own way of 91."""

MOST_IN_PAGE = 2000
"""Bytes of a row from which on PostgreSQL puts values beside it: what one has at most where nobody counted the rows."""

WORLD, LAST_ZOOM = (-180.0, -90.0, 180.0, 90.0), 16
OF_A_PAGE, OF_A_FEATURE = 6, 8
"""Zooms from that which shows a whole collection to that to which its shapes are simplified, for people."""


class Sizes(NamedTuple):
    """Of a table in bytes: what a row takes on average in its page, all that is too large for that, and the largest
    feature, where it is known.
    """

    mean: float
    beside: float
    largest: float = inf

    def most(self, rows: int) -> float:
        """What so many rows have at most, or nearly so."""
        return rows * self.mean + min(self.beside, rows * self.largest)


def may_be_heavy(api: Api, collection: Collection, query: ItemsQuery, most_bytes: float) -> bool:
    """Whether a page may have more bytes. Not of views and functions: nobody knows how large they are."""
    if query.hits_only:
        return False
    stored = remembered(collection, "sizes", lambda: sizes_of(api, collection)).most(query.limit)
    if stored > most_bytes or stored * MOST_EXPANSION <= most_bytes:
        return stored > most_bytes
    return stored * remembered(collection, "expansion", lambda: expansion_of(api, collection)) > most_bytes


def expansion_of(api: Api, collection: Collection) -> float:
    """How many times as large features are as they are stored. Cost: a look at some, once for a version"""
    with reading(collection, has_values=False):
        [(times,)] = api.database.run(select_expansion(collection))
    return times


def sizes_of(api: Api, collection: Collection) -> Sizes:
    """The sizes of a collection's table. Cost: of a loaded one with large rows a look at each of them, once for a
    version; of a source the largest feature is not asked for, as it changes.
    """
    with reading(collection, has_values=False):
        [(inline, beside, rows)] = api.database.run(select_sizes(collection))
        known = rows if collection.row_count is None else collection.row_count
        mean = min(inline, MOST_IN_PAGE) if known < 0 else inline / max(1, known)
        if beside <= MOST_SHOWN or collection.source is not None:
            return Sizes(mean, beside)
        [(largest,)] = api.database.run(select_largest(collection))
    return Sizes(mean, beside, largest or 0)


def weight(weighed: Page) -> int:
    """How many bytes a page has that was asked for as weighed."""
    return sum(map(int, weighed.features))


def as_a_map_shows(collection: Collection, shown: Presentation, closer: int = OF_A_PAGE) -> Presentation:
    """The same with geometries simplified to what a map can show that is so many zooms closer than one of the whole
    collection.
    """
    west, _, east, _ = collection.bbox_crs84.as_list() if collection.bbox_crs84 else WORLD
    width = (east - west) % 360 or 360
    return replace(shown, zoom=min(LAST_ZOOM, closer + int(log2(360 / width))))


def stream_page(api: Api, collection: Collection, query: ItemsQuery, head: bytes, tail: bytes) -> Generator[bytes]:
    """The features of a page, with what stands ahead of them and behind. Raises: as `Exports.start`"""
    with reading(collection, has_values=query.has_values):
        return enclosed(head, api.exports.start(copy_page(collection, query)), tail)


def enclosed(head: bytes, features: Generator[bytes], tail: bytes) -> Generator[bytes]:
    """Features with a comma ahead each, but for the first one, between two texts; blocks may end anywhere."""
    is_first = True
    try:
        yield head
        for block in features:
            yield block[1:] if is_first else block
            is_first = is_first and not block
        yield tail
    finally:
        features.close()
