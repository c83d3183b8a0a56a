"""The table of operations that the OpenAPI document is made from. A test compares it with the routes."""

from __future__ import annotations

from dataclasses import dataclass

from api.formats.registry import MEDIA_TYPES, PAGES
from api.http.links import GEOJSON, HTML, JSON, MAPLIBRE_STYLE, METRICS, MVT, OPENAPI_JSON, PICTURES, SCHEMA_JSON, SVG
from api.params.items import ITEMS_PARAMETERS
from api.params.tiles import DATASET_PARAMETERS, TILE_PARAMETERS


@dataclass(frozen=True, slots=True)
class Operation:
    """A request: its path, what it is for, its parameters (names in components), the media types of its answer."""

    path: str
    id: str
    summary: str
    tag: str
    types: tuple[str, ...]
    parameters: tuple[str, ...] = ("f",)
    statuses: tuple[int, ...] = (400, 500, 503)
    method: str = "get"


OF_PROPERTIES = ("filter", "properties", "exclude-properties")
"""Parameters whose examples name properties of one collection, which others need not have."""

DATASET_FILTERS = tuple(
    f"{name}Dataset" if name in OF_PROPERTIES else name
    for name in DATASET_PARAMETERS
    if name not in ("f", "collections")
)
TILE_FILTERS = tuple(name for name in TILE_PARAMETERS if name != "f")

_COLLECTION = "/collections/{collectionId}"
_TILES = f"{_COLLECTION}/tiles"
_TILESET = f"{_TILES}/{{tileMatrixSetId}}"
_DATASET_TILESET = "/tiles/{tileMatrixSetId}"
_OF_DATASET = ("collections", "f")
_OF_COLLECTION = ("collectionId", "f")
_OF_TILESET = ("collectionId", "tileMatrixSetId", "f", *TILE_FILTERS)
_WITH_404 = (400, 404, 500, 503)

