"""Statements for exports: COPY of everything that matches, in a form that is passed on as it comes."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query import ItemsQuery
from api.sql.filter import where, where_clause
from api.sql.items import feature_text, properties_lateral, shown_geometry
from api.sql.keyset import order_by
from api.sql.relation import id_text, relation, shown_column
from core.catalog import Collection
from core.statement import Statement, quoted


def copy_geojson_seq(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of every match as a GeoJSON text sequence (RFC 8142): a record separator, a Feature, a line feed.

    The CSV form with a quote that no JSON text holds writes the text as it is; the text form would double backslashes.
    """
    feature = sql.SQL("E'\\x1e' || {}").format(feature_text(collection, query.presentation))
    lateral = properties_lateral(collection, query.presentation)
    rows, params = select_all(collection, query, feature, lateral)
    text = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')")
    return Statement(text.format(rows), params)


def copy_csv(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of every match as CSV with a header: `id`, the properties, and the geometry as `WKT`, which GDAL knows."""
    shown = query.presentation
    some = collection.columns if shown.columns is None else shown.columns
    parts: list[sql.Composable] = []
    if collection.key.is_id:
        parts.append(sql.SQL("{} AS {}").format(id_text(collection.key), quoted(collection.free_name("id"))))
    parts += [shown_column(column) for column in some]
    if collection.has_geometry and shown.geometry:
        digits = shown.crs.digits if shown.precision is None else shown.precision
        wkt = sql.SQL("ST_AsText({}, {})").format(shown_geometry(collection, shown), sql.Literal(digits))
        parts.append(sql.SQL("{} AS {}").format(wkt, quoted(collection.free_name("WKT"))))
    rows, params = select_all(collection, query, sql.SQL(", ").join(parts), sql.SQL(""))
    return Statement(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(rows), params)


def select_all(
    collection: Collection, query: ItemsQuery, columns: sql.Composable, lateral: sql.Composable
) -> tuple[sql.Composable, dict[str, Any]]:
    """A SELECT of every match, in the order of the sort keys, or as it lies on the disk when nothing is asked."""
    conditions, params = where(collection, query.filter)
    order = sql.SQL("")
    if query.sort or query.offset:
        order = sql.SQL(" ORDER BY ") + order_by(query.sort, collection, backwards=False)
    text = sql.SQL(
        "SELECT {columns} FROM {relation} AS t{lateral}{where}{order} LIMIT %(rows)s OFFSET %(offset)s"
    ).format(
        columns=columns,
        relation=relation(collection, query.filter),
        lateral=lateral,
        where=where_clause(conditions),
        order=order,
    )
    return text, {**params, "rows": query.limit, "offset": query.offset}
