"""Statements for the table that tiles of low zooms are made from, beside a version's own. Text only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from psycopg import sql

from core.statement import Statement
from core.tiling import FIRST
from loader.names import MAX_BYTES, cut
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table

SUFFIX = "_tiles"
RANKED = "isthmus_ranked"
"""A temporary table: which features, from which zoom on, in which order."""


def tile_table_name(table: Table) -> str:
    """The name of a version's tile table: that of its own table, which ends in its number, with a suffix."""
    base, _, number = table.name.rpartition("_")
    suffix = f"_{number}{SUFFIX}"
    return f"{cut(base, MAX_BYTES - len(suffix))}{suffix}"


# Rows: (fid, x and y of the middle, importance) of what has a place in EPSG:3857.
PLACES = sql.SQL("""
COPY (
    SELECT fid, (ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2, (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2{value}
    FROM {table}
    WHERE NOT ST_IsEmpty(geom_3857)
) TO STDOUT (FORMAT binary)
""")


def copy_places(table: Table, rank: TableColumn | None) -> sql.Composed:
    """COPY of ids as bigint, the others as doubles. Without a column of importance, that is left out."""
    value = sql.SQL(", coalesce({}::double precision, '-Infinity')")
    chosen = value.format(sql.Identifier(rank.column)) if rank else sql.SQL("")
    return PLACES.format(value=chosen, table=table.identifier)


def create_ranked() -> Statement:
    """The temporary table of ranks."""
    text = "CREATE TEMPORARY TABLE {} (fid bigint, zoom smallint, place integer) ON COMMIT DROP"
    return Statement(sql.SQL(text).format(sql.Identifier(RANKED)))


def copy_ranked() -> sql.Composed:
    """COPY into it."""
    return sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(RANKED))


def create_point_table(table: Table, name: str, properties: Sequence[TableColumn]) -> Iterator[Statement]:
    """The tile table of points, in the order of `place`: the rows that a zoom is the first to show lie together."""
    columns = property_list(properties)
    text = sql.SQL(
        "CREATE TABLE {tiles} AS SELECT r.zoom AS {first}, t.fid, t.geom_3857{columns}"
        " FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid ORDER BY r.place"
    )
    tiles, ranked, first = sql.Identifier(SCHEMA, name), sql.Identifier(RANKED), sql.Identifier(FIRST)
    yield Statement(sql.SQL("SET LOCAL work_mem = '128MB'"))
    yield Statement(text.format(tiles=tiles, first=first, columns=columns, ranked=ranked, table=table.identifier))
    yield Statement(sql.SQL("SET LOCAL work_mem TO DEFAULT"))
    yield Statement(sql.SQL("DROP TABLE {}").format(ranked))


def property_list(properties: Sequence[TableColumn]) -> sql.Composable:
    """Columns of the version's own table `t`, behind others."""
    return sql.SQL("").join(sql.SQL(", t.{}").format(sql.Identifier(column.column)) for column in properties)


def index_points(name: str, zooms: Sequence[int]) -> Iterator[Statement]:
    """An index of the points that are shown at each of some zooms, and statistics."""
    tiles = sql.Identifier(SCHEMA, name)
    for zoom in zooms:
        text = sql.SQL("CREATE INDEX ON {} USING gist (geom_3857) WHERE {} <= {}")
        yield Statement(text.format(tiles, sql.Identifier(FIRST), sql.Literal(zoom)))
    yield Statement(sql.SQL("ANALYZE {}").format(tiles))


# Of few different values ANALYZE tells the number, of many their share, as a negative one.
VALUES = sql.SQL("""
SELECT s.attname, s.avg_width, CASE WHEN n_distinct < 0 THEN -n_distinct ELSE n_distinct / greatest(reltuples, 1) END
FROM pg_stats AS s JOIN pg_class ON pg_class.oid = {table}::regclass
WHERE s.schemaname = %(schema)s AND s.tablename = %(table)s
""")


def select_values(table: Table) -> Statement:
    """Rows: (column, mean bytes of its values, how many are different, as a share), as ANALYZE found them."""
    name = sql.Literal(table.identifier.as_string(None))
    return Statement(VALUES.format(table=name), {"schema": SCHEMA, "table": table.name})


def select_sizes(table: Table, name: str) -> Statement:
    """Rows: one (bytes of the version's own table, bytes of its tile table), with their indexes."""
    text = sql.SQL("SELECT pg_total_relation_size({}::regclass), pg_total_relation_size({}::regclass)")
    own, tiles = table.identifier.as_string(None), sql.Identifier(SCHEMA, name).as_string(None)
    return Statement(text.format(sql.Literal(own), sql.Literal(tiles)))
