"""The OpenAPI 3.0 document, made from the table of operations, and from what each collection has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.documents.collections import DESCRIPTION
from api.documents.openapi.examples import NO_SAMPLE, Sample
from api.documents.openapi.operations import OPERATIONS
from api.documents.openapi.parameters import TEXT, parameter_components
from api.documents.openapi.rendering import STATUS_MEANING, items_path, problem_response, render_operation, search_body
from api.http.links import Links
from api.http.request import Limits
from api.tms.tile import OURS, TileMatrixSet
from core import VERSION
from core.catalog.collections import Catalog, Collection
from core.settings import Settings

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


def openapi_document(
    settings: Settings,
    catalog: Catalog,
    links: Links,
    samples: Mapping[str, Sample] = NO_SAMPLES,
    sets: Iterable[TileMatrixSet] = tuple(OURS.values()),
) -> dict[str, Any]:
    """The whole API. Each collection has its own path for items, whose parameters are its queryables.

    samples: features by the collection's id, from which examples are taken; sets: the tile matrix sets
    """
    shown = showcase(catalog.values())
    sample = samples.get(shown.id, NO_SAMPLE) if shown else NO_SAMPLE
    components = parameter_components(shown, sample, Limits(settings.default_limit, settings.max_limit), sets)
    body = search_body(shown, sample)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = render_operation(operation, body)
    for collection in catalog.values():
        path, operations = items_path(collection, samples.get(collection.id, NO_SAMPLE), components)
        paths[path] = operations
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
            "parameters": components,
            "responses": {
                "problem": problem_response("Any other error."),
                **{str(status): problem_response(text) for status, text in STATUS_MEANING.items()},
            },
            "schemas": RESPONSE_SCHEMAS,
        },
    }


def showcase(collections: Iterable[Collection]) -> Collection | None:
    """The collection that the examples of paths with a place for its id name: one with tiles, loaded from a file."""
    listed = sorted(collections, key=lambda found: (found.source is not None, not found.has_tiles))
    return next(iter(listed), None)
