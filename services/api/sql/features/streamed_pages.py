"""Statements for pages that are too large to be held: their features as a stream."""

from __future__ import annotations

from psycopg import sql

from api.query.items import ItemsQuery
from api.sql.features.exports import COPY_TEXTS
from api.sql.features.pages import select_page
from core.catalog.collections import Collection
from core.database.statement import Statement

FORWARDS = sql.SQL("SELECT ',' || feature FROM ({page}) AS page (feature)")
BACKWARDS = sql.SQL("""SELECT ',' || feature FROM (
    SELECT row_number() OVER () AS number, feature FROM ({page}) AS page (feature)
) AS numbered ORDER BY number DESC""")


def copy_page(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of the features of a page, in its order, with a comma ahead each."""
    page = select_page(collection, query)
    rows = (BACKWARDS if query.backwards else FORWARDS).format(page=page.text)
    return Statement(COPY_TEXTS.format(rows), {**page.params, "rows": query.limit})
