"""The statement that makes a vector tile."""

from __future__ import annotations

from psycopg import sql

from api.sql.relation import id_text, relation
from api.tiles import Tile
from core.catalog import Collection, Key
from core.statement import Statement

EXTENT_PX = 4096
BUFFER_PX = 64


def select_tile(collection: Collection, tile: Tile) -> Statement:
    """A Mapbox Vector Tile (version 2.1) with one layer named as the collection, extent 4096, buffer 64.

    Rows:   one (tile bytea), empty when nothing meets the tile; feature ids are those of /items
    Index:  GiST on geom_3857; the margin keeps the features of the buffer in the scan
    """
    properties = [
        sql.SQL(", {} AS {}").format(sql.Identifier("t", column.column), sql.Identifier(column.name))
        for column in collection.columns
        if column.type != "binary"
    ]
    text = sql.SQL("""
SELECT ST_AsMVT(feature, %(layer)s, {extent}, %(geometry_name)s, %(fid_name)s)
FROM (
    SELECT {id} AS {fid},
           ST_AsMVTGeom(t.geom_3857, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), {extent}, {buffer}) AS {geom}{properties}
    FROM {relation} AS t
    WHERE t.geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {margin})
) AS feature
""")
    geometry_name, fid_name = collection.free_name("geom"), collection.free_name("fid")
    return Statement(
        text.format(
            extent=sql.Literal(EXTENT_PX),
            buffer=sql.Literal(BUFFER_PX),
            margin=sql.Literal(BUFFER_PX / EXTENT_PX),
            geom=sql.Identifier(geometry_name),
            id=tile_id(collection.key),
            fid=sql.Identifier(fid_name),
            properties=sql.Composed(properties),
            relation=relation(collection),
        ),
        {
            "layer": collection.id,
            "geometry_name": geometry_name,
            "fid_name": fid_name,
            "z": tile.z,
            "x": tile.column,
            "y": tile.row,
        },
    )


def tile_id(key: Key) -> sql.Composable:
    """The id of a feature in a tile: whole numbers only, and PostGIS leaves negative ones out."""
    return id_text(key) if key.is_integer else sql.SQL("NULL::bigint")
