"""Statements for exports: COPY of everything that matches, or of a page that is too large to be held, in a form that is
passed on as it comes. What feeds a file writer is CSV, in forms that Arrow takes fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, LiteralString

from psycopg import sql

from api.query.items import ItemsQuery, Presentation
from api.query.page_order import order_key
from api.sql.features.bbox_strips import order_values, with_strips
from api.sql.features.items import feature_text, properties_lateral
from api.sql.features.keyset import at_offset, order_by
from api.sql.features.pages import select_page
from api.sql.filters.filter import where, where_clause
from api.sql.relation import (
    column_of,
    id_text,
    is_numeric,
    named_table,
    relation,
    shown_column,
    shown_geometry,
    shown_value,
)
from core.catalog.collections import Collection, Column, ColumnType
from core.database.statement import Statement, quoted

WITHOUT_END = 2**53
"""The limit of an export that nobody limits."""

COPY_TEXTS = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)")
"""Texts as they are: the other forms look at each byte for what has to be quoted, a tenth of an export's time."""

AHEAD = {"geojsonl": sql.SQL("''"), "geojsonseq": sql.SQL("E'\\x1e'"), "geojson": sql.SQL("','")}
"""What stands ahead of each Feature: nothing in plain lines, which jq and DuckDB read; in a GeoJSON text sequence a
record separator (RFC 8142, 2.2), in a list a comma.
"""

GROUP_PAGES = 16
"""Pages of a table whose features PostgreSQL joins to one row of COPY: a million rows cost 0.66 s here, 1,000 0.03.
Of 4, 8, 32 and 64 none took less CPU.
"""

GROUPS = sql.SQL("""
SELECT (
    SELECT string_agg({feature}, '') FROM {relation} AS t{lateral}
    WHERE t.ctid >= format('(%s,0)', pages.first)::tid AND t.ctid < format('(%s,0)', pages.first + {pages})::tid
)
FROM generate_series(0, pg_relation_size({name}) / current_setting('block_size')::int, {pages}) AS pages (first)
""")


def copy_features(collection: Collection, query: ItemsQuery, ahead: sql.Composable) -> Statement:
    """COPY of every match as `line_of` it."""
    lateral = properties_lateral(collection, query.presentation)
    rows, params = select_all(collection, query, line_of(collection, query.presentation, ahead), lateral)
    return Statement(COPY_TEXTS.format(rows), params)


def copy_groups(collection: Collection, shown: Presentation, ahead: sql.Composable) -> Statement:
    """COPY of every feature of a table, in the order of the heap, joined in groups.

    Rows:  text, NULL for a group without features
    Index: none, a scan of ranges of pages
    """
    rows = GROUPS.format(
        feature=line_of(collection, shown, ahead),
        relation=collection.source.placed if collection.source else relation(collection),
        lateral=properties_lateral(collection, shown),
        name=named_table(collection),
        pages=sql.Literal(GROUP_PAGES),
    )
    return Statement(COPY_TEXTS.format(rows))


FORWARDS = sql.SQL("SELECT ',' || feature FROM ({page}) AS page (feature)")
BACKWARDS = sql.SQL("""SELECT ',' || feature FROM (
    SELECT row_number() OVER () AS number, feature FROM ({page}) AS page (feature)
) AS numbered ORDER BY number DESC""")


