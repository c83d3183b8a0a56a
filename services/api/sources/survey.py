"""Looks at the data of a relation: systems of geometries, whether a key holds, where and when features are.

Each question has a time limit, and one that fails leaves the rest as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from psycopg import sql

from api.sources.asker import Asker
from api.sources.bases import find_base, find_filled, find_magnitude
from api.sources.build import Findings, Interval, Plan, Seen
from api.sources.keys import select_check
from api.sources.model import Attribute, System, Systems
from api.sources.shapes import (
    WEB_MERCATOR,
    Shape,
    is_in_degrees,
    located,
    read,
    shape_of,
    srid_of_typmod,
    type_of_typmod,
)
from api.sources.systems import find_systems
from api.sources.times import choose_times
from core.bbox import BBox
from core.catalog import RANGES
from core.errors import BadBBox
from core.statement import Statement, quoted

log = logging.getLogger("isthmus.api")

SAMPLE_ROWS = 10_000
"""Rows whose geometries are asked for their system, where the column does not say it."""


def survey(asker: Asker, plan: Plan, systems: Systems) -> tuple[Findings, dict[int, System]]:
    """What a look at a relation's data finds, and the systems that were not known yet. Raises: DatabaseUnavailable"""
    asker.begin()
    srids = {a.number: found for a in plan.geometries if (found := find_srids(asker, plan, a)) is not None}
    shapes = [shape_of(a, plan.comment.srid, srids.get(a.number)) for a in plan.geometries]
    wanted = {srid for shape in shapes for srid in (shape.srid, *shape.srids)}
    new = find_systems(asker.database, wanted - systems.keys())
    known = {**systems, **new}
    shapes = [located(shape, known) for shape in shapes]
    seen = {shape.attribute.number: find_extent(asker, plan, shape, known) for shape in shapes if shape.srid}
    bases = {s.attribute.number: base for s in shapes if (base := find_base(asker, plan, s)) is not None}
    magnitude = find_magnitude(asker, plan, bases)
    found = Findings(srids, find_key(asker, plan), seen, find_interval(asker, plan), magnitude, bases=bases)
    solids, filled = (
        find_solids(asker, plan),
        find_filled(asker, plan, magnitude, bases),
    )  # last: they may take too long
    return replace(found, filled=filled, solids=solids), new


def find_solids(asker: Asker, plan: Plan) -> frozenset[int]:
    """The geometry columns of any type that hold polyhedral surfaces, which GEOS does not know: boxes would fail."""
    text = sql.SQL("SELECT EXISTS (SELECT FROM {} AS s WHERE ST_GeometryType({}) = 'ST_PolyhedralSurface')")
    return frozenset(
        attribute.number
        for attribute in plan.geometries
        if attribute.type == "geometry" and type_of_typmod(attribute.typmod) == "Geometry"
        if asker.one(plan, Statement(text.format(plan.relation.sql_name, quoted("s", attribute.name)))) == (True,)
    )


def find_srids(asker: Asker, plan: Plan, attribute: Attribute) -> frozenset[int] | None:
    """The systems of a column that is declared without one; None when that is not asked, or cannot be told yet."""
    if attribute.type == "geography" or srid_of_typmod(attribute.typmod) or plan.comment.srid:
        return None
    text = sql.SQL("SELECT array_agg(DISTINCT ST_SRID(g)) FROM (SELECT {} AS g FROM {} AS s LIMIT {}) AS sample")
    column = quoted("s", attribute.name)
    row = asker.one(plan, Statement(text.format(column, plan.relation.sql_name, sql.Literal(SAMPLE_ROWS))))
    found = frozenset(srid for srid in (row[0] if row and row[0] else ()) if srid is not None)
    return found or None


def find_key(asker: Asker, plan: Plan) -> bool | None:
    """Whether the candidate for a key holds; None: nobody knows. A declared one is believed as long as that is so."""
    if plan.candidate is None or plan.candidate.is_certain:
        return None
    row = asker.one(plan, select_check(plan.relation, plan.candidate))
    if row is None:
        return None if plan.candidate.check_unique else True
    if not row[0] and plan.comment.key:
        asker.say(plan, "its key has rows without a value and is not used")
    return bool(row[0])


