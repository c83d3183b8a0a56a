"""Features for people: a page of them as a table with a map, and a single one."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log2
from typing import Any

from api.features.find import find_feature, find_page
from api.features.geojson import FoundPage
from api.formats.html import HtmlPages
from api.formats.registry import offered_exports
from api.http.links import Link, query_text
from api.http.request import Request
from api.params.items import sortable_columns
from api.planner.choose_plan import Reader
from api.query.items import AS_STORED, ItemsQuery, Presentation
from api.query.page import Page
from core.catalog.collections import Collection
from core.database.connections import Database

MOST_CELLS = 100_000
"""Of a table for people: a worker renders them in 1.5 s and holds 40 MB."""

MOST_SHOWN = 1_000_000
"""Bytes of features that are sent to a browser as they are, for the map of a page."""

OF_A_PLACE = ("f", "limit", "offset", "cursor")
OF_THE_FORM = ("q", "filter", "sortby")
PAGE_SIZES = (10, 25, 50, 100, 500)

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


def without_blanks(request: Request) -> str | None:
    """The address without the fields that were left empty in the form of a page; None where all were filled."""
    blank = [name for name in OF_THE_FORM if request.args.get(name, " ") == ""]
    if not blank:
        return None
    return f"{request.here}?{query_text({name: text for name, text in request.args.items() if name not in blank})}"


def render_table(html: HtmlPages, request: Request, found: FoundPage, links: list[Link]) -> bytes:
    """A page as a table with a map, and a form that asks for another."""
    features: list[dict[str, Any]] = [json.loads(text) for text in found.page.features]
    return html.render(
        "items.html",
        request.links,
        title=found.collection.title,
        collection=found.collection,
        features=features,
        count=found.count,
        simplified=found.page.is_heavy,
        document={"links": links},
        **form_values(request, found.collection, found.query.limit),
    )


def form_values(request: Request, collection: Collection, limit: int) -> dict[str, Any]:
    """What the form of a page offers: what is asked now, the other parameters as they are, orders, sizes of a page,
    and the exports of everything that matches.
    """
    here, asked = request.links.collection(collection), request.args
    conditions = {name: text for name, text in asked.items() if name not in OF_A_PLACE}
    orders = [order for column in sortable_columns(collection) for order in (column.name, f"-{column.name}")]
    explored = {name: asked[name] for name in ("filter", "sortby") if name in asked}
    return {
        "asked": asked,
        "rest": {name: text for name, text in conditions.items() if name not in OF_THE_FORM},
        "orders": [*orders, *(asked[name] for name in ("sortby",) if name in asked and asked[name] not in orders)],
        "sizes": sorted({*PAGE_SIZES, limit}),
        "limit": limit,
        "formats": [
            {"title": format.title, "href": f"{here}/items?{query_text({**conditions, 'f': f})}"}
            for f, format in offered_exports(collection).items()
        ],
        "explore": f"{here}/explore?{query_text(explored)}" if explored else f"{here}/explore",
    }


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
