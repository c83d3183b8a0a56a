"""Tilesets of a collection (OGC API Tiles), TileJSON, and the tile matrix set itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from api.crs import CRS84, EPSG_3857
from api.links import JSON, MVT, OGC_REL, Link, Links
from api.tiles import (
    HALF_WORLD_M,
    LARGEST_ZOOM,
    PIXEL_M,
    TILE_MATRIX_SET_URI,
    WEB_MERCATOR_QUAD,
    ZOOM_0_SCALE,
    tile_limits,
)
from core.bbox import BBox
from core.catalog import Collection, ColumnType

TILEJSON_MAX_ZOOM = 14
"""The largest zoom that clients ask for; they enlarge its tiles beyond, which lose nothing at extent 4096."""

MARGIN_DEG = 0.001
NONE: Mapping[str, str] = {}

TILEJSON_TYPE: dict[ColumnType, str] = {"integer": "Number", "number": "Number", "boolean": "Boolean"}
GEOMETRY_DIMENSION = {
    "Point": 0,
    "MultiPoint": 0,
    "LineString": 1,
    "MultiLineString": 1,
    "Polygon": 2,
    "MultiPolygon": 2,
}


def tilejson_document(collection: Collection, links: Links, given: Mapping[str, str] = NONE) -> dict[str, Any]:
    """TileJSON 3.0.0, what MapLibre and QGIS read. `given`: the arguments of a function, for the tiles' address."""
    box = collection.bbox_crs84 or BBox(-180, -85, 180, 85)
    longitude, latitude = box.centre()
    fields = {
        column.name: TILEJSON_TYPE.get(column.type, "String")
        for column in collection.columns
        if column.type != "binary"
    }
    document = {
        "tilejson": "3.0.0",
        "name": collection.title,
        "description": collection.description,
        "attribution": collection.attribution,
        "version": f"1.0.{collection.version}",
        "scheme": "xyz",
        "tiles": [links.tile_template(collection) + (f"?{urlencode(given)}" if given else "")],
        "minzoom": 0,
        "maxzoom": TILEJSON_MAX_ZOOM,
        "bounds": padded(box),
        "center": [longitude, latitude, 2],
        "vector_layers": [{"id": collection.id, "minzoom": 0, "maxzoom": TILEJSON_MAX_ZOOM, "fields": fields}],
    }
    return {name: value for name, value in document.items() if value is not None}


def padded(box: BBox) -> list[float]:
    """A box with a margin, within the degrees; the whole way round when it crosses 180.

    MapLibre asks for no tile that only touches the bounds, and draws no point on a tile's far edge: a point on the
    equator, at the southern end of its collection, would belong to a tile that nobody asks for.
    """
    west, east = (box.west, box.east) if box.west <= box.east else (-180.0, 180.0)
    south, north = box.south - MARGIN_DEG, box.north + MARGIN_DEG
    return [max(west - MARGIN_DEG, -180.0), max(south, -90.0), min(east + MARGIN_DEG, 180.0), min(north, 90.0)]


def tilesets_document(collection: Collection, links: Links) -> dict[str, Any]:
    """The list of the collection's tilesets: one."""
    here = ("collections", collection.id, "tiles")
    entry = {
        **tileset_head(collection),
        "links": [
            links.link("self", JSON, f"{collection.title} in WebMercatorQuad", *here, WEB_MERCATOR_QUAD),
            tiling_scheme(links),
        ],
    }
    return {"links": [], "tilesets": [entry]}


def tiling_scheme(links: Links) -> Link:
    """The link to the tile matrix set, which the list of tilesets has too (/req/tilesets-list/tileset-links)."""
    return links.link(f"{OGC_REL}tiling-scheme", JSON, WEB_MERCATOR_QUAD, "tileMatrixSets", WEB_MERCATOR_QUAD)


