"""The planner: in which order the features of a page come, how its rows are found, and the rows.

PostgreSQL plans every statement; where it cannot know, it is told what to go by. It does not know where rows of a key
or a property are on the map, that the heap of a loaded table has an order, and how many rows match a pattern. See
`docs/planner.md`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.planner import costs
from api.planner.counts import Counts
from api.planner.loaded_table import LoadedTable
from api.planner.source_table import SourceTable
from api.query.items import Cursor, Filter, ItemsQuery, SortKey
from api.query.page_order import bounds, order_key
from api.query.plan import BY_POSTGRESQL, Estimate, Plan
from api.sql.features.pages import select_ends, select_page, select_walk_plan
from core.cache import CollectionCache
from core.catalog.collections import HEAP_ORDER, Collection
from core.database.connections import Database
from core.database.statement import CHUNK_ROWS, SMALL_CHUNK_ROWS, Statement, TextRows

SMALL_GEOMETRIES = ("Point", None)
"""Types of geometries of which none is large: of a point, and of a table without them."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What pages are found with."""

    database: Database
    counts: Counts


class WalkCost(NamedTuple):
    """PostgreSQL's estimate of reading a relation in the order of its key: until the first row, and for each."""

    start: float
    row: float


walk_costs: CollectionCache[None, WalkCost] = CollectionCache()
ends_of: CollectionCache[None, tuple[int, int] | None] = CollectionCache()
"""The least and the largest id of a loaded collection."""


def choose_order(reader: Reader, collection: Collection, query: ItemsQuery) -> ItemsQuery:
    """The query in the order of a property, where it asks for no order and bounds that property to few of its values.

    In the heap such rows are among many others, which are all looked at. The index of the property leads to those
    alone, each at another place. Cursors are those of `sortby` with that property. Cost: a plan for each property with
    bounds, unless it is cached. Raises: as `Counts.estimate`
    """
    if query.sort or query.cursor or query.hits_only or not may_be_ordered(collection, query.filter):
        return query
    whole = collection.row_count or 0
    filled = {column.name: column for column in collection.columns if column.is_filled}
    estimates = [
        (reader.counts.estimate(collection, part).matches, name)
        for name, part in parts_with_bounds(query.filter).items()
        if name in filled
    ]
    rows, name = min(estimates, default=(whole, ""))
    return replace(query, sort=(SortKey(filled[name]),)) if is_narrow(rows, whole) else query


def is_narrow(rows: float, whole: float) -> bool:
    """Whether an index finds so many of all rows sooner than a scan of the heap."""
    return rows * costs.FETCH_COST < whole


def may_be_ordered(collection: Collection, filter: Filter) -> bool:
    """Whether a page would be looked for along the heap, anywhere in a table that is not small."""
    if not collection.has_blocks or filter.cql2 is None or (collection.row_count or 0) < costs.LEAST_ROWS:
        return False
    return filter.box is None and not filter.traits.has_geometry and order_key(collection, filter, ()) == HEAP_ORDER


def parts_with_bounds(filter: Filter) -> dict[str, Filter]:
    """What of a filter bounds each property. All of it is the filter itself, of which the plan is needed anyway."""
    found = {
        name: ast.And(conditions) if conditions[1:] else conditions[0] for name, conditions in bounds(filter).items()
    }
    return {name: filter if Filter(cql2=part) == filter else Filter(cql2=part) for name, part in found.items()}


def choose_plan(reader: Reader, collection: Collection, query: ItemsQuery) -> Plan:
    """How the rows of a page are best found. Cost: what the table and the estimates cost, unless they are cached"""
    table = (LoadedTable if collection.has_blocks else SourceTable)(reader.database, reader.counts, collection)
    plan = None if query.sort else table.plan_in_own_order(query)
    if plan is not None:
        return plan
    if is_worth_a_walk(collection, query):
        return plan_walk(
            query, reader.counts.estimate(collection, query.filter), walk_cost(reader.database, collection)
        )
    known = None if query.filter.box is None or query.offset else table.expect(query)
    return BY_POSTGRESQL if known is None else plan_bbox_by_key(query, *known)


def plan_bbox_by_key(query: ItemsQuery, share: float, rows: float) -> Plan:
    """The plan for a page of a bbox in the order of a key: what reading the matches costs, against what a walk costs.

    PostgreSQL chooses well while keys have nothing to do with places. In a file where they have, as in most, the
    features of a bbox can be the last along the key, and the walk reads the whole table. So it looks at some rows
    only. share: of the rows, of which there are `rows`, that are in the bbox
    """
    wanted, matches = query.limit + 1, share * rows
    if matches**2 <= costs.WORTH_WALKING * rows * wanted:
        is_counted = query.count == "exact" or (query.count == "auto" and matches <= costs.MOST_COUNTED)
        return Plan("matches", counts=query.cursor is None and is_counted)
    if query.sort or not query.filter.is_box_alone:
        return BY_POSTGRESQL
    return Plan("walk", walked=int(max(costs.LEAST_WALKED, costs.WALK_MARGIN * wanted / share)), is_sure=False)


