"""The statement that feeds a file writer: COPY as CSV, in forms that Arrow takes fast."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import sql

from api.query.items import ItemsQuery
from api.sql.features.exports import select_all
from api.sql.relation import column_of, id_text, is_numeric, shown_geometry, shown_value
from core.catalog.collections import Collection, Column, ColumnType
from core.database.statement import Statement

# Numbers since 1970, microseconds of 64 bits or days; what is infinite or beyond them has none.
WIRE_FORMS: dict[ColumnType, sql.SQL] = {
    "date": sql.SQL("CASE WHEN isfinite({0}) THEN {0} - DATE '1970-01-01' END"),
    "datetime": sql.SQL(
        "CASE WHEN isfinite({0}) AND {0} < '294247-01-01' THEN (extract(epoch FROM {0}) * 1000000)::bigint END"
    ),
    "time": sql.SQL("(extract(epoch FROM {0}) * 1000000)::bigint"),
    "binary": sql.SQL("encode({0}, 'hex')"),
    "json": sql.SQL("to_json({0})"),  # arrays too are JSON
}

NO_NAN = sql.SQL("CASE WHEN {0} <> 'NaN' THEN {0} END")

# What GDAL 3.12 keeps: years of four digits, thousandths of seconds. It would round up to second 60, and before 1970
# it makes a whole minute of what is after second 59.
YEARS = "CASE WHEN {0} BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999' THEN "
OGR_FORMS: dict[ColumnType, sql.SQL] = {
    **WIRE_FORMS,
    "date": sql.SQL(YEARS + "{0} - DATE '1970-01-01' END"),
    "datetime": sql.SQL(
        YEARS + "(extract(epoch FROM date_trunc("
        "CASE WHEN {0} < '1970-01-01' AND extract(second FROM {0}) >= 59 THEN 'second' ELSE 'milliseconds' END, {0}"
        ")) * 1000000)::bigint END"
    ),
    "time": sql.SQL("floor(extract(epoch FROM {0}) * 1000)::bigint * 1000"),
}

# ISO WKB; GeoParquet 1.1 has heights but no measures.
WKB = sql.SQL("encode(ST_AsBinary(g.shape, 'NDR'), 'hex')")
WKB_OF_SOME = sql.SQL("CASE WHEN NOT ST_IsEmpty(g.shape) THEN {} END").format(WKB)
WITHOUT_MEASURES = sql.SQL(
    "CASE ST_Zmflag(whole.shape) WHEN 1 THEN ST_Force2D(whole.shape) WHEN 3 THEN ST_Force3DZ(whole.shape)"
    " ELSE whole.shape END"
)
BOUNDS = sql.SQL("ST_XMin(g.shape), ST_YMin(g.shape), ST_XMax(g.shape), ST_YMax(g.shape)")


def copy_wire(collection: Collection, query: ItemsQuery, *, parquet: bool, empties: bool) -> Statement:
    """COPY of every match: the id where there is one, the properties, and the geometry when it is shown.

    parquet: as GeoParquet has it, with the four bounds of the geometry and every microsecond
    empties: geometries without a corner are kept; else such a feature has none, since KML has no word for them
    Texts that are empty are quoted, NULLs are not. Easting comes first when the query's CRS says so.
    """
    shown = query.presentation
    parts: list[sql.Composable] = [id_text(collection.key)] if collection.key.is_id else []
    forms = WIRE_FORMS if parquet else OGR_FORMS
    parts += [wire_form(column, forms) for column in (collection.columns if shown.columns is None else shown.columns)]
    lateral: sql.Composable = sql.SQL("")
    if collection.has_geometry and shown.geometry:
        lateral = once(shown_geometry(collection, shown), "g")
        if parquet:
            lateral = sql.Composed([once(shown_geometry(collection, shown), "whole"), once(WITHOUT_MEASURES, "g")])
        parts += [WKB if empties else WKB_OF_SOME, *([BOUNDS] if parquet else [])]
    rows, params = select_all(collection, query, sql.SQL(", ").join(parts), lateral)
    return Statement(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(rows), params)


def once(shape: sql.Composable, name: str) -> sql.Composable:
    """A row with a geometry that is worked out once, however often it is named: OFFSET keeps it from being inlined."""
    return sql.SQL("\nCROSS JOIN LATERAL (SELECT {} AS shape OFFSET 0) AS {}").format(shape, sql.Identifier(name))


def wire_form(column: Column, forms: Mapping[ColumnType, sql.SQL]) -> sql.Composable:
    """A column as it travels."""
    form = NO_NAN if is_numeric(column) else forms.get(column.type)
    return shown_value(column) if form is None else form.format(column_of(column))
