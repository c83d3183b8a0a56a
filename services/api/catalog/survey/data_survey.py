"""The survey of the data of a relation: systems of geometries, whether a key holds, where and when features are.

Each statement has a time limit, and one that fails leaves the rest as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from psycopg import sql

from api.catalog.sources.build import Interval, Publishable, RelationSurvey
from api.catalog.sources.columns import choose_times
from api.catalog.sources.geometry_columns import geometry_column, located, srid_of_typmod, type_of_typmod
from api.catalog.sources.keys import select_check
from api.catalog.sources.model import Attribute, CrsDefinition, Systems
from api.catalog.survey.crs import find_systems
from api.catalog.survey.extents import find_extent
from api.catalog.survey.timed_queries import TimedQueries
from api.catalog.survey.views_of_tables import find_base, find_filled, find_magnitude
from core.catalog.collections import RANGES
from core.database.statement import Statement, quoted

log = logging.getLogger("isthmus.api")

SAMPLE_ROWS = 10_000
"""Rows whose geometries are read for their system, where the column does not declare it."""


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
