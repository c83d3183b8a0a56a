"""The statement for a page of features, as its plan says, and what plans are made from: a sample, and PostgreSQL's
word.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

from psycopg import sql

from api.query.items import Filter, ItemsQuery, Presentation
from api.query.page_order import has_strips, is_behind_strips, order_key
from api.query.plan import BY_POSTGRESQL, CtidRange, Plan, PlanKind
from api.sql.features.bbox_strips import (
    in_ranges,
    one_by_one,
    order_values,
    projected_values,
    strip_params,
    with_strips,
    without_geometry,
)
from api.sql.features.items import EXPLAIN, feature_text, properties_lateral, ready, rendered
from api.sql.features.keyset import at_offset, beyond, lies_in_order, order_by, select_key, select_places
from api.sql.filters.bbox import Test
from api.sql.filters.filter import filter_shape, hidden, where, where_clause
from api.sql.relation import all_columns, named_table, relation, tables_of
from core.cache import CollectionCache
from core.catalog.collections import SAMPLE, Collection, Key
from core.database.statement import Statement, quoted

BOX_TESTS: dict[PlanKind, Test] = {
    "postgresql": "shape",
    "matches": "place",
    "ctid_ranges": "numbers",
    "walk": "walk",
    "bbox_strips": "strip",
}
"""How rows are held against a bbox: by ST_Intersects where PostgreSQL is to estimate how many are in it."""

# Arrays go as texts, and the box stands beside an OR: the planner learns nothing from their values, so that one plan is
# good for all, and sees no other index than the CTIDs.
RANGES = sql.SQL(
    "unnest(%(begins)s::text::tid[], %(ends)s::text::tid[], %(insides)s::text::bool[]) AS part (begins, ends, inside)"
)
EDGE = sql.SQL("unnest(%(edge_begins)s::text::tid[], %(edge_ends)s::text::tid[]) AS part (begins, ends)")
IN_RANGE = sql.SQL("t.ctid >= part.begins AND t.ctid < part.ends")

Conditions = list[sql.Composable]

statements: CollectionCache[Hashable, Statement] = CollectionCache(capacity=500)
"""The statements of pages, by their shapes."""

beginnings: CollectionCache[tuple[Presentation, Hashable, Key], tuple[sql.SQL, sql.SQL]] = CollectionCache(capacity=100)
"""`SELECT …` of pages, and their rows of properties."""


def select_page(collection: Collection, query: ItemsQuery, plan: Plan = BY_POSTGRESQL) -> Statement:
    """One page of features in the order of the sort keys, then of the key; from its end when the cursor goes back.

    Rows:   (feature text: a GeoJSON Feature in query.presentation.crs, the values of the key, a text for each sort
            key); with plan.counts the number of matches too, as the last column
    Count:  up to query.limit + 1; the extra row means that there is more in that direction
    Index:  primary key; GiST on geom or the table's blocks when the filter has a bbox
    """
    key = order_key(collection, query.filter, query.sort, query.cursor)
    after, params = place_of(query, plan, key)
    params.update(rows=query.limit + 1, offset=query.offset, **plan_params(query, plan))
    if has_strips(collection, key):
        params.update(order_values(collection, query.filter, key))
    if plan.projected is not None:
        params.update(projected_values(plan.projected))
    shape = filter_shape(collection, query.filter)
    if shape is None:
        conditions, values = where(collection, query.filter, BOX_TESTS[plan.kind])
        return Statement(page_text(collection, query, plan, key, (conditions, after)), {**values, **params})
    params = {**params, **shape[1]} if plan.projected is None else {**shape[1], **params}

    def compose() -> Statement:
        conditions, _ = where(collection, query.filter, BOX_TESTS[plan.kind])
        return ready(Statement(page_text(collection, query, plan, key, (conditions, after)), params))

    return statements.get(collection, statement_shape(collection, query, plan, key, shape[0]), compose).given(params)


def plan_params(query: ItemsQuery, plan: Plan) -> dict[str, Any]:
    """The values that the rows of a plan are found by."""
    if plan.kind == "ctid_ranges":
        return range_params(plan)
    if plan.kind == "bbox_strips":
        return {**strip_params(plan), "most": query.offset + query.limit + 1}
    return {"walked": plan.walked}


def place_of(query: ItemsQuery, plan: Plan, key: Key) -> tuple[Conditions, dict[str, Any]]:
    """The condition for what is behind the cursor, and its values; none where the plan's ranges begin behind it."""
    if query.cursor is None or plan.kind == "ctid_ranges":
        return [], {}
    place, values = beyond(query.cursor, query.sort, key)
    return [place], values


