"""The OpenAPI 3.0 document, made from the table of operations below and the queryables of each collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.documents.landing import DESCRIPTION
from api.documents.parameters import TEXT, parameter_components
from api.documents.schemas import SCHEMA_OF_TYPE
from api.formats.offered import EXPORTS, MEDIA_TYPES
from api.links import CSV, GEOJSON, GEOJSON_SEQ, HTML, JSON, KML, MVT, OPENAPI_JSON, SCHEMA_JSON, Links
from api.params.common import Limits
from api.params.items import ITEMS_PARAMETERS, queryable_columns
from core import VERSION
from core.catalog import Catalog, Collection, ColumnType
from core.settings import Settings


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


_COLLECTION = "/collections/{collectionId}"
_TILES = f"{_COLLECTION}/tiles"
_TILESET = f"{_TILES}/{{tileMatrixSetId}}"
_OF_COLLECTION = ("collectionId", "f")
_OF_TILESET = ("collectionId", "tileMatrixSetId", "f")
_WITH_404 = (400, 404, 500, 503)

OPERATIONS = (
    Operation("/", "getLandingPage", "Landing page", "service", (JSON, HTML)),
    Operation("/api", "getApi", "This document", "service", (OPENAPI_JSON, HTML)),
    Operation("/conformance", "getConformance", "Conformance classes", "service", (JSON, HTML)),
    Operation("/functions", "getFunctions", "Functions of filters", "service", (JSON, HTML), statuses=(400, 500)),
    Operation("/health/live", "getLive", "Does the process answer?", "service", (JSON, HTML), statuses=(400, 500)),
    Operation("/health/ready", "getReady", "Does the database answer too?", "service", (JSON, HTML)),
    Operation("/map", "getMap", "A map of all collections", "service", (HTML,), parameters=(), statuses=(400, 500)),
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
        (GEOJSON, HTML),
        ("collectionId", "featureId", "f", "crs", "profile"),
        (*_WITH_404, 504),
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
        f"{_TILESET}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
        "getTile.collection.vector.getTile",
        "A vector tile",
        "tiles",
        (MVT,),
        ("collectionId", "tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"),
        (*_WITH_404, 504),
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

BINARY = {"type": "string", "format": "binary"}
FILE_RESPONSES = {
    "206": {"description": "The range of a file that is asked for (f=gpkg and the other file formats)."},
    "304": {"description": "The answer is the one that the client has (If-None-Match)."},
}

STATUS_MEANING = {
    400: "A parameter is wrong; the problem names it and says what to do.",
    404: "There is no such resource.",
    413: "The file would be larger than this server makes files; the problem names other ways.",
    416: "The file has no such range.",
    500: "Isthmus made a mistake.",
    503: "The database does not answer; try again after Retry-After seconds.",
    504: "The query needed longer than the time limit.",
}


def openapi_document(settings: Settings, catalog: Catalog, links: Links) -> dict[str, Any]:
    """The whole API. Each collection has its own path for items, whose parameters are its queryables."""
    limits = Limits(settings.default_limit, settings.max_limit)
    paths = {operation.path: {operation.method: render_operation(operation)} for operation in OPERATIONS}
    paths.update(items_path(collection) for collection in catalog.values())
    return {
        "openapi": "3.0.3",
        "info": {"title": settings.title, "description": DESCRIPTION, "version": VERSION, "license": LICENSE},
        "servers": [{"url": links.base, "description": "this server"}],
        "tags": [
            {"name": "service", "description": "The service itself"},
            {"name": "features", "description": "OGC API Features"},
            {"name": "tiles", "description": "OGC API Tiles"},
        ],
        "paths": paths,
        "components": {
            "parameters": parameter_components(next(iter(catalog), "roads"), limits),
            "responses": {
                "problem": problem_response("Any other error."),
                **{str(status): problem_response(text) for status, text in STATUS_MEANING.items()},
            },
            "schemas": {"problem": PROBLEM_SCHEMA},
        },
    }


LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457 problem details",
    "required": ["type", "title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "parameter": {"type": "string"},
        "request_id": {"type": "string"},
    },
}


SEARCH_BODY = {
    "description": "The parameters of /items. `filter` may be CQL2 JSON itself.",
    "required": True,
    "content": {
        "application/json": {
            "schema": {"type": "object"},
            "example": {"filter": {"op": "isNull", "args": [{"property": "name"}]}, "limit": 10},
        },
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
    },
}


def render_operation(operation: Operation) -> dict[str, Any]:
    """An operation object."""
    schema = {MVT: BINARY, HTML: TEXT, CSV: TEXT, GEOJSON_SEQ: TEXT, KML: TEXT}
    schema |= {format.media_type: BINARY for format in EXPORTS.values() if format.binary}
    success = {type: {"schema": schema.get(type, {"type": "object"})} for type in operation.types}
    responses: dict[str, Any] = {"200": {"description": operation.summary, "content": success}}
    if MVT in operation.types:
        responses["204"] = {"description": "The tile is empty."}
        responses["304"] = {"description": "The tile is the one that the client has (If-None-Match)."}
    if 416 in operation.statuses:
        responses.update(FILE_RESPONSES)
    responses.update({str(status): reference("responses", str(status)) for status in operation.statuses})
    responses["default"] = reference("responses", "problem")
    return {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [reference("parameters", name) for name in operation.parameters],
        **({"requestBody": SEARCH_BODY} if operation.method == "post" else {}),
        "responses": responses,
    }


def items_path(collection: Collection) -> tuple[str, dict[str, Any]]:
    """The path of a collection's items, with its queryables as parameters (Part 3, queryables-query-parameters)."""
    items = next(operation for operation in OPERATIONS if operation.id == "getItems")
    operation = render_operation(items)
    own = [own_parameter(argument.name, argument.type, argument.required) for argument in collection.arguments]
    own += [own_parameter(column.name, column.type, required=False) for column in queryable_columns(collection)]
    common = [reference("parameters", name) for name in items.parameters if name != "collectionId"]
    return f"/collections/{collection.id}/items", {
        "get": {
            **operation,
            "operationId": f"getItems.{collection.id}",
            "summary": f"A page of features of {collection.title}",
            "parameters": [*common, *own],
        }
    }


def own_parameter(name: str, type: ColumnType, required: bool) -> dict[str, Any]:
    """A parameter that only one collection has: a property, or an argument of a function."""
    return {"name": name, "in": "query", "required": required, "schema": SCHEMA_OF_TYPE[type], "style": "form"}


def problem_response(text: str) -> dict[str, Any]:
    """The response of an error."""
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": reference("schemas", "problem")}},
    }


def reference(kind: str, name: str) -> dict[str, str]:
    """A reference into the components."""
    return {"$ref": f"#/components/{kind}/{name}"}
