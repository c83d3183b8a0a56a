"""How a geometry is drawn in the units of a tile, and what stands for one that is too small for them."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.sql.filters.bbox import ewkb
from api.tms.matrix_set import WEB_MERCATOR_QUAD
from api.tms.tile import Tile, tile_box

EXTENT_PX = 4096
BUFFER_PX = 64
MARGIN = BUFFER_PX / EXTENT_PX

HEAVY_BYTES = 100_000
"""A geometry of so many bytes, which are 6,000 corners or more, takes 0.1 s at most as it is."""

# A SELECT of its own, or a plan for all values makes the bounds again for each row: a tenth of a tile of points.
DRAWN = sql.SQL("ST_AsMVTGeom({shape}, (SELECT {bounds}), {extent}, {buffer})")

# OFFSET 0 keeps the geometry from being made once for each corner. United, or boxes that overlap undo each other.
SPECKS = sql.SQL("""(
    SELECT CASE max(dimension)
               WHEN 2 THEN ST_Union(ST_Expand(middle, wide, high))
               ELSE ST_Collect(CASE
                   WHEN wide < high THEN ST_MakeLine(ST_Translate(middle, 0, -high), ST_Translate(middle, 0, high))
                   ELSE ST_MakeLine(ST_Translate(middle, -wide, 0), ST_Translate(middle, wide, 0)) END) END
    FROM (
        SELECT dimension, CASE WHEN fits THEN ST_Centroid(ST_Envelope(g)) ELSE ST_PointOnSurface(g) END AS middle,
               CASE WHEN fits THEN wide ELSE {unit} / 2 END AS wide,
               CASE WHEN fits THEN high ELSE {unit} / 2 END AS high
        FROM (
            SELECT g, dimension, wide, high, least(wide, high) * 2 <= {unit} OR greatest(wide, high) <= {unit} AS fits
            FROM (
                SELECT part.geom AS g, ST_Dimension(part.geom) AS dimension,
                       greatest(ST_XMax(part.geom) - ST_XMin(part.geom), {unit}) / 2 AS wide,
                       greatest(ST_YMax(part.geom) - ST_YMin(part.geom), {unit}) / 2 AS high
                FROM ST_Dump(ST_CollectionExtract({shape})) AS part
                WHERE part.geom && ST_Expand((SELECT {bounds}), {margin}) OFFSET 0
            ) AS parts
        ) AS boxes
        WHERE dimension > 0 AND (fits OR dimension = 2 AND greatest(wide, high) <= {slender} * {unit})
        OFFSET 0
    ) AS specks)""")
"""What stands for a line or an area of which ST_AsMVTGeom leaves nothing: the boxes of its parts that are nowhere wider
than a unit of the tile, or nowhere higher, or within two units, a unit wide and high at least. Of an area that is
longer, narrow and aslant, such as an island, a unit in it.
"""

SLENDER_UNITS = 32
"""Half of the length up to which it is looked for, which takes time."""

# Given in the units of the tile, so ST_AsMVTGeom, three quarters of the time, is not needed.
DOT = sql.SQL("""(
    SELECT CASE WHEN ST_Dimension(g) = 2 THEN ST_MakeEnvelope(x, y + 1, x + 1, y)
                ELSE ST_MakeLine(ST_MakePoint(x, y), ST_MakePoint(x + 1, y)) END
    FROM (
        SELECT g, floor(((ST_XMin(g) + ST_XMax(g)) / 2 - (SELECT ST_XMin({bounds}))) / {unit}) AS x,
               floor(((SELECT ST_YMax({bounds})) - (ST_YMin(g) + ST_YMax(g)) / 2) / {high_unit}) AS y
        FROM (SELECT {shape} AS g OFFSET 0) AS whole
        WHERE ST_XMax(g) - ST_XMin(g) <= {unit} AND ST_YMax(g) - ST_YMin(g) <= {high_unit} AND ST_Dimension(g) > 0
        OFFSET 0
    ) AS corner
    WHERE x BETWEEN -{buffer} AND {extent} + {buffer} - 1 AND y BETWEEN -{buffer} AND {extent} + {buffer} - 1)""")
"""What stands for a line or an area within a unit of the tile, of which ST_AsMVTGeom leaves nothing: that unit."""

# Of half a million corners ST_AsMVTGeom makes something valid in ten seconds and more, and nobody can stop it. The size
# is that of the row, so that nothing is unpacked for it: 20 ns.
LIGHTER = sql.SQL("""CASE WHEN pg_column_size(t.geom) > {heavy} THEN (
    SELECT CASE WHEN ST_Dimension(g) = 0 THEN g ELSE (
        SELECT ST_Collect(part.geom) FROM ST_Dump(ST_Simplify(g, {least} / 2, true)) AS part
        WHERE ST_XMax(part.geom) - ST_XMin(part.geom) > {least} OR ST_YMax(part.geom) - ST_YMin(part.geom) > {least})
        END
    FROM (SELECT {shape} AS g OFFSET 0) AS heavy)
    ELSE {shape} END""")
"""A geometry without what is lost in the grid of a tile: parts within half a unit, corners of a quarter of one."""


def drawn_whole(tile: Tile, shape: sql.Composable) -> sql.Composable:
    """A geometry in the units of the tile, null where nothing is left of it."""
    return DRAWN.format(
        shape=shape, bounds=bounds_of(tile)[0], extent=sql.Literal(EXTENT_PX), buffer=sql.Literal(BUFFER_PX)
    )


def drawn_or_dot(tile: Tile, shape: sql.Composable, *, is_light: bool) -> sql.Composable:
    """The same, or what stands for a line or an area of which nothing is left. `is_light`: for this zoom the loader
    made it so; others are rows of `t`, with their geometry as `geom`.
    """
    bounds, _ = bounds_of(tile)
    unit, high_unit = (sql.Literal(side / EXTENT_PX) for side in (tile.matrix.width, tile.matrix.height))
    numbers = {"extent": sql.Literal(EXTENT_PX), "buffer": sql.Literal(BUFFER_PX)}
    dot = DOT.format(shape=shape, unit=unit, high_unit=high_unit, bounds=bounds, **numbers)
    margin = sql.Literal(max(tile.matrix.width, tile.matrix.height) * (MARGIN + 1 / EXTENT_PX))
    specks = SPECKS.format(shape=shape, unit=unit, margin=margin, bounds=bounds, slender=sql.Literal(SLENDER_UNITS))
    whole = drawn_whole(tile, shape if is_light else lighter(tile, shape))
    return sql.SQL("COALESCE({}, {}, {})").format(whole, dot, drawn_whole(tile, specks))


def lighter(tile: Tile, shape: sql.Composable) -> sql.Composable:
    """A geometry as LIGHTER has it where it is heavy."""
    least = sql.Literal(min(tile.matrix.width, tile.matrix.height) / EXTENT_PX / 2)
    return LIGHTER.format(shape=shape, heavy=sql.Literal(HEAVY_BYTES), least=least)


def bounds_of(tile: Tile) -> tuple[sql.Composable, dict[str, Any]]:
    """The tile's box in the CRS of its set."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("ST_TileEnvelope(%(z)s, %(x)s, %(y)s)"), {"z": tile.z, "x": tile.column, "y": tile.row}
    box = tile_box(tile)
    return sql.SQL("%(bounds)s::geometry"), {"bounds": ewkb(box.srid, box.west, box.south, box.east, box.north)}
