"""The statement for a page of features, and the sample from which its plan is made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from psycopg import sql

from api.query.bbox_bands import comes_from_nowhere
from api.query.items import BY_PLANNER, ItemsQuery, Plan
from api.query.page_order import walk_key
from api.sql.features.bbox_strips import (
    arranged,
    frame_values,
    in_nowhere,
    in_strips,
    one_by_one,
    order_values,
    strip_params,
)
from api.sql.features.block_ranges import block_params, count_on_edge, in_blocks
from api.sql.features.items import EXPLAIN, feature_text, properties_lateral, ready, rendered
from api.sql.features.keyset import beyond, lies_in_order, order_by, select_key, select_places
from api.sql.features.offsets import at_offset
from api.sql.filters.bbox import Test
from api.sql.filters.filter import where, where_clause
from api.sql.filters.statement_shape import outlined
from api.sql.relation import all_columns, named_table, relation, tables_of
from core.catalog import SAMPLE, Collection, Key, remembered
from core.statement import Statement, quoted

TESTS: dict[str, Test] = {"matches": "place", "blocks": "numbers", "walk": "walk", "bands": "strip"}
"""How boxes are looked at on the ways that need no estimate of the planner's."""


def select_page(collection: Collection, query: ItemsQuery, plan: Plan = BY_PLANNER) -> Statement:
    """One page of features in the order of the sort keys, then of the key; from its end when the cursor goes back.

    Rows:   (feature text: a GeoJSON Feature in query.presentation.crs, the values of the key, a text for each sort
            key); with plan.counts the number of matches too, as the last column
    Count:  up to query.limit + 1; the extra row means that there is more in that direction
    Index:  primary key; GiST on geom or the table's blocks when the filter has a box
    """
    by, after = TESTS.get(plan.way, "shape"), place_of(collection, query, plan)
    params = {**after[1], "rows": query.limit + 1, "offset": query.offset, "walked": plan.walked}
    key = walk_key(collection, query.filter, query.sort, query.cursor)
    params.update(order_values(collection, query.filter, key))
    if plan.way == "blocks":
        params.update(block_params(plan))
    elif plan.way == "bands":
        params.update(strip_params(plan), most=query.offset + query.limit + 1)
    if plan.frame is not None:
        params.update(frame_values(plan.frame))
    outline = outlined(collection, query.filter)
    if outline is None:
        conditions, values = where(collection, query.filter, by)
        return Statement(page_text(collection, query, plan, conditions, after[0]), {**values, **params})
    params.update(outline[1])

    def compose() -> Statement:
        conditions, _ = where(collection, query.filter, by)
        return ready(Statement(page_text(collection, query, plan, conditions, after[0]), params))

    return remembered(collection, shape_of(collection, query, plan, outline[0]), compose).given(params)


def place_of(collection: Collection, query: ItemsQuery, plan: Plan) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The condition for what is behind the cursor, and its values; none where the plan's parts begin behind it."""
    if query.cursor is None or plan.way == "blocks":
        return [], {}
    place, values = beyond(query.cursor, query.sort, walk_key(collection, query.filter, query.sort, query.cursor))
    return [place], values


def shape_of(collection: Collection, query: ItemsQuery, plan: Plan, outline: Hashable) -> Hashable:
    """What decides on the text of the statement for a page. `outline`: of its filter"""
    cursor, key = query.cursor, walk_key(collection, query.filter, query.sort, query.cursor)
    place = cursor and (cursor.direction, *(value is None for value in cursor.place))
    way = plan.way, plan.counts, plan.frame is not None, has_nowhere(collection, query, plan)
    return "text", query.presentation, query.sort, key, way, outline, place, query.offset > 0


def page_text(
    collection: Collection,
    query: ItemsQuery,
    plan: Plan,
    conditions: list[sql.Composable],
    after: list[sql.Composable],
) -> sql.Composed:
    """The text of the statement, from the conditions of the filter and of the cursor."""
    key = walk_key(collection, query.filter, query.sort, query.cursor)
    along = order_by(query.sort, collection, key, backwards=query.backwards)
    order = sql.SQL("\nORDER BY ") + along
    source, rest = relation(collection, query.filter), [*conditions, *after]
    source = arranged(collection, source, key, query.filter, is_known=plan.frame is not None)
    counted = sql.SQL(", ") + counter(collection) if plan.counts else sql.SQL("")
    if plan.way == "blocks":
        if plan.counts:
            counted = sql.SQL(", (%(inside)s + ({}))").format(count_on_edge(source, conditions))
        source, rest, order = in_blocks(query, source, conditions), [], sql.SQL("")
    elif plan.way == "bands":
        ways = [in_strips(collection, source, rest, along, has_box=query.filter.box is not None)]
        if has_nowhere(collection, query, plan):
            ways.append(in_nowhere(source, rest, along))
        source, rest, order = one_by_one(ways, backwards=query.backwards), [], sql.SQL("")
    elif plan.way == "matches":
        source, rest = matches(collection, key, source, rest, counted=plan.counts), []
    elif plan.way == "walk":
        source, rest = walked(source, after, sql.SQL("") if lies_in_order(collection, query) else order), conditions
    elif query.offset or query.sort or conditions:
        source, rest = at_offset(collection, query, source, rest), []
    elif lies_in_order(collection, query) and not conditions:
        source, rest = first_rows(source, after), []
    before, lateral = parts(collection, query, key)
    return sql.Composed(
        [before, counted, sql.SQL("\nFROM "), source, sql.SQL(" AS t"), lateral, where_clause(rest), order, LIMIT]
    )


