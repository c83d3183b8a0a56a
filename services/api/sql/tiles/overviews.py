"""Overviews: rows that the loader made for tiles, chosen features at low zooms, large geometries in parts.

`Tiling` tells of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query.items import GridBox
from api.sql.filters.bbox import ewkb
from api.sql.relation import relation
from api.sql.tiles.drawing import TileGeometry
from api.tms.matrix_set import HALF_WORLD_M, WEB_MERCATOR_QUAD
from api.tms.tile import Tile, extent_in, step_deg, tile_bounds, tile_box
from core.catalog.collections import Collection, Column
from core.catalog.versions import COLUMN, FIRST, LARGE, LAST, LEVEL, MERGED, ROW, Tiling
from core.database.statement import quoted

NAMES = {"first": FIRST, "last": LAST, "level": LEVEL, "column": COLUMN, "row": ROW, "merged": MERGED, "large": LARGE}
NAMED = {name: quoted(column) for name, column in NAMES.items()}


def overview_columns(collection: Collection, tiling: Tiling) -> tuple[Column, ...]:
    """The properties that an overview has."""
    return tuple(column for column in collection.columns if column.name in tiling.properties)


def merged_name(collection: Collection) -> str:
    """The name of the property that says how many polygons a square stands for."""
    return collection.free_name("merged")


def merged_column(collection: Collection, tiling: Tiling | None) -> sql.Composable:
    """That property, behind others; nothing where there are no squares."""
    if tiling is None or not tiling.has_squares:
        return sql.SQL("")
    return sql.SQL(", t.{merged} AS {name}").format(name=quoted(merged_name(collection)), **NAMED)


def overview_geometry(tiling: Tiling, tile: Tile, margin: float) -> TileGeometry:
    """The geometry of `overview_rows`.

    The zoom is a part of the text: an index of the rows of a zoom is used for that alone.
    Index: of points the smallest GiST whose `first <= …` holds them, of shapes that of the zoom
    """
    if tiling.only_points:
        shown = sql.SQL("t.{first} <= {}").format(sql.Literal(tile.matrix.mercator_zoom), **NAMED)
    else:
        shown = shown_at(tile, "t") if tile.matrix_set is WEB_MERCATOR_QUAD else sql.SQL("true")
    text = sql.SQL("{} AND t.geom_3857 && %(area)s::geometry")
    return TileGeometry(shape_in(tile), text.format(shown), area_params(tile, margin))


def overview_rows(collection: Collection, tiling: Tiling, tile: Tile) -> sql.Composable:
    """An item of FROM named `t`: the tile table. For another set, whose tiles do not lie in those that large geometries
    were cut to, these come from the collection's own table.
    """
    tiles = quoted("data", tiling.table)
    if tiling.only_points or tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("{} AS t").format(tiles)
    text = sql.SQL("""(
        SELECT p.fid, p.{first}, p.{merged}, p.geom_3857{overview}
        FROM {tiles} AS p WHERE {shown} AND p.{level} = 0
        UNION ALL
        SELECT m.fid, 0::smallint, NULL, m.geom_3857{own}
        FROM {table} AS m
        WHERE m.fid IN (
            SELECT p.fid FROM {tiles} AS p WHERE {shown} AND p.{level} > 0 AND p.geom_3857 && %(area)s::geometry)
    ) AS t""")
    columns = overview_columns(collection, tiling)
    return text.format(
        tiles=tiles,
        table=relation(collection),
        shown=of_zoom(tile, "p"),
        overview=column_list("p", columns),
        own=column_list("m", columns),
        **NAMED,
    )


def rows_with_parts(collection: Collection, tile: Tile) -> sql.Composable:
    """An item of FROM named `t`: the collection, of its large geometries the part around the tile as `geom_3857`.

    Index: GiST on geom_3857 of both tables, and the key
    """
    text = sql.SQL("""(
        SELECT m.fid, m.geom, m.geom_3857{columns} FROM {table} AS m WHERE NOT m.{large}
        UNION ALL
        SELECT m.fid, m.geom, p.geom_3857{columns}
        FROM {tiles} AS p JOIN {table} AS m ON m.fid = p.fid
        WHERE {shown}
    ) AS t""")
    return text.format(
        columns=column_list("m", collection.columns),
        table=relation(collection),
        tiles=quoted("data", collection.tiling.table if collection.tiling else ""),
        shown=shown_at(tile, "p"),
        **NAMED,
    )


def shown_at(tile: Tile, alias: str) -> sql.Composable:
    """The condition that a row is shown at the zoom of a tile, and is the part around the tile where it was cut."""
    text = sql.SQL(
        "{shown} AND {t}.{column} = %(x)s >> (%(z)s - {t}.{level}) AND {t}.{row} = %(y)s >> (%(z)s - {t}.{level})"
    )
    return text.format(shown=of_zoom(tile, alias), t=quoted(alias), **NAMED)


def of_zoom(tile: Tile, alias: str) -> sql.Composable:
    """The condition that a row is shown at the zoom of a tile."""
    text = sql.SQL("{t}.{first} <= {zoom} AND {t}.{last} >= {zoom}")
    return text.format(t=quoted(alias), zoom=sql.Literal(tile.matrix.mercator_zoom), **NAMED)


def column_list(alias: str, columns: Sequence[Column]) -> sql.Composable:
    """Columns behind others."""
    return sql.Composed([sql.SQL(", {}").format(quoted(alias, column.column)) for column in columns])


def area_params(tile: Tile, margin: float) -> dict[str, Any]:
    """The tile's box in EPSG:3857 as a parameter."""
    box = mercator_box(tile, margin)
    return {"area": ewkb(box.srid, box.west, box.south, box.east, box.north)}


def shape_in(tile: Tile) -> sql.Composable:
    """The geometry in the CRS of the tile's set."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("t.geom_3857")
    srid = sql.Literal(tile.matrix_set.crs.srid)
    if tile.around is None:
        return sql.SQL("ST_Transform(t.geom_3857, {})").format(srid)
    # what lies far off may have no image, and edges are bent
    text = sql.SQL("ST_Transform(ST_Segmentize(ST_ClipByBox2D(t.geom_3857, %(area)s::geometry), {}), {})")
    return text.format(sql.Literal(step_deg(tile) / 180 * HALF_WORLD_M), srid)


def mercator_box(tile: Tile, margin: float) -> GridBox:
    """The tile's box in EPSG:3857, with a margin; that of the world for one across 180 degrees."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tile_box(tile, margin)
    world = tile_box(Tile(0, 0, 0))
    return extent_in(WEB_MERCATOR_QUAD, tile_bounds(tile, margin)) or world
