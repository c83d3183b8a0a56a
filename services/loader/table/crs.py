"""Which SRID the geometries get: from the file's CRS, the side-car, or, without both, longitude and latitude."""

from __future__ import annotations

import re
from dataclasses import dataclass

import psycopg
from psycopg import sql

from core.database.connections import Connection
from loader.errors import UnknownCrs
from loader.report import Note
from loader.table.ddl import Table

Extent = tuple[float, float, float, float]
LONLAT = 4326
SRID_LOCK = 4_207_852
"""Key of the advisory lock under which one load at a time takes a number of our own."""
FEW = 10
"""One in so many rows may be wrong."""

# Codes that mean longitude and latitude on WGS 84, with or without a height.
SAME_AS_LONLAT = frozenset({"OGC:CRS84", "OGC:CRS84H", "CRS:84", "EPSG:4979", "OGC:84"})
CODE = re.compile(r"([A-Za-z][\w-]*):+(?:[\w.]*:)?(\w+)")
URN = re.compile(r"(?:urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)(\w+)[:/][\w.]*[:/](\w+)", re.IGNORECASE)
LAST_AUTHORITY = re.compile(r'(?:AUTHORITY\["(\w+)","?(\w+)"?\]|ID\["(\w+)",(\w+)(?:,[^\]]*)?\])\s*\]\s*$')
NO_PLACE_ON_EARTH = re.compile(r'^\s*(LOCAL_CS|ENGCRS|ENGINEERINGCRS|\{.*"type":\s*"EngineeringCRS")', re.DOTALL)
UNDEFINED = re.compile(r'^\s*GEOG(CS|CRS)\["(Undefined geographic SRS|unknown)"', re.IGNORECASE)
NO_SYSTEM = "could not form projection"
"""PostGIS's word for it; other words are of points that have no place in a system."""

FIRST_CUSTOM_SRID, LAST_CUSTOM_SRID = 910_000, 998_999
MAX_DEFINITION = 2048
"""Length of spatial_ref_sys.srtext."""

DRAWING = 'LOCAL_CS["drawing"]'
"""The system of a drawing (DXF), which has no word for it: coordinates in its own units."""

UNREADABLE = re.compile(r'LOCAL_CS\["unreadable: (.*)"\]', re.DOTALL)
SAY_IT = 'write the code into NAME.toml beside the file: crs = "EPSG:3067"'


@dataclass(frozen=True, slots=True)
class Crs:
    """The SRID for a layer and where it comes from. `assumed` when nothing said so: the extent must prove it."""

    srid: int
    source: str
    assumed: bool = False


def resolve_crs(connection: Connection, declared: str | None, side_car: str | None) -> Crs:
    """The SRID of a layer: the side-car's word, the file's, or longitude and latitude, to be checked.

    Raises: UnknownCrs for a code that PostGIS does not know and a definition it cannot hold
    """
    if side_car is not None:
        return Crs(find_srid(connection, side_car), "side-car")
    if declared is None or UNDEFINED.match(declared):
        return Crs(LONLAT, "assumed: the file names none", assumed=True)
    return Crs(find_srid(connection, declared), "file")


def find_srid(connection: Connection, text: str) -> int:
    """The SRID of a code or a definition. Raises: UnknownCrs"""
    code = parse_code(text)
    if code is None:
        return custom_srid(connection, text)
    authority, number = code
    if f"{authority}:{number}" in SAME_AS_LONLAT:
        return LONLAT
    row = connection.execute(
        "SELECT srid FROM spatial_ref_sys WHERE upper(auth_name) = %s AND auth_srid::text = %s", [authority, number]
    ).fetchone()
    if row is not None:
        return int(row[0])
    if "[" in text or "{" in text:
        return custom_srid(connection, text)
    raise UnknownCrs(f"PostGIS does not know {authority}:{number}", hint=SAY_IT)


def parse_code(text: str) -> tuple[str, str] | None:
    """(authority, code) of 'EPSG:3067', of a URN or URI, or at the end of a WKT definition; None for what has none."""
    match = CODE.fullmatch(text.strip()) or URN.fullmatch(text.strip()) or LAST_AUTHORITY.search(text)
    if match is None:
        return None
    authority, number = (group for group in match.groups() if group is not None)
    return authority.upper(), number.upper()


def custom_srid(connection: Connection, definition: str) -> int:
    """The SRID under which a definition without code is kept in spatial_ref_sys; a new one at its first use.

    Raises: UnknownCrs for what has no place on Earth, or is too long for PostGIS
    """
    if unread := UNREADABLE.fullmatch(definition):
        raise UnknownCrs(f"the file's coordinate reference system cannot be read ('{unread[1]}')", hint=SAY_IT)
    if definition == DRAWING:
        raise UnknownCrs("a drawing says no coordinate reference system", hint=SAY_IT)
    if NO_PLACE_ON_EARTH.match(definition):
        raise UnknownCrs("the file's coordinate system has no place on Earth (engineering coordinates)", hint=SAY_IT)
    if len(definition) > MAX_DEFINITION or not ("[" in definition or "{" in definition or "+proj" in definition):
        raise UnknownCrs(f"the coordinate reference system '{definition[:60]}…' has no code", hint=SAY_IT)
    known = known_srid(connection, definition)
    return add_custom_srid(connection, definition) if known is None else known


