"""The parameters of the OpenAPI document, by name. A test asks for each one that the items' parser knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.documents.openapi.examples import COMMON, Sample, items_examples
from api.documents.openapi.operations import OF_PROPERTIES
from api.formats.registry import EXPORTS, ITEMS_FORMATS, PAGES
from api.http.request import Limits
from api.params.aggregates import (
    DEFAULT_GROUPS,
    DEFAULT_VALUES,
    MOST_FACETS,
    MOST_GROUPS,
    MOST_VALUES,
)
from api.params.collections import MOST_LISTED
from api.params.conditions import LONGEST_SEARCH
from api.params.items import COUNT_MODES, CSV_GEOMETRIES, FILTER_LANGS, LARGEST_OFFSET, LARGEST_ZOOM, MOST_DIGITS
from api.params.near import DEFAULT_NEAREST, MOST_METRES, MOST_NEAREST
from api.query.crs import CRS84
from api.query.items import PROFILES
from api.tms.tile import WEB_MERCATOR_QUAD, TileMatrixSet
from core.catalog.collections import Collection
from core.catalog.files import STATES

Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
WHOLE: Schema = {"type": "integer", "minimum": 0}
URI: Schema = {"type": "string", "format": "uri", "default": CRS84.uri}

SEARCHED: Schema = {"type": "string", "maxLength": LONGEST_SEARCH, "pattern": r"\S"}

FOUR_OR_SIX = [{"minItems": length, "maxItems": length} for length in (4, 6)]
"""The lengths of a bbox (/req/core/fc-bbox-definition)."""


NAMES = {
    **dict.fromkeys(("fCollection", "fItems", "fFeature", "fTile", "fAggregate", "fFacets"), "f"),
    "collectionsApi": "collections",
    **{"fileState": "state", "limitFiles": "limit", "offsetFiles": "offset"},
    **{f"{name}Collections": name for name in ("q", "bbox", "limit", "offset")},
    **{"sortbyGroups": "sortby", "limitGroups": "limit", "propertiesFacets": "properties"},
}
"""Parameters that other resources know otherwise, by their names in the components."""


def words(*choices: str) -> Schema:
    """One of some words, the first by default."""
    return {"type": "string", "enum": list(choices), "default": choices[0]}


def parameter_components(
    collection: Collection | None, sample: Sample, limits: Limits, sets: Iterable[TileMatrixSet]
) -> dict[str, Any]:
    """Every parameter by its name in the components. `collection` is the one that the examples are taken from."""
    id = collection.id if collection else "roads"
    examples = items_examples(collection, sample) if collection else COMMON
    found = query_parameters(limits)
    other = {"fTile": "mvt", "all": "true", "explain": "false", "collections": [id], "fileState": "failed"}
    other |= {"sortbyGroups": ["-count"], "propertiesFacets": examples.get("properties", []), "cell": "square:4"}
    other |= {
        "collectionsApi": [id],
        "size": 5,
        "agg": ["count()"],
        "having": "count > 0",
        "group-by": examples.get("properties", []),
    }
    other |= {"colour": next(iter(examples.get("properties", [])), "size"), "follow": "map", "lang": "en", "embed": "1"}
    described = {
        name: with_example(parameter, other.get(name, examples.get(parameter["name"])))
        for name, parameter in found.items()
    }
    for name in OF_PROPERTIES:
        described[f"{name}Dataset"] = {**found[name], "example": "TRUE" if name == "filter" else []}
    return {**described, **path_parameters(id, sample.id or "1", sets)}


def with_example(parameter: Mapping[str, Any], example: Any) -> dict[str, Any]:
    """A parameter with an example in place of its own; None: with none."""
    bare = {key: value for key, value in parameter.items() if key != "example"}
    return bare if example is None else {**bare, "example": example}


def query_parameters(limits: Limits) -> dict[str, Any]:
    """Every parameter that comes after the question mark, by its name in the components."""
    rows = {
        **page_parameters(limits),
        **FILTER_PARAMETERS,
        **PRESENTATION_PARAMETERS,
        **GROUP_PARAMETERS,
        **EXPLORE_PARAMETERS,
    }
    return {key: query_parameter(NAMES.get(key, key), schema, text) for key, (schema, text) in rows.items()}


def page_parameters(limits: Limits) -> dict[str, tuple[Schema, str]]:
    """Schema and description of parameters that choose a format, a page or a tile."""
    limit = {"type": "integer", "minimum": 1, "maximum": limits.largest, "default": limits.default}
    return {
        "f": (words("json", "html"), "Format of the answer; overrides Accept."),
        "fCollection": (words("json", "html", "dcat"), "Format of the answer, dcat as JSON-LD; overrides Accept."),
        "fItems": (words(*ITEMS_FORMATS), f"Format; {', '.join(EXPORTS)} send every match, not a page."),
        "fFeature": (words(*PAGES), "Format of the answer; overrides Accept."),
        "fTile": (words("mvt"), "Format of the tile; overrides Accept."),
        "collections": (TEXTS, "Collections, by id or address, in the order of the layers; else all."),
        "collectionsApi": (TEXTS, "Collections whose items are described too, each with parameters of its own."),
        "all": (words("false", "true"), "true: low zooms too leave out nothing that has room."),
        "explain": (words("false", "true"), "true: how the tile is made, in place of it; where the operator lets it."),
        "qCollections": (TEXT, "Words that are all in the title, description, id or keywords, in any case."),
        "bboxCollections": (FILTER_PARAMETERS["bbox"][0], "west,south,east,north in degrees, which the extent meets."),
        "limitCollections": (
            {"type": "integer", "minimum": 1, "maximum": MOST_LISTED},
            "Collections on a page; without it all are there.",
        ),
        "offsetCollections": ({**WHOLE, "maximum": LARGEST_OFFSET}, "Collections to skip."),
        "fileState": ({"type": "string", "enum": list(STATES)}, "Only files in this state."),
        "limitFiles": ({"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Files on a page."),
        "offsetFiles": ({**WHOLE, "maximum": LARGEST_OFFSET}, "Files to skip."),
        "limit": (limit, "Features on a page."),
        "offset": ({**WHOLE, "maximum": LARGEST_OFFSET}, "Features to skip; cursors are faster."),
        "cursor": (TEXT, "A place in the walk, from a next or prev link."),
        "sortby": (TEXTS, "Properties to sort by, -name for descending."),
        "near": (
            {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            "Longitude, latitude: the nearest features first, each with its distance in metres on the ellipsoid.",
        ),
        "k": (
            {"type": "integer", "minimum": 1, "maximum": MOST_NEAREST, "default": DEFAULT_NEAREST},
            "With near: features on a page, in place of limit.",
        ),
        "max-distance": (
            {"type": "number", "minimum": 0, "maximum": MOST_METRES},
            "With near: metres that features are off at most.",
        ),
        "resultType": (words("results", "hits"), "hits: only the number of matches."),
        "count": (words(*COUNT_MODES), "How the matches are counted."),
    }


FILTER_PARAMETERS: Mapping[str, tuple[Schema, str]] = {
    "bbox": (
        {"type": "array", "items": {"type": "number"}, "oneOf": FOUR_OR_SIX},
        "west,south,east,north in degrees (or in bbox-crs); west > east crosses 180 degrees. Of six numbers the third"
        " and the last are heights. Without sortby, features of a large collection come with neighbours together.",
    ),
    "bbox-crs": (URI, "CRS of bbox, one that the collection lists."),
    "datetime": (TEXT, "An instant, or start/end with .. for an open end."),
    "ids": (TEXTS, "Ids of features."),
    "filter": (TEXT, "CQL2 (OGC 21-065r2) over the queryables, with all of /functions."),
    "filter-lang": (words(*FILTER_LANGS), "The language of filter."),
    "filter-crs": (URI, "CRS of the geometries in filter."),
    "q": (SEARCHED, "What some string property contains, in any case."),
}
"""Which features."""

PRESENTATION_PARAMETERS: Mapping[str, tuple[Schema, str]] = {
    "crs": (URI, "CRS of the answer, one that the collection lists."),
    "properties": (TEXTS, "Properties to include."),
    "exclude-properties": (TEXTS, "Properties to leave out."),
    "skipGeometry": (words("false", "true"), "true: no geometries."),
    "precision": ({**WHOLE, "maximum": MOST_DIGITS}, "Decimals of the coordinates."),
    "profile": (
        {"type": "array", "items": {"type": "string", "enum": list(PROFILES)}},
        "Profiles that the answer follows where it can.",
    ),
    "csv-geometry": (words(*CSV_GEOMETRIES), "xy, with f=csv: points as columns lon and lat (or x and y)."),
    "zoom-level": ({**WHOLE, "maximum": LARGEST_ZOOM}, "Simplify geometries to what this zoom can show."),
}
"""How the features are written."""


GROUP_PARAMETERS: Mapping[str, tuple[Schema, str]] = {
    "fAggregate": (words("json", "csv", "geojson"), "Format of the answer; overrides Accept."),
    "fFacets": (words("json"), "Format of the answer; overrides Accept."),
    "group-by": (
        TEXTS,
        "Properties that groups are made by; behind a colon a unit of time (year, quarter, month, week, day, hour,"
        " minute) or classes: hist(n), quantile(n), jenks(n).",
    ),
    "cell": (
        {"type": "string", "pattern": r"^(square:(1?[0-9]|2[0-4])|geohash:([1-9]|1[0-2]))$"},
        "Cells that groups are made by: square:z, the tiles of WebMercatorQuad at a zoom, or geohash:n.",
    ),
    "agg": (
        TEXTS,
        "What is worked out of each group: count(), count(P), distinct(P), sum(P), avg(P), stddev(P), min(P), max(P),"
        " median(P), p1(P) to p99(P), extent(), centroid().",
    ),
    "having": (TEXT, "CQL2 over the columns of the answer: which groups are wanted."),
    "sortbyGroups": (TEXTS, "Columns of the answer to sort groups by, -name for descending."),
    "limitGroups": (
        {"type": "integer", "minimum": 1, "maximum": MOST_GROUPS, "default": DEFAULT_GROUPS},
        "Groups on a page.",
    ),
    "propertiesFacets": (TEXTS, f"Properties to have facets of, {MOST_FACETS} at most."),
    "size": (
        {"type": "integer", "minimum": 1, "maximum": MOST_VALUES, "default": DEFAULT_VALUES},
        "Values of a facet.",
    ),
}
"""Of aggregates and facets."""

EXPLORE_PARAMETERS: Mapping[str, tuple[Schema, str]] = {
    "colour": (TEXT, "Property that the map is coloured by; behind a colon its classes: quantile, jenks or hist."),
    "follow": (words("map"), "What the numbers and the table follow beside the filter: what the map shows."),
    "lang": (words("en", "zh"), "Language of the page; else that of Accept-Language."),
    "view": (TEXT, "Name of a saved view, which is shown where the address says nothing else."),
    "embed": (words("1"), "The page for a frame: the map, the table and the number of matches."),
}
"""Of the page that explores a collection."""


def path_parameters(collection: str, feature: str, sets: Iterable[TileMatrixSet]) -> dict[str, Any]:
    """The places in paths. `collection`, `feature`: the ids that the examples name."""
    ids, scales = zip(*((known.id, known.zooms) for known in sets), strict=True)
    zooms = dict.fromkeys(zoom for found in scales for zoom in found)
    rows: dict[str, tuple[Schema, str, Any]] = {
        "collectionId": (TEXT, "Id of a collection.", collection),
        "featureId": (TEXT, "Id of a feature.", feature),
        "tileMatrixSetId": ({"type": "string", "enum": list(ids)}, "Tile matrix set.", WEB_MERCATOR_QUAD.id),
        "tileMatrix": (words(*zooms), "Zoom.", "0"),
        "tileRow": (WHOLE, "Row, counted from the north.", 0),
        "tileCol": (WHOLE, "Column, counted from the west.", 0),
        "code": (TEXT, "Code of a problem.", "parameter-unknown"),
    }
    return {
        name: {"name": name, "in": "path", "required": True, "description": text, "schema": schema, "example": example}
        for name, (schema, text, example) in rows.items()
    }


def query_parameter(name: str, schema: Schema, text: str) -> dict[str, Any]:
    """A query parameter, never required; lists have commas between their values."""
    found = {"name": name, "in": "query", "required": False, "description": text, "schema": schema, "style": "form"}
    return {**found, "explode": False} if schema["type"] == "array" else found