def statement_shape(collection: Collection, query: ItemsQuery, plan: Plan, key: Key, filter: Hashable) -> Hashable:
    """What decides on the text of the statement for a page. `filter`: the shape of its filter"""
    cursor = query.cursor
    place = cursor and (cursor.direction, *(value is None for value in cursor.place))
    planned = plan.kind, plan.counts, plan.projected is not None, shows_missing(collection, query, plan)
    return query.presentation, query.sort, key, planned, filter, place, query.offset > 0


def page_text(
    collection: Collection, query: ItemsQuery, plan: Plan, key: Key, parts: tuple[Conditions, Conditions]
) -> sql.Composed:
    """The text of the statement. `parts`: the conditions of the filter, and of the cursor"""
    conditions, after = parts
    along = order_by(query.sort, collection, key, backwards=query.backwards)
    order: sql.Composable = sql.SQL("\nORDER BY ") + along
    table = relation(collection, query.filter)
    if has_strips(collection, key):
        table = with_strips(collection, table, key, query.filter, is_known=plan.projected is not None)
    counted: sql.Composable = sql.SQL(", ") + counter(collection) if plan.counts else sql.SQL("")
    rest: Conditions = []
    if plan.kind == "ctid_ranges":
        if plan.counts:
            counted = sql.SQL(", (%(inside)s + ({}))").format(count_on_edge(table, conditions))
        source, order = in_ctid_ranges(query, table, conditions), sql.SQL("")
    elif plan.kind == "bbox_strips":
        source, order = in_strips(collection, query, plan, table, ([*conditions, *after], along)), sql.SQL("")
    elif plan.kind == "matches":
        source = matches(collection, key, table, [*conditions, *after], counted=plan.counts)
    elif plan.kind == "walk":
        source = walked(table, after, sql.SQL("") if lies_in_order(collection, query) else order)
        rest = conditions
    elif query.offset or query.sort or conditions:
        source = at_offset(collection, query, key, table, [*conditions, *after])
    elif lies_in_order(collection, query):
        source = first_rows(table, after)
    else:
        source, rest = table, after
    begin, lateral = beginning(collection, query, key)
    return sql.Composed(
        [begin, counted, sql.SQL("\nFROM "), source, sql.SQL(" AS t"), lateral, where_clause(rest), order, LIMIT]
    )


LIMIT = sql.SQL("\nLIMIT %(rows)s")


def in_strips(
    collection: Collection,
    query: ItemsQuery,
    plan: Plan,
    table: sql.Composable,
    parts: tuple[Conditions, sql.Composable],
) -> sql.Composable:
    """The rows of a page of strips. `parts`: the conditions, the bbox first where there is one, and the order"""
    conditions, along = parts
    selects = [in_ranges(collection, table, conditions, along, has_box=query.filter.box is not None)]
    if shows_missing(collection, query, plan):
        selects.append(without_geometry(table, conditions, along))
    return one_by_one(selects, backwards=query.backwards)


def shows_missing(collection: Collection, query: ItemsQuery, plan: Plan) -> bool:
    """Whether a page of strips goes on with features without geometry, which every bbox finds, but no shape, behind the
    last strip; or begins with them, on the way back from one.
    """
    if plan.kind != "bbox_strips" or query.filter.box is None or not collection.null_geometries:
        return False
    return is_behind_strips(query.cursor) if query.cursor and query.backwards else plan.is_sure


def beginning(collection: Collection, query: ItemsQuery, key: Key) -> tuple[sql.SQL, sql.SQL]:
    """What is the same for every filter: `SELECT …`, and the row of properties behind the relation."""

    def compose() -> tuple[sql.SQL, sql.SQL]:
        selected = sql.SQL("SELECT {}{}{}").format(
            feature_text(collection, query.presentation), select_key(key), select_places(query.sort)
        )
        return rendered(selected), rendered(properties_lateral(collection, query.presentation))

    return beginnings.get(collection, (query.presentation, query.sort, key), compose)


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


def select_ends(collection: Collection) -> Statement:
    """The least and the largest id of a loaded table. Rows: one (first, last), bigint or null. Index: primary key"""
    return Statement(sql.SQL("SELECT min(fid), max(fid) FROM {}").format(relation(collection)))


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
