"""Operations of the table as OpenAPI operation objects."""

from __future__ import annotations

import json
from typing import Any

from api.cql2 import parse_text, render_json
from api.documents.openapi.examples import items_examples
from api.documents.openapi.operations import Operation
from api.documents.openapi.parameters import TEXT
from api.features.samples import Sample
from api.formats.registry import EXPORTS
from api.http.links import CSV, GEOJSON, GEOJSON_SEQ, HTML, KML, MVT, PICTURES, SVG
from core.catalog.collections import Collection

BINARY = {"type": "string", "format": "binary"}

STATUS_MEANING = {
    400: "A parameter is wrong; the problem names it and says what to do.",
    403: "The operator does not let that be asked.",
    404: "There is no such resource.",
    406: "None of the media types in Accept is available; the problem lists those that are.",
    413: "The body, or the file that would be made, is too large.",
    415: "The body is neither JSON nor a form.",
    416: "The file has no such range.",
    500: "Isthmus made a mistake.",
    503: "The database does not answer; try again after Retry-After seconds.",
    504: "The query needed longer than the time limit.",
}
NOT_MODIFIED = {"description": "The answer is the one that the client has (If-None-Match, If-Modified-Since)."}
PARTIAL = {"description": "The range of a file that is asked for (f=gpkg and the other file formats)."}
GEOJSON_SCHEMA = {"getFeature": "feature"}
"""Operation -> the schema of its GeoJSON, where that is no page of features."""


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
    schema = {MVT: BINARY, HTML: TEXT, CSV: TEXT, GEOJSON_SEQ: TEXT, KML: TEXT, SVG: TEXT, GEOJSON: page}
    schema |= dict.fromkeys(PICTURES, BINARY)
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
    tree = {"type": "object", "required": ["op", "args"], "properties": {"op": TEXT, "args": {"type": "array"}}}
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
    """The response of an error."""
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": reference("schemas", "problem")}},
    }


def reference(kind: str, name: str) -> dict[str, str]:
    """A reference into the components."""
    return {"$ref": f"#/components/{kind}/{name}"}
