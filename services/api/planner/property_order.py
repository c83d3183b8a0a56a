"""Pages of a filter that bounds a property to few values: in the order of that property, which its index holds.

On the disk such rows lie among many others, all of which are looked at on the way. By the index only those are that the
bounds leave, each at another place. The order depends on the filter and the collection alone, so pages of any limit and
offset are parts of one list; cursors of it are those of `sortby` with that property, and walks go on as they began.
"""

from __future__ import annotations

from dataclasses import replace

from api.context import Api
from api.cql2.tree.ast import And
from api.query.items import Filter, ItemsQuery, SortKey
from api.query.page_order import bounds, walk_key
from core.catalog import PLACE, Collection

OF_A_FETCH = 9
"""What a row costs that an index leads to, in looks at rows that lie one after the other, if all are in memory."""

LEAST_ROWS = 10_000
"""A smaller table is read in a millisecond."""


def in_best_order(api: Api, collection: Collection, query: ItemsQuery) -> ItemsQuery:
    """The query in the order in which its features are found soonest, where it asks for none. Cost: a plan for each
    property with bounds, unless it is remembered. Raises: as `Counts.reckon`
    """
    if query.sort or query.cursor or query.hits_only or not may_be_ordered(collection, query.filter):
        return query
    whole = collection.row_count or 0
    filled = {column.name: column for column in collection.columns if column.is_filled}
    shares = [
        (api.counts.reckon(collection, part).matches, name)
        for name, part in parts_with_bounds(query.filter).items()
        if name in filled
    ]
    rows, name = min(shares, default=(whole, ""))
    return replace(query, sort=(SortKey(filled[name]),)) if rows * OF_A_FETCH < whole else query


def may_be_ordered(collection: Collection, filter: Filter) -> bool:
    """Whether a page would be looked for along the disk, anywhere in a table that is not small."""
    if not collection.has_blocks or filter.cql2 is None or (collection.row_count or 0) < LEAST_ROWS:
        return False
    return filter.box is None and not filter.traits.has_geometry and walk_key(collection, filter, ()) == PLACE


def parts_with_bounds(filter: Filter) -> dict[str, Filter]:
    """What of a filter bounds each property. All of it is the filter itself, of which the plan is needed anyway."""
    found = {name: And(conditions) if conditions[1:] else conditions[0] for name, conditions in bounds(filter).items()}
    return {name: filter if Filter(cql2=part) == filter else Filter(cql2=part) for name, part in found.items()}
