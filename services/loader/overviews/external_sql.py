"""Statements that read a table of somebody else's and keep what was prepared of it. Text only."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from core.statement import Statement
from core.tiling import FIRST
from loader.overviews.table_sql import property_list
from loader.table.ddl import SCHEMA, Table

RESERVED = frozenset({"fid", "geom", "shape", "geom_3857", "geog", "ctid", "tableoid", "row_number"})
"""Names that the API's reading of a table, or our copy of it, gives to columns of its own."""

# Rows: (oid, schema, name, rows that were ever inserted, updated or deleted, attributes as JSON, columns of unique
# indexes as JSON), one for each table and materialised view.
RELATIONS = """
SELECT c.oid::bigint, n.nspname, c.relname,
       COALESCE(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0),
       (SELECT json_agg(json_build_object('name', a.attname, 'number', a.attnum, 'type', t.typname, 'srid',
                   CASE WHEN t.typname = 'geometry' THEN postgis_typmod_srid(a.atttypmod) ELSE 0 END) ORDER BY a.attnum)
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT COALESCE(json_agg((i.indkey::int[])[0:i.indnkeyatts - 1]), '[]')
        FROM pg_index AS i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition
ORDER BY n.nspname, c.relname
"""

# Rows: (table, its comment, its bytes, as above the changes of theirs or NULL where it is gone), newest last.
PREPARED = """
SELECT p.relname, d.description, pg_total_relation_size(p.oid),
       (SELECT COALESCE(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0)
        FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
        WHERE c.oid = split_part(p.relname, '_', 3)::oid)
FROM pg_class AS p
JOIN pg_namespace AS n ON n.oid = p.relnamespace
JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = p.oid AND d.objsubid = 0
WHERE n.nspname = 'data' AND starts_with(p.relname, %(prefix)s) AND p.relname ~ '^isthmus_prepared_[0-9]+_[0-9]+_tiles$'
ORDER BY p.oid
"""


def create_staged(schema: str, name: str, key: str, geometry: str, staged: Table) -> Iterator[Statement]:
    """A copy of what is needed of a table, as the loader's tables are: fid, geom, geom_3857 and some properties."""
    text = sql.SQL(
        "CREATE TABLE {staged} AS SELECT t.{key}::bigint AS fid, t.{geometry}::geometry AS geom,"
        " isthmus.to_3857(isthmus.straightened(t.{geometry}))::geometry(Geometry, 3857) AS geom_3857{columns}"
        " FROM {table} AS t WHERE t.{geometry} IS NOT NULL"
    )
    values = {"key": sql.Identifier(key), "geometry": sql.Identifier(geometry), "table": sql.Identifier(schema, name)}
    yield Statement(text.format(staged=staged.identifier, columns=property_list(staged.columns), **values))
    yield Statement(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(staged.identifier))


def delete_beyond(table: str, full_zoom: int) -> Statement:
    """Rows that only serve zooms from the full one on, which are made from their table."""
    text = sql.SQL("DELETE FROM {} WHERE {} >= {}")
    return Statement(text.format(sql.Identifier(SCHEMA, table), sql.Identifier(FIRST), sql.Literal(full_zoom)))


def drop(table: str) -> Statement:
    """Drop what was prepared."""
    return Statement(sql.SQL("DROP TABLE IF EXISTS {}").format(sql.Identifier(SCHEMA, table)))
