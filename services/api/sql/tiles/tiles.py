"""The statement that makes a vector tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query.items import WHOLE_TILE, GridBox, TileQuery
from api.sql.filters.bbox import area_once, area_values, near_on_globe
from api.sql.filters.filter import where
from api.sql.relation import id_text, is_numeric, shown_column, shown_geometry_column, shown_value
from api.sql.tiles.drawing import EXTENT_PX, MARGIN, bounds_of, drawn_or_dot, drawn_whole
from api.sql.tiles.overviews import (
    Parts,
    area_params,
    has_parts,
    merged_column,
    prepared_columns,
    prepared_parts,
    prepared_rows,
    rows_with_parts,
    select_count,
    tiling_for,
)
from api.sql.tiles.thinning import POINTS, Few, first, rows_of
from api.tms.matrix_set import WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD
from api.tms.tile import SPLIT, Tile, step_deg, tile_bounds, tile_box
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog import FID, Collection, Column, ColumnType, Key
from core.statement import Prepared, Statement, prepare, quoted
from core.tiling import Tiling

AFTER_HALVES = 2
"""The number of a tile's area among those of a statement: a bbox that is asked for may have two halves."""


TILE = sql.SQL("""
SELECT ST_AsMVT(feature.*, %(layer)s, {extent}, %(geometry_name)s, %(fid_name)s), count(feature.{geom})
FROM (
    SELECT {id} AS {fid},
           {drawn} AS {geom}{properties}
    FROM {rows}
    WHERE {meets}{first}
) AS feature
""")

COUNTED = sql.SQL("SELECT whole.*, ({count}) FROM ({tile}) AS whole")

ONCE = sql.SQL("\n    OFFSET 0")
"""Keeps PostgreSQL from making each geometry twice, for the tile and for the count."""


names_cache: CollectionCache[None, dict[str, Any]] = CollectionCache()
statements: CollectionCache[tuple[int, int], Prepared] = CollectionCache(capacity=100)
"""Statements of whole tiles, by zoom and number of areas."""


def select_tile(collection: Collection, tile: Tile, query: TileQuery = WHOLE_TILE, few: Few | None = None) -> Statement:
    """A Mapbox Vector Tile (version 2.1) with one layer named as the collection, extent 4096, buffer 64.

    few:    of those that there are, the most important alone
    Rows:   one (tile bytea, number of its features), empty when nothing meets the tile; feature ids are those of
            /items. At low zooms a part of the features, with some of their properties (see api/sql/prepared), unless
            the query has a condition: what was prepared holds too few of those that meet it
    Index:  GiST on geom_3857, of a source or for another set on its own geometry; the margin keeps the features of the
            buffer in the scan
    """
    tiling = tiling_for(collection, tile) if query.is_unconditional else None
    parts, (conditions, values) = parts_of(collection, tile, tiling), where(collection, query.filter)
    _, place = bounds_of(tile)

    shape, meets, _ = parts
    text = TILE.format(
        extent=sql.Literal(EXTENT_PX),
        drawn=drawn(collection, tile, tiling, shape),
        meets=sql.SQL(" AND ").join([meets, *conditions]),
        geom=quoted(collection.free_name("geom")),
        id=tile_id(FID if tiling else collection.key),
        fid=quoted(collection.free_name("fid")),
        properties=properties(shown_columns(collection, tiling, query)) + merged_column(collection, tiling),
        rows=rows_for(collection, tile, tiling, query, few),
        first=first(collection, tiling) if few else ONCE,
    )
    return Statement(text, {**names_of(collection), **place, **values, **parts[2], **(few.params if few else {})})


def whole_tile(collection: Collection, tile: Tile) -> tuple[Prepared, dict[str, Any]]:
    """All of a tile of WebMercatorQuad, which is requested most: a statement to be prepared once, with its values.

    Rows: as `select_tile`, and behind it how many features there are; null where nobody counted
    """
    tiling, names = tiling_for(collection, tile), names_cache.get(collection, None, lambda: names_of(collection))
    areas = area_params(tile, MARGIN) if tiling else {} if is_stored(collection, tile) else areas_of(collection, tile)
    values = {**names, **areas, "z": tile.z, "x": tile.column, "y": tile.row, "version": collection.version}

    def compose() -> Prepared:
        is_counted = tiling is not None and collection.source is None
        count = select_count(collection, tile).text if is_counted else sql.SQL("NULL")
        text = COUNTED.format(tile=select_tile(collection, tile).text, count=count)
        return prepare(Statement(text, values))

    return statements.get(collection, (tile.z, len(areas)), compose), values


def areas_of(collection: Collection, tile: Tile) -> dict[str, Any]:
    """The values for the areas of a tile in the collection's own CRS."""
    boxes = enumerate(boxes_of(collection, tile), AFTER_HALVES)
    return {name: value for number, box in boxes for name, value in area_values(collection, box, number).items()}


