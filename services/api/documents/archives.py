"""Files of tiles as documents: the collection that has tiles only, its tileset, TileJSON and a style."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.documents import without_none
from api.documents.collections import STYLE, license_links
from api.documents.styles import ORDER, style, style_layer
from api.documents.tilesets import bounding_box, matrix_limits, tile_links, tile_template, tileset_head, tilesets_entry
from api.http.links import JSON, MAPLIBRE_STYLE, OGC_REL, Links
from api.query.crs import CRS84
from api.tms.tile import WEB_MERCATOR_QUAD, extent_in
from api.tms.tileset import Tileset
from core.catalog.archives import TileArchive

NOTHING: Mapping[str, str] = {}
TILE_PX = 256
FIELD_TYPES = {"number": "number", "boolean": "boolean"}
"""Of a field in TileJSON, in lower case; everything else is a text."""


def tileset_of(archive: TileArchive, given: Mapping[str, str] = NOTHING) -> Tileset:
    """The one tileset that it has. `given`: the parameters of requests for its tiles"""
    extent = extent_in(WEB_MERCATOR_QUAD, archive.facts.bbox_crs84)
    path = ("collections", archive.id, "tiles", WEB_MERCATOR_QUAD.id)
    return Tileset(WEB_MERCATOR_QUAD, (), path, archive.title, extent, archive.description, given)


def data_type(archive: TileArchive) -> str:
    """What its tiles hold, in the words of OGC API Tiles."""
    return "vector" if archive.is_vector else "map"


def archive_document(archive: TileArchive, links: Links) -> dict[str, Any]:
    """The collection. `itemType` says that there are no features."""
    here = ("collections", archive.id)
    tilesets = f"{OGC_REL}tilesets-{data_type(archive)}"
    style = links.link("stylesheet", MAPLIBRE_STYLE, "MapLibre style", *here, *STYLE)
    return without_none(
        {
            "id": archive.id,
            "title": archive.title,
            "description": archive.description,
            "attribution": archive.attribution,
            "keywords": list(archive.keywords) or None,
            "license": archive.license,
            "itemType": "tile",
            "dataType": data_type(archive),
            "extent": {"spatial": {"bbox": [archive.facts.bbox_crs84.as_list()], "crs": CRS84.uri}},
            "links": [
                links.link("self", JSON, "this collection", *here),
                links.link(tilesets, JSON, f"{data_type(archive)} tiles", *here, "tiles"),
                *([] if archive.needs_arguments else [style]),
                *license_links(archive.license),
            ],
        }
    )


def archive_tilesets_document(archive: TileArchive, links: Links) -> dict[str, Any]:
    """The list of its one tileset."""
    return {"links": [], "tilesets": [tilesets_entry(tileset_of(archive), links, data_type(archive))]}


def archive_tileset_document(archive: TileArchive, links: Links, given: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """The metadata of its tileset (OGC 17-083r4, 10)."""
    facts, tileset = archive.facts, tileset_of(archive, given)
    zooms = range(facts.zooms[0], facts.zooms[1] + 1)
    longitude, latitude, zoom = facts.center
    return without_none(
        {
            **tileset_head(tileset, data_type(archive)),
            "description": archive.description,
            "attribution": archive.attribution,
            "tileMatrixSetLimits": [matrix_limits(tileset.extent, z, WEB_MERCATOR_QUAD) for z in zooms],
            "boundingBox": bounding_box(facts.bbox_crs84),
            "centerPoint": {"coordinates": [longitude, latitude], "crs": CRS84.uri, "tileMatrix": str(zoom)},
            "mediaTypes": [facts.media_type],
            "layers": [tileset_layer(layer) for layer in facts.layers] or None,
            "links": tile_links(tileset, links, facts.media_type),
        }
    )


def tileset_layer(layer: Any) -> dict[str, Any]:
    """A layer, with the types of its properties as far as they are known."""
    types = {name: FIELD_TYPES.get(str(type).lower(), "string") for name, type in layer["fields"].items()}
    properties = {name: {"type": type} for name, type in types.items()}
    schema = {"type": "object", "properties": properties}
    described = {"id": layer["id"], "description": layer.get("description"), "dataType": "vector"}
    return without_none({**described, "propertiesSchema": schema})


def archive_tilejson_document(archive: TileArchive, links: Links, given: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """TileJSON 3.0.0."""
    facts = archive.facts
    return without_none(
        {
            "tilejson": "3.0.0",
            "name": archive.title,
            "description": archive.description,
            "attribution": archive.attribution,
            "scheme": "xyz",
            "tiles": [tile_template(tileset_of(archive, given), links, "{z}", "{y}", "{x}")],
            "minzoom": facts.zooms[0],
            "maxzoom": facts.zooms[1],
            "bounds": facts.bbox_crs84.as_list(),
            "center": list(facts.center),
            "vector_layers": [dict(layer) for layer in facts.layers] if archive.is_vector else None,
        }
    )


def archive_style_document(archive: TileArchive, links: Links, given: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """A MapLibre style: pictures as they are, and of layers whatever geometries they may have."""
    url = links.url(*tileset_of(archive).path, "tilejson.json", query=given)
    if archive.is_vector:
        definition = {"type": "vector", "url": url}
        layers = [
            style_layer(archive.id, archive.id, layer["id"], part) for part in ORDER for layer in archive.facts.layers
        ]
    else:
        definition = {"type": "raster", "url": url, "tileSize": TILE_PX}
        layers = [{"id": archive.id, "type": "raster", "source": archive.id}]
    return style(archive.title, archive.facts.center, archive.id, definition, layers)
