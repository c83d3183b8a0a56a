"""Tile matrix sets and tilesets as documents (OGC API Tiles, OGC 17-083r4), TileJSON, and what low zooms leave out
(docs/tiles.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from api.documents import without_none
from api.documents.schemas import value_schema
from api.http.links import JSON, MAPLIBRE_STYLE, MVT, OGC_REL, Link, Links
from api.query.crs import CRS84
from api.query.items import GridBox
from api.sql.tiles.rows import merged_name
from api.tms.tile import WEB_MERCATOR_QUAD, TileMatrix, TileMatrixSet, tile_limits
from api.tms.tileset import Tileset, padded
from core.bbox import BBox
from core.catalog.collections import Collection, Column, ColumnType, count_made_later, tiles_version
from core.catalog.versions import Kind

TILEJSON_MAX_ZOOM = 14
"""The largest zoom that clients ask for; they enlarge its tiles beyond, which lose nothing at extent 4096."""

NO_LIMITS_DEG = BBox(-180, -85, 180, 85)
TILEJSON_TYPE: dict[ColumnType, str] = {"integer": "Number", "number": "Number", "boolean": "Boolean"}
GEOMETRY_DIMENSION = {"Point": 0, "LineString": 1, "Polygon": 2}

MEMBER = "isthmus:thinned"
"""The member of a layer; TileJSON and the tileset metadata of OGC 17-083r4 allow ones of others."""

SHOWN: dict[Kind, str] = {
    "points": "of each of 128 x 128 cells of a tile, the most important point",
    "lines": "lines at least as wide or high as one of 128 x 128 cells of a tile, and the longest of each cell",
    "polygons": "polygons at least as wide or high as one of 128 x 128 cells of a tile, squares for the others",
}
BY_RANK = "of shorter lines, and of points, that of the largest '{}' in each cell"


def tilejson_document(tileset: Tileset, links: Links) -> dict[str, Any]:
    """TileJSON 3.0.0, what MapLibre and QGIS read."""
    box = tileset.bbox_crs84 or NO_LIMITS_DEG
    last = largest_zoom(tileset.matrix_set)
    document = {
        "tilejson": "3.0.0",
        "name": tileset.title,
        "description": tileset.description,
        "attribution": tileset.attribution,
        "version": tiles_version((one.version for one in tileset.collections), count_made_later(tileset.collections)),
        "scheme": "tms" if tileset.matrix_set.matrices[0].from_south else "xyz",
        "tiles": [tile_template(tileset, links, "{z}", "{y}", "{x}")],
        "minzoom": 0,
        "maxzoom": last,
        "bounds": padded(box),
        "center": [*box.centre(), first_zoom(tileset, box, last)],
        "vector_layers": [vector_layer(tileset, collection, last) for collection in tileset.collections],
    }
    return without_none(document)


def largest_zoom(matrix_set: TileMatrixSet) -> int:
    """The largest zoom that clients need."""
    return min(TILEJSON_MAX_ZOOM, len(matrix_set.matrices) - 1)


def vector_layer(tileset: Tileset, collection: Collection, last: int) -> dict[str, Any]:
    """A layer of the tiles: its properties, with the three types that TileJSON has."""
    shown = [column for column in collection.columns if column.type != "binary"]
    fields = {column.name: TILEJSON_TYPE.get(column.type, "String") for column in shown}
    merged = merged_property(tileset, collection)
    if merged is not None:
        fields[merged] = "Number"
    layer = {"id": collection.id, "description": collection.description, "minzoom": 0, "maxzoom": last}
    return without_none({**layer, "fields": fields, **thinned(tileset, collection)})


def first_zoom(tileset: Tileset, box: BBox, last: int) -> int:
    """The zoom at which a tileset is about as large as a tile. `box`: where it lies in degrees"""
    extent, matrix_set = tileset.extent, tileset.matrix_set
    if matrix_set.document is None or extent is None:
        return middle_zoom(box, last)
    wide, high = extent.east - extent.west, extent.north - extent.south
    fitting = [z for z, found in enumerate(matrix_set.matrices) if wide <= found.width and high <= found.height]
    return min(last, max(fitting, default=0))


def middle_zoom(box: BBox, last: int) -> int:
    """The zoom at which a box is about as large as a tile."""
    wide = box.east - box.west if box.west <= box.east else box.east + 360 - box.west
    size_deg = max(wide, 2 * (box.north - box.south), 360 / 2**last)
    return max(0, min(last, math.floor(math.log2(360 / size_deg))))


def tile_template(tileset: Tileset, links: Links, matrix: str, row: str, column: str) -> str:
    """The address of the tiles with places for zoom, row and column, in this order."""
    return links.template(*tileset.path, places=(matrix, row, column), query=tileset.given)


def tilesets_document(tilesets: Iterable[Tileset], links: Links) -> dict[str, Any]:
    """A list of tilesets."""
    return {"links": [], "tilesets": [tilesets_entry(tileset, links) for tileset in tilesets]}


def tilesets_entry(tileset: Tileset, links: Links, data_type: str = "vector") -> dict[str, Any]:
    """The entry of a tileset in a list (/req/tilesets-list/tileset-links)."""
    title = f"{tileset.title} in {tileset.matrix_set.id}"
    own = links.link("self", JSON, title, *tileset.path, query=tileset.given)
    return {**tileset_head(tileset, data_type), "links": [own, tiling_scheme(tileset.matrix_set, links)]}


def tileset_head(tileset: Tileset, data_type: str = "vector") -> dict[str, Any]:
    """Title, data type and tile matrix set of a tileset."""
    sets = tileset.matrix_set
    head = {"title": tileset.title, "dataType": data_type, "crs": sets.crs.uri, "tileMatrixSetURI": sets.uri}
    return without_none(head)


def tileset_document(tileset: Tileset, links: Links) -> dict[str, Any]:
    """Tileset metadata (OGC 17-083r4, 10): limits per zoom, the layers, where the tiles are."""
    matrix_set = tileset.matrix_set
    document = {
        **tileset_head(tileset),
        "description": tileset.description,
        "attribution": tileset.attribution,
        "tileMatrixSetLimits": [matrix_limits(tileset.extent, z, matrix_set) for z in range(len(matrix_set.matrices))],
        "boundingBox": bounding_box(tileset.bbox_crs84),
        "centerPoint": centre_point(tileset),
        "mediaTypes": [MVT],
        "layers": [layer(tileset, collection, links) for collection in tileset.collections] or None,
        "links": tileset_links(tileset, links),
    }
    return without_none(document)


def layer(tileset: Tileset, collection: Collection, links: Links) -> dict[str, Any]:
    """A layer of a tileset: the features of a collection."""
    properties = {column.name: tile_schema(column) for column in collection.columns if column.type != "binary"}
    merged = merged_property(tileset, collection)
    if merged is not None:
        properties[merged] = {"type": "integer", "title": "polygons that a square stands for, at low zooms"}
    return without_none(
        {
            "id": collection.id,
            "title": collection.title,
            "description": collection.description,
            "dataType": "vector",
            "geometryDimension": GEOMETRY_DIMENSION.get((collection.geometry_type or "").removeprefix("Multi")),
            "attribution": collection.attribution,
            "boundingBox": bounding_box(collection.bbox_crs84),
            "propertiesSchema": {"type": "object", "properties": properties},
            "links": [geodata(collection, links)],
            **thinned(tileset, collection),
        }
    )


def tile_schema(column: Column) -> dict[str, Any]:
    """The schema of a column's values as they are in tiles, where lists and objects are their text."""
    return {"type": "string", "contentMediaType": JSON} if column.type == "json" else value_schema(column)


