"""Statements for the features nearest to a place, in the order of their distance in metres on the ellipsoid, then of
their key.

The index of a geometry orders by distance in its own system, which is another order: at 60 degrees north a degree of
longitude is half as long as one of latitude. So the nearest ones by the index only tell how far off the nearest ones in
metres can be at most; these are then chosen from all that is so near.
"""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query.items import ItemsQuery
from api.query.near import Around
from api.sql.features.items import feature_text, properties_lateral
from api.sql.features.keyset import beyond, order_by, select_key, select_places
from api.sql.filters.around import PLACE, near_boxes, on_globe, place_values
from api.sql.filters.bbox import is_geography
from api.sql.filters.filter import where, where_clause
from api.sql.relation import all_columns, column_of, domain, relation
from core.bbox import MERCATOR_LIMIT_DEG, BBox
from core.catalog.collections import Collection, Key
from core.database.statement import Statement, quoted

SLACK, SLACK_M = 1 + 1e-9, 0.01
"""How much further than its distance a feature is looked for."""

MEASURED = sql.SQL("(SELECT {columns}, {distance} AS {name} FROM {rows} AS t{where}{order} OFFSET 0)")

REACH = sql.SQL("""(SELECT max(t.{name}) AS metres, count(*) AS number
  FROM (SELECT t.{name} FROM {measured} AS t{where} LIMIT %(rows)s) AS t)""")


def select_reach(collection: Collection, query: ItemsQuery, around: Around, key: Key) -> Statement:
    """Within how many metres the features of a page are for certain. Rows: one (double; NULL: there are fewer).

    Index: that of the geometry, in its order, whichever conditions there are, unless these are rare
    """
    name = quoted(query.sort[0].column.column)
    behind, params = behind_place(query, key)
    conditions, values = where(collection, query.filter)
    seen = [sql.SQL("t.{} IS NOT NULL").format(name), *behind]
    searches = [
        REACH.format(name=name, measured=measured(collection, query, key, conditions, order), where=where_clause(seen))
        for order in orders(collection)
    ]
    text = sql.SQL("SELECT min(metres) FROM ({}) AS reach WHERE number = %(rows)s")
    rows = query.offset + query.limit + 1
    return Statement(
        text.format(sql.SQL(" UNION ALL ").join(searches)),
        {**values, **params, **place_values(around), **order_values(collection, around), "rows": rows},
    )


def select_nearest(collection: Collection, query: ItemsQuery, around: Around, reach_m: float, key: Key) -> Statement:
    """The nearest features that match; in their order from the end when the cursor goes back. The property of their
    distance is the one that the query sorts by, and among those of its presentation.

    reach_m: within how many metres they are
    Rows:    as `select_page`
    """
    behind, params = behind_place(query, key)
    conditions, values = where(collection, query.filter)
    near, boxes = candidates(collection, around, reach_m * SLACK + SLACK_M)
    found = measured(collection, query, key, [*near, *conditions], sql.SQL(""))
    distance = column_of(query.sort[0].column)
    order = sql.SQL("\nORDER BY ") + order_by(query.sort, collection, key, backwards=query.backwards)
    text = sql.SQL("""SELECT {feature}{key}{places}
FROM (SELECT t.* FROM {found} AS t{where}{order}
LIMIT %(rows)s OFFSET %(offset)s) AS t{lateral}{order}""").format(
        feature=feature_text(collection, query.presentation),
        key=select_key(key),
        places=select_places(query.sort),
        found=found,
        where=where_clause([sql.SQL("{} IS NOT NULL").format(distance), *behind]),
        order=order,
        lateral=properties_lateral(collection, query.presentation),
    )
    paged = {"rows": query.limit + 1, "offset": query.offset}
    return Statement(text, {**values, **params, **place_values(around), **boxes, **paged})


def behind_place(query: ItemsQuery, key: Key) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The condition for what is behind the cursor, and its values."""
    if query.cursor is None:
        return [], {}
    condition, values = beyond(query.cursor, query.sort, key)
    return [condition], values


def measured(
    collection: Collection, query: ItemsQuery, key: Key, conditions: list[sql.Composable], order: sql.Composable
) -> sql.Composable:
    """The rows that match, with their distance, each measured once."""
    return MEASURED.format(
        columns=all_columns(collection, key),
        distance=sql.SQL("ST_Distance({}, {})").format(on_globe(collection), PLACE),
        name=quoted(query.sort[0].column.column),
        rows=relation(collection, query.filter),
        where=where_clause(conditions),
        order=order,
    )


def candidates(collection: Collection, around: Around, metres: float) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The condition that an index serves for what is so near."""
    if is_geography(collection) and metres < float("inf"):
        return [sql.SQL("ST_DWithin(t.geog, {}, %(reach_m)s::float8)").format(PLACE)], {"reach_m": metres}
    place = BBox(around.longitude, around.latitude, around.longitude, around.latitude)
    near, values = near_boxes(collection, place, metres, "reach_box")
    return ([] if near is None else [near]), values


def orders(collection: Collection) -> list[sql.Composable]:
    """The orders of an index in which near features come early: two in degrees, the second beyond 180 degrees; none
    where the place may have no image in the system of a collection.
    """
    text = sql.SQL("\nORDER BY {} <-> {}")
    if is_geography(collection):
        return [text.format(sql.SQL("t.geog"), PLACE)]
    if collection.source is not None and collection.srid != 4326 and collection.domain_crs84 is None:
        return [sql.SQL("")]
    point = sql.SQL("ST_SetSRID(ST_Point({}::float8, %(order_y)s::float8), 4326)")
    first, beyond_180 = (point.format(sql.Placeholder(name)) for name in ("order_x", "turned_x"))
    if collection.srid == 4326:
        return [text.format(sql.SQL("t.geom"), place) for place in (first, beyond_180)]
    return [text.format(sql.SQL("t.geom"), sql.SQL("ST_Transform({}, {})").format(first, sql.Literal(collection.srid)))]


def order_values(collection: Collection, around: Around) -> dict[str, Any]:
    """The values of `orders`: in other systems the place of the collection's extent that is nearest in degrees."""
    x, y = around.longitude, around.latitude
    if collection.srid != 4326:
        west, south, east, north = domain(collection)
        x, y = min(max(x, west), east), min(max(y, south, -MERCATOR_LIMIT_DEG), north, MERCATOR_LIMIT_DEG)
    return {"order_x": x, "order_y": y, "turned_x": x - 360 if x > 0 else x + 360}
