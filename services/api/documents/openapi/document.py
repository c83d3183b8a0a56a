"""The OpenAPI 3.0 document, made from the table of operations. Paths have a place for the id of a collection; on
request some collections have a path of their own for their items, with everything that only they have.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.documents.collections import DESCRIPTION
from api.documents.openapi.examples import NO_SAMPLE, VALUES, Sample, items_examples
from api.documents.openapi.files import FILES_SCHEMAS
from api.documents.openapi.operations import OPERATIONS, Operation
from api.documents.openapi.parameters import TEXT, parameter_components, with_example
from api.documents.schemas import SCHEMA_OF_TYPE, value_schema
from api.formats.registry import EXPORTS, ITEMS_FORMATS, is_offered
from api.http.links import (
    CSV,
    GEOJSON,
    GEOJSON_SEQ,
    HTML,
    JSON,
    JSON_LINES,
    KML,
    MVT,
    PICTURES,
    SVG,
    Links,
    quoted_path,
)
from api.http.request import Limits
from api.params.items import queryable_columns, sortable_columns
from api.query.crs import accepted_crs
from api.tms.tile import OURS, TileMatrixSet
from core import VERSION
from core.catalog.collections import Catalog, Collection
from core.settings import Settings

ABOUT = (
    f"{DESCRIPTION} The properties that /collections/{{collectionId}}/queryables lists are parameters of its items;"
    " /api?collections=a,b describes the items of these collections with them."
)
NO_SAMPLES: Mapping[str, Sample] = {}

LICENSE = {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"}

_LINK = {
    "type": "object",
    "required": ["href", "rel"],
    "properties": dict.fromkeys(("href", "rel", "type", "title"), TEXT),
}
_LINKS = {"type": "array", "items": {"$ref": "#/components/schemas/link"}}
_WHOLE = {"type": "integer", "minimum": 0}

RESPONSE_SCHEMAS: dict[str, Any] = {
    "link": _LINK,
    "feature": {
        "type": "object",
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "id": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            "geometry": {"type": "object", "nullable": True},
            "properties": {"type": "object", "nullable": True},
            "links": _LINKS,
        },
    },
    "featureCollection": {
        "type": "object",
        "required": ["type", "features", "numberReturned", "links"],
        "properties": {
            "type": {"type": "string", "enum": ["FeatureCollection"]},
            "features": {"type": "array", "items": {"$ref": "#/components/schemas/feature"}},
            "numberReturned": _WHOLE,
            "numberMatched": {**_WHOLE, "description": "Matches, counted."},
            "numberMatchedEstimate": {**_WHOLE, "description": "Matches, as the planner expects them."},
            "timeStamp": {"type": "string", "format": "date-time"},
            "links": _LINKS,
        },
    },
    **FILES_SCHEMAS,
    "problem": {
        "type": "object",
        "description": "RFC 9457 problem details",
        "required": ["type", "title", "status", "code", "detail", "request_id"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": TEXT,
            "status": {"type": "integer"},
            **dict.fromkeys(("code", "detail", "hint", "parameter", "request_id"), TEXT),
        },
    },
}
"""As much as every response keeps to."""

ANY_ITEMS: dict[str, Any] = {"type": "array", "items": {}}
"""Generators of clients pass over what holds an array without `items`."""

ANY: dict[str, Any] = {}
"""The schema of any value."""

BINARY = {"type": "string", "format": "binary"}

STATUS_MEANING = {
    400: "A parameter is wrong; the problem names it and says what to do.",
    403: "The operator does not let that be asked.",
    404: "There is no such resource.",
    406: "None of the media types in Accept is available; the problem lists those that are.",
    412: "The file is not the one that If-Match or If-Unmodified-Since wants.",
    413: "The body, or the file that would be made, is too large.",
    422: "An aggregate of so many features would take too long; the problem says what would help.",
    415: "The body is neither JSON nor a form.",
    416: "The file has no such range.",
    500: "Isthmus made a mistake.",
    503: "The database does not answer, or there is no room for a file; try again after Retry-After seconds.",
    504: "The query needed longer than the time limit; ask for less, or again after Retry-After seconds.",
}
NOT_MODIFIED = {"description": "The answer is the one that the client has (If-None-Match, If-Modified-Since)."}
PARTIAL = {"description": "The range of a file that is asked for (f=gpkg and the other file formats)."}
GEOJSON_SCHEMA = {"getFeature": "feature"}
"""Operation -> the schema of its GeoJSON, where that is no page of features."""

ITEMS = {operation.method: operation for operation in OPERATIONS if operation.path.endswith("}/items")}
OF_A_COLLECTION = ("filter", "sortby", "properties", "exclude-properties", "bbox", "datetime", "ids", "q", "cursor")
"""Parameters whose examples are other ones in each collection."""


def openapi_document(
    settings: Settings,
    catalog: Catalog,
    links: Links,
    samples: Mapping[str, Sample] = NO_SAMPLES,
    sets: Iterable[TileMatrixSet] = tuple(OURS.values()),
    chosen: Iterable[Collection] = (),
) -> dict[str, Any]:
    """The whole API, of a size that does not depend on the number of collections.

    samples: features by the collection's id, from which examples are taken; sets: the tile matrix sets
    chosen: collections that have a path of their own for items, whose parameters are their queryables
    """
    shown = showcase(catalog.values())
    sample = samples.get(shown.id, NO_SAMPLE) if shown else NO_SAMPLE
    components = parameter_components(shown, sample, Limits(settings.default_limit, settings.max_limit), sets)
    body = search_body(shown, sample)
    paths: dict[str, dict[str, Any]] = {}
    hidden = () if settings.files_page == "on" else ("getFiles",)
    for operation in OPERATIONS:
        if operation.id in hidden:
            continue
        paths.setdefault(operation.path, {})[operation.method] = render_operation(operation, body)
    for collection in chosen:
        path, operations = items_path(collection, samples.get(collection.id, NO_SAMPLE), components)
        paths[path] = operations
    return {
        "openapi": "3.0.3",
        "info": {"title": settings.title, "description": ABOUT, "version": VERSION, "license": LICENSE},
        "servers": [{"url": links.base, "description": "this server"}],
        "tags": [
            {"name": "service", "description": "The service itself"},
            {"name": "features", "description": "OGC API Features"},
            {"name": "tiles", "description": "OGC API Tiles"},
        ],
        "paths": paths,
        "components": {
            "parameters": components,
            "responses": {
                "problem": problem_response("Any other error."),
                **{str(status): problem_response(text) for status, text in STATUS_MEANING.items()},
            },
            "schemas": RESPONSE_SCHEMAS,
        },
    }


def for_gdal(document: dict[str, Any], collections: Iterable[Collection]) -> dict[str, Any]:
    """The document for GDAL, which looks for the parameters of its filters and counts at the path of each collection by
    its own name, and for nothing but their names (GDAL 3.10, GetQueryableAttributes and SupportsResultTypeHits in
    ogroapifdriver.cpp).
    """
    common = [reference("parameters", name) for name in ("filter-lang", "resultType")]
    answers = {"default": reference("responses", "problem")}
    paths: dict[str, Any] = {
        quoted_path(f"/collections/{collection.id}/items"): {
            "get": {
                "parameters": [
                    *common,
                    *({"name": column.name, "in": "query", "schema": ANY} for column in queryable_columns(collection)),
                ],
                "responses": answers,
            }
        }
        for collection in collections
    }
    return {**document, "paths": {**paths, **document["paths"]}}


def showcase(collections: Iterable[Collection]) -> Collection | None:
    """The collection that the examples of paths with a place for its id name: one with tiles, loaded from a file."""
    listed = sorted(collections, key=lambda found: (found.source is not None, not found.has_tiles))
    return next(iter(listed), None)


def render_operation(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """An operation object. `body`: the request body of a search."""
    is_search = operation.method == "post"
    return {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [reference("parameters", name) for name in operation.parameters],
        **({"requestBody": body} if is_search else {}),
        "responses": responses(operation, [406, *([413, 415] if is_search else [])]),
    }


def responses(operation: Operation, more: list[int]) -> dict[str, Any]:
    """The responses of an operation, by status."""
    page = reference("schemas", GEOJSON_SCHEMA.get(operation.id, "featureCollection"))
    schema = {MVT: BINARY, GEOJSON: page, **dict.fromkeys((HTML, CSV, JSON_LINES, GEOJSON_SEQ, KML, SVG), TEXT)}
    schema |= dict.fromkeys(PICTURES, BINARY)
    if operation.id == "getFiles":
        schema |= {JSON: reference("schemas", "files"), HTML: TEXT}
    schema |= {format.media_type: BINARY for format in EXPORTS.values() if format.binary}
    content = {type: {"schema": schema.get(type, {"type": "object"})} for type in operation.types}
    found: dict[str, Any] = {"200": {"description": operation.summary, "content": content}}
    if MVT in operation.types:
        found["204"] = {"description": "The tile is empty."}
    if 416 in operation.statuses:
        found["206"] = PARTIAL
    if operation.method == "get":
        found["304"] = NOT_MODIFIED
    found |= {str(status): reference("responses", str(status)) for status in sorted({*operation.statuses, *more})}
    return {**found, "default": reference("responses", "problem")}


def search_body(collection: Collection | None, sample: Sample, members: dict[str, Any] | None = None) -> dict[str, Any]:
    """The request body of a search, with an example from a collection. `members`: the schemas of all parameters."""
    parameters: dict[str, Any] = {"type": "object"}
    if members is not None:
        parameters |= {"properties": members, "additionalProperties": False}
    tree = {"type": "object", "required": ["op", "args"], "properties": {"op": TEXT, "args": ANY_ITEMS}}
    whole = {**parameters, "properties": {**(members or {}), "filter": {"anyOf": [TEXT, tree]}}}
    found = items_examples(collection, sample) if collection else {}
    example: dict[str, Any] = {"limit": 5}
    if "filter" in found:
        example = {"filter": json.loads(render_json(parse_text(found["filter"]))), **example}
    form = {"limit": 5, **({"filter": found["filter"]} if "filter" in found else {})}
    return {
        "description": "The parameters of /items, or CQL2 JSON. `filter` may be CQL2 JSON itself.",
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [tree, whole]}, "example": example},
            "application/x-www-form-urlencoded": {"schema": parameters, "example": form},
        },
    }


def problem_response(text: str) -> dict[str, Any]:
    """The response of an error, which browsers get as a page."""
    content = {"application/problem+json": {"schema": reference("schemas", "problem")}, HTML: {"schema": TEXT}}
    return {"description": text, "content": content}


def reference(kind: str, name: str) -> dict[str, str]:
    """A reference into the components."""
    return {"$ref": f"#/components/{kind}/{name}"}


def items_path(
    collection: Collection, sample: Sample, components: dict[str, Any]
) -> tuple[str, dict[str, dict[str, Any]]]:
    """The path and its operations: the queryables are parameters (Part 3, queryables-query-parameters)."""
    parameters = items_parameters(collection, sample, components)
    known = [components[found["$ref"].rpartition("/")[2]] if "$ref" in found else found for found in parameters]
    members = {found["name"]: found["schema"] for found in known}
    body = search_body(collection, sample, {**members, "f": {"type": "string", "enum": ["json"]}})
    operations = {method: render_operation(operation, body) for method, operation in ITEMS.items()}
    for operation in operations.values():
        operation["operationId"] = f"{operation['operationId']}.{collection.id}"
        operation["summary"] = f"{operation['summary']}: {collection.title}"
    operations["get"]["parameters"] = parameters
    operations["post"]["parameters"] = []
    return quoted_path(f"/collections/{collection.id}/items"), operations


def items_parameters(collection: Collection, sample: Sample, components: dict[str, Any]) -> list[dict[str, Any]]:
    """The parameters of a collection's items."""
    examples, choices = items_examples(collection, sample), choices_of(collection)
    found: list[dict[str, Any]] = []
    for name in ITEMS["get"].parameters:
        common = components[name]
        if common["in"] == "path" or choices.get(name) == []:  # there is nothing that could be given
            continue
        own = with_example(common, examples.get(common["name"]))
        if name in choices:
            found.append(narrowed(own, choices[name]))
        else:
            found.append(own if name in OF_A_COLLECTION else reference("parameters", name))
    found += [
        own_parameter(argument.name, SCHEMA_OF_TYPE[argument.type], VALUES[argument.type], argument.required)
        for argument in collection.arguments
    ]
    return found + [
        own_parameter(column.name, value_schema(column), examples.get(column.name))
        for column in queryable_columns(collection)
    ]