def geodata(collection: Collection, links: Links) -> Link:
    """The link to what a layer is made of."""
    return links.link(f"{OGC_REL}geodata", JSON, collection.title, "collections", collection.id)


def tileset_links(tileset: Tileset, links: Links) -> list[Link]:
    """Links of a tileset: to its tiles, to what describes them, and to what they are made of."""
    found = tile_links(tileset, links, MVT)
    found += [geodata(collection, links) for collection in tileset.collections]
    if tileset.path[0] == "tiles":
        found.append(links.link(f"{OGC_REL}dataset", JSON, "the dataset"))
    return [*found, links.link(f"{OGC_REL}conformance", JSON, "conformance classes", "conformance")]


def tile_links(tileset: Tileset, links: Links, media_type: str) -> list[Link]:
    """Links to the tiles, to their tile matrix set, and to TileJSON and style where there are any."""
    path, query = tileset.path, tileset.given
    href = tile_template(tileset, links, "{tileMatrix}", "{tileRow}", "{tileCol}")
    found: list[Link] = [
        {"href": href, "rel": "item", "type": media_type, "title": "a tile", "templated": True},
        tiling_scheme(tileset.matrix_set, links),
    ]
    if tileset.matrix_set.has_numbers:
        found.append(links.link("describedby", JSON, "TileJSON", *path, "tilejson.json", query=query))
    if tileset.matrix_set is WEB_MERCATOR_QUAD:
        found.append(links.link("stylesheet", MAPLIBRE_STYLE, "MapLibre style", *path, "style.json", query=query))
    return found


