"""The conditions of a filter as SQL. Values are bound, and constants are transformed, so that the indexes are used."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query import Equals, Filter, GridBox
from api.sql.cql2 import filter_condition
from api.sql.relation import among_keys, argument_place, column_of, domain
from api.sql.times import in_interval
from core.bbox import BBox
from core.catalog import Collection

# SQL type that a column's value is cast to, where the parameter is text
CASTS = {"date": sql.SQL("date"), "datetime": sql.SQL("timestamptz"), "time": sql.SQL("time")}

# A box without area is a point or a line here; ST_MakeEnvelope would make a polygon that meets nothing.
ENVELOPE = sql.SQL("ST_Envelope(ST_MakeLine(ST_Point({west}, {south}, {srid}), ST_Point({east}, {north}, {srid})))")

WIDE_DEG = 90
"""Boxes wider than this hold so much of the globe that the index of a geography helps little."""
AROUND_DEG = 0.01
WORLD = sql.SQL("ST_MakeEnvelope(-180, -90, 180, 90)")

Condition = tuple[sql.Composable, dict[str, Any]]


def where_clause(conditions: list[sql.Composable]) -> sql.Composable:
    """`WHERE a AND b`, or nothing."""
    return sql.SQL("\nWHERE ") + sql.SQL("\n  AND ").join(conditions) if conditions else sql.SQL("")


def where(
    collection: Collection, filter: Filter, *, boxes_alone: bool = False
) -> tuple[list[sql.Composable], dict[str, Any]]:
    """The conditions of a filter, and the values for them. `boxes_alone`: what is in a box, by its own box only."""
    parts: list[Condition] = []
    if filter.box is not None and collection.has_geometry:
        parts.append(in_box(collection, filter.box, boxes_alone=boxes_alone))
    if filter.interval is not None and collection.times:
        parts.append(in_interval(collection.times, filter.interval))
    if filter.ids is not None:
        parts.append(among_keys(collection.key, filter.ids))
    if filter.text is not None:
        parts.append(contains(collection, filter.text))
    if filter.cql2 is not None:
        crs = filter.cql2_crs
        srid = crs.srid if collection.srid != 0 else 0
        parts.append(filter_condition(filter.cql2, collection, srid, northing_first=crs.northing_first))
    parts.extend(equal(condition, number) for number, condition in enumerate(filter.equals))
    params: dict[str, Any] = {argument_place(given): given.value for given in filter.arguments}
    for _, values in parts:
        params.update(values)
    return [text for text, _ in parts], params


def in_box(collection: Collection, box: BBox | GridBox, *, boxes_alone: bool = False) -> Condition:
    """Features that meet the box, and those without geometry (Part 1, /req/core/fc-bbox-response, C).

    ST_Intersects goes by the index itself; with `&&` beside it the planner expects the square of the share.
    """
    halves: list[sql.Composable] = []
    params: dict[str, Any] = {}
    for number, half in enumerate(box.halves() if isinstance(box, BBox) else (box,)):
        area, values = area_of(collection, half, number)
        halves.append(meets(collection, half, area, boxes_alone=boxes_alone))
        params.update(values)
    if collection.null_geometries:
        halves.append(sql.SQL("t.geog IS NULL" if is_geography(collection) else "t.geom IS NULL"))
    return sql.SQL("({})").format(sql.SQL(" OR ").join(halves)), params


def meets(collection: Collection, box: BBox | GridBox, area: sql.Composable, *, boxes_alone: bool) -> sql.Composable:
    """A geometry meets an area, or its box does."""
    condition = sql.SQL("t.geom && {}" if boxes_alone else "ST_Intersects(t.geom, {})").format(area)
    near = near_on_globe(collection, box, area)
    return condition if near is None else sql.SQL("({} AND {})").format(near, condition)


def near_on_globe(collection: Collection, box: BBox | GridBox, area: sql.Composable) -> sql.Composable | None:
    """The condition that a geography is near an area, for which its index serves; None where that is no help.

    The corners of the area's edges are set close, as the parallels are no straight lines on the globe.
    """
    if not is_geography(collection) or not isinstance(box, BBox) or box.east - box.west > WIDE_DEG:
        return None
    text = sql.SQL("t.geog && ST_Segmentize(ST_ClipByBox2D(ST_Expand({}, {}), {}), 1)::geography")
    return text.format(area, sql.Literal(AROUND_DEG), WORLD)


def is_geography(collection: Collection) -> bool:
    """Whether the geometries are stored on the globe, where edges are great circles."""
    return collection.source is not None and collection.source.is_geography


def area_of(collection: Collection, box: BBox | GridBox, number: int) -> Condition:
    """A box as an area in the collection's own CRS.

    A box in degrees is cut to where the collection lies before it is transformed, since a box of the world has no image
    in a national grid, and its edges are split, since a parallel is no straight line there.
    """
    names = {side: f"{side}{number}" for side in ("west", "south", "east", "north")}
    params = {name: getattr(box, side) for side, name in names.items()}
    srid = box.srid if isinstance(box, GridBox) else 4326
    places = {side: sql.SQL("{}::float8").format(sql.Placeholder(name)) for side, name in names.items()}
    envelope: sql.Composable = ENVELOPE.format(**places, srid=sql.Literal(srid))
    if srid == collection.srid:
        return envelope, params
    if isinstance(box, BBox):
        extent = domain(collection)
        own = sql.SQL("ST_Expand(ST_MakeEnvelope({}, {}, {}, {}, 4326), 0.01)").format(*map(sql.Literal, extent))
        envelope = sql.SQL("ST_Segmentize(ST_Intersection({}, {}), 0.1)").format(envelope, own)
    else:
        step = sql.SQL("GREATEST(({east} - {west} + {north} - {south}) / 100, 1)").format(**places)
        envelope = sql.SQL("ST_Segmentize({}, {})").format(envelope, step)
    return sql.SQL("ST_Transform({}, {})").format(envelope, sql.Literal(collection.srid)), params


def contains(collection: Collection, text: str) -> Condition:
    """Features of which some string property contains a text, in any case. Reads every row that is left."""
    columns = [column for column in collection.columns if column.type == "string"]
    if not columns:
        return sql.SQL("false"), {}
    names = [
        sql.SQL("{}::text ILIKE %(q)s" if column.sql_type else "{} ILIKE %(q)s").format(column_of(column))
        for column in columns
    ]
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return sql.SQL("({})").format(sql.SQL(" OR ").join(names)), {"q": f"%{escaped}%"}


def equal(condition: Equals, number: int) -> Condition:
    """A property that equals a value."""
    place: sql.Composable = sql.Placeholder(f"equal{number}")
    if condition.column.type in CASTS:
        place = sql.SQL("{}::{}").format(place, CASTS[condition.column.type])
    return sql.SQL("{} = {}").format(column_of(condition.column), place), {f"equal{number}": condition.value}
