"""Coordinate reference systems as PostGIS has them: what they are, where they are made for, how far they reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import psycopg
from psycopg import sql

from api.catalog.sources.model import CrsDefinition
from core.catalog.collections import Limits
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import DatabaseUnavailable, IsthmusError

LIMIT_S = 2
"""How long one statement may take in the database."""

DEGREES: Limits = (-540.0, -90.0, 540.0, 90.0)
"""How far degrees may go: PROJ refuses longitudes of 573 and more, and latitudes beyond the poles."""

REACHES = (2.0, 3.0, 5.0, 10.0)
"""How far beyond the middle of where a grid is made for coordinates are tried, in halves of its longer side."""

LEAST = (1.1, 1.0)
"""What of where it is made for has to have places, in halves of each side."""

SIDES = ("west", "south", "east", "north")
SIGNS = (-1, -1, 1, 1)


def find_systems(database: Database, srids: set[int]) -> dict[int, CrsDefinition]:
    """Systems by SRID, with how far they reach. Cost: up to 0.1 s for each"""
    found = describe_systems(database, srids)
    return {srid: with_limits(database, srid, system) for srid, system in found.items()}


def describe_systems(database: Database, srids: set[int]) -> dict[int, CrsDefinition]:
    """Systems by SRID, from PostGIS. One that is not there, or that PROJ does not know, is one that nobody can use."""
    wanted = sorted(srid for srid in srids if srid)
    if not wanted:
        return {}
    rows = database.run(Statement(SELECT_SYSTEMS, {"srids": wanted}))
    areas = find_areas(database, wanted)
    return {
        srid: replace(CrsDefinition(authority, text), **areas.get(srid, {}))
        for srid, authority, text in rows
        if is_usable(database, srid)
    }


def is_usable(database: Database, srid: int) -> bool:
    """Whether PROJ knows what a system is. Raises: DatabaseUnavailable"""
    try:
        database.run(Statement(SELECT_NOTHING.format(sql.Literal(srid))))
    except DatabaseUnavailable:
        raise
    except (IsthmusError, psycopg.Error):
        return False
    return True


def find_areas(database: Database, srids: Sequence[int]) -> dict[int, dict[str, float]]:
    """Where systems are made for, which PostGIS can tell from version 3.4 on: west, south, east, north."""
    try:
        rows = database.run(Statement(SELECT_AREAS, {"srids": list(srids)}), timeout_s=LIMIT_S)
    except (IsthmusError, psycopg.Error):
        return {}
    return {srid: dict(zip(SIDES, numbers, strict=True)) for srid, *numbers in rows if numbers[0] is not None}


def with_limits(database: Database, srid: int, system: CrsDefinition) -> CrsDefinition:
    """A system with how far it reaches, as far as that can be found out."""
    if system.in_degrees:
        return replace(system, limits=DEGREES)
    values = {side: getattr(system, side) for side in SIDES}
    area = None if None in values.values() else run_about(database, srid, SELECT_AREA, values)
    return system if area is None or None in area else replace(system, limits=limits_around(database, srid, area))


def limits_around(database: Database, srid: int, area: Sequence[float]) -> Limits | None:
    """A box around an area in which every coordinate can be transformed: each side lies as far out as that holds.

    Cost: up to 20 statements of 5 ms, of which PostgreSQL logs six at most as failed
    """
    halves = [(area[2] - area[0]) / 2, (area[3] - area[1]) / 2] * 2
    middle = [(area[0] + area[2]) / 2, (area[1] + area[3]) / 2] * 2

    def is_good(reaches: list[float]) -> bool:
        """Whether all of a box can be transformed to degrees and Web Mercator, by 33 x 33 points of it."""
        sides: dict[str, float] = dict(zip(SIDES, limits_of(middle, reaches), strict=True))
        return run_about(database, srid, SELECT_PLACES, sides) == (True,)

    far = [max(halves) * REACHES[-1]] * 4
    if is_good(far):
        return limits_of(middle, far)
    least = next(filter(is_good, ([half * share for half in halves] for share in LEAST)), None)
    return None if least is None else limits_of(middle, stretched(least, max(halves), is_good))


def stretched(reaches: list[float], unit: float, is_good: Callable[[list[float]], bool]) -> list[float]:
    """Distances of four sides from the middle, each stretched for as long as that is good."""
    done: set[int] = set()
    for reach, side in product(REACHES, range(4)):
        wider = [max(old, unit * reach) if number == side else old for number, old in enumerate(reaches)]
        if side not in done and wider != reaches:
            if is_good(wider):
                reaches = wider
            else:
                done.add(side)
    return reaches


def limits_of(middle: Sequence[float], reaches: Sequence[float]) -> Limits:
    """The box whose sides are so far from a place."""
    west, south, east, north = (at + sign * reach for at, sign, reach in zip(middle, SIGNS, reaches, strict=True))
    return west, south, east, north


def run_about(database: Database, srid: int, text: sql.SQL, values: dict[str, float]) -> Any:
    """The row of a statement about a system; None when PROJ fails."""
    try:
        return database.run(Statement(text.format(srid=sql.Literal(srid)), values), timeout_s=LIMIT_S)[0]
    except (IsthmusError, psycopg.Error):
        return None


SELECT_SYSTEMS = sql.SQL("SELECT srid, auth_name, srtext FROM spatial_ref_sys WHERE srid = ANY (%(srids)s)")

SELECT_NOTHING = sql.SQL("SELECT ST_Transform(ST_SetSRID('POINT EMPTY'::geometry, {}), 4326)")

SELECT_AREAS = sql.SQL("""
SELECT s.srid, ST_X(a.point_sw), ST_Y(a.point_sw), ST_X(a.point_ne), ST_Y(a.point_ne)
FROM spatial_ref_sys AS s
CROSS JOIN LATERAL postgis_srs(s.auth_name, s.auth_srid::text) AS a
WHERE s.srid = ANY (%(srids)s) AND s.auth_name = 'EPSG'
""")

# Rows: one (west, south, east, north), in the system's own coordinates, easting first
SELECT_AREA = sql.SQL("""
SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
FROM (
    SELECT ST_Extent(ST_Transform(ST_SetSRID(ST_Point(
        %(west)s::float8 + (%(east)s::float8 - %(west)s::float8) * i / 8,
        %(south)s::float8 + (%(north)s::float8 - %(south)s::float8) * j / 8), 4326), {srid})) AS e
    FROM generate_series(0, 8) AS i CROSS JOIN generate_series(0, 8) AS j
) AS area
""")

# Rows: one (boolean)
SELECT_PLACES = sql.SQL("""
WITH places AS (
    SELECT ST_SetSRID(ST_Point(
        %(west)s::float8 + (%(east)s::float8 - %(west)s::float8) * i / 32,
        %(south)s::float8 + (%(north)s::float8 - %(south)s::float8) * j / 32), {srid}) AS place
    FROM generate_series(0, 32) AS i CROSS JOIN generate_series(0, 32) AS j
)
SELECT bool_and(abs(ST_X(image)) < 'Infinity' AND abs(ST_Y(image)) < 'Infinity')
FROM (SELECT ST_Transform(place, 4326) FROM places UNION ALL SELECT ST_Transform(place, 3857) FROM places) AS x (image)
""")
