"""Statements for what PostgreSQL knows of a table without reading it, and for how long a few features are."""

from __future__ import annotations

from psycopg import sql

from api.query.items import AS_STORED
from api.sql.features.items import feature_text, properties_lateral, properties_text
from api.sql.relation import named_table, relation
from core.catalog.collections import SAMPLE, Collection
from core.database.statement import Statement

MOST_MEASURED = 500
"""Features whose lengths are looked at."""

STATISTICS = sql.SQL("""
SELECT s.attname, s.null_frac, s.n_distinct, s.most_common_vals::text::text[], s.most_common_freqs,
       s.histogram_bounds::text::text[]
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_stats AS s ON s.schemaname = n.nspname AND s.tablename = c.relname
WHERE c.oid = {table}
ORDER BY s.inherited
""")


def select_statistics(collection: Collection) -> Statement:
    """What ANALYZE found of each column of a table, that of all its partitions last.

    Rows: (column; share of NULL; distinct values, or if negative their share of all rows; the most frequent values and
    their shares; bounds between as many of the others each, ascending). The lists are NULL where there is nothing.
    """
    return Statement(STATISTICS.format(table=named_table(collection)))


LENGTHS = sql.SQL("""
SELECT avg(octet_length({feature}))::float8, avg(octet_length({properties}))::float8
FROM (SELECT * FROM {rows} LIMIT {most}) AS t{lateral}
""")


def select_lengths(collection: Collection, share: float) -> Statement:
    """How long features are as GeoJSON, and their properties alone, on average over some of them. `share`: of a loaded
    table's pages those that are read. Rows: one (bytes, bytes; NULL where no row was met)
    """
    rows = sql.SQL("{} {}").format(relation(collection), SAMPLE) if share < 1 else relation(collection)
    text = LENGTHS.format(
        feature=feature_text(collection, AS_STORED),
        properties=properties_text(AS_STORED.columns_of(collection)),
        rows=rows,
        most=sql.Literal(MOST_MEASURED),
        lateral=properties_lateral(collection, AS_STORED),
    )
    return Statement(text, {"percent": 100 * share} if share < 1 else {})
