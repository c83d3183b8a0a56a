"""Find out where the rows of a filled table lie, block after block of its pages, and keep it with its version."""

from __future__ import annotations

import math
from collections.abc import Sequence

from psycopg import sql

from core.block_points import to_steps
from core.blocks import EVERYWHERE, NOWHERE, Sides, make_blocks, to_bytes
from core.db import Connection
from core.statement import Statement
from loader.table.block_points import MOST_POINTS, blocks_of_points, has_points, read_points
from loader.table.ddl import Table

LEAST_ROWS = 10_000
"""Smaller tables are read in the order of their ids, whatever box is asked for: that costs little."""

ROWS_OF_A_BLOCK = 100
"""About how many rows a block has. Measured with a million points: half as many cost more to find than they save."""

MOST_BLOCKS = 32_768
"""The blocks of a larger table are larger. Each takes 40 bytes in the memory of each worker."""

EARTH_RADIUS_M = 6_378_137.0
LIMIT_DEG = 85.05
MARGIN = 0.1
"""What boxes in degrees are widened by, as a share of their longer side: edges in another system bend."""

MISSING = """
SELECT v.version, v.table_name, v.srid, v.row_count
FROM isthmus.versions AS v
JOIN pg_class AS t ON t.oid = to_regclass('data.' || quote_ident(v.table_name))
LEFT JOIN isthmus.blocks AS b USING (version)
WHERE v.srid IS NOT NULL AND v.row_count >= %(least)s AND (
    b.file IS DISTINCT FROM pg_relation_filenode(t.oid)
    OR b.points IS NULL AND v.row_count <= %(most)s AND EXISTS (
        SELECT FROM pg_attribute
        WHERE attrelid = t.oid AND attname = 'geom' AND postgis_typmod_type(atttypmod) LIKE 'Point%%'))
"""

Row = tuple[float | None, ...]


def save_blocks(connection: Connection, table: Table, rows: int) -> None:
    """Write down the blocks of a table that nothing will change any more. Cost: a pass over its boxes"""
    if table.srid is None or rows < LEAST_ROWS:
        return
    [(file, pages, shape)] = connection.execute(select_file(table).text).fetchall()
    step = block_pages(rows, pages)
    points = read_points(connection, table) if has_points(shape, rows) else None
    if points is not None and table.srid == 4326:
        blocks, degrees = blocks_of_points(points, math.ceil(pages / step), step), None
    else:
        found = connection.execute(select_blocks(table, pages, step).text).fetchall()
        blocks = [(row[0], box_of(row[1:3], row[3:7])) for row in found]
        degrees = None if table.srid == 4326 else [(row[0], degrees_of(row[1:3], row[7:])) for row in found]
    connection.execute(
        "INSERT INTO isthmus.blocks (version, file, pages, stored, degrees, points) VALUES (%s, %s, %s, %s, %s, %s)",
        [
            *(table.version, file, step, to_bytes(blocks)),
            degrees and to_bytes(degrees),
            points and to_steps(make_blocks(step, blocks), points.places),
        ],
    )


def save_missing_blocks(connection: Connection) -> None:
    """The same for tables that an earlier Isthmus loaded, and for those that somebody has written again since.

    connection: one that commits by itself
    """
    missing = connection.execute(MISSING, {"least": LEAST_ROWS, "most": MOST_POINTS}).fetchall()
    for version, name, srid, rows in missing:
        with connection.transaction():
            connection.execute("DELETE FROM isthmus.blocks WHERE version = %s", [version])
            save_blocks(connection, Table(name, (), None, srid, version), rows)
    if missing:
        connection.execute("UPDATE isthmus.generation SET number = number + 1")


def block_pages(rows: int, pages: int) -> int:
    """How many pages of a table a block has."""
    return max(1, round(ROWS_OF_A_BLOCK * pages / rows), math.ceil(pages / MOST_BLOCKS))


def select_file(table: Table) -> Statement:
    """Rows: one (the number of the table's file, its pages, PostGIS's type of its geometries)"""
    text = sql.SQL("""
SELECT pg_relation_filenode(t), pg_relation_size(t) / current_setting('block_size')::int, postgis_typmod_type(atttypmod)
FROM CAST({} AS regclass) AS t
JOIN pg_attribute ON attrelid = t AND attname = 'geom'""")
    return Statement(text.format(sql.Literal(table.identifier.as_string(None))))


def select_blocks(table: Table, pages: int, step: int) -> Statement:
    """Rows: (rows, rows that have no place, rows that are not in geom_3857, box of geom, box of geom_3857), in order"""
    text = sql.SQL("""
SELECT b.* FROM generate_series(0, {last}, {step}) AS page CROSS JOIN LATERAL (
    SELECT count(*),
           count(*) FILTER (WHERE geom IS NULL OR ST_IsEmpty(geom)), count(*) FILTER (WHERE geom_3857 IS NULL),
           min(ST_XMin(geom)), min(ST_YMin(geom)), max(ST_XMax(geom)), max(ST_YMax(geom)),
           min(ST_XMin(geom_3857)), min(ST_YMin(geom_3857)), max(ST_XMax(geom_3857)), max(ST_YMax(geom_3857))
    FROM {table} WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + {step})::tid
) AS b ORDER BY page""")
    return Statement(text.format(last=sql.Literal(pages - 1), step=sql.Literal(step), table=table.identifier))


def box_of(placeless: Sequence[float | None], sides: Row) -> Sides:
    """The box of a block's rows, or that of all the world when some of them have no place, or one that is no number."""
    west, south, east, north = sides
    if placeless[0]:
        return EVERYWHERE
    if west is None or south is None or east is None or north is None:
        return NOWHERE
    return EVERYWHERE if any(map(math.isnan, (west, south, east, north))) else (west, south, east, north)


def degrees_of(placeless: Sequence[float | None], sides: Row) -> Sides:
    """The box in CRS84, from that in Web Mercator."""
    west, south, east, north = box_of([any(placeless)], sides)
    if not math.isfinite(west):
        return west, south, east, north
    x, y = [math.degrees(side / EARTH_RADIUS_M) for side in (west, east)], [latitude(side) for side in (south, north)]
    return widened(x[0], y[0], x[1], y[1])


def widened(west: float, south: float, east: float, north: float) -> Sides:
    """A box with a margin. What was cut at the limits of Web Mercator goes to the poles."""
    margin = MARGIN * max(east - west, north - south) + 1e-6
    low, high = -90.0 if south < -LIMIT_DEG else south - margin, 90.0 if north > LIMIT_DEG else north + margin
    return west - margin, low, east + margin, high


def latitude(y: float) -> float:
    """The latitude in degrees of a northing of Web Mercator in metres."""
    return math.degrees(2 * math.atan(math.exp(y / EARTH_RADIUS_M)) - math.pi / 2)