def known_srid(connection: Connection, definition: str) -> int | None:
    """The SRID under which a definition is kept."""
    row = connection.execute(
        "SELECT srid FROM spatial_ref_sys WHERE srid BETWEEN %s AND %s AND srtext = %s",
        [FIRST_CUSTOM_SRID, LAST_CUSTOM_SRID, definition],
    ).fetchone()
    return int(row[0]) if row else None


def unreadable(name: str) -> str:
    """The mark of a system whose name or definition nobody can read."""
    return f'LOCAL_CS["unreadable: {name[:60]}"]'


def add_custom_srid(connection: Connection, definition: str) -> int:
    """Keep a definition under the next free SRID. Another load that finds one waits until this one ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", [SRID_LOCK])
    known = known_srid(connection, definition)
    if known is not None:
        return known
    rows = connection.execute(
        """
        INSERT INTO spatial_ref_sys (srid, srtext)
        SELECT coalesce(max(srid), %(first)s - 1) + 1, %(definition)s
        FROM spatial_ref_sys WHERE srid BETWEEN %(first)s AND %(last)s
        RETURNING srid
        """,
        {"first": FIRST_CUSTOM_SRID, "last": LAST_CUSTOM_SRID, "definition": definition},
    )
    srid = int(rows.fetchall()[0][0])
    refuse_senseless(connection, srid, definition)
    return srid


def refuse_senseless(connection: Connection, srid: int, definition: str) -> None:
    """Raises: UnknownCrs for a definition of which PROJ makes no system"""
    text = "SELECT ST_Transform(ST_SetSRID(ST_MakePoint(0, 0), %s), 4326)"
    try:
        with connection.transaction():
            connection.execute(text, [srid])
    except psycopg.errors.InternalError_ as error:
        if NO_SYSTEM in str(error):
            message = f"the file's coordinate reference system cannot be read ('{definition[:60]}…')"
            raise UnknownCrs(message, hint=SAY_IT) from error


def assumption_note(crs: Crs) -> Note | None:
    """The note that coordinates without a CRS were taken for degrees, which they may be."""
    if not crs.assumed:
        return None
    return Note("info", "crs-assumed", "the file names no CRS: longitude and latitude were assumed (EPSG:4326)", SAY_IT)


def drop_beyond_degrees(connection: Connection, table: Table, crs: Crs, extent: Extent | None) -> Note | None:
    """Make null of the few geometries whose coordinates are no degrees, in a table of such; what the report says of
    them, None without any.

    Longitudes may go on beyond 180, as across the Pacific, where the file says that they are ones.
    Raises: UnknownCrs where they are more than a tenth
    """
    most = 180 if crs.assumed else 360
    if crs.srid != LONLAT or extent is None or is_within(extent, most):
        return None
    beyond = sql.SQL("(ST_XMin(geom) < -{0} OR ST_XMax(geom) > {0} OR ST_YMin(geom) < -90 OR ST_YMax(geom) > 90)")
    beyond = beyond.format(sql.Literal(most))
    text = sql.SQL("SELECT count(*) FILTER (WHERE {0}), count(geom), min(fid) FILTER (WHERE {0}) FROM {1}")
    count, total, first = connection.execute(text.format(beyond, table.identifier)).fetchall()[0]
    if count == total or count > max(1, total // FEW):
        raise no_degrees(crs, extent)
    connection.execute(sql.SQL("UPDATE {} SET geom = NULL WHERE {}").format(table.identifier, beyond))
    message = f"{count} features have coordinates that are no degrees, and are without geometry (feature {first} first)"
    return Note("warning", "geometry-beyond-degrees", message, "correct them in the file")


def is_within(extent: Extent, most: int) -> bool:
    """Whether a box holds longitudes and latitudes only."""
    west, south, east, north = extent
    return west >= -most and east <= most and south >= -90 and north <= 90


def no_degrees(crs: Crs, extent: Extent) -> UnknownCrs:
    """The error that coordinates are no longitudes and latitudes."""
    west, south, east, north = extent
    what = "names no coordinate reference system" if crs.assumed else "says longitude and latitude"
    where = f"x {west:g} to {east:g}, y {south:g} to {north:g}"
    return UnknownCrs(f"the file {what}, and its coordinates are no degrees ({where})", hint=SAY_IT)
