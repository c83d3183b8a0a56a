"""Statements for pages that are too large to be held: what they weigh, and their features as a stream."""

from __future__ import annotations

from psycopg import sql

from api.query.items import ItemsQuery
from api.sql.features.exports import COPY_TEXTS
from api.sql.features.items import feature_weight
from api.sql.features.pages import select_page
from api.sql.relation import named_table, relation, tables_of
from core.catalog import Collection
from core.statement import Statement

MOST_LOOKED_AT = 100
"""Features that are looked at to tell how well PostgreSQL compressed them: some are unpacked for it."""

FORWARDS = sql.SQL("SELECT ',' || feature FROM ({page}) AS page (feature)")
BACKWARDS = sql.SQL("""SELECT ',' || feature FROM (
    SELECT row_number() OVER () AS number, feature FROM ({page}) AS page (feature)
) AS numbered ORDER BY number DESC""")


def select_sizes(collection: Collection) -> Statement:
    """How large a table is, with its partitions. Rows: one (bytes of its pages, bytes beside them of what is too large
    for them, rows by the statistics, or -1; each bigint)
    """
    text = sql.SQL("""
SELECT COALESCE(sum(size), 0)::bigint, COALESCE(sum(pg_relation_size(NULLIF(reltoastrelid, 0))), 0)::bigint,
       COALESCE(CASE WHEN min(reltuples) < 0 THEN -1 ELSE sum(reltuples) END, 0)::bigint
FROM (SELECT pg_relation_size(oid) AS size, c.* FROM {} AS parts JOIN pg_class AS c USING (oid)) AS tables
WHERE size > 0""")
    return Statement(text.format(tables_of(named_table(collection))))


def select_largest(collection: Collection) -> Statement:
    """How many bytes the largest feature has, nearly. Rows: one (bytes bigint or NULL)

    Cost: reads all rows, but nothing that is too large for its page: 0.2 s a million
    """
    text = sql.SQL("SELECT max({}) FROM {} AS t")
    return Statement(text.format(feature_weight(collection), relation(collection)))


def select_expansion(collection: Collection) -> Statement:
    """How many times as large features are as they are stored, by the first of them. Rows: one (number, 1 or more)"""
    text = sql.SQL("""
SELECT COALESCE(greatest(1, sum(whole) / sum(stored)), 1)::float8
FROM (SELECT {whole} AS whole, {stored} AS stored FROM {relation} AS t LIMIT {most}) AS weights""")
    whole, stored = feature_weight(collection, unpacked=True), feature_weight(collection)
    most = sql.Literal(MOST_LOOKED_AT)
    return Statement(text.format(whole=whole, stored=stored, relation=relation(collection), most=most))


def copy_page(collection: Collection, query: ItemsQuery) -> Statement:
    """COPY of the features of a page, in its order, with a comma ahead each."""
    page = select_page(collection, query)
    rows = (BACKWARDS if query.backwards else FORWARDS).format(page=page.text)
    return Statement(COPY_TEXTS.format(rows), {**page.params, "rows": query.limit})
