"""Pages of all features of a loaded table, along their ids. The features of large ones are joined by PostgreSQL, so
that nothing is done for each of them here.
"""

from __future__ import annotations

from dataclasses import replace

from api.context import Api
from api.query.items import Cursor, ItemsQuery
from api.query.page import Page
from api.query.source_errors import reading
from api.sql.features.id_range_pages import select_ends, select_joined
from core.catalog import Collection, remembered

FEWEST = 500
"""So many features at least are joined; of fewer it saves nothing."""


def is_whole(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a page is one of all features of a loaded table, along their ids."""
    return query.filter.is_everything and not query.sort and collection.source is None


def ends(api: Api, collection: Collection) -> tuple[int, int] | None:
    """The least and the largest id of a loaded table; None where it is empty. Cost: a query, once for a version"""
    [(first, last)] = remembered(collection, "ends", lambda: api.database.run(select_ends(collection)))
    return None if first is None else (first, last)


def without_offset(api: Api, collection: Collection, query: ItemsQuery) -> ItemsQuery:
    """The same page of a loaded table from a place on, where its ids have no gaps: an offset is such a place then."""
    if not query.offset or not is_whole(collection, query):
        return query
    known = ends(api, collection)
    if known is None or known[1] - known[0] + 1 != collection.row_count:
        return query
    return replace(query, offset=0, cursor=Cursor("next", (known[0] + query.offset - 1,)))


def can_be_joined(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a page is large, and goes along the ids upwards."""
    return query.limit >= FEWEST and not query.backwards and is_whole(collection, query)


def joined_page(api: Api, collection: Collection, query: ItemsQuery) -> Page:
    """The features of such a page as one text, whose bytes are passed on as they came."""
    query, known = without_offset(api, collection, query), ends(api, collection)
    with reading(collection, has_values=query.has_values):
        row = api.database.run_prepared(*select_joined(collection, query))
    if known is None or row is None or row[0] is None:
        return Page((), None, None)
    text, (number, first, last) = row[0], map(bigint, row[1:])
    after = Cursor("next", (last,)) if last < known[1] else None
    before = Cursor("prev", (first,)) if query.cursor is not None or query.offset else None
    return Page((), after, before, joined=number, text=text)


def bigint(value: bytes | None) -> int:
    """A bigint in PostgreSQL's binary form."""
    return int.from_bytes(value or b"", "big", signed=True)
