"""Pages of many megabytes: they are streamed as exports are, so that no worker holds them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from math import log2

from api.context import Api
from api.query.items import ItemsQuery, Presentation
from api.query.source_errors import reading
from api.sql.features.streamed_pages import copy_page
from core.catalog import Collection

MOST_HELD = 8_000_000
"""Bytes of features that a worker holds for a page: those of a larger one are streamed."""

MOST_SHOWN = 1_000_000
"""Bytes of features that are sent to a browser as they are, for the map of a page."""

WORLD, LAST_ZOOM = (-180.0, -90.0, 180.0, 90.0), 16
OF_A_PAGE, OF_A_FEATURE = 6, 8
"""Zooms from that which shows a whole collection to that to which its shapes are simplified, for people."""


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
