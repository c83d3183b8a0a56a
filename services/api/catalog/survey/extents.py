"""Where the geometries of a relation's columns lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from psycopg import sql

from api.catalog.sources.build import GeometrySurvey, Publishable
from api.catalog.sources.geometry_columns import WEB_MERCATOR, GeometryColumn, is_in_degrees, read
from api.catalog.sources.model import BaseTable, Systems
from api.catalog.survey.timed_queries import TimedQueries
from core.bbox import BBox
from core.catalog.collections import ROWS_OF_PAGE
from core.database.statement import Statement
from core.errors import BadBBox


def find_extent(
    queries: TimedQueries, plan: Publishable, geometry: GeometryColumn, systems: Systems, base: BaseTable | None
) -> GeometrySurvey:
    """Where the geometries of a column lie: as its index or its statistics say, else as all of them say; of a view that
    takes too long, as the index of the table behind it says.
    """
    for statement in select_extents(plan, geometry):
        row = queries.one(plan, statement)
        if row is not None and row[0] is not None:
            magnitude = (1 + row[4] // ROWS_OF_PAGE).bit_length() if row[4] else 0
            return replace(find_place(queries, plan, row, geometry, systems), magnitude=magnitude)
    if base is None or not queries.gave_up(plan):
        return GeometrySurvey()
    row = queries.one_anyway(plan, select_estimate(base.schema, base.name, base.column))
    return GeometrySurvey() if row is None or row[0] is None else find_place(queries, plan, row, geometry, systems)


def find_place(
    queries: TimedQueries, plan: Publishable, corners: Sequence[float], geometry: GeometryColumn, systems: Systems
) -> GeometrySurvey:
    """Where geometries lie whose extent has some corners. A few beyond the limits of their system, which PROJ may not
    be able to place, count only if it is.
    """
    limits = systems[geometry.srid].limits if geometry.srid in systems else None
    if limits is None or is_within(corners, limits):
        return seen(queries, plan, corners, geometry, systems)
    envelope = sql.SQL("ST_MakeEnvelope({})").format(sql.SQL(", ").join(map(sql.Literal, limits)))
    values = {"g": read(geometry), "limits": envelope, "relation": plan.relation.sql_name}
    beyond = queries.one(plan, Statement(SELECT_BEYOND.format(**values)))
    if beyond is not None and beyond[0] is not False:
        return replace(seen(queries, plan, corners, geometry, systems), reaches_further=bool(beyond[0]))
    queries.warn(plan, "some geometries have coordinates for which other coordinate systems have no place")
    row = queries.one(plan, Statement(SELECT_INSIDE.format(**values)))
    return seen(queries, plan, row, geometry, systems) if row is not None and row[0] is not None else GeometrySurvey()


def is_within(corners: Sequence[float], limits: Sequence[float]) -> bool:
    """Whether a box lies in another one."""
    west, south, east, north = limits
    return west <= corners[0] and south <= corners[1] and corners[2] <= east and corners[3] <= north


# Rows: one (whether all beyond the limits can be transformed and are not beyond reason; null: nothing is beyond them)
SELECT_BEYOND = sql.SQL("""
SELECT bool_and({g} @ ST_MakeEnvelope(-1e8, -1e8, 1e8, 1e8)
                AND abs(ST_XMin(ST_Transform({g}, 4326))) + abs(ST_XMin(ST_Transform({g}, 3857))) < 'Infinity')
FROM {relation} AS s
WHERE NOT {g} @ {limits} AND NOT ST_IsEmpty({g})
""")

# Rows: one (west, south, east, north), easting first
SELECT_INSIDE = sql.SQL("""
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (SELECT ST_Extent({g}) AS e FROM {relation} AS s WHERE {g} @ {limits}) AS x
""")


def select_extents(plan: Publishable, geometry: GeometryColumn) -> Iterator[Statement]:
    """Statements for the extent, the cheap one first. Rows: as `CORNERS`"""
    relation, name = plan.relation, geometry.attribute.name
    exact = geometry.is_geography or geometry.attribute.is_domain or '"' in relation.schema + relation.name + name
    exact = exact or geometry.reading == "mixed"
    if relation.kind in ("r", "m") and not relation.inherited and not exact:
        yield select_estimate(relation.schema, relation.name, name)
    extent, whole = sql.SQL("ST_Extent({})").format(read(geometry)), sql.SQL("FROM {} AS s").format(relation.sql_name)
    yield Statement(CORNERS.format(extent, sql.SQL("count(*)"), whole))


def select_estimate(schema: str, name: str, column: str) -> Statement:
    """Where the geometries of a table lie as its index or its statistics say. Rows: as `CORNERS`"""
    values = {"schema": schema, "name": name, "column": column}
    estimate = sql.SQL("ST_EstimatedExtent(%(schema)s, %(name)s, %(column)s)")
    return Statement(CORNERS.format(estimate, sql.SQL("0"), sql.SQL("")), values)


# Rows: one (west, south, east, north, easting first; how many features there are, 0: nobody counted)
CORNERS = sql.SQL("SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e), n FROM (SELECT {} AS e, {} AS n {}) AS x")

HAIR = 1e-9
"""Degrees, a tenth of a millimetre: so far off may be what was transformed there and back. A box that is the stated
extent is to find what lies at its edges.
"""


def seen(
    queries: TimedQueries, plan: Publishable, corners: Sequence[float], geometry: GeometryColumn, systems: Systems
) -> GeometrySurvey:
    """An extent in the system of the geometry column, and in CRS84."""
    own = (corners[0], corners[1], corners[2], corners[3])
    if is_in_degrees(geometry.srid, systems):
        return GeometrySurvey(degrees(own), own)
    text = sql.SQL("""
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (SELECT ST_Transform(ST_Segmentize(ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, {srid}), %(step)s), 4326) AS e) AS x
""").format(srid=sql.Literal(geometry.srid))
    step = max((own[2] - own[0] + own[3] - own[1]) / 100, 1e-9)
    values = {"w": own[0], "s": own[1], "e": own[2], "n": own[3], "step": step}
    row = queries.one_anyway(plan, Statement(text, values))
    if row is None:
        return GeometrySurvey(None, own)
    box = (row[0] - HAIR, row[1] - HAIR, row[2] + HAIR, row[3] + HAIR)
    return GeometrySurvey(degrees(to_the_poles(queries, plan, geometry.srid, own, box)), own)


Corners = tuple[float, float, float, float]


def to_the_poles(queries: TimedQueries, plan: Publishable, srid: int, own: Corners, box: Corners) -> Corners:
    """A box in degrees, made as large as the one in the system `srid` is that may lie around a pole: its edges do not
    say so.
    """
    if box[2] - box[0] < 180 or srid == WEB_MERCATOR:
        return box
    text = sql.SQL(
        "SELECT place && ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, {srid})"
        " FROM (SELECT ST_Transform(ST_Point(0, %(latitude)s, 4326), {srid}) AS place OFFSET 0) AS pole"
    ).format(srid=sql.Literal(srid))
    values = dict(zip("wsen", own, strict=True))
    holds = [queries.one_anyway(plan, Statement(text, {**values, "latitude": latitude})) for latitude in (-90, 90)]
    south, north = (found is not None and bool(found[0]) for found in holds)
    west, east = (-180.0, 180.0) if south or north else (box[0], box[2])
    return west, -90.0 if south else box[1], east, 90.0 if north else box[3]


def degrees(corners: tuple[float, float, float, float]) -> BBox | None:
    """A box within the degrees, or None when it has no place there."""
    west, south, east, north = corners
    try:
        return BBox(max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0))
    except BadBBox:
        return None
