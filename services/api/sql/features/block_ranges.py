"""Statements over ranges of the heap of a loaded table, read in its order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query.items import Filter, ItemsQuery
from api.query.plan import CtidRange, Plan
from api.sql.filters.filter import where, where_clause
from api.sql.relation import relation
from core.catalog import Collection
from core.statement import Statement

# Arrays go as texts, and the box stands beside an OR: the planner learns nothing from their values, so that one plan is
# good for all, and sees no other index than the CTIDs.
RANGES = sql.SQL(
    "unnest(%(begins)s::text::tid[], %(ends)s::text::tid[], %(insides)s::text::bool[]) AS part (begins, ends, inside)"
)
EDGE = sql.SQL("unnest(%(edge_begins)s::text::tid[], %(edge_ends)s::text::tid[]) AS part (begins, ends)")
IN_RANGE = sql.SQL("t.ctid >= part.begins AND t.ctid < part.ends")


def range_params(plan: Plan) -> dict[str, Any]:
    """The values that `RANGES` and `EDGE` need."""
    insides = ",".join(["t" if part.is_inside else "f" for part in plan.ranges])
    params = {"begins": ctids(plan.ranges, 0), "ends": ctids(plan.ranges, 1), "insides": f"{{{insides}}}"}
    return {**params, **edge_params(plan.edge), "inside": plan.inside} if plan.counts else params


def edge_params(edge: Sequence[CtidRange]) -> dict[str, Any]:
    """The values that `EDGE` needs."""
    return {"edge_begins": ctids(edge, 0), "edge_ends": ctids(edge, 1)}


def ctids(ranges: Sequence[CtidRange], side: int) -> str:
    """The places where ranges begin (side 0) or end (1), as the text of an array."""
    return "{" + ",".join([f'"{part[side]}"' for part in ranges]) + "}"


def in_ctid_ranges(query: ItemsQuery, table: sql.Composable, conditions: Sequence[sql.Composable]) -> sql.Composable:
    """An item of FROM: the rows of some ranges that match, with `ctid`, in the order of the ranges and of their places.

    conditions: of the filter, the box first where there is one
    """
    order = sql.SQL("\n    ORDER BY t.ctid DESC" if query.backwards else "")
    rows = sql.SQL("""{ranges} CROSS JOIN LATERAL (
    SELECT t.ctid, t.* FROM {table} AS t{where}{order}
    OFFSET 0)""").format(ranges=RANGES, table=table, where=where_in_range(query, conditions), order=order)
    if not query.offset:
        return rows
    return sql.SQL("(SELECT t.* FROM {} AS t\nLIMIT %(rows)s OFFSET %(offset)s)").format(rows)


def where_in_range(query: ItemsQuery, conditions: Sequence[sql.Composable]) -> sql.Composable:
    """The conditions inside a range. A bbox, which is the first, is looked at where not all of the range is in it."""
    boxes = 1 if query.filter.box else 0
    tests = [sql.SQL("(part.inside OR {})").format(box) for box in conditions[:boxes]]
    return where_clause([IN_RANGE, *tests, *hidden(conditions[boxes:])])


def hidden(conditions: Sequence[sql.Composable]) -> list[sql.Composable]:
    """Conditions of which the planner learns nothing: it would go by their indexes, in the order of those."""
    return [sql.SQL("COALESCE({}, false)").format(condition) for condition in conditions]


def select_count_in_ranges(collection: Collection, filter: Filter, edge: Sequence[CtidRange]) -> Statement:
    """How many rows of some ranges match. Rows: one (count bigint)"""
    conditions, params = where(collection, filter, boxes_by="numbers")
    return Statement(count_on_edge(relation(collection), conditions), {**params, **edge_params(edge)})


def count_on_edge(table: sql.Composable, conditions: Sequence[sql.Composable]) -> sql.Composed:
    """The number of matches in the ranges `EDGE`."""
    text = sql.SQL("SELECT count(*) FROM {edge} CROSS JOIN LATERAL (SELECT FROM {table} AS t{where}\nOFFSET 0) AS t")
    return text.format(edge=EDGE, table=table, where=where_clause([IN_RANGE, *hidden(conditions)]))


def select_blocks(collection: Collection) -> Statement:
    """Rows: one (pages of a block, the blocks as bytes, the same in CRS84 or NULL), or none when they are others now"""
    text = sql.SQL("SELECT pages, stored, degrees FROM isthmus.blocks WHERE version = %(version)s AND file = %(file)s")
    return Statement(text, {"version": collection.version, "file": collection.blocks_of})


def select_points(collection: Collection) -> Statement:
    """Rows: one (the places of the points in the blocks as bytes, or NULL), or none when they are others now"""
    text = sql.SQL("SELECT points FROM isthmus.blocks WHERE version = %(version)s AND file = %(file)s")
    return Statement(text, {"version": collection.version, "file": collection.blocks_of})
