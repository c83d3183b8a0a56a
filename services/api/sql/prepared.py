"""Tiles of low zooms: what is read of the rows that the loader prepared for them (see `Tiling`)."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.matrix_sets import WEB_MERCATOR_QUAD
from api.query import GridBox
from api.sql.boxes import ewkb
from api.tiles import Tile, extent_in, tile_bounds, tile_box
from core.catalog import Collection, Column, Tiling
from core.statement import quoted


def tiling_for(collection: Collection, tile: Tile) -> Tiling | None:
    """What a tile is made from in place of the table; None where the tile is to hold everything."""
    tiling = collection.tiling
    if tiling is None or tile.matrix.mercator_zoom >= tiling.full_zoom:
        return None
    if tile.around is not None and tile.around.west > tile.around.east:
        return None
    return tiling if tile.matrix_set is WEB_MERCATOR_QUAD or tiling.whole_world else None


def thinned(tile: Tile, margin: float) -> tuple[sql.Composable, sql.Composable, dict[str, Any]]:
    """The geometry of a prepared row in the CRS of the set, the condition that the tile shows it, and its parameters.

    The zoom is a part of the text: an index of the rows of low zooms is used for that alone.
    Index: the smallest GiST whose `zoom <= …` holds them
    """
    text = sql.SQL("t.zoom <= {} AND t.geom_3857 && %(area)s::geometry")
    box = mercator_box(tile, margin)
    params = {"area": ewkb(box.srid, box.west, box.south, box.east, box.north)}
    return shape_in(tile), text.format(sql.Literal(tile.matrix.mercator_zoom)), params


def shape_in(tile: Tile) -> sql.Composable:
    """The geometry in the CRS of the tile's set."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("t.geom_3857")
    return sql.SQL("ST_Transform(t.geom_3857, {})").format(sql.Literal(tile.matrix_set.crs.srid))


def mercator_box(tile: Tile, margin: float) -> GridBox:
    """The tile's box in EPSG:3857, with a margin; that of the world for one across 180 degrees."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tile_box(tile, margin)
    world = tile_box(Tile(0, 0, 0))
    return extent_in(WEB_MERCATOR_QUAD, tile_bounds(tile, margin)) or world


def prepared_columns(collection: Collection, tiling: Tiling) -> tuple[Column, ...]:
    """The properties that prepared rows have."""
    return tuple(column for column in collection.columns if column.name in tiling.properties)


def prepared_rows(tiling: Tiling) -> sql.Composable:
    """An item of FROM named `t`."""
    return sql.SQL("{} AS t").format(quoted("data", tiling.table))
