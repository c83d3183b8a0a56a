"""How geometries are written: simplified, transformed, as GeoJSON."""

from __future__ import annotations

from psycopg import sql

from api.query.items import Presentation
from api.sql.relation import mercator_column, shown_geometry_column, where_placed
from core.catalog import Collection

EARTH_M = 40_075_016.68
DEGREES_ROUND = 360.0
PIXELS = 512
"""Pixels around the earth at zoom 0, as MapLibre draws it."""

KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")

# GeoJSON in which heights that are no numbers are 0, and what is at no place is NULL, as the loader has it. Only such
# coordinates hold an N or I.
OF_NUMBERS = sql.SQL(r"""(SELECT
    CASE WHEN strpos(written, 'N') + strpos(written, 'I') = 0 THEN {written} ELSE substring(
        regexp_replace(written, '(\[[^][,]+,[^][,]+),-?(NaN|Infinity)\]', '\1,0]', 'g') FROM '^[^NI]+$') END
    FROM (SELECT {text} AS written OFFSET 0) AS as_geojson)""")
WRITTEN = sql.SQL("written")

# The same without the parts that have no coordinates, for which RFC 7946 has no positions. chr(37) is the percent sign.
WITHOUT_EMPTY_PARTS = sql.SQL(r"""CASE WHEN written NOT LIKE chr(37) || '[]' || chr(37) THEN written ELSE
    regexp_replace(written, '({part}|\[\]),|,({part}|\[\])', '', 'g') END""").format(
    part=sql.SQL(r"""\{"type":"\w+","(coordinates|geometries)":\[\]\}""")
)


def geometry_member(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The member `geometry` of a Feature, from inside a text in quotes."""
    return sql.SQL(""""geometry":' || {}""").format(geometry_or_null(collection, presentation))


def geometry_or_null(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON geometry, or the text `null`."""
    if not (collection.has_geometry and presentation.geometry):
        return sql.SQL("COALESCE(NULL::text, 'null')")
    return sql.SQL("COALESCE({}, 'null')").format(geometry_text(collection, presentation))


def geometry_text(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON geometry. NULL for one without coordinates, which RFC 7946 (3.1) takes for the same."""
    digits = presentation.crs.digits if presentation.precision is None else presentation.precision
    shown = shown_geometry(collection, presentation)
    text = sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(shown, sql.Literal(digits))
    kind = collection.geometry_type or "Geometry"
    if collection.source is not None and kind != "Point":
        written = WRITTEN if kind in ("LineString", "Polygon") else WITHOUT_EMPTY_PARTS
        text = OF_NUMBERS.format(text=text, written=written)
    for some in KINDS if kind == "Geometry" else (kind,):
        text = sql.SQL("NULLIF({}, {})").format(text, sql.Literal(empty(some)))
    return text


def empty(kind: str) -> str:
    """How PostGIS writes a geometry without coordinates."""
    return f'{{"type":"{kind}","{"geometries" if kind == "GeometryCollection" else "coordinates"}":[]}}'


def shown_geometry(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The geometry as it is shown: simplified, transformed, its axes in the CRS's order.

    Web Mercator is stored, so it needs no transformation; it ends at 85.0511 degrees and has no heights. Coordinates in
    a system that nobody named are shown as they are.
    """
    crs = presentation.crs
    mercator = crs.srid == 3857
    geometry = mercator_column(collection) if mercator else shown_geometry_column(collection)
    if presentation.zoom is not None:
        around = DEGREES_ROUND if collection.in_degrees and not mercator else EARTH_M
        pixel = around / PIXELS / 2**presentation.zoom
        geometry = sql.SQL("ST_Simplify({}, {}, true)").format(geometry, sql.Literal(pixel))
    if collection.srid not in (crs.srid, 0):
        moved = geometry if mercator else sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(crs.srid))
        geometry = where_placed(collection, moved)
    if crs.northing_first:
        geometry = sql.SQL("ST_FlipCoordinates({})").format(geometry)
    return geometry
