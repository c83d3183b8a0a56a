"""The geometry column of a relation: its type and system, and the items of the SELECT that reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from api.catalog.sources.columns import BEHIND
from api.catalog.sources.model import Attribute, Systems
from core.bbox import MERCATOR_LIMIT_DEG
from core.catalog.collections import GEOM, Limits
from core.database.statement import quoted

WGS_84, WEB_MERCATOR = 4326, 3857

TYPES = (
    "Geometry",
    "Point",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
    "CircularString",
    "CompoundCurve",
    "CurvePolygon",
    "MultiCurve",
    "MultiSurface",
    "PolyhedralSurface",
    "Triangle",
    "Tin",
)
"""Types in the order of their numbers in a typmod (liblwgeom.h)."""

STRAIGHT = frozenset(TYPES[1:7])
SHOWN_AS = {
    "CircularString": "LineString",
    "CompoundCurve": "LineString",
    "CurvePolygon": "Polygon",
    "MultiCurve": "MultiLineString",
    "MultiSurface": "MultiPolygon",
    "PolyhedralSurface": "MultiPolygon",
    "Triangle": "MultiPolygon",
    "Tin": "MultiPolygon",
}
"""What types that GeoJSON does not have are shown as."""

Reading = Literal["as it is", "declared", "mixed"]


@dataclass(frozen=True, slots=True)
class GeometryColumn:
    """A geometry column.

    srid:    the system that features are read in; 0: nobody said which
    reading: `as it is`; `declared`: a comment says the system of coordinates that have none; `mixed`: several systems,
             or none that is known yet, so that each geometry is transformed to EPSG:4326
    has_solids: some are polyhedral surfaces, though the column may hold any type
    srids:   the systems that were found, where there are several
    reaches: of these, how far those reach of which that is known; None: nobody can use the system
    """

    attribute: Attribute
    type: str
    srid: int
    reading: Reading = "as it is"
    has_solids: bool = False
    srids: frozenset[int] = frozenset()
    reaches: tuple[tuple[int, Limits | None], ...] = ()

    @property
    def is_geography(self) -> bool:
        """Whether it is stored on the globe."""
        return self.attribute.type == "geography"

    @property
    def geometry_type(self) -> str:
        """Its type as GeoJSON knows it."""
        return SHOWN_AS.get(self.type, self.type)


def type_of_typmod(typmod: int) -> str:
    """The type that a column is declared with (gserialized_typmod.c: two bits for Z and M, six for the type)."""
    number = (typmod & 0xFC) >> 2 if typmod >= 0 else 0
    return TYPES[number] if number < len(TYPES) else "Geometry"


def srid_of_typmod(typmod: int) -> int:
    """The SRID that a column is declared with; 0: none."""
    if typmod < 0:
        return 0
    return ((typmod & 0x0FFFFF00) - (typmod & 0x10000000)) >> 8


def geometry_column(attribute: Attribute, declared: int | None, found: frozenset[int] | None) -> GeometryColumn:
    """The geometry column. `declared`: the SRID of a comment; `found`: those of its values, None: nobody looked.

    A geography without a system is in degrees of WGS 84.
    """
    type, srid = type_of_typmod(attribute.typmod), srid_of_typmod(attribute.typmod)
    if attribute.type == "geography":
        return GeometryColumn(attribute, type, srid or WGS_84)
    if srid:
        return GeometryColumn(attribute, type, srid)
    if declared:
        return GeometryColumn(attribute, type, declared, "declared")
    if found is None or len(found) > 1:
        return GeometryColumn(attribute, type, WGS_84, "mixed", srids=(found or frozenset()) - {0, WGS_84})
    return GeometryColumn(attribute, type, next(iter(found), 0))


def located(geometry: GeometryColumn, systems: Systems) -> GeometryColumn:
    """The column, in a system that nobody named where PostGIS or PROJ does not know the one that it has; with what is
    known of each where there are several.
    """
    if geometry.reading == "mixed":
        reaches = [(srid, systems[srid].limits if srid in systems else None) for srid in sorted(geometry.srids)]
        return replace(geometry, reaches=tuple(reach for reach in reaches if reach[1] or reach[0] not in systems))
    if geometry.srid in (0, WGS_84, WEB_MERCATOR) or geometry.srid in systems:
        return geometry
    return replace(geometry, srid=0, reading="declared")


def geometry_items(geometry: GeometryColumn) -> list[sql.Composable]:
    """The items of SELECT: the geometry as it is stored, and a geography itself."""
    items: list[sql.Composable] = [sql.SQL("{} AS geom").format(read(geometry))]
    own = quoted(BEHIND, geometry.attribute.name)
    return [*items, sql.SQL("{} AS geog").format(own)] if geometry.is_geography else items


def is_found_by_index(geometry: GeometryColumn) -> bool:
    """Whether an index finds the geometries as they are read."""
    return geometry.attribute.indexed and geometry.reading == "as it is" and compared(geometry) is GEOM


def read(geometry: GeometryColumn) -> sql.Composable:
    """The column as a geometry in the system that it is read in."""
    column = quoted(BEHIND, geometry.attribute.name)
    srid = sql.Literal(geometry.srid)
    if geometry.is_geography:
        return sql.SQL("{}::geometry").format(column)
    if geometry.reading == "declared":
        return sql.SQL("ST_SetSRID({}, {})").format(column, srid)
    if geometry.reading == "mixed":
        known = sql.SQL("").join(of_a_system(column, *reach, srid) for reach in geometry.reaches)
        return MIXED.format(c=column, s=srid, known=known)
    return column


MIXED = sql.SQL(
    "CASE WHEN ST_SRID({c}) IN (0, {s}) THEN ST_SetSRID({c}, {s}){known}"
    " WHEN EXISTS (SELECT FROM spatial_ref_sys WHERE srid = ST_SRID({c})) THEN ST_Transform({c}, {s}) END"
)


def of_a_system(column: sql.Composable, srid: int, limits: Limits | None, wanted: sql.Composable) -> sql.Composable:
    """The case of geometries in one of several systems: NULL beyond its reach, where the statement would fail."""
    moved = sql.SQL("NULL")
    if limits is not None:
        envelope = sql.SQL("ST_MakeEnvelope({})").format(sql.SQL(", ").join(map(sql.Literal, limits)))
        moved = sql.SQL("CASE WHEN {c} @ {e} THEN ST_Transform({c}, {s}) END").format(c=column, e=envelope, s=wanted)
    return sql.SQL(" WHEN ST_SRID({}) = {} THEN {}").format(column, sql.Literal(srid), moved)


# A point as JSON can say it: numbers that are none are no place, and no height
POINT = sql.SQL(
    "CASE WHEN abs(ST_X({g})) >= 'Infinity' OR abs(ST_Y({g})) >= 'Infinity' THEN NULL"
    " WHEN abs(ST_Z({g})) >= 'Infinity' THEN ST_Force3DZ(ST_Force2D({g})) ELSE {g} END"
)

# Curves as lines, surfaces as polygons, no collection in a collection. `isthmus.straightened`, which may not be there.
STRAIGHTENED = sql.SQL("""CASE
    WHEN ST_GeometryType({g}) = 'ST_Point' THEN {point}
    WHEN ST_GeometryType({g}) IN ('ST_Tin', 'ST_PolyhedralSurface', 'ST_Triangle')
        THEN (SELECT ST_Collect(ST_MakePolygon(ST_ExteriorRing(part.geom))) FROM ST_Dump({g}) AS part)
    WHEN ST_GeometryType({g}) ~ 'Curve|CircularString|MultiSurface'
        THEN CASE WHEN NOT ST_IsEmpty({g}) THEN ST_CurveToLine({g}) END
    WHEN ST_GeometryType({g}) = 'ST_GeometryCollection'
         AND ST_AsText({g}, 0) ~ '.(GEOMETRYC|CURVE|CIRCULAR|SURFACE|TIN|TRIANGLE)'
        THEN (SELECT ST_ForceCollection(ST_Collect(
                  CASE ST_GeometryType(part.geom)
                  WHEN 'ST_Triangle' THEN ST_MakePolygon(ST_ExteriorRing(part.geom)) ELSE part.geom END))
              FROM ST_Dump(ST_CurveToLine({g})) AS part)
    ELSE {g}
