"""The parameters of the OpenAPI document, by name. A test asks for each one that the items' parser knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.documents.openapi.examples import COMMON, items_examples
from api.documents.openapi.operations import OF_PROPERTIES
from api.features.sample_document import Sample
from api.formats.registry import EXPORTS, ITEMS_FORMATS, PAGES
from api.params.common import Limits
from api.params.items import (
    COUNT_MODES,
    CSV_GEOMETRIES,
    FILTER_LANGS,
    LARGEST_OFFSET,
    LARGEST_ZOOM,
    LONGEST_SEARCH,
    MOST_DIGITS,
)
from api.query.crs import CRS84
from api.query.profiles import PROFILES
from api.tms.matrix_set import WEB_MERCATOR_QUAD, TileMatrixSet
from core.catalog import Collection

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
URI: Schema = {"type": "string", "format": "uri", "default": CRS84.uri}

SEARCHED: Schema = {"type": "string", "maxLength": LONGEST_SEARCH, "pattern": r"\S"}

FOUR_OR_SIX = [{"minItems": length, "maxItems": length} for length in (4, 6)]
"""The lengths of a bbox (/req/core/fc-bbox-definition)."""


def array_of(kind: str, **limits: int) -> Schema:
    """Values with commas between them."""
    return {"type": "array", "items": {"type": kind}, **limits}


def words(*choices: str) -> Schema:
    """One of some words, the first by default."""
    return {"type": "string", "enum": list(choices), "default": choices[0]}


def parameter_components(
    collection: Collection | None, sample: Sample, limits: Limits, sets: Iterable[TileMatrixSet]
) -> dict[str, Any]:
    """Every parameter by its name in the components. `collection` is the one that the examples are taken from."""
    examples = items_examples(collection, sample) if collection else COMMON
    found = query_parameters(limits)
    described = {name: {**parameter, **example_of(parameter["name"], examples)} for name, parameter in found.items()}
    described["fTile"]["example"] = "mvt"
    described["all"]["example"] = "true"
    described["explain"]["example"] = "false"
    for name in OF_PROPERTIES:
        described[f"{name}Dataset"] = {**found[name], "example": "TRUE" if name == "filter" else []}
    described["collections"]["example"] = [collection.id] if collection else ["roads"]
    return {**described, **path_parameters(collection.id if collection else "roads", sample.id or "1", sets)}


def example_of(name: str, examples: Mapping[str, Any]) -> dict[str, Any]:
    """The member `example` of a parameter, when there is one."""
    return {"example": examples[name]} if name in examples else {}


def query_parameters(limits: Limits) -> dict[str, Any]:
    """Every parameter that comes after the question mark."""
    limit = {"type": "integer", "minimum": 1, "maximum": limits.largest, "default": limits.default}
    offset = {**WHOLE, "maximum": LARGEST_OFFSET}
    return {
        "f": query_parameter("f", words("json", "html"), "Format of the answer; overrides Accept."),
        "fItems": query_parameter(
            "f", words(*ITEMS_FORMATS), f"Format; {', '.join(EXPORTS)} send every match, not a page."
        ),
        "fFeature": query_parameter("f", words(*PAGES), "Format of the answer; overrides Accept."),
        "fTile": query_parameter("f", words("mvt"), "Format of the tile; overrides Accept."),
        "collections": query_parameter(
            "collections", array_of("string"), "Collections, by id or address, in the order of the layers; else all."
        ),
        "all": query_parameter("all", words("false", "true"), "true: low zooms too leave out nothing that has room."),
        "explain": query_parameter(
            "explain", words("false", "true"), "true: how the tile is made, in place of it; where the operator lets it."
        ),
        "limit": query_parameter("limit", limit, "Features on a page."),
        "offset": query_parameter("offset", offset, "Features to skip; cursors are faster."),
        "cursor": query_parameter("cursor", TEXT, "A place in the walk, from a next or prev link."),
        "sortby": query_parameter("sortby", array_of("string"), "Properties to sort by, -name for descending."),
        "resultType": query_parameter("resultType", words("results", "hits"), "hits: only the number of matches."),
        "count": query_parameter("count", words(*COUNT_MODES), "How the matches are counted."),
        **filter_parameters(),
        **presentation_parameters(),
    }


def filter_parameters() -> dict[str, Any]:
    """Which features."""
    box = (
        "west,south,east,north in degrees (or in bbox-crs); west > east crosses 180 degrees. Of six numbers the third"
        " and the last are heights. Without sortby, features of a large collection come with neighbours together."
    )
    return {
        "bbox": query_parameter("bbox", {**array_of("number"), "oneOf": FOUR_OR_SIX}, box),
        "bbox-crs": query_parameter("bbox-crs", URI, "CRS of bbox, one that the collection lists."),
        "datetime": query_parameter("datetime", TEXT, "An instant, or start/end with .. for an open end."),
        "ids": query_parameter("ids", array_of("string"), "Ids of features."),
        "filter": query_parameter("filter", TEXT, "CQL2 (OGC 21-065r2) over the queryables, with all of /functions."),
        "filter-lang": query_parameter("filter-lang", words(*FILTER_LANGS), "The language of filter."),
        "filter-crs": query_parameter("filter-crs", URI, "CRS of the geometries in filter."),
        "q": query_parameter("q", SEARCHED, "What some string property contains, in any case."),
    }


def presentation_parameters() -> dict[str, Any]:
    """How the features are written."""
    profiles = {"type": "array", "items": {"type": "string", "enum": list(PROFILES)}}
    digits, zoom = {**WHOLE, "maximum": MOST_DIGITS}, {**WHOLE, "maximum": LARGEST_ZOOM}
    return {
        "crs": query_parameter("crs", URI, "CRS of the answer, one that the collection lists."),
        "properties": query_parameter("properties", array_of("string"), "Properties to include."),
        "exclude-properties": query_parameter("exclude-properties", array_of("string"), "Properties to leave out."),
        "skipGeometry": query_parameter("skipGeometry", words("false", "true"), "true: no geometries."),
        "precision": query_parameter("precision", digits, "Decimals of the coordinates."),
        "profile": query_parameter("profile", profiles, "Profiles that the answer follows where it can."),
        "csv-geometry": query_parameter(
            "csv-geometry", words(*CSV_GEOMETRIES), "xy, with f=csv: points as columns lon and lat (or x and y)."
        ),
        "zoom-level": query_parameter("zoom-level", zoom, "Simplify geometries to what this zoom can show."),
    }


def path_parameters(collection: str, feature: str, sets: Iterable[TileMatrixSet]) -> dict[str, Any]:
    """The places in paths. `collection`, `feature`: the ids that the examples name."""
    ids, scales = zip(*((known.id, known.zooms) for known in sets), strict=True)
    matrix_set = {"type": "string", "enum": list(ids)}
    zooms = dict.fromkeys(zoom for found in scales for zoom in found)
    return {
        "collectionId": path_parameter("collectionId", TEXT, "Id of a collection.", collection),
        "featureId": path_parameter("featureId", TEXT, "Id of a feature.", feature),
        "tileMatrixSetId": path_parameter("tileMatrixSetId", matrix_set, "Tile matrix set.", WEB_MERCATOR_QUAD.id),
        "tileMatrix": path_parameter("tileMatrix", words(*zooms), "Zoom.", "0"),
        "tileRow": path_parameter("tileRow", WHOLE, "Row, counted from the north.", 0),
        "tileCol": path_parameter("tileCol", WHOLE, "Column, counted from the west.", 0),
        "code": path_parameter("code", TEXT, "Code of a problem.", "parameter-unknown"),
    }


def query_parameter(name: str, schema: Schema, text: str) -> dict[str, Any]:
    """A query parameter, never required; lists have commas between their values."""
    found = {"name": name, "in": "query", "required": False, "description": text, "schema": schema, "style": "form"}
    return {**found, "explode": False} if schema["type"] == "array" else found


def path_parameter(name: str, schema: Schema, text: str, example: Any) -> dict[str, Any]:
    """A path parameter."""
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema, "example": example}