LIMIT = sql.SQL("\nLIMIT %(rows)s")


def has_nowhere(collection: Collection, query: ItemsQuery, plan: Plan) -> bool:
    """Whether a page of bands goes on with features without geometry, which every box finds, but no shape, behind the
    last band; or begins with them, on the way back from one.
    """
    if plan.way != "bands" or query.filter.box is None or not collection.null_geometries:
        return False
    return comes_from_nowhere(query.cursor) if query.cursor and query.backwards else plan.is_sure


def parts(collection: Collection, query: ItemsQuery, key: Key) -> tuple[sql.SQL, sql.SQL]:
    """What is the same for every filter, composed once: `SELECT …`, and the row of properties after the relation."""

    def compose() -> tuple[sql.SQL, sql.SQL]:
        selected = sql.SQL("SELECT {}{}{}").format(
            feature_text(collection, query.presentation), select_key(key), select_places(query.sort)
        )
        return rendered(selected), rendered(properties_lateral(collection, query.presentation))

    return remembered(collection, ("page", query.presentation, query.sort, key), compose)


def matches(
    collection: Collection, key: Key, source: sql.Composable, conditions: list[sql.Composable], *, counted: bool
) -> sql.Composable:
    """All rows that match, read before they are sorted: neither a count over all nor OFFSET lets LIMIT through."""
    if counted:
        text = sql.SQL("(SELECT {}, count(*) OVER () AS {} FROM {} AS t{})")
        return text.format(all_columns(collection, key), counter(collection), source, where_clause(conditions))
    text = sql.SQL("(SELECT {} FROM {} AS t{}\nOFFSET 0)")
    return text.format(all_columns(collection, key), source, where_clause(conditions))


def walked(source: sql.Composable, after: list[sql.Composable], order: sql.Composable) -> sql.Composable:
    """The rows that a walk along the key looks at."""
    text = sql.SQL("(SELECT t.* FROM {} AS t{}{}\nLIMIT %(walked)s)")
    return text.format(source, where_clause(after), order)


def select_walk_plan(collection: Collection) -> Statement:
    """The planner's view of a walk along the key. Rows: one (plan json): `Startup Cost`, `Total Cost`, `Plan Rows`"""
    text = sql.SQL("{}SELECT t.* FROM {} AS t ORDER BY {}")
    along = order_by((), collection, collection.key, backwards=False)
    return Statement(text.format(EXPLAIN, relation(collection), along))


def first_rows(source: sql.Composable, after: list[sql.Composable]) -> sql.Composable:
    """As many rows as a page needs, in the order in which they lie."""
    return sql.SQL("(SELECT t.* FROM {} AS t{}\nLIMIT %(rows)s)").format(source, where_clause(after))


def counter(collection: Collection) -> sql.Composable:
    """A name that no column has, for the number of matches."""
    return quoted(collection.free_column("matched"))


def select_size(collection: Collection) -> Statement:
    """How large the table is that features are read from; 0 for one that is gone. Rows: one (pages bigint)"""
    text = sql.SQL(
        "SELECT COALESCE(sum(pg_relation_size(oid))::bigint / current_setting('block_size')::int, 0) FROM {} AS parts"
    )
    return Statement(text.format(tables_of(named_table(collection))))


def select_sample(collection: Collection, percent: float) -> Statement:
    """The middles of the features on a part of the table's pages.

    Rows: (x, y) in the table's CRS. Raises: nothing; a collection that cannot be sampled has none
    """
    sampled: sql.Composable | None = sql.SQL("{} AS t {}").format(relation(collection), SAMPLE)
    if collection.source is not None:
        sampled = collection.source.some and sql.SQL("{} AS t").format(collection.source.some)
    text = sql.SQL("""
SELECT (ST_XMin(t.geom) + ST_XMax(t.geom)) / 2, (ST_YMin(t.geom) + ST_YMax(t.geom)) / 2
FROM {}
WHERE NOT ST_IsEmpty(t.geom)""")
    return Statement(text.format(sampled), {"percent": percent})
