"""Statements for features: a page, one feature, and how many there are."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query import Equals, Filter, Interval, ItemsQuery
from core.bbox import BBox
from core.catalog import Collection, Column
from core.statement import Statement

DEGREE_DIGITS = 7
"""Decimals of a coordinate in degrees: 1 cm at the equator."""

# SQL type that a column's value is cast to, where the parameter is text
CASTS = {"date": sql.SQL("date"), "datetime": sql.SQL("timestamptz"), "time": sql.SQL("time")}

# A box without area is a point or a line here; ST_MakeEnvelope would make a polygon that meets nothing.
ENVELOPE = sql.SQL("ST_Envelope(ST_MakeLine(ST_Point({west}, {south}, 4326), ST_Point({east}, {north}, 4326)))")

Condition = tuple[sql.Composable, dict[str, Any]]


def select_page(collection: Collection, query: ItemsQuery) -> Statement:
    """One page of features in order of fid: ascending, or descending when the cursor goes back.

    Rows:   (fid bigint, feature text: a GeoJSON Feature in CRS84)
    Count:  up to query.limit + 1; the extra row means that there is more in that direction
    Index:  primary key; GiST on geom when the filter has a bbox
    """
    backwards = query.cursor is not None and query.cursor.direction == "prev"
    conditions, params = where(collection, query.filter)
    if query.cursor is not None:
        conditions.append(sql.SQL("t.fid < %(fid)s" if backwards else "t.fid > %(fid)s"))
        params["fid"] = query.cursor.fid
    text = sql.SQL("SELECT t.fid, {feature}\nFROM {table} AS t{lateral}{where}\nORDER BY t.fid {order}\nLIMIT %(rows)s")
    return Statement(
        text.format(
            feature=feature_text(collection),
            table=table(collection),
            lateral=properties_lateral(collection),
            where=where_clause(conditions),
            order=sql.SQL("DESC" if backwards else "ASC"),
        ),
        {**params, "rows": query.limit + 1},
    )


def select_feature(collection: Collection, fid: int) -> Statement:
    """One feature, or no row.

    Rows:   (fid bigint, feature text)
    Index:  primary key
    """
    text = sql.SQL("SELECT t.fid, {feature}\nFROM {table} AS t{lateral}\nWHERE t.fid = %(fid)s")
    return Statement(
        text.format(feature=feature_text(collection), table=table(collection), lateral=properties_lateral(collection)),
        {"fid": fid},
    )


def select_count(collection: Collection, filter: Filter) -> Statement:
    """How many features a filter matches. Rows: one (count bigint). Cost: reads every match."""
    conditions, params = where(collection, filter)
    text = sql.SQL("SELECT count(*) FROM {table} AS t{where}")
    return Statement(text.format(table=table(collection), where=where_clause(conditions)), params)


def select_estimate(collection: Collection, filter: Filter) -> Statement:
    """The planner's view of the same count. Rows: one (plan json); `Plan.Plan Rows` of the outer node's input."""
    conditions, params = where(collection, filter)
    text = sql.SQL("EXPLAIN (FORMAT JSON) SELECT 1 FROM {table} AS t{where}")
    return Statement(text.format(table=table(collection), where=where_clause(conditions)), params)


def table(collection: Collection) -> sql.Identifier:
    """The table of the collection's version."""
    return sql.Identifier("data", collection.table)


def feature_text(collection: Collection) -> sql.Composable:
    """A GeoJSON Feature as text, put together by PostgreSQL so that nothing is parsed in Python."""
    geometry = sql.SQL("NULL::text")
    if collection.has_geometry:
        degrees = sql.SQL("t.geom") if collection.srid == 4326 else sql.SQL("ST_Transform(t.geom, 4326)")
        geometry = sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(degrees, sql.Literal(DEGREE_DIGITS))
    return sql.SQL(
        """'{{"type":"Feature","id":' || t.fid || ',"geometry":' || COALESCE({geometry}, 'null')"""
        """ || ',"properties":' || {properties} || '}}'"""
    ).format(geometry=geometry, properties=sql.SQL("row_to_json(p)::text" if collection.columns else "'{}'"))


