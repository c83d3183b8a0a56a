"""The geometry of a tile's features: found by the tile's area, in its CRS, drawn in its units, and what stands for one
that is too small for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from psycopg import sql

from api.query.items import GridBox
from api.sql.filters.bbox import area_once, area_values, ewkb, near_on_globe
from api.sql.relation import shown_geometry_column
from api.tms.tile import SPLIT, WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD, Tile, step_deg, tile_bounds, tile_box
from core.bbox import BBox
from core.catalog.collections import Collection


class TileGeometry(NamedTuple):
    """The geometry of a row in the CRS of a tile's set, the condition that it meets the tile, the values of both."""

    shape: sql.Composable
    meets: sql.Composable
    values: dict[str, Any]


EXTENT_PX = 4096
BUFFER_PX = 64
MARGIN = BUFFER_PX / EXTENT_PX

AFTER_HALVES = 2
"""The number of a tile's area among those of a statement: a requested bbox may have two halves."""

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


def areas_of(collection: Collection, tile: Tile) -> dict[str, Any]:
    """The values for the areas of a tile in the collection's own CRS."""
    boxes = enumerate(boxes_of(collection, tile), AFTER_HALVES)
    return {name: value for number, box in boxes for name, value in area_values(collection, box, number).items()}


def stored_geometry() -> TileGeometry:
    """That which the loader stored in the CRS of the set."""
    envelope = sql.SQL("t.geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {})")
    return TileGeometry(sql.SQL("t.geom_3857"), envelope.format(sql.Literal(MARGIN)), {})


def transformed_geometry(collection: Collection, tile: Tile) -> TileGeometry:
    """The geometry, cut to the tile before it is transformed: what lies far off may have no image."""
    own, srid = found_geometry(collection), tile.matrix_set.crs.srid
    areas: list[sql.Composable] = []
    conditions: list[sql.Composable] = []
    for number, box in enumerate(boxes_of(collection, tile), AFTER_HALVES):
        area = area_once(collection, box, number)
        areas.append(area)
        conditions.append(meets_area(collection, box, area))
    shape: sql.Composable = own
    if collection.srid != srid:
        shape = sql.SQL("ST_Transform({}, {})").format(near_tile(collection, tile, own, areas), sql.Literal(srid))
    if tile.matrix_set is WORLD_CRS84_QUAD and goes_round(collection) and not only_points(collection):
        shape = CUT_AT_ANTIMERIDIAN.format(shape)
        if may_lie_around_pole(collection):
            shape = sql.SQL("COALESCE(isthmus.slit_at_pole(ST_Force2D({})), {})").format(own, shape)
    meets = sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))
    return TileGeometry(shape, meets, areas_of(collection, tile))


def found_geometry(collection: Collection) -> sql.Composable:
    """The geometry of a row whose box meets the tile: so it has no coordinates but numbers, but for heights."""
    if collection.source is not None and collection.geometry_type == "Point":
        return sql.SQL("ST_Force2D(t.geom)")
    return shown_geometry_column(collection)


def near_tile(
    collection: Collection, tile: Tile, shape: sql.Composable, areas: Sequence[sql.Composable]
) -> sql.Composable:
    """A geometry as far as it is near the tile, in its own CRS. In a registered set parallels are bent, so edges are
    split, and what jumps across 180 degrees is cut there first.
    """
    if tile.around is None or collection.geometry_type == "Point":
        return cut_to(shape, areas)
    if collection.in_degrees and goes_round(collection):
        shape = CUT_AT_ANTIMERIDIAN.format(shape)
    step = step_deg(tile) if collection.in_degrees else tile.matrix.width / SPLIT
    text = sql.SQL("(SELECT ST_Segmentize({}, {}) FROM (SELECT {} AS g OFFSET 0) AS whole)")
    return text.format(cut_to(sql.SQL("g"), areas), sql.Literal(step), shape)


def boxes_of(collection: Collection, tile: Tile) -> Sequence[BBox | GridBox]:
    """Where the tile lies with its buffer: in the CRS of the set when the geometries are in it, else in degrees."""
    if collection.srid == tile.matrix_set.crs.srid and tile.around is not None:
        return (tile_box(tile, MARGIN),)
    return tile_bounds(tile, MARGIN).halves()


def cut_to(shape: sql.Composable, areas: Sequence[sql.Composable]) -> sql.Composable:
    """A geometry, cut to the boxes of some areas where it is in none of them."""
    inside = [sql.SQL("{} @ {}").format(shape, area) for area in areas]
    parts = [sql.SQL("ST_ClipByBox2D({}, {})").format(shape, area) for area in areas]
    cut = parts[0] if len(parts) == 1 else JOINED.format(sql.SQL(", ").join(parts))
    return sql.SQL("CASE WHEN {} THEN {} ELSE {} END").format(sql.SQL(" OR ").join(inside), shape, cut)


# Some functions of PostGIS fail on empty parts of a collection.
JOINED = sql.SQL(
    "(SELECT ST_CollectionHomogenize(ST_Collect(part)) FROM unnest(ARRAY[{}]) AS part WHERE NOT ST_IsEmpty(part))"
)

# OFFSET 0 keeps the geometry from being made three times.
CUT_AT_ANTIMERIDIAN = sql.SQL("""(
    SELECT CASE WHEN ST_XMax(g) - ST_XMin(g) > 180 THEN isthmus.cut_at_antimeridian(g) ELSE g END
    FROM (SELECT {} AS g OFFSET 0) AS whole)""")


def goes_round(collection: Collection) -> bool:
    """Whether a geometry of the loader's may jump from one side of 180 degrees to the other."""
    box = collection.bbox_crs84
    return collection.source is None and box is not None and (box.west > box.east or box.east - box.west > 180)


def only_points(collection: Collection) -> bool:
    """Whether each feature is a point, or several."""
    return collection.geometry_type in ("Point", "MultiPoint")


def may_lie_around_pole(collection: Collection) -> bool:
    """Whether an area of the loader's may lie around a pole, so that its corners in degrees hold nothing."""
    box = collection.bbox_crs84
    reaches_pole = collection.source is None and box is not None and (box.south <= -90 or box.north >= 90)
    return reaches_pole and not collection.in_degrees and not only_points(collection)


def meets_area(collection: Collection, box: BBox | GridBox, area: sql.Composable) -> sql.Composable:
    """A geometry's box meets that of an area."""
    condition = sql.SQL("t.geom && {}").format(area)
    near = near_on_globe(collection, box, area)
    return condition if near is None else sql.SQL("{} AND {}").format(near, condition)
