"""The table of operations that the OpenAPI document is made from. A test compares it with the routes."""

from __future__ import annotations

from dataclasses import dataclass

from api.formats.registry import MEDIA_TYPES, PAGES
from api.http.links import (
    CSV,
    GEOJSON,
    HTML,
    JSON,
    JSON_LD,
    MAPLIBRE_STYLE,
    METRICS,
    MVT,
    OPENAPI_JSON,
    PICTURES,
    PNG,
    SCHEMA_JSON,
    SVG,
)
from api.params.items import FILTER_PARAMETERS, ITEMS_PARAMETERS
from api.params.tiles import DATASET_PARAMETERS, TILE_PARAMETERS


@dataclass(frozen=True, slots=True)
class Operation:
    """A request: its path, what it is for, its parameters (names in components), the media types of its response."""

    path: str
    id: str
    summary: str
    types: tuple[str, ...] = (JSON, HTML)
    parameters: tuple[str, ...] = ("f",)
    statuses: tuple[int, ...] = (400, 500, 503)
    method: str = "get"

    @property
    def tag(self) -> str:
        """What it belongs to."""
        if "/tile" in self.path:
            return "tiles"
        return "features" if self.path.startswith("/collections") else "service"


OF_PROPERTIES = ("filter", "properties", "exclude-properties")
"""Parameters whose examples name properties of one collection, which others need not have."""

DATASET_FILTERS = tuple(
    f"{name}Dataset" if name in OF_PROPERTIES else name
    for name in DATASET_PARAMETERS
    if name not in ("f", "collections")
)
GROUPS = "Groups of features, and aggregates of each"
GROUP_TYPES = (JSON, CSV, GEOJSON)
TILE_FILTERS = tuple(name for name in TILE_PARAMETERS if name != "f")

_COLLECTION = "/collections/{collectionId}"
_TILESET = f"{_COLLECTION}/tiles/{{tileMatrixSetId}}"
_DATASET_TILESET = "/tiles/{tileMatrixSetId}"
_TILE = "{tileMatrix}/{tileRow}/{tileCol}"
_TILE_PLACE = ("tileMatrixSetId", "tileMatrix", "tileRow", "tileCol")
_OF_COLLECTION = ("collectionId", "f")
_OF_GROUPS = (
    *("collectionId", "fAggregate", "group-by", "cell", "agg", "having", "sortbyGroups", "limitGroups", "offset"),
    *FILTER_PARAMETERS,
)
_WITHOUT_DATABASE = (400, 500)
_WITH_404 = (400, 404, 500, 503)


def _schema(name: str, id: str, summary: str) -> Operation:
    """A request for a JSON Schema of a collection."""
    types = (SCHEMA_JSON, HTML)
    return Operation(f"{_COLLECTION}/{name}", id, summary, types, _OF_COLLECTION, _WITH_404)


def _search(name: str, id: str) -> Operation:
    """A request for a page of features by a body."""
    path, summary = f"{_COLLECTION}/{name}", "A page of features, asked for in a body"
    return Operation(path, id, summary, (GEOJSON,), ("collectionId",), (*_WITH_404, 504), "post")


def _tileset(path: str, id: str, summary: str, types: tuple[str, ...] = (JSON, HTML)) -> Operation:
    """A request for a document about a tileset, of one collection or of the dataset."""
    of_dataset = ("tileMatrixSetId", "collections", "f", *DATASET_FILTERS)
    of_collection = ("collectionId", "tileMatrixSetId", "f", *TILE_FILTERS)
    parameters = of_dataset if path.startswith(_DATASET_TILESET) else of_collection
    return Operation(path, id, summary, types, parameters, _WITH_404)


