"""Features for people: a page of them as a table with a map, and a single one."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log2
from typing import Any

from api.features.find import find_feature, find_page
from api.formats.html import HtmlPages
from api.http.links import Link
from api.http.request import Request
from api.planner.choose_plan import Reader
from api.planner.counts import Count
from api.query.items import AS_STORED, ItemsQuery, Presentation
from api.query.page import Page
from core.catalog.collections import Collection
from core.database.connections import Database

MOST_CELLS = 100_000
"""Of a table for people: a worker renders them in 1.5 s and holds 40 MB."""

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


def page_for_people(reader: Reader, collection: Collection, query: ItemsQuery) -> tuple[ItemsQuery, Page]:
    """The features of a table, large ones as its map and its table show them, and the query of so many."""
    query = replace(query, limit=min(query.limit, most_rows(collection)))
    found = find_page(reader, collection, query, most_bytes=MOST_SHOWN)
    if not found.is_heavy:
        return query, found
    lighter = replace(as_a_map_shows(collection, query.presentation), brief=True)
    return query, replace(find_page(reader, collection, replace(query, presentation=lighter)), is_heavy=True)


def most_rows(collection: Collection) -> int:
    """How many rows a table for people has at most, which takes 15 µs of Python a cell."""
    return max(1, MOST_CELLS // max(1, len(collection.columns)))


def render_table(
    html: HtmlPages, request: Request, collection: Collection, found: Page, count: Count, links: list[Link]
) -> bytes:
    """A page as a table with a map."""
    features: list[dict[str, Any]] = [json.loads(text) for text in found.features]
    return html.render(
        "items.html",
        request.links,
        title=collection.title,
        collection=collection,
        features=features,
        count=count,
        simplified=found.is_heavy,
        document={"links": links},
    )


def render_feature_page(
    html: HtmlPages, database: Database, request: Request, collection: Collection, id: str, links: list[Link]
) -> bytes:
    """A feature, with a large geometry as its map shows it, long texts cut, or no geometry, as need be."""
    on_map = as_a_map_shows(collection, AS_STORED, OF_A_FEATURE)
    brief = replace(on_map, brief=True)
    shown, body = AS_STORED, find_feature(database, collection, id, AS_STORED)
    for lighter in (on_map, brief, replace(brief, geometry=False)):
        if len(body) > MOST_SHOWN:
            shown = lighter
            body = find_feature(database, collection, id, shown)
    return html.render(
        "feature.html",
        request.links,
        title=f"{collection.title} {id}",
        collection=collection,
        feature=json.loads(body),
        shown=shown,
        document={"links": links},
    )