OPERATIONS = (
    Operation("/", "getLandingPage", "Landing page", "service", (JSON, HTML)),
    Operation("/api", "getApi", "This document", "service", (OPENAPI_JSON, HTML)),
    Operation("/conformance", "getConformance", "Conformance classes", "service", (JSON, HTML)),
    Operation("/functions", "getFunctions", "Functions of filters", "service", (JSON, HTML), statuses=(400, 500)),
    Operation("/health/live", "getLive", "Does the process answer?", "service", (JSON, HTML), statuses=(400, 500)),
    Operation("/health/ready", "getReady", "Does the database answer too?", "service", (JSON, HTML)),
    Operation(
        "/metrics",
        "getMetrics",
        "Counters for Prometheus",
        "service",
        (METRICS,),
        parameters=(),
        statuses=(400, 500),
    ),
    Operation(
        "/network",
        "getNetwork",
        "The network of the stack, as the network lab last saw it",
        "service",
        (JSON, HTML),
        statuses=(400, 403, 500),
    ),
    Operation(
        "/network/picture",
        "getNetworkPicture",
        "Picture of the network",
        "service",
        (SVG,),
        parameters=(),
        statuses=(400, 403, 404, 500),
    ),
    Operation(
        "/map",
        "getMap",
        "A map of all collections, or of some",
        "service",
        (HTML,),
        parameters=("collections",),
        statuses=(400, 500),
    ),
    Operation("/collections", "getCollections", "All collections", "features", (JSON, HTML)),
    Operation(_COLLECTION, "getCollection", "One collection", "features", (JSON, HTML), _OF_COLLECTION, _WITH_404),
    Operation(
        f"{_COLLECTION}/queryables",
        "getQueryables",
        "What can be asked of the features",
        "features",
        (SCHEMA_JSON, HTML),
        _OF_COLLECTION,
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/sortables",
        "getSortables",
        "What the features can be sorted by",
        "features",
        (SCHEMA_JSON, HTML),
        _OF_COLLECTION,
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/schema",
        "getSchema",
        "Schema of the properties",
        "features",
        (SCHEMA_JSON, HTML),
        _OF_COLLECTION,
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/feature-schema",
        "getFeatureSchema",
        "Schema of a whole feature",
        "features",
        (SCHEMA_JSON, HTML),
        _OF_COLLECTION,
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/items",
        "getItems",
        "A page of features",
        "features",
        tuple(dict.fromkeys(MEDIA_TYPES.values())),
        ("collectionId", "fItems", *(name for name in ITEMS_PARAMETERS if name != "f")),
        (400, 404, 413, 416, 500, 503, 504),
    ),
    Operation(
        f"{_COLLECTION}/items/{{featureId}}",
        "getFeature",
        "One feature",
        "features",
        tuple(PAGES.values()),
        ("collectionId", "featureId", "fFeature", "crs", "profile"),
        (*_WITH_404, 504),
    ),
    Operation(
        f"{_COLLECTION}/items",
        "postItems",
        "A page of features, asked for in a body",
        "features",
        (GEOJSON,),
        ("collectionId",),
        (*_WITH_404, 504),
        method="post",
    ),
    Operation(
        f"{_COLLECTION}/search",
        "searchItems",
        "A page of features, asked for in a body",
        "features",
        (GEOJSON,),
        ("collectionId",),
        (*_WITH_404, 504),
        method="post",
    ),
    Operation(
        _TILES,
        "getTilesets.collection.vector.getTileSetsList",
        "Tilesets of a collection",
        "tiles",
        (JSON, HTML),
        _OF_COLLECTION,
        _WITH_404,
    ),
    Operation(
        _TILESET,
        "getTileset.collection.vector.getTileSet",
        "Tileset metadata",
        "tiles",
        (JSON, HTML),
        _OF_TILESET,
        _WITH_404,
    ),
    Operation(
        f"{_TILESET}/tilejson.json",
        "getTileJson",
        "TileJSON of a tileset",
        "tiles",
        (JSON, HTML),
        _OF_TILESET,
        _WITH_404,
    ),
    Operation(
        f"{_TILESET}/style.json",
        "getStyle",
        "MapLibre style of a tileset",
        "tiles",
        (MAPLIBRE_STYLE, HTML),
        _OF_TILESET,
        _WITH_404,
    ),
    Operation(
        f"{_TILESET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
        "getTile.collection.vector.getTile",
        "A vector tile, or a picture out of a file of them",
        "tiles",
        (MVT, *PICTURES, JSON, HTML),
        ("collectionId", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "fTile", "explain", *TILE_FILTERS),
        (*_WITH_404, 403, 504),
    ),
    Operation(
        "/tiles",
        "getTilesets.dataset.vector.getTileSetsList",
        "Tilesets of all collections",
        "tiles",
        (JSON, HTML),
        _OF_DATASET,
    ),
    Operation(
        _DATASET_TILESET,
        "getTileset.dataset.vector.getTileSet",
        "Metadata of a tileset of all collections",
        "tiles",
        (JSON, HTML),
        ("tileMatrixSetId", *_OF_DATASET, *DATASET_FILTERS),
        _WITH_404,
    ),
    Operation(
        f"{_DATASET_TILESET}/tilejson.json",
        "getDatasetTileJson",
        "TileJSON of a tileset of all collections",
        "tiles",
        (JSON, HTML),
        ("tileMatrixSetId", *_OF_DATASET, *DATASET_FILTERS),
        _WITH_404,
    ),
    Operation(
        f"{_DATASET_TILESET}/style.json",
        "getDatasetStyle",
        "MapLibre style of a tileset of all collections",
        "tiles",
        (MAPLIBRE_STYLE, HTML),
        ("tileMatrixSetId", *_OF_DATASET, *DATASET_FILTERS),
        _WITH_404,
    ),
    Operation(
        f"{_DATASET_TILESET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
        "getTile.dataset.vector.getTile",
        "A vector tile with a layer for each collection",
        "tiles",
        (MVT, JSON, HTML),
        ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol", "collections", "fTile", "explain", *DATASET_FILTERS),
        (*_WITH_404, 403, 504),
    ),
    Operation("/tileMatrixSets", "getTileMatrixSets", "Tile matrix sets", "tiles", (JSON, HTML), statuses=(400, 500)),
    Operation(
        "/tileMatrixSets/{tileMatrixSetId}",
        "getTileMatrixSet",
        "Definition of a tile matrix set",
        "tiles",
        (JSON, HTML),
        ("tileMatrixSetId", "f"),
        (400, 404, 500),
    ),
    Operation(
        "/problems/{code}", "getProblem", "What an error means", "service", (JSON, HTML), ("code", "f"), (400, 404, 500)
    ),
)
