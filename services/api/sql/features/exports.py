"""Statements for exports: COPY of everything that matches, in a form that is passed on as it comes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, LiteralString

from psycopg import sql

from api.query.items import ItemsQuery, Presentation
from api.query.page_order import order_key
from api.sql.features.bbox_strips import order_values, with_strips
from api.sql.features.items import feature_text, properties_lateral
from api.sql.features.keyset import order_by
from api.sql.filters.filter import where, where_clause
from api.sql.relation import column_of, id_text, named_table, relation, shown_column, shown_geometry
from core.catalog.collections import Collection, Column
from core.database.statement import Statement, quoted

WITHOUT_END = 2**53
"""The limit of an export that nobody limits."""

COPY_TEXTS = sql.SQL("COPY ({}) TO STDOUT (FORMAT binary)")
"""Texts as they are: the other forms look at each byte for what has to be quoted, a tenth of an export's time."""

AHEAD = {"geojsonl": sql.SQL("E'\\x1e'"), "geojson": sql.SQL("','")}
"""What stands ahead of each Feature: in a GeoJSON text sequence (RFC 8142) a record separator, in a list a comma."""

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


def line_of(collection: Collection, shown: Presentation, ahead: sql.Composable) -> sql.Composable:
    """A line: something ahead, a Feature without line feeds, a line feed. Values of `json` may have them, though none
    in their texts.
    """
    feature = feature_text(collection, shown)
    some = collection.columns if shown.columns is None else shown.columns
    if any(column.type == "json" for column in some):
        feature = sql.SQL("translate({}, E'\\n\\r', '  ')").format(feature)
    return sql.SQL("{} || {} || E'\\n'").format(ahead, feature)


def is_everything(collection: Collection, query: ItemsQuery) -> bool:
    """Whether an export is of a whole table, in no order, whose rows are found by their places."""
    is_whole = query.filter.is_everything and not query.sort and not query.offset
    has_places = collection.source is None or collection.source.placed is not None
    return is_whole and has_places and query.limit >= WITHOUT_END


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
    some = collection.columns if shown.columns is None else shown.columns
    parts: list[sql.Composable] = []
    if collection.key.is_id:
        parts.append(sql.SQL("{} AS {}").format(id_text(collection.key), quoted(collection.free_name("id"))))
    parts += map(csv_column, some)
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
    """A SELECT of every match, in the order of the sort keys, or of the heap without any."""
    conditions, params = where(collection, query.filter)
    order, source = sql.SQL(""), relation(collection, query.filter)
    if query.sort or query.offset:
        key = order_key(collection, query.filter, query.sort)
        source = with_strips(collection, source, key, query.filter)
        params.update(order_values(collection, query.filter, key))
        order = sql.SQL(" ORDER BY ") + order_by(query.sort, collection, key, backwards=False)
    text = sql.SQL(
        "SELECT {columns} FROM {relation} AS t{lateral}{where}{order} LIMIT %(rows)s OFFSET %(offset)s"
    ).format(
        columns=columns,
        relation=source,
        lateral=lateral,
        where=where_clause(conditions),
        order=order,
    )
    return text, {**params, "rows": query.limit, "offset": query.offset}