def copy_page(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of the features of a page, in its order, with a comma ahead each."""
    page = select_page(collection, query)
    rows = (BACKWARDS if query.backwards else FORWARDS).format(page=page.text)
    return Statement(COPY_TEXTS.format(rows), {**page.params, "rows": query.limit})


def line_of(collection: Collection, shown: Presentation, ahead: sql.Composable) -> sql.Composable:
    """A line: something ahead, a Feature without line feeds, a line feed. Values of `json` may have them, though none
    in their texts.
    """
    feature = feature_text(collection, shown)
    if any(column.type == "json" for column in shown.columns_of(collection)):
        feature = sql.SQL("translate({}, E'\\n\\r', '  ')").format(feature)
    return sql.SQL("{} || {} || E'\\n'").format(ahead, feature)


def is_whole(query: ItemsQuery) -> bool:
    """Whether an export is of every match, and not of a part of their list."""
    return not query.offset and query.limit >= WITHOUT_END


def is_everything(collection: Collection, query: ItemsQuery) -> bool:
    """Whether an export is of a whole table, in no order, whose rows are found by their places."""
    has_places = collection.source is None or collection.source.placed is not None
    return is_whole(query) and query.filter.is_everything and not query.sort and has_places


def select_has_small_rows(collection: Collection) -> Statement:
    """Whether every row of a table lies in its page as a whole, so that groups of pages stay small.

    Rows: one (boolean); none where somebody dropped the table
    """
    text = sql.SQL("""
SELECT COALESCE(pg_relation_size(NULLIF(reltoastrelid, 0)), 0) = 0 FROM pg_class WHERE oid = {}""")
    return Statement(text.format(named_table(collection)))


def copy_csv(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of every match as CSV with a header: `id`, the properties, and the geometry.

    The geometry is `WKT`, which GDAL knows, or `lon` and `lat`, `x` and `y` in a projected system.
    """
    shown = query.presentation
    parts: list[sql.Composable] = []
    if collection.key.is_id:
        parts.append(sql.SQL("{} AS {}").format(id_text(collection.key), quoted(collection.free_name("id"))))
    parts += map(csv_column, shown.columns_of(collection))
    if collection.has_geometry and shown.geometry:
        forms, names = csv_geometry(collection, shown)
        parts += [
            sql.SQL("{} AS {}").format(form, quoted(collection.free_name(name)))
            for form, name in zip(forms, names, strict=True)
        ]
    rows, params = select_all(collection, query, sql.SQL(", ").join(parts), sql.SQL(""))
    return Statement(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(rows), params)


CSV_FORMS: dict[str, LiteralString] = {"json": "to_json({}) AS {}", "boolean": "{}::text AS {}"}


def csv_column(column: Column) -> sql.Composable:
    """A property in a CSV: as it is shown, arrays and what else is JSON there as JSON, `true` and `false` as words."""
    if column.type not in CSV_FORMS:
        return shown_column(column)
    return sql.SQL(CSV_FORMS[column.type]).format(column_of(column), quoted(column.name))


def csv_geometry(collection: Collection, shown: Presentation) -> tuple[list[sql.Composable], tuple[str, ...]]:
    """The columns of the geometry in a CSV, and their names."""
    digits = sql.Literal(shown.crs.digits if shown.precision is None else shown.precision)
    if not shown.xy:
        return [sql.SQL("ST_AsText({}, {})").format(shown_geometry(collection, shown), digits)], ("WKT",)
    point = shown_geometry(collection, replace(shown, crs=replace(shown.crs, northing_first=False)))
    form = "trim_scale(round({}({})::numeric, {}))"
    forms = [sql.SQL(form).format(sql.SQL(axis), point, digits) for axis in ("ST_X", "ST_Y")]
    return [*forms], ("lon", "lat") if shown.crs.in_degrees else ("x", "y")


def select_all(
    collection: Collection, query: ItemsQuery, columns: sql.Composable, lateral: sql.Composable
) -> tuple[sql.Composable, dict[str, Any]]:
    """A SELECT of every match, in the order of the sort keys, or of the heap without any. A part of them, by a limit or
    an offset, is one of the list that pages are parts of: whoever takes it in pieces has each feature once.
    """
    conditions, params = where(collection, query.filter)
    params |= {"rows": query.limit, "offset": query.offset}
    order, source = sql.SQL(""), relation(collection, query.filter)
    if query.sort or not is_whole(query):
        key = order_key(collection, query.filter, query.sort)
        source = with_strips(collection, source, key, query.filter)
        params.update(order_values(collection, query.filter, key))
        order = sql.SQL(" ORDER BY ") + order_by(query.sort, collection, key, backwards=False)
        if not is_whole(query):
            source, conditions = at_offset(collection, query, key, source, conditions), []
    text = sql.SQL("SELECT {columns} FROM {relation} AS t{lateral}{where}{order}")
    return text.format(
        columns=columns, relation=source, lateral=lateral, where=where_clause(conditions), order=order
    ), params


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
    parts += [wire_form(column, forms) for column in shown.columns_of(collection)]
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