def find_extent(asker: Asker, plan: Plan, shape: Shape, systems: Systems) -> Seen:
    """Where the geometries of a column lie: as its index or its statistics say, else as all of them say."""
    for statement in select_extents(plan, shape):
        row = asker.one(plan, statement)
        if row is not None and row[0] is not None:
            return find_place(asker, plan, row, shape, systems)
    return Seen()


def find_place(asker: Asker, plan: Plan, corners: Sequence[float], shape: Shape, systems: Systems) -> Seen:
    """Where geometries lie whose extent has some corners. A few beyond the limits of their system, which PROJ may not
    be able to place, count only if it is.
    """
    limits = systems[shape.srid].limits if shape.srid in systems else None
    if limits is None or is_within(corners, limits):
        return seen(asker, plan, corners, shape, systems)
    envelope = sql.SQL("ST_MakeEnvelope({})").format(sql.SQL(", ").join(map(sql.Literal, limits)))
    values = {"g": read(shape), "limits": envelope, "relation": plan.relation.sql_name}
    beyond = asker.one(plan, Statement(SELECT_BEYOND.format(**values)))
    if beyond is not None and beyond[0] is not False:
        return replace(seen(asker, plan, corners, shape, systems), reaches_further=bool(beyond[0]))
    asker.say(plan, "some geometries have coordinates for which other coordinate systems have no place")
    row = asker.one(plan, Statement(SELECT_INSIDE.format(**values)))
    return seen(asker, plan, row, shape, systems) if row is not None and row[0] is not None else Seen()


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


def select_extents(plan: Plan, shape: Shape) -> Iterator[Statement]:
    """Statements for the extent, the cheap one first. Rows: one of (west, south, east, north), easting first"""
    corners = sql.SQL("SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT {} AS e {}) AS x")
    relation, name = plan.relation, shape.attribute.name
    exact = shape.is_geography or shape.attribute.is_domain or '"' in relation.schema + relation.name + name
    exact = exact or shape.reading == "mixed"
    if relation.kind in ("r", "m") and not relation.inherited and not exact:
        estimate = sql.SQL("ST_EstimatedExtent(%(schema)s, %(name)s, %(column)s)")
        yield Statement(
            corners.format(estimate, sql.SQL("")), {"schema": relation.schema, "name": relation.name, "column": name}
        )
    whole = sql.SQL("ST_Extent({})").format(read(shape))
    yield Statement(corners.format(whole, sql.SQL("FROM {} AS s").format(relation.sql_name)))


HAIR = 1e-9
"""Degrees, a tenth of a millimetre: so far off may be what was transformed there and back. A box that is the stated
extent is to find what lies at its edges.
"""


def seen(asker: Asker, plan: Plan, corners: Sequence[float], shape: Shape, systems: Systems) -> Seen:
    """An extent in the system of the shape, and in CRS84."""
    own = (corners[0], corners[1], corners[2], corners[3])
    if is_in_degrees(shape.srid, systems):
        return Seen(degrees(own), own)
    text = sql.SQL("""
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (SELECT ST_Transform(ST_Segmentize(ST_MakeEnvelope(%(w)s, %(s)s, %(e)s, %(n)s, {srid}), %(step)s), 4326) AS e) AS x
""").format(srid=sql.Literal(shape.srid))
    step = max((own[2] - own[0] + own[3] - own[1]) / 100, 1e-9)
    values = {"w": own[0], "s": own[1], "e": own[2], "n": own[3], "step": step}
    row = asker.one(plan, Statement(text, values))
    if row is None:
        return Seen(None, own)
    box = (row[0] - HAIR, row[1] - HAIR, row[2] + HAIR, row[3] + HAIR)
    return Seen(degrees(to_the_poles(asker, plan, shape.srid, own, box)), own)


Corners = tuple[float, float, float, float]


def to_the_poles(asker: Asker, plan: Plan, srid: int, own: Corners, box: Corners) -> Corners:
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
    holds = [asker.one(plan, Statement(text, {**values, "latitude": latitude})) for latitude in (-90, 90)]
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


def find_interval(asker: Asker, plan: Plan) -> Interval | None:
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
    row = asker.one(plan, Statement(SELECT_INTERVAL.format(*ends, plan.relation.sql_name)))
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


def declared_systems(plans: Iterable[Plan]) -> set[int]:
    """The SRIDs of geometry columns as far as they are declared."""
    return {shape_of(a, some.comment.srid, None).srid for some in plans for a in some.geometries}