def choices_of(collection: Collection) -> dict[str, list[str]]:
    """Parameters that take a few words in this collection. None at all: they are no parameters of it."""
    systems = [crs.uri for crs in accepted_crs(collection)]
    names = [column.name for column in sortable_columns(collection)]
    formats = [name for name, format in ITEMS_FORMATS.items() if is_offered(format, collection)]
    return {
        "fItems": formats,
        **dict.fromkeys(("crs", "bbox-crs", "filter-crs"), systems),
        "sortby": list(dict.fromkeys(sign + name for name in names for sign in ("", "-"))),
        **dict.fromkeys(("properties", "exclude-properties"), [column.name for column in collection.columns]),
    }


def narrowed(parameter: dict[str, Any], choices: list[str]) -> dict[str, Any]:
    """A parameter that takes some words."""
    schema = parameter["schema"]
    if schema["type"] == "array":
        return {**parameter, "schema": {**schema, "items": {"type": "string", "enum": choices}}}
    return {**parameter, "schema": {**schema, "enum": choices}}


def own_parameter(name: str, schema: dict[str, Any], example: Any, required: bool = False) -> dict[str, Any]:
    """A parameter that only one collection has: a property, or an argument of a function."""
    found = {"name": name, "in": "query", "required": required, "schema": schema, "style": "form"}
    return with_example(found, example)