def drawn(collection: Collection, tile: Tile, tiling: Tiling | None, shape: sql.Composable) -> sql.Composable:
    """A geometry in the units of the tile. Of what was prepared lines may be too small, and parts of polygons."""
    if collection.geometry_type in POINTS or (tiling is not None and tiling.only_points):
        return drawn_whole(tile, shape)
    return drawn_or_dot(tile, shape, is_light=tiling is not None or is_stored(collection, tile))


def names_of(collection: Collection) -> dict[str, Any]:
    """The names of the layer, and of the columns that ST_AsMVT takes for geometry and id."""
    return {
        "layer": collection.id,
        "geometry_name": collection.free_name("geom"),
        "fid_name": collection.free_name("fid"),
    }


def rows_for(
    collection: Collection, tile: Tile, tiling: Tiling | None, query: TileQuery, few: Few | None
) -> sql.Composable:
    """What the tile is made from, as an item of FROM named `t`."""
    if tiling is not None:
        return prepared_rows(collection, tiling, tile)
    if has_parts(collection, tile) and not (few and few.percent):
        return rows_with_parts(collection, tile)
    return rows_of(collection, query.filter, few)


def parts_of(collection: Collection, tile: Tile, tiling: Tiling | None) -> Parts:
    """Those of the rows that the tile is made from."""
    if tiling is not None:
        return prepared_parts(tiling, tile, MARGIN)
    return stored() if is_stored(collection, tile) else transformed(collection, tile)


def is_stored(collection: Collection, tile: Tile) -> bool:
    """Whether the loader prepared the geometries in the CRS of the set."""
    return collection.source is None and tile.matrix_set is WEB_MERCATOR_QUAD


def stored() -> Parts:
    """What the loader prepared."""
    envelope = sql.SQL("t.geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {})")
    return sql.SQL("t.geom_3857"), envelope.format(sql.Literal(MARGIN)), {}


def transformed(collection: Collection, tile: Tile) -> Parts:
    """The geometries, cut to the tile before they are transformed: what lies far off may have no image."""
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
    return shape, sql.SQL("({})").format(sql.SQL(" OR ").join(conditions)), areas_of(collection, tile)


def found_geometry(collection: Collection) -> sql.Composable:
    """The geometry of a row whose box meets the tile: so it has no coordinates but numbers, but for heights."""
    if collection.source is not None and collection.geometry_type in POINTS:
        return sql.SQL("ST_Force2D(t.geom)")
    return shown_geometry_column(collection)


def near_tile(
    collection: Collection, tile: Tile, shape: sql.Composable, areas: Sequence[sql.Composable]
) -> sql.Composable:
    """A geometry as far as it is near the tile, in its own CRS. In a registered set parallels are bent, so edges are
    split, and what jumps across 180 degrees is cut there first.
    """
    if tile.around is None or collection.geometry_type in POINTS:
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
    return collection.geometry_type in (*POINTS, "MultiPoint")


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


def shown_columns(collection: Collection, tiling: Tiling | None, query: TileQuery) -> list[Column]:
    """The properties of a tile's features: those that are asked for, of those that there are."""
    there = prepared_columns(collection, tiling) if tiling else collection.columns
    return [column for column in there if query.columns is None or column in query.columns]


def properties(columns: Sequence[Column]) -> sql.Composed:
    """The properties of the features, bytes left out."""
    shown = [column for column in columns if column.type != "binary"]
    return sql.Composed([sql.SQL(", {}").format(tile_column(column)) for column in shown])


AS_A_VALUE: dict[ColumnType, sql.SQL] = {
    "number": sql.SQL("{}::float8 AS {}"),
    "json": sql.SQL("to_json({})::text AS {}"),
    "datetime": sql.SQL("to_json({}) #>> '{{}}' AS {}"),
}
"""How ST_AsMVT is given what it would write otherwise: `numeric` as a text, a `jsonb` object as a property for each of
its members, a list not at all, a time in another form than `/items` has it.
"""


AS_BIGINT = sql.SQL("CASE WHEN {0} <> 'NaN' THEN {0}::bigint END AS {1}")


def tile_column(column: Column) -> sql.Composable:
    """A property under its published name, of a type that a tile has (MVT 2.1, 4.4)."""
    text = AS_BIGINT if is_numeric(column) else AS_A_VALUE.get(column.type)
    return shown_column(column) if text is None else text.format(shown_value(column), quoted(column.name))


def tile_id(key: Key) -> sql.Composable:
    """The id of a feature in a tile: whole numbers only, and PostGIS leaves negative ones out."""
    return id_text(key) if key.is_integer else sql.SQL("NULL::bigint")
