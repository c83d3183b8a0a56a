"""Statements for features: one feature, how many there are, and how one is written."""

from __future__ import annotations

from typing import LiteralString, cast

from psycopg import sql

from api.query import AS_STORED, FeatureKey, Filter, Presentation
from api.sql.filter import where, where_clause
from api.sql.relation import id_member, is_key, relation, shown_column, shown_geometry_column
from core.catalog import Collection, remembered
from core.statement import Statement

EARTH_M = 40_075_016.68
DEGREES_ROUND = 360.0
PIXELS = 512
"""Pixels around the earth at zoom 0, as MapLibre draws it."""


def select_feature(collection: Collection, key: FeatureKey, presentation: Presentation = AS_STORED) -> Statement:
    """One feature, or no row.

    Rows:   (feature text)
    Index:  primary key
    """

    def compose() -> sql.SQL:
        text = sql.SQL("SELECT {feature}\nFROM {relation} AS t{lateral}\nWHERE {is_key}\nLIMIT 1")
        return rendered(
            text.format(
                feature=feature_text(collection, presentation),
                relation=relation(collection),
                lateral=properties_lateral(collection, presentation),
                is_key=is_key(collection.key),
            )
        )

    text = remembered(collection, ("feature", presentation), compose)
    return Statement(text, {f"id{number}": value for number, value in enumerate(key)})


def rendered(text: sql.Composable) -> sql.SQL:
    """The same text in one piece, so that it is put together once."""
    return sql.SQL(cast("LiteralString", text.as_string(None)))


def select_count(collection: Collection, filter: Filter) -> Statement:
    """How many features a filter matches. Rows: one (count bigint). Cost: reads every match."""
    conditions, params = where(collection, filter)
    text = sql.SQL("SELECT count(*) FROM {relation} AS t{where}")
    return Statement(text.format(relation=relation(collection, filter), where=where_clause(conditions)), params)


def select_count_plan(collection: Collection, filter: Filter) -> Statement:
    """The planner's view of counting. Rows: one (plan json): `Total Cost`, and in its `Plans` the `Plan Rows`.

    Boxes are compared with boxes: what ST_Intersects is reckoned to cost, 12.5 a row, is ten times what it takes, and
    would keep every box of more than a few hundred features from being counted.
    """
    conditions, params = where(collection, filter, boxes_alone=True)
    text = sql.SQL("EXPLAIN (FORMAT JSON) SELECT count(*) FROM {relation} AS t{where}")
    return Statement(text.format(relation=relation(collection, filter), where=where_clause(conditions)), params)


def feature_text(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON Feature as text, put together by PostgreSQL so that nothing is parsed in Python."""
    geometry = sql.SQL("NULL::text")
    if collection.has_geometry and presentation.geometry:
        geometry = geometry_text(collection, presentation)
    some = collection.columns if presentation.columns is None else presentation.columns
    return sql.SQL(
        """'{{"type":"Feature",{id}"geometry":' || COALESCE({geometry}, 'null')"""
        """ || ',"properties":' || {properties} || '}}'"""
    ).format(
        id=id_member(collection.key), geometry=geometry, properties=sql.SQL("row_to_json(p)::text" if some else "'{}'")
    )


def geometry_text(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON geometry."""
    digits = presentation.crs.digits if presentation.precision is None else presentation.precision
    shown = shown_geometry(collection, presentation)
    return sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(shown, sql.Literal(digits))


def shown_geometry(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The geometry as it is shown: simplified, transformed, its axes in the CRS's order.

    Web Mercator is stored, so it needs no transformation; it ends at 85.0511 degrees and has no heights. Coordinates in
    a system that nobody named are shown as they are.
    """
    crs = presentation.crs
    mercator = crs.srid == 3857
    geometry: sql.Composable = sql.SQL("t.geom_3857") if mercator else shown_geometry_column(collection)
    if presentation.zoom is not None:
        around = DEGREES_ROUND if collection.in_degrees and not mercator else EARTH_M
        pixel = around / PIXELS / 2**presentation.zoom
        geometry = sql.SQL("ST_Simplify({}, {}, true)").format(geometry, sql.Literal(pixel))
    if collection.srid not in (crs.srid, 0) and not mercator:
        geometry = sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(crs.srid))
    if crs.northing_first:
        geometry = sql.SQL("ST_FlipCoordinates({})").format(geometry)
    return geometry


def properties_lateral(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The properties under their published names, as a row `p`."""
    some = collection.columns if presentation.columns is None else presentation.columns
    if not some:
        return sql.SQL("")
    names = sql.SQL(", ").join(map(shown_column, some))
    return sql.SQL("\nCROSS JOIN LATERAL (SELECT {}) AS p").format(names)