def properties_lateral(collection: Collection) -> sql.Composable:
    """The properties under their published names, as a row `p`."""
    if not collection.columns:
        return sql.SQL("")
    names = sql.SQL(", ").join(
        sql.SQL("{} AS {}").format(sql.Identifier("t", column.column), sql.Identifier(column.name))
        for column in collection.columns
    )
    return sql.SQL("\nCROSS JOIN LATERAL (SELECT {}) AS p").format(names)


def where_clause(conditions: list[sql.Composable]) -> sql.Composable:
    """`WHERE a AND b`, or nothing."""
    return sql.SQL("\nWHERE ") + sql.SQL("\n  AND ").join(conditions) if conditions else sql.SQL("")


def where(collection: Collection, filter: Filter) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The conditions of a filter, and the values for them."""
    parts: list[Condition] = []
    if filter.bbox_crs84 is not None and collection.has_geometry:
        parts.append(in_bbox(collection, filter.bbox_crs84))
    temporal = collection.column(collection.temporal_column or "")
    if filter.interval is not None and temporal is not None:
        parts.append(in_interval(temporal, filter.interval))
    parts.extend(equal(condition, number) for number, condition in enumerate(filter.equals))
    params: dict[str, Any] = {}
    for _, values in parts:
        params.update(values)
    return [text for text, _ in parts], params


def in_bbox(collection: Collection, box: BBox) -> Condition:
    """Features that meet the box, and those without geometry (Part 1, /req/core/fc-bbox-response, C).

    The box is cut to the collection's extent before it is transformed, since a world-wide box has no
    image in a national grid, and its edges are split, since a parallel is no straight line there.
    ST_Intersects goes by the index itself; with `&&` beside it the planner expects the square of the share.
    """
    halves: list[sql.Composable] = []
    params: dict[str, Any] = {}
    for number, half in enumerate(box.halves()):
        names = {side: f"{side}{number}" for side in ("west", "south", "east", "north")}
        params.update({name: getattr(half, side) for side, name in names.items()})
        envelope = ENVELOPE.format(**{side: sql.Placeholder(name) for side, name in names.items()})
        area = envelope if collection.srid == 4326 else in_grid(collection, envelope)
        halves.append(sql.SQL("ST_Intersects(t.geom, {})").format(area))
    if collection.null_geometries:
        halves.append(sql.SQL("t.geom IS NULL"))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(halves)), params


def in_grid(collection: Collection, envelope: sql.Composable) -> sql.Composable:
    """A box in degrees as an area in the collection's own CRS, cut to where the collection is."""
    extent = collection.bbox_crs84.as_list() if collection.bbox_crs84 else [0.0, 0.0, 0.0, 0.0]
    own = sql.SQL("ST_Expand(ST_MakeEnvelope({}, {}, {}, {}, 4326), 0.01)").format(*map(sql.Literal, extent))
    cut = sql.SQL("ST_Intersection({}, {})").format(envelope, own)
    return sql.SQL("ST_Transform(ST_Segmentize({}, 0.1), {})").format(cut, sql.Literal(collection.srid))


def in_interval(column: Column, interval: Interval) -> Condition:
    """Features whose time meets the interval, and those without a time (/req/core/fc-time-response, C).

    A date is its whole day.
    """
    name = sql.Identifier("t", column.column)
    cast = sql.SQL("date" if column.type == "date" else "timestamptz")
    ends: list[sql.Composable] = []
    params: dict[str, Any] = {}
    if interval.start is not None:
        ends.append(sql.SQL("{} >= %(start)s::timestamptz::{}").format(name, cast))
        params["start"] = interval.start
    if interval.end is not None:
        ends.append(sql.SQL("{} <= %(end)s::timestamptz::{}").format(name, cast))
        params["end"] = interval.end
    return sql.SQL("({} OR {} IS NULL)").format(sql.SQL(" AND ").join(ends), name), params


def equal(condition: Equals, number: int) -> Condition:
    """A property that equals a value."""
    place: sql.Composable = sql.Placeholder(f"equal{number}")
    if condition.column.type in CASTS:
        place = sql.SQL("{}::{}").format(place, CASTS[condition.column.type])
    name = sql.Identifier("t", condition.column.column)
    return sql.SQL("{} = {}").format(name, place), {f"equal{number}": condition.value}
