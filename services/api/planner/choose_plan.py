"""How the rows of a page are found, and the rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg

from api.context import Api
from api.planner.bbox_strips import plan_in_bands
from api.planner.block_ranges import Located, known_blocks, locate, plan_in_blocks
from api.planner.id_range import is_whole, without_offset
from api.planner.key_probe import WalkCost, is_worth_trying, plan_trial
from api.planner.matches_or_walk import can_be_planned, plan_page, share_of, sides
from api.planner.projected_box import frame_of
from api.planner.selectivity import Density, make_density
from api.planner.table_scan import plan_along_disk
from api.query.bbox_bands import box_of, goes_by_bands
from api.query.filter_timeout import timeout_of
from api.query.items import BY_PLANNER, ItemsQuery, Plan
from api.query.page_order import walk_key
from api.sql.features.pages import select_page, select_sample, select_size, select_walk_plan
from core.catalog import PLACE, Collection, remembered
from core.statement import Statement

SAMPLE_PAGES = 200
"""Pages of a table that are read to learn where its features lie: about 10,000 points."""


def find_rows(api: Api, collection: Collection, query: ItemsQuery) -> tuple[Plan, list[tuple[Any, ...]]]:
    """The rows of `select_page`, and how they were found. What met too few of them on the way was in vain."""
    query = without_offset(api, collection, query)
    plan = plan_of(api, collection, query)
    statement, timeout_s = select_page(collection, query, plan), timeout_of(query.filter, api.database.filter_timeout_s)
    rows = api.database.run(statement, timeout_s=timeout_s, one_plan=is_settled(collection, query, plan, statement))
    if len(rows) <= query.limit and (plan.way == "walk" or not plan.is_sure):
        plan = Plan("matches") if plan.way == "walk" else BY_PLANNER
        rows = api.database.run(select_page(collection, query, plan), timeout_s=timeout_s)
    return plan, rows


def is_settled(collection: Collection, query: ItemsQuery, plan: Plan, statement: Statement) -> bool:
    """Whether PostgreSQL is to plan the statement once for all values: it reads the table along ids, by pages, or by
    the index of boxes. Not where it works out more of the values than to compare them: with one plan it would for each
    row.
    """
    if query.filter.is_box_alone:
        source = collection.source
        is_plain = source is None or (source.some is not None and not source.is_geography)
        return is_plain and plan.way in ("blocks", "matches", "bands")
    return (plan.way in ("blocks", "bands") or is_whole(collection, query)) and statement.prepared is not None


def plan_of(api: Api, collection: Collection, query: ItemsQuery) -> Plan:
    """How the rows of a page are best found."""
    located = locate(api.database, collection, query.filter)
    if collection.has_blocks and walk_key(collection, query.filter, query.sort, query.cursor) == PLACE:
        return plan_by_place(api, collection, query, located)
    if not query.sort and goes_by_bands(collection, query.filter, query.cursor):
        return plan_by_bands(api, collection, query)
    if is_worth_trying(collection, query):
        return plan_trial(query, api.counts.reckon(collection, query.filter), walk_cost(api, collection))
    if not can_be_planned(collection, query):
        return BY_PLANNER
    if located and collection.row_count:
        return plan_page(query, float(located.met.expected.sum()) / collection.row_count, collection.row_count)
    frame, known = frame_of(api.database, collection, query.filter.box), density(api, collection)
    return BY_PLANNER if frame is None else plan_page(query, share_of(known, frame), known.features)


def plan_by_bands(api: Api, collection: Collection, query: ItemsQuery) -> Plan:
    """How the rows of a page are best found in the bands of a box."""
    box = box_of(query.filter)
    frame = frame_of(api.database, collection, box)
    if frame is None:
        return BY_PLANNER
    reckoned = None if query.filter.is_box_alone else api.counts.reckon(collection, query.filter)
    plan = plan_in_bands(query, sides(frame), density(api, collection), reckoned)
    return plan if frame is box else replace(plan, frame=frame)


def plan_by_place(api: Api, collection: Collection, query: ItemsQuery, located: Located | None) -> Plan:
    """How the rows of a page are best found along the disk. `located`: where they all are"""
    if query.filter.is_box_alone:
        most_counted = api.counts.most_rows(collection, query)
        return plan_in_blocks(query, located, most_counted) if located else BY_PLANNER
    known = known_blocks(api.database, collection)
    if known is None:
        return BY_PLANNER
    return plan_along_disk(query, known[0], located, api.counts.reckon(collection, query.filter))


def density(api: Api, collection: Collection) -> Density:
    """Where the features lie. Cost: a sample of the table, once for each version in each worker."""

    def sample() -> Density:
        [(pages,)] = api.database.run(select_size(collection))
        share = min(1.0, SAMPLE_PAGES / max(1, pages))
        middles = read_sample(api, collection, 100 * share)
        return make_density(middles, len(middles) / share if collection.row_count is None else collection.row_count)

    return remembered(collection, "density", sample)


def read_sample(api: Api, collection: Collection, percent: float) -> list[tuple[Any, ...]]:
    """The middles of some features. None where they are those of a table behind a view that may not be read any more:
    who may read the view need not be asked for more.
    """
    try:
        return api.database.run(select_sample(collection, percent))
    except psycopg.errors.InsufficientPrivilege:
        if collection.source is None or collection.source.like is None:
            raise
        return []


def walk_cost(api: Api, collection: Collection) -> WalkCost:
    """What reading a collection along its key costs. Cost: a plan, once for each version in each worker"""

    def ask() -> WalkCost:
        [(plan,)] = api.database.run(select_walk_plan(collection))
        found = plan[0]["Plan"]
        start = found["Startup Cost"]
        return WalkCost(start, (found["Total Cost"] - start) / max(1, found["Plan Rows"]))

    return remembered(collection, "walk cost", ask)
