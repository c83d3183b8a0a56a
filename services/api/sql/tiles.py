"""The statement that makes a vector tile."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query import Filter
from api.sql.boxes import area_of, near_on_globe
from api.sql.filter import where
from api.sql.relation import NO_FILTER, id_text, relation, shown_column
from api.tiles import Tile, tile_bounds
from core.bbox import BBox
from core.catalog import Collection, Key
from core.statement import Statement, quoted

EXTENT_PX = 4096
BUFFER_PX = 64
MARGIN = BUFFER_PX / EXTENT_PX


TILE = sql.SQL("""
SELECT ST_AsMVT(feature, %(layer)s, {extent}, %(geometry_name)s, %(fid_name)s)
FROM (
    SELECT {id} AS {fid},
           ST_AsMVTGeom({mercator}, ST_TileEnvelope(%(z)s, %(x)s, %(y)s), {extent}, {buffer}) AS {geom}{properties}
    FROM {relation} AS t
    WHERE {meets}
) AS feature
""")


def select_tile(collection: Collection, tile: Tile, filter: Filter = NO_FILTER) -> Statement:
    """A Mapbox Vector Tile (version 2.1) with one layer named as the collection, extent 4096, buffer 64.

    filter: what a function is called with
    Rows:   one (tile bytea), empty when nothing meets the tile; feature ids are those of /items
    Index:  GiST on geom_3857, of a source on its own geometry; the margin keeps the features of the buffer in the scan
    """
    geometry_name, fid_name = collection.free_name("geom"), collection.free_name("fid")
    mercator, meets, params = stored(collection) if collection.source is None else transformed(collection, tile)
    text = TILE.format(
        extent=sql.Literal(EXTENT_PX),
        buffer=sql.Literal(BUFFER_PX),
        mercator=mercator,
        meets=meets,
        geom=quoted(geometry_name),
        id=tile_id(collection.key),
        fid=quoted(fid_name),
        properties=properties(collection),
        relation=relation(collection, filter),
    )
    names = {"layer": collection.id, "geometry_name": geometry_name, "fid_name": fid_name}
    place = {"z": tile.z, "x": tile.column, "y": tile.row}
    return Statement(text, {**names, **place, **where(collection, filter)[1], **params})


Parts = tuple[sql.Composable, sql.Composable, dict[str, Any]]
"""The geometry in Web Mercator, the condition that it meets the tile, and the parameters of both."""


def stored(_: Collection) -> Parts:
    """What the loader prepared."""
    envelope = sql.SQL("t.geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => {})")
    return sql.SQL("t.geom_3857"), envelope.format(sql.Literal(MARGIN)), {}


def transformed(collection: Collection, tile: Tile) -> Parts:
    """The geometries of a source, cut to the tile before they are transformed: what lies far off may have no image."""
    box = tile_bounds(tile, MARGIN)
    area, params = area_of(collection, box, 0)
    condition = meets_area(collection, box, area)
    if collection.srid == 3857:
        return sql.SQL("t.shape"), condition, params
    cut = sql.SQL("CASE WHEN t.shape @ {area} THEN t.shape ELSE ST_ClipByBox2D(t.shape, {area}) END")
    return sql.SQL("ST_Transform({}, 3857)").format(cut.format(area=area)), condition, params


def meets_area(collection: Collection, box: BBox, area: sql.Composable) -> sql.Composable:
    """A geometry's box meets that of an area."""
    condition = sql.SQL("t.geom && {}").format(area)
    near = near_on_globe(collection, box, area)
    return condition if near is None else sql.SQL("{} AND {}").format(near, condition)


def properties(collection: Collection) -> sql.Composable:
    """The properties of the features, bytes left out."""
    columns = [column for column in collection.columns if column.type != "binary"]
    return sql.Composed([sql.SQL(", {}").format(shown_column(column)) for column in columns])


def tile_id(key: Key) -> sql.Composable:
    """The id of a feature in a tile: whole numbers only, and PostGIS leaves negative ones out."""
    return id_text(key) if key.is_integer else sql.SQL("NULL::bigint")