def is_worth_a_walk(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a page may be full after a part of the key though PostgreSQL does not expect it: of patterns and
    calculations it does not know how many rows match.
    """
    if query.sort or query.offset or not collection.key.unique or query.filter.arguments:
        return False
    filter = query.filter
    is_foreseen = filter.text is None and (filter.cql2 is None or is_plain(filter.cql2))
    return filter.box is None and filter.ids is None and not is_foreseen


def is_plain(node: Node) -> bool:
    """Whether a condition compares single properties with values, and does nothing else."""
    if isinstance(node, ast.Like | ast.FunctionCall | ast.Folded | ast.Arithmetic | ast.ArrayPredicate):
        return False
    if isinstance(node, ast.Comparison) and isinstance(node.left, ast.Property):
        return not isinstance(node.right, ast.Property)
    return all(map(is_plain, ast.children(node)))


def plan_walk(query: ItemsQuery, estimate: Estimate, walk: WalkCost) -> Plan:
    """The walk along a part of the key; PostgreSQL's plan where that costs too much to be tried."""
    walked = int((estimate.cost * costs.PROBE_SHARE - walk.start) / walk.row) if walk.row else 0
    return Plan("walk", walked=walked, is_sure=False) if walked > query.limit else BY_POSTGRESQL


def walk_cost(database: Database, collection: Collection) -> WalkCost:
    """What reading a collection along its key costs. Cost: a plan, once for each version in each worker"""

    def ask() -> WalkCost:
        [(plan,)] = database.run(select_walk_plan(collection))
        found = plan[0]["Plan"]
        start = found["Startup Cost"]
        return WalkCost(start, (found["Total Cost"] - start) / max(1, found["Plan Rows"]))

    return walk_costs.get(collection, None, ask)


def find_rows(
    reader: Reader, collection: Collection, query: ItemsQuery, *, most_bytes: float = inf
) -> tuple[Plan, TextRows]:
    """The rows of `select_page`, and the plan that found them; where it found too few, those of another plan.

    most_bytes: of the features' texts; rows that have more are not all read
    """
    query = without_offset(reader.database, collection, query)
    plan = choose_plan(reader, collection, query)
    rows = run(reader.database, collection, query, plan, most_bytes)
    if not plan.is_sure and rows.is_whole and len(rows.texts) <= query.limit:
        plan = Plan("matches") if plan.kind == "walk" else BY_POSTGRESQL
        rows = run(reader.database, collection, query, plan, most_bytes)
    return plan, rows


def run(database: Database, collection: Collection, query: ItemsQuery, plan: Plan, most_bytes: float) -> TextRows:
    """The rows that a plan finds."""
    statement = select_page(collection, query, plan)
    return database.run_texts(
        statement,
        most_bytes=most_bytes,
        chunk_rows=SMALL_CHUNK_ROWS if collection.geometry_type in SMALL_GEOMETRIES else CHUNK_ROWS,
        timeout_s=database.filter_timeout_s if query.filter.is_heavy else None,
        one_plan=suits_all_values(collection, query, plan, statement),
    )


def suits_all_values(collection: Collection, query: ItemsQuery, plan: Plan, statement: Statement) -> bool:
    """Whether PostgreSQL is to plan the statement once for all values: it reads the table along ids, by ranges of the
    heap, or by the index of boxes. Not where it works out more of the values than to compare them: with one plan it
    would for each row.
    """
    if query.filter.is_box_alone:
        source = collection.source
        is_plain_table = source is None or (source.some is not None and not source.is_geography)
        return is_plain_table and plan.kind in ("ctid_ranges", "matches", "bbox_strips")
    by_own_order = plan.kind in ("ctid_ranges", "bbox_strips")
    return (by_own_order or goes_by_ids(collection, query)) and statement.prepared is not None


def goes_by_ids(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a page is one of all features of a loaded table, along their ids."""
    return query.filter.is_everything and not query.sort and collection.source is None


def without_offset(database: Database, collection: Collection, query: ItemsQuery) -> ItemsQuery:
    """The same page of a loaded table from a place on, where its ids have no gaps: an offset is such a place then.
    Cost: a query, once for a version
    """
    if not query.offset or not goes_by_ids(collection, query):
        return query

    def ask() -> tuple[int, int] | None:
        [(first, last)] = database.run(select_ends(collection))
        return None if first is None else (first, last)

    ends = ends_of.get(collection, None, ask)
    if ends is None or ends[1] - ends[0] + 1 != collection.row_count:
        return query
    return replace(query, offset=0, cursor=Cursor("next", (ends[0] + query.offset - 1,)))