END""")


def shown(geometry: GeometryColumn) -> sql.Composable:
    """`t.geom` as GeoJSON and vector tiles know it; only looked at where its type leaves that open."""
    point = POINT.format(g=GEOM)
    if geometry.type == "Point":
        return point
    return GEOM if geometry.type in STRAIGHT else STRAIGHTENED.format(g=GEOM, point=point)


def compared(geometry: GeometryColumn) -> sql.Composable:
    """`t.geom` as GEOS knows it, which has no polyhedral surfaces, but curves and TINs."""
    return shown(geometry) if geometry.type == "PolyhedralSurface" or geometry.has_solids else GEOM


def mercator(geometry: GeometryColumn, systems: Systems) -> sql.Composable:
    """`t.geom` in Web Mercator, cut where that ends, as the poles have no image. NULL: nobody knows where it is."""
    geom = shown(geometry)
    if geometry.srid == 0:
        return sql.SQL("NULL::geometry")
    if geometry.srid == WEB_MERCATOR:
        return geom
    if not is_in_degrees(geometry.srid, systems):
        return sql.SQL("ST_Transform(ST_Force2D({}), 3857)").format(geom)
    text = sql.SQL(
        "ST_Transform(ST_Force2D(CASE WHEN ST_YMin({g}) > {l} OR ST_YMax({g}) < -{l} THEN NULL"
        " WHEN ST_YMax({g}) > {l} OR ST_YMin({g}) < -{l}"
        " THEN ST_ClipByBox2D({g}, ST_MakeEnvelope(-540, -{l}, 540, {l}, {s})) ELSE {g} END), 3857)"
    )
    return text.format(g=geom, l=sql.Literal(MERCATOR_LIMIT_DEG), s=sql.Literal(geometry.srid))


def is_in_degrees(srid: int, systems: Systems) -> bool:
    """Whether the coordinates of a system are degrees."""
    return srid == WGS_84 or (srid in systems and systems[srid].in_degrees)
