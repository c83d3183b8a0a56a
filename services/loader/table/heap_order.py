"""The order of rows on the disk: along a Hilbert curve as they are copied, and the box of each block of pages after.

Rows near each other on the map lie near each other on the disk, so a box reads few pages of the table. They are put in
the order of the curve through the first positions of their geometries, some tens of megabytes at a time. Ids stay what
they are. Measured with 1 M points whose ids have nothing to do with their places: the database's share of a page of a
box of 4 degrees takes half the time (0.38 ms instead of 0.82). The blocks are stored with the version: the API knows by
them which CTID ranges hold a box (core/catalog/heap_blocks.py).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from core.catalog.heap_blocks import EVERYWHERE, NOWHERE, Sides, make_blocks, to_bytes, to_steps
from core.database.connections import Connection
from loader.chunks import Chunk
from loader.geometry.wkb import EWKB_FLAGS, places_and_bytes, type_codes
from loader.table.binary_copy import read_records
from loader.table.ddl import Table

GROUP_BYTES = 36_000_000
"""About how much is sorted at a time. It is sent in chunks like those that were read."""

AT_ONCE = 50_000
"""Geometries whose place on the curve is worked out together: what that takes for a moment is 200 bytes for each."""

LEVELS = 16
"""The curve goes through 65,536 x 65,536 cells of the group's extent."""

FIRST_POSITION = {1: 5, 2: 9, 3: 13, 4: 14, 5: 18, 6: 22}
"""Bytes before the first coordinate in the WKB of a type, nested headers included."""

ONE, TWO = np.uint32(1), np.uint32(2)

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.uint32]

LEAST_ROWS = 10_000
"""Smaller tables have no blocks: they are read in the order of their ids, whatever the box, which costs little."""

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

MOST_POINTS = 10_000_000
"""Of at most so many points the places are stored: 4 bytes for each in the memory of each worker."""

COPY_POINTS = sql.SQL("""
COPY (SELECT ctid, coalesce(ST_X(geom), 'NaN'), coalesce(ST_Y(geom), 'NaN') FROM {}) TO STDOUT (FORMAT binary)""")
PLACE = np.dtype([("page", ">u4"), ("row", ">u2")])
"""A ctid as PostgreSQL sends it."""


@dataclass(frozen=True, slots=True)
class TablePoints:
    """The points of a table in the order of the disk: pages, and x and y (2, points); NaN without a place."""

    pages: npt.NDArray[np.int32]
    places: npt.NDArray[np.float64]