OPERATIONS = (
    Operation("/", "getLandingPage", "Landing page"),
    Operation("/api", "getApi", "This document", (OPENAPI_JSON, HTML), ("collectionsApi", "f")),
    Operation("/conformance", "getConformance", "Conformance classes"),
    Operation("/functions", "getFunctions", "Functions of filters", statuses=_WITHOUT_DATABASE),
    Operation("/health/live", "getLive", "Does the process answer?", statuses=_WITHOUT_DATABASE),
    Operation("/health/ready", "getReady", "Does the database answer too?"),
    Operation("/metrics", "getMetrics", "Counters for Prometheus", (METRICS,), (), _WITHOUT_DATABASE),
    Operation(
        "/network", "getNetwork", "The network of the stack, as the network lab last saw it", statuses=(400, 403, 500)
    ),
    Operation("/network/picture", "getNetworkPicture", "Picture of the network", (SVG,), (), (400, 403, 404, 500)),
    Operation(
        "/files",
        "getFiles",
        "What became of each file in the data folder",
        parameters=("f", "fileState", "limitFiles", "offsetFiles"),
    ),
    Operation(
        f"/basemap/{_TILE}",
        "getBasemapTile",
        "A tile of the basemap",
        (MVT,),
        ("tileMatrix", "tileRow", "tileCol"),
        (400, 404, 500),
    ),
    Operation("/map", "getMap", "A map of all collections, or of some", (HTML,), ("collections",), _WITHOUT_DATABASE),
    Operation(
        "/collections",
        "getCollections",
        "Collections: all, or a page of those that a search or a box finds",
        parameters=("f", "qCollections", "bboxCollections", "limitCollections", "offsetCollections"),
    ),
    Operation("/views", "getViews", "Saved views of the pages that explore collections", statuses=_WITHOUT_DATABASE),
    Operation(
        _COLLECTION,
        "getCollection",
        "One collection",
        (JSON, HTML, JSON_LD),
        ("collectionId", "fCollection"),
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/explore",
        "explore",
        "A page that filters, counts, maps and downloads a collection",
        (HTML,),
        ("collectionId", "filter", "sortby", "properties", "colour", "follow", "lang", "view", "embed"),
        _WITH_404,
    ),
    Operation(
        f"{_COLLECTION}/picture",
        "getPicture",
        "A picture of a collection",
        (PNG,),
        ("collectionId",),
        (*_WITH_404, 504),
    ),
    _schema("queryables", "getQueryables", "What can be asked of the features"),
    _schema("sortables", "getSortables", "What the features can be sorted by"),
    _schema("schema", "getSchema", "Schema of the properties"),
    _schema("feature-schema", "getFeatureSchema", "Schema of a whole feature"),
    Operation(
        f"{_COLLECTION}/items",
        "getItems",
        "A page of features",
        tuple(dict.fromkeys(MEDIA_TYPES.values())),
        ("collectionId", "fItems", *(name for name in ITEMS_PARAMETERS if name != "f")),
        (400, 404, 412, 413, 416, 500, 503, 504),
    ),
    Operation(
        f"{_COLLECTION}/items/{{featureId}}",
        "getFeature",
        "One feature",
        tuple(PAGES.values()),
        ("collectionId", "featureId", "fFeature", "crs", "profile"),
        (*_WITH_404, 504),
    ),
    Operation(f"{_COLLECTION}/aggregate", "getAggregate", GROUPS, GROUP_TYPES, _OF_GROUPS, (*_WITH_404, 422, 504)),
    Operation(
        f"{_COLLECTION}/aggregate",
        "postAggregate",
        f"{GROUPS}, asked for in a body",
        GROUP_TYPES,
        ("collectionId",),
        (*_WITH_404, 422, 504),
        "post",
    ),
    Operation(
        f"{_COLLECTION}/facets",
        "getFacets",
        "How many features have each value of some properties",
        (JSON,),
        ("collectionId", "fFacets", "propertiesFacets", "size", *FILTER_PARAMETERS),
        (*_WITH_404, 422, 504),
    ),
    _search("items", "postItems"),
    _search("search", "searchItems"),
    Operation(
        f"{_COLLECTION}/tiles",
        "getTilesets.collection.vector.getTileSetsList",
        "Tilesets of a collection",
        parameters=_OF_COLLECTION,
        statuses=_WITH_404,
    ),
    _tileset(_TILESET, "getTileset.collection.vector.getTileSet", "Tileset metadata"),
    _tileset(f"{_TILESET}/tilejson.json", "getTileJson", "TileJSON of a tileset"),
    _tileset(f"{_TILESET}/style.json", "getStyle", "MapLibre style of a tileset", (MAPLIBRE_STYLE, HTML)),
    Operation(
        f"{_TILESET}/{_TILE}",
        "getTile.collection.vector.getTile",
        "A vector tile, or a picture out of a file of them",
        (MVT, *PICTURES, JSON, HTML),
        ("collectionId", *_TILE_PLACE, "fTile", "explain", *TILE_FILTERS),
        (*_WITH_404, 403, 504),
    ),
    Operation(
        "/tiles",
        "getTilesets.dataset.vector.getTileSetsList",
        "Tilesets of all collections",
        parameters=("collections", "f"),
    ),
    _tileset(_DATASET_TILESET, "getTileset.dataset.vector.getTileSet", "Metadata of a tileset of all collections"),
    _tileset(f"{_DATASET_TILESET}/tilejson.json", "getDatasetTileJson", "TileJSON of a tileset of all collections"),
    _tileset(
        f"{_DATASET_TILESET}/style.json",
        "getDatasetStyle",
        "MapLibre style of a tileset of all collections",
        (MAPLIBRE_STYLE, HTML),
    ),
    Operation(
        f"{_DATASET_TILESET}/{_TILE}",
        "getTile.dataset.vector.getTile",
        "A vector tile with a layer for each collection",
        (MVT, JSON, HTML),
        (*_TILE_PLACE, "collections", "fTile", "explain", *DATASET_FILTERS),
        (*_WITH_404, 403, 504),
    ),
    Operation("/tileMatrixSets", "getTileMatrixSets", "Tile matrix sets", statuses=_WITHOUT_DATABASE),
    Operation(
        "/tileMatrixSets/{tileMatrixSetId}",
        "getTileMatrixSet",
        "Definition of a tile matrix set",
        parameters=("tileMatrixSetId", "f"),
        statuses=(400, 404, 500),
    ),
    Operation(
        "/problems/{code}", "getProblem", "What an error means", parameters=("code", "f"), statuses=(400, 404, 500)
    ),
)
