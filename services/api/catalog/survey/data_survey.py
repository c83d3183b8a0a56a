"""The survey of the data of a relation: systems of geometries, whether a key holds, where and when features are.

Each statement has a time limit, and one that fails leaves the rest as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from psycopg import sql

from api.catalog.sources.build import GeometrySurvey, Interval, Publishable, RelationSurvey
from api.catalog.sources.columns import choose_times, select_check
from api.catalog.sources.geometry_columns import (
    WEB_MERCATOR,
    GeometryColumn,
    geometry_column,
    is_in_degrees,
    located,
    read,
    srid_of_typmod,
    type_of_typmod,
)
from api.catalog.sources.model import Attribute, BaseTable, CrsDefinition, Systems
from api.catalog.survey.crs import find_systems
from api.catalog.survey.timed_queries import TimedQueries
from api.catalog.survey.views_of_tables import find_base, find_filled, find_magnitude
from core.bbox import BBox
from core.catalog.collections import RANGES, ROWS_OF_PAGE
from core.database.statement import Statement, quoted
from core.errors import BadBBox

SAMPLE_ROWS = 10_000
"""Rows whose geometries are read for their system, where the column does not declare it."""

HAIR = 1e-9
"""Degrees, a tenth of a millimetre: so far off may be what was transformed there and back. A box that is the stated
extent is to find what lies at its edges.
"""

Corners = tuple[float, float, float, float]


def survey(
    queries: TimedQueries, plan: Publishable, systems: Systems
) -> tuple[RelationSurvey, dict[int, CrsDefinition]]:
    """What a survey of a relation finds, and the systems that were not known yet. Raises: DatabaseUnavailable"""
    queries.begin()
    srids = {a.number: found for a in plan.geometries if (found := find_srids(queries, plan, a)) is not None}
    geometries = [geometry_column(a, plan.comment.srid, srids.get(a.number)) for a in plan.geometries]
    wanted = {srid for geometry in geometries for srid in (geometry.srid, *geometry.srids)}
    new = find_systems(queries.database, wanted - systems.keys())
    known = {**systems, **new}
    geometries = [located(geometry, known) for geometry in geometries]
    bases = {s.attribute.number: base for s in geometries if (base := find_base(queries, plan, s)) is not None}
    seen = {
        geometry.attribute.number: find_extent(queries, plan, geometry, known, bases.get(geometry.attribute.number))
        for geometry in geometries
        if geometry.srid
    }
    magnitude = find_magnitude(queries, plan, bases, seen)
    holds = any(base.keeps_key for base in bases.values()) or find_key(queries, plan)
    found = RelationSurvey(srids, holds, seen, find_interval(queries, plan), magnitude, bases=bases)
    solids = find_solids(queries, plan)  # last, as is the next: they may take too long
    return replace(found, solids=solids, filled=find_filled(queries, plan, magnitude, bases)), new


def find_solids(queries: TimedQueries, plan: Publishable) -> frozenset[int]:
    """The geometry columns of any type that hold polyhedral surfaces, which GEOS does not know: boxes would fail."""
    text = sql.SQL("SELECT EXISTS (SELECT FROM {} AS s WHERE ST_GeometryType({}) = 'ST_PolyhedralSurface')")
    return frozenset(
        attribute.number
        for attribute in plan.geometries
        if attribute.type == "geometry" and type_of_typmod(attribute.typmod) == "Geometry"
        if queries.one(plan, Statement(text.format(plan.relation.sql_name, quoted("s", attribute.name)))) == (True,)
    )


def find_srids(queries: TimedQueries, plan: Publishable, attribute: Attribute) -> frozenset[int] | None:
    """The systems of a column that is declared without one; None when that is not read, or not known yet."""
    if attribute.type == "geography" or srid_of_typmod(attribute.typmod) or plan.comment.srid:
        return None
    text = sql.SQL("SELECT array_agg(DISTINCT ST_SRID(g)) FROM (SELECT {} AS g FROM {} AS s LIMIT {}) AS sample")
    column = quoted("s", attribute.name)
    row = queries.one(plan, Statement(text.format(column, plan.relation.sql_name, sql.Literal(SAMPLE_ROWS))))
    found = frozenset(srid for srid in (row[0] if row and row[0] else ()) if srid is not None)
    return found or None


def find_key(queries: TimedQueries, plan: Publishable) -> bool | None:
    """Whether the candidate for a key holds; None: nobody knows. A declared one is believed as long as that is so."""
    if plan.candidate is None or plan.candidate.is_certain:
        return None
    row = queries.one(plan, select_check(plan.relation, plan.candidate))
    if row is None:
        return None if plan.candidate.check_unique else True
    if not row[0] and plan.comment.key:
        queries.warn(plan, "its key has rows without a value and is not used")
    return bool(row[0])


def find_interval(queries: TimedQueries, plan: Publishable) -> Interval | None:
    """The first and the last time. Infinite ones, and years that Python does not have, are open ends."""
    start, end = choose_times([read.column for read in plan.reads], plan.comment.time)
    if start is None:
        return None
    by_name = {read.column.name: read for read in plan.reads}
    column = quoted("s", by_name[start].attribute.name)
    if by_name[start].column.sql_type in RANGES:
        ends = [sql.SQL(text).format(column) for text in ("lower({})", "upper({})", "lower_inf({})", "upper_inf({})")]
    else:
        other = quoted("s", by_name[end or start].attribute.name)
        missing = sql.SQL("{} IS NULL AND {} IS NOT NULL")
        ends = [column, other, missing.format(column, other), missing.format(other, column)]
    row = queries.one(plan, Statement(SELECT_INTERVAL.format(*ends, plan.relation.sql_name)))
    return (row[0], row[1]) if row and (row[0] or row[1]) else None


SELECT_INTERVAL = sql.SQL("""
SELECT CASE WHEN NOT open_start AND first BETWEEN '0001-01-02' AND '9999-12-30' THEN first END,
       CASE WHEN NOT open_end AND last BETWEEN '0001-01-02' AND '9999-12-30' THEN last END
FROM (
    SELECT min({0})::timestamptz AS first, max({1})::timestamptz AS last,
           COALESCE(bool_or({2}), false) AS open_start, COALESCE(bool_or({3}), false) AS open_end
    FROM {4} AS s
) AS x
""")


def declared_systems(plans: Iterable[Publishable]) -> set[int]:
    """The SRIDs of geometry columns as far as they are declared."""
    return {geometry_column(a, some.comment.srid, None).srid for some in plans for a in some.geometries}


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


def degrees(corners: Corners) -> BBox | None:
    """A box within the degrees, or None when it has no place there."""
    west, south, east, north = corners
    try:
        return BBox(max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0))
    except BadBBox:
        return None