def along_curve(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same rows, group after group in the order of the curve. Without geometries nothing is changed."""
    gathered: list[Chunk] = []
    size_bytes = 0
    for chunk in chunks:
        if chunk.wkb is None:
            yield chunk
            continue
        gathered.append(chunk)
        size_bytes += chunk.properties.nbytes + chunk.wkb.nbytes
        if size_bytes >= GROUP_BYTES:
            yield from in_order(gathered)
            size_bytes = 0
    if gathered:
        yield from in_order(gathered)


def in_order(gathered: list[Chunk]) -> Iterator[Chunk]:
    """The rows of some chunks in the order of the curve, in chunks as large. The list is emptied."""
    rows = max(map(len, gathered))
    yield from split(merged(gathered), rows)


def split(chunk: Chunk, rows: int) -> Iterator[Chunk]:
    """A chunk as smaller ones of so many rows."""
    for first in range(0, len(chunk), max(1, rows)):
        wkb = None if chunk.wkb is None else chunk.wkb.slice(first, rows)
        yield Chunk(chunk.fids.slice(first, rows), chunk.properties.slice(first, rows), wkb)


def merged(chunks: list[Chunk]) -> Chunk:
    """Some chunks as one, in the order of the curve; rows without a position come first, in the order of the file.

    The list is emptied. Memory: one column beside the old and the new rows
    """
    wkb = pa.concat_arrays([chunk.wkb for chunk in chunks if chunk.wkb is not None])
    turn = pa.array(np.argsort(curve_positions(wkb), kind="stable"))
    wkb = wkb.take(turn)
    fids = pa.concat_arrays([chunk.fids for chunk in chunks]).take(turn)
    old = [chunk.properties for chunk in chunks]
    chunks.clear()
    schema = old[0].schema
    columns = [pa.concat_arrays([batch.column(place) for batch in old]).take(turn) for place in range(len(schema))]
    properties = pa.RecordBatch.from_arrays(columns, schema=schema) if columns else pa.concat_batches(old)
    return Chunk(fids, properties, wkb)


def curve_positions(wkb: pa.Array) -> Cells:
    """Where on the curve each geometry begins; 0 for those without a position."""
    places = np.zeros(len(wkb), np.uint32)
    present = np.asarray(pc.is_valid(wkb))
    x, y = first_positions(pc.drop_null(wkb))
    has_place = np.isfinite(x) & np.isfinite(y)
    if has_place.any():
        found = np.zeros(len(x), np.uint32)
        column, row = cells(x[has_place]), cells(y[has_place])
        parts = (slice(first, first + AT_ONCE) for first in range(0, len(column), AT_ONCE))
        found[has_place] = np.concatenate([hilbert(column[part], row[part]) for part in parts])
        places[present] = found
    return places


def first_positions(wkb: pa.Array) -> tuple[Floats, Floats]:
    """x and y of the first position of geometries none of which is null; NaN where WKB of another kind hides it.

    Raises: ValueError for what is no WKB
    """
    codes = type_codes(wkb)
    ends, data = places_and_bytes(wkb)
    before = np.zeros(len(wkb), np.int64)
    for code, size in FIRST_POSITION.items():
        before[(codes & ~np.uint32(EWKB_FLAGS)) % 1000 == code] = size
    starts = ends[:-1] + before
    readable = (before > 0) & (codes & EWKB_FLAGS == 0) & (data[ends[:-1]] == 1) & (starts + 16 <= ends[1:])
    positions = np.full((len(wkb), 2), np.nan)
    found = np.flatnonzero(readable)
    for some in (found[first : first + AT_ONCE] for first in range(0, len(found), AT_ONCE)):
        positions[some] = data[starts[some][:, None] + np.arange(16)].view("<f8")
    return positions[:, 0], positions[:, 1]


def cells(values: Floats) -> Cells:
    """Coordinates as the numbers of cells between the least and the largest of them."""
    least, span = values.min(), np.ptp(values)
    scaled: Floats = (values - least) / span if span > 0 else np.zeros_like(values)
    return (scaled * (2**LEVELS - 1)).astype(np.uint32)


def hilbert(x: Cells, y: Cells) -> Cells:
    """How far along a Hilbert curve cells lie. Source: Hacker's Delight, 2nd edition, 16-2, a level at a time."""
    x, y, place = x.copy(), y.copy(), np.zeros(len(x), np.uint32)
    for level in reversed(range(LEVELS)):
        right, up = (x >> np.uint32(level)) & ONE, (y >> np.uint32(level)) & ONE
        place = (place << TWO) | ((right + (right << ONE)) ^ up)
        turned = up - ONE  # every bit in the lower half, whose curve is turned; none in the upper
        flipped = turned & (~right + ONE)
        x, y = x ^ flipped, y ^ flipped
        swapped = (x ^ y) & turned
        x, y = x ^ swapped, y ^ swapped
    return place


def save_blocks(connection: Connection, table: Table, rows: int) -> None:
    """Store the blocks of a table that nothing will change any more. Cost: a pass over its boxes"""
    if table.srid is None or rows < LEAST_ROWS:
        return
    [(file, pages, shape)] = connection.execute(select_file(table)).fetchall()
    step = block_pages(rows, pages)
    points = read_points(connection, table) if has_points(shape, rows) else None
    if points is not None and table.srid == 4326:
        blocks, degrees = blocks_of_points(points, math.ceil(pages / step), step), None
    else:
        found = connection.execute(select_blocks(table, pages, step)).fetchall()
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
    """Store the blocks of tables that an earlier Isthmus loaded, and of those that were written again since.

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


def select_file(table: Table) -> sql.Composed:
    """Rows: one (the number of the table's file, its pages, PostGIS's type of its geometries)"""
    text = sql.SQL("""
SELECT pg_relation_filenode(t), pg_relation_size(t) / current_setting('block_size')::int, postgis_typmod_type(atttypmod)
FROM CAST({} AS regclass) AS t
JOIN pg_attribute ON attrelid = t AND attname = 'geom'""")
    return text.format(sql.Literal(table.identifier.as_string(None)))


def select_blocks(table: Table, pages: int, step: int) -> sql.Composed:
    """Rows: (rows, rows that have no place, rows that are not in geom_3857, box of geom, box of geom_3857), in order"""
    text = sql.SQL("""
SELECT b.* FROM generate_series(0, {last}, {step}) AS page CROSS JOIN LATERAL (
    SELECT count(*),
           count(*) FILTER (WHERE geom IS NULL OR ST_IsEmpty(geom)), count(*) FILTER (WHERE geom_3857 IS NULL),
           min(ST_XMin(geom)), min(ST_YMin(geom)), max(ST_XMax(geom)), max(ST_YMax(geom)),
           min(ST_XMin(geom_3857)), min(ST_YMin(geom_3857)), max(ST_XMax(geom_3857)), max(ST_YMax(geom_3857))
    FROM {table} WHERE ctid >= format('(%s,0)', page)::tid AND ctid < format('(%s,0)', page + {step})::tid
) AS b ORDER BY page""")
    return text.format(last=sql.Literal(pages - 1), step=sql.Literal(step), table=table.identifier)


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


def has_points(shape: str, rows: int) -> bool:
    """Whether the places of a table's rows are stored. `shape`: PostGIS's type of its geometries"""
    return shape.startswith("Point") and rows <= MOST_POINTS


def read_points(connection: Connection, table: Table) -> TablePoints:
    """The points of a table, in a transaction. Memory: 20 bytes a row, twice for a moment"""
    connection.execute("SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0")
    found = read_records(connection, COPY_POINTS.format(table.identifier), {"ctid": "V6", "x": "f8", "y": "f8"})
    pages = found.pop("ctid").view(PLACE)["page"].astype(np.int32)
    return TablePoints(pages, np.stack([found["x"], found["y"]]))


def blocks_of_points(points: TablePoints, count: int, pages: int) -> list[tuple[float, Sides]]:
    """How many points each of so many blocks of so many pages has, and their box."""
    block = points.pages // pages
    rows = np.bincount(block, minlength=count)
    least, most = np.full((2, count), inf), np.full((2, count), -inf)
    begins = np.flatnonzero(np.diff(block, prepend=-1))
    filled = block[begins]
    least[:, filled] = np.minimum.reduceat(points.places, begins, axis=1)
    most[:, filled] = np.maximum.reduceat(points.places, begins, axis=1)
    boxes = np.concatenate([least, most]).T
    boxes[np.isnan(boxes).any(axis=1)] = EVERYWHERE
    boxes[rows == 0] = NOWHERE
    sides: list[Sides] = [(west, south, east, north) for west, south, east, north in boxes.tolist()]
    return list(zip(rows.tolist(), sides, strict=True))
