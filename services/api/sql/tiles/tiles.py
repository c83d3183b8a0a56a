"""The statements that make a vector tile: of a collection, and by a function."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from api.query.items import WHOLE_TILE, Given, TileQuery
from api.sql.filters.filter import where
from api.sql.relation import argument_place, id_text, is_numeric, shown_column, shown_value, type_of
from api.sql.tiles.drawing import (
    EXTENT_PX,
    MARGIN,
    TileGeometry,
    areas_of,
    bounds_of,
    drawn_or_dot,
    drawn_whole,
    stored_geometry,
    transformed_geometry,
)
from api.sql.tiles.rows import (
    Few,
    area_params,
    first,
    merged_column,
    overview_columns,
    overview_geometry,
    overview_rows,
    rows_of,
    rows_with_parts,
)
from api.tms.tile import WEB_MERCATOR_QUAD, Tile
from core.cache import CollectionCache
from core.catalog.collections import FID, Collection, Column, ColumnType, Key
from core.catalog.versions import Tiling
from core.database.statement import Prepared, Statement, prepare, quoted

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


def tiling_for(collection: Collection, tile: Tile) -> Tiling | None:
    """The overview that a tile is made from in place of the table; None where the tile is to hold everything."""
    tiling = collection.tiling
    if tiling is None or tile.matrix.mercator_zoom >= tiling.full_zoom:
        return None
    if tile.around is not None and tile.around.west > tile.around.east:
        return None
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tiling
    return tiling if tiling.whole_world and (tiling.only_points or collection.source is None) else None


def has_parts(collection: Collection, tile: Tile) -> bool:
    """Whether the tile table has the large geometries of a tile that is to hold everything."""
    tiling = collection.tiling
    if tiling is None or not tiling.has_large or tile.matrix_set is not WEB_MERCATOR_QUAD:
        return False
    return tile.z >= tiling.full_zoom


def select_tile(collection: Collection, tile: Tile, query: TileQuery = WHOLE_TILE, few: Few | None = None) -> Statement:
    """A Mapbox Vector Tile (version 2.1) with one layer named as the collection, extent 4096, buffer 64.

    few:    of those that there are, the most important alone
    Rows:   one (tile bytea, number of its features), empty when nothing meets the tile; feature ids are those of
            /items. At low zooms a part of the features, with some of their properties (see `overviews`), unless the
            query has a condition: overviews hold too few of those that meet it
    Index:  GiST on geom_3857, of a source or for another set on its own geometry; the margin keeps the features of the
            buffer in the scan
    """
    tiling = tiling_for(collection, tile) if query.is_unconditional else None
    geometry, (conditions, values) = geometry_of(collection, tile, tiling), where(collection, query.filter)
    _, bounds = bounds_of(tile)
    text = TILE.format(
        extent=sql.Literal(EXTENT_PX),
        drawn=drawn(collection, tile, tiling, geometry.shape),
        meets=sql.SQL(" AND ").join([geometry.meets, *conditions]),
        geom=quoted(collection.free_name("geom")),
        id=tile_id(FID if tiling else collection.key),
        fid=quoted(collection.free_name("fid")),
        properties=properties(shown_columns(collection, tiling, query)) + merged_column(collection, tiling),
        rows=rows_for(collection, tile, tiling, query, few),
        first=first(collection, tiling) if few else ONCE,
    )
    return Statement(
        text, {**names_of(collection), **bounds, **values, **geometry.values, **(few.params if few else {})}
    )


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


def drawn(collection: Collection, tile: Tile, tiling: Tiling | None, shape: sql.Composable) -> sql.Composable:
    """A geometry in the units of the tile. Of an overview lines may be too small, and parts of polygons."""
    if collection.geometry_type == "Point" or (tiling is not None and tiling.only_points):
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
        return overview_rows(collection, tiling, tile)
    if has_parts(collection, tile) and not (few and few.percent):
        return rows_with_parts(collection, tile)
    return rows_of(collection, query.filter, few)


def geometry_of(collection: Collection, tile: Tile, tiling: Tiling | None) -> TileGeometry:
    """That of the rows which the tile is made from."""
    if tiling is not None:
        return overview_geometry(tiling, tile, MARGIN)
    return stored_geometry() if is_stored(collection, tile) else transformed_geometry(collection, tile)


def is_stored(collection: Collection, tile: Tile) -> bool:
    """Whether the loader stored the geometries in the CRS of the set."""
    return collection.source is None and tile.matrix_set is WEB_MERCATOR_QUAD


def shown_columns(collection: Collection, tiling: Tiling | None, query: TileQuery) -> list[Column]:
    """The properties of a tile's features: those that are requested, of those that there are."""
    there = overview_columns(collection, tiling) if tiling else collection.columns
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


def select_count(collection: Collection, tile: Tile) -> Statement:
    """How many features lie in a tile that leaves some out, by their middles.

    Rows:  one (number), none where nobody counted
    Index: the primary key
    """
    text = sql.SQL(
        "SELECT features FROM isthmus.tile_counts"
        " WHERE version = %(version)s AND zoom = %(z)s AND tile_row = %(y)s AND tile_column = %(x)s"
    )
    return Statement(text, {"version": collection.version, "z": tile.z, "y": tile.row, "x": tile.column})


def select_function_tile(
    call: sql.Composable, tile: Tile, given: Sequence[Given], rest: Mapping[str, str] | None
) -> Statement:
    """The tile that a function makes. Rows: one (tile bytea), NULL or empty for an empty tile

    call: of the function, without the last bracket; given: its arguments; rest: what it takes as JSON, if it does
    """
    arguments = [
        sql.SQL(", {} => {}::{}").format(
            quoted(found.argument.name), sql.Placeholder(argument_place(found)), type_of(found.argument.sql_type)
        )
        for found in given
    ]
    params: dict[str, Any] = {"z": tile.z, "x": tile.column, "y": tile.row}
    params |= {argument_place(found): found.value for found in given}
    if rest is not None:
        params["query"] = json.dumps(rest, ensure_ascii=False)
    return Statement(sql.SQL("SELECT {}{})").format(call, sql.Composed(arguments)), params)