def tileset_head(collection: Collection) -> dict[str, Any]:
    """What a tileset is made of."""
    return {
        "title": collection.title,
        "dataType": "vector",
        "crs": EPSG_3857.uri,
        "tileMatrixSetURI": TILE_MATRIX_SET_URI,
    }


def tileset_document(collection: Collection, links: Links) -> dict[str, Any]:
    """Tileset metadata (OGC 17-083r4, 10): limits per zoom, the layer, where the tiles are."""
    here = ("collections", collection.id)
    layer = {
        "id": collection.id,
        "dataType": "vector",
        "geometryDimension": GEOMETRY_DIMENSION.get(collection.geometry_type or ""),
    }
    template = {
        "href": links.tile_template(collection, row="{tileRow}", column="{tileCol}", matrix="{tileMatrix}"),
        "rel": "item",
        "type": MVT,
        "title": "a tile",
        "templated": True,
    }
    document = {
        **tileset_head(collection),
        "tileMatrixSetLimits": [matrix_limits(tiled_box(collection), z) for z in range(LARGEST_ZOOM + 1)],
        "boundingBox": bounding_box(collection.bbox_crs84),
        "layers": [{name: value for name, value in layer.items() if value is not None}],
        "links": [
            template,
            tiling_scheme(links),
            links.link("describedby", JSON, "TileJSON", *here, "tiles", WEB_MERCATOR_QUAD, "tilejson.json"),
            links.link(f"{OGC_REL}geodata", JSON, collection.title, *here),
        ],
    }
    return {name: value for name, value in document.items() if value is not None}


def tiled_box(collection: Collection) -> BBox | None:
    """The box whose tiles the tileset has: the bounds of its TileJSON, or the world when no extent is known.

    The extent of a source is what was found some time ago; its tiles go as far as its data may.
    """
    return BBox(*padded(collection.domain_crs84)) if collection.domain_crs84 else None


def bounding_box(box: BBox | None) -> dict[str, Any] | None:
    """The extent in the words of the tile matrix set standard."""
    if box is None:
        return None
    return {"lowerLeft": [box.west, box.south], "upperRight": [box.east, box.north], "crs": CRS84.uri}


def matrix_limits(box: BBox | None, z: int) -> dict[str, Any]:
    """The rows and columns of a zoom that the collection's extent covers."""
    first, last = tile_limits(box, z)
    return {
        "tileMatrix": str(z),
        "minTileRow": first.row,
        "maxTileRow": last.row,
        "minTileCol": first.column,
        "maxTileCol": last.column,
    }


def tile_matrix_sets_document(links: Links) -> dict[str, Any]:
    """The tile matrix sets that tiles come in."""
    link = links.link("self", JSON, WEB_MERCATOR_QUAD, "tileMatrixSets", WEB_MERCATOR_QUAD)
    return {"tileMatrixSets": [{"id": WEB_MERCATOR_QUAD, "uri": TILE_MATRIX_SET_URI, "links": [link]}]}


def tile_matrix_set_document() -> dict[str, Any]:
    """WebMercatorQuad: 256 pixels a tile, each zoom twice as fine (OGC 17-083r4, annex D.1)."""
    return {
        "id": WEB_MERCATOR_QUAD,
        "title": "Google Maps Compatible for the World",
        "uri": TILE_MATRIX_SET_URI,
        "crs": EPSG_3857.uri,
        "orderedAxes": ["X", "Y"],
        "wellKnownScaleSet": "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
        "tileMatrices": [tile_matrix(z) for z in range(LARGEST_ZOOM + 1)],
    }


def tile_matrix(z: int) -> dict[str, Any]:
    """One zoom of WebMercatorQuad."""
    scale = ZOOM_0_SCALE / 2**z
    return {
        "id": str(z),
        "scaleDenominator": scale,
        "cellSize": scale * PIXEL_M,
        "pointOfOrigin": [-HALF_WORLD_M, HALF_WORLD_M],
        "tileWidth": 256,
        "tileHeight": 256,
        "matrixWidth": 2**z,
        "matrixHeight": 2**z,
    }
