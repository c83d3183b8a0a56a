"""Finds the features nearest to a place."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from api.planner.choose_plan import Reader
from api.planner.counts import Count
from api.query.items import ItemsQuery, Presentation
from api.query.near import Around
from api.query.page import HINT, Page, cut_page
from api.query.page_order import order_key
from api.query.source_errors import reading
from api.sql.features.nearest import select_nearest, select_reach
from core.catalog.collections import Collection, Key
from core.errors import BadCursor


def find_nearest(
    reader: Reader, collection: Collection, query: ItemsQuery, around: Around, *, most_bytes: float = inf
) -> Page:
    """A page of them; none when only their number is wanted. What has more bytes is on the next page.

    Raises: BadCursor; FilterTooSlow
    """
    if query.hits_only:
        return Page((), None, None)
    key = order_key(collection, query.filter, query.sort, query.cursor)
    with reading(collection, has_values=True, filter=query.filter):
        reach_m = min(around.metres, find_reach(reader, collection, query, around, key))
        shown = replace(query, presentation=with_distance(collection, query))
        rows = reader.database.run_texts(
            select_nearest(collection, shown, around, reach_m, key),
            most_bytes=most_bytes,
            timeout_s=timeout_of(reader, query),
        )
    if not rows.is_whole and len(rows.texts) <= query.limit:
        return find_nearest(reader, collection, replace(query, limit=max(1, len(rows.texts) // 2)), around)
    return cut_page(query, rows, key)


def find_reach(reader: Reader, collection: Collection, query: ItemsQuery, around: Around, key: Key) -> float:
    """Within how many metres a page's features are; infinite where these are the last. Cost: a query, but backwards

    Raises: BadCursor
    """
    if query.cursor is not None and query.backwards:
        return distance_in(query.cursor.place[0])
    statement = select_reach(collection, query, around, key)
    [(metres,)] = reader.database.run(statement, timeout_s=timeout_of(reader, query))
    return inf if metres is None else metres


def timeout_of(reader: Reader, query: ItemsQuery) -> float | None:
    """How long a statement may take, where the filter is one that may take long."""
    return reader.database.filter_timeout_s if query.filter.is_heavy else None


def distance_in(text: str | None) -> float:
    """The distance that a cursor names. Raises: BadCursor"""
    try:
        return float(text or "")
    except ValueError as error:
        raise BadCursor("the cursor is damaged", hint=HINT, parameter="cursor") from error


def with_distance(collection: Collection, query: ItemsQuery) -> Presentation:
    """How features are written: with their distance behind the other properties."""
    shown = query.presentation
    return replace(shown, columns=(*shown.columns_of(collection), query.sort[0].column))


def count_nearest(reader: Reader, collection: Collection, query: ItemsQuery, page: Page) -> Count:
    """How many features match and are so near: all that match, where each has a geometry and no distance is said."""
    around = query.filter.around
    everywhere = around is not None and around.metres == inf
    if everywhere and collection.source is None and not collection.null_geometries:
        query = replace(query, filter=replace(query.filter, around=None))
    return reader.counts.of_page(collection, query, page)