def centre_point(tileset: Tileset) -> dict[str, Any] | None:
    """Where a map may begin."""
    box = tileset.bbox_crs84
    if box is None:
        return None
    zoom = first_zoom(tileset, box, largest_zoom(tileset.matrix_set))
    return {"coordinates": list(box.centre()), "crs": CRS84.uri, "tileMatrix": tileset.matrix_set.matrices[zoom].id}


def bounding_box(box: BBox | None) -> dict[str, Any] | None:
    """An extent in the words of the tile matrix set standard."""
    if box is None:
        return None
    return {"lowerLeft": [box.west, box.south], "upperRight": [box.east, box.north], "crs": CRS84.uri}


def is_thinned(tileset: Tileset, collection: Collection) -> bool:
    """Whether tiles of low zooms leave something out: not those of a filter, or with everything."""
    tiling = collection.tiling
    return tiling is not None and tiling.full_zoom > 0 and not tileset.given.keys() - {"collections"}


def thinned(tileset: Tileset, collection: Collection) -> dict[str, Any]:
    """The member that says so, nothing where no tile leaves anything out."""
    tiling = collection.tiling
    if tiling is None or not is_thinned(tileset, collection):
        return {}
    shown = "; ".join(SHOWN[kind] for kind in tiling.kinds)
    if tiling.rank is not None and tiling.kinds != ("polygons",):
        shown = f"{shown} ({BY_RANK.format(tiling.rank)})"
    overview = {"below": tiling.full_zoom, "shown": shown, "properties": list(tiling.properties)}
    return {MEMBER: overview if tiling.prepared_at is None else {**overview, "prepared": tiling.prepared_at}}


def merged_property(tileset: Tileset, collection: Collection) -> str | None:
    """The property that squares have; None where there are none."""
    tiling = collection.tiling
    if tiling is None or not tiling.has_squares or not is_thinned(tileset, collection):
        return None
    return merged_name(collection)


def tile_matrix_sets_document(sets: Iterable[TileMatrixSet], links: Links) -> dict[str, Any]:
    """The tile matrix sets that tiles come in."""
    found: list[dict[str, Any]] = []
    for one in sets:
        link = links.link("self", JSON, one.id, "tileMatrixSets", one.id)
        found.append(
            without_none({"id": one.id, "title": one.title, "uri": one.uri, "crs": one.crs.uri, "links": [link]})
        )
    return {"tileMatrixSets": found}


def tile_matrix_set_document(matrix_set: TileMatrixSet) -> dict[str, Any]:
    """The definition of a set; that of a registered one is what it was registered by."""
    if matrix_set.document is not None:
        return {**matrix_set.document, "id": matrix_set.id}
    document = {
        "id": matrix_set.id,
        "title": matrix_set.title,
        "uri": matrix_set.uri,
        "crs": matrix_set.crs.uri,
        "orderedAxes": list(matrix_set.axes),
        "wellKnownScaleSet": matrix_set.scale_set,
        "tileMatrices": [tile_matrix(matrix) for matrix in matrix_set.matrices],
    }
    return without_none(document)


def tile_matrix(matrix: TileMatrix) -> dict[str, Any]:
    """One scale of a set of ours, in which easting comes first."""
    return {
        "id": matrix.id,
        "scaleDenominator": matrix.scale,
        "cellSize": matrix.cell_size,
        "pointOfOrigin": [matrix.left, matrix.top],
        "tileWidth": matrix.tile_width_px,
        "tileHeight": matrix.tile_height_px,
        "matrixWidth": matrix.columns,
        "matrixHeight": matrix.rows,
    }


def tiling_scheme(matrix_set: TileMatrixSet, links: Links) -> Link:
    """The link to the tile matrix set."""
    return links.link(f"{OGC_REL}tiling-scheme", JSON, matrix_set.id, "tileMatrixSets", matrix_set.id)


def matrix_limits(extent: GridBox | None, z: int, matrix_set: TileMatrixSet) -> dict[str, Any]:
    """The rows and columns of a zoom that an extent covers."""
    first, last = tile_limits(extent, z, matrix_set)
    return {
        "tileMatrix": first.matrix.id,
        "minTileRow": first.row,
        "maxTileRow": last.row,
        "minTileCol": first.column,
        "maxTileCol": last.column,
    }
