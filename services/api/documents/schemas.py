"""JSON Schemas of a collection: queryables (Features Part 3), properties (Part 5), and a whole feature for GDAL."""

from __future__ import annotations

from typing import Any

from api.links import Links
from api.params.items import sortable_columns
from core.catalog import Collection, Column, ColumnType

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMA_OF_TYPE: dict[ColumnType, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "json": {"type": ["object", "array"]},
    "binary": {"type": "string", "contentEncoding": "base16"},
}


def queryables_document(collection: Collection, links: Links) -> dict[str, Any]:
    """What a filter may name: every property that is no bytes, and the geometry. Simple ones are parameters too."""
    properties = {column.name: property_schema(column) for column in collection.columns if column.type != "binary"}
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, "queryables"),
        "type": "object",
        "title": f"Queryables of {collection.title}",
        "properties": {**properties, **geometry_property(collection)},
        "additionalProperties": False,
    }


def sortables_document(collection: Collection, links: Links) -> dict[str, Any]:
    """What features can be sorted by (Part 5, sortables)."""
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, "sortables"),
        "type": "object",
        "title": f"Sortables of {collection.title}",
        "properties": {column.name: property_schema(column) for column in sortable_columns(collection)},
        "additionalProperties": False,
    }


def schema_document(collection: Collection, links: Links) -> dict[str, Any]:
    """The properties of a feature side by side, with their roles (Part 5, core roles)."""
    properties = {column.name: property_schema(column) for column in collection.columns}
    roles = ("primary-instant",) if len(collection.times) == 1 else ("primary-interval-start", "primary-interval-end")
    for column, role in zip(collection.times, roles, strict=False):
        properties[column.name]["x-ogc-role"] = role
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, "schema"),
        "type": "object",
        "title": collection.title,
        "properties": {
            collection.free_name("id"): {"type": "integer", "x-ogc-role": "id", "readOnly": True},
            **properties,
            **geometry_property(collection),
        },
        "additionalProperties": False,
    }


def feature_schema_document(collection: Collection, links: Links) -> dict[str, Any]:
    """The schema of a whole GeoJSON feature, from which GDAL takes the types of its columns."""
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, "feature-schema"),
        "type": "object",
        "title": collection.title,
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "const": "Feature"},
            "id": {"type": "integer"},
            "geometry": geometry_schema(collection),
            "properties": {
                "type": "object",
                "properties": {column.name: property_schema(column) for column in collection.columns},
            },
        },
    }


def geometry_schema(collection: Collection) -> dict[str, Any]:
    """The GeoJSON schema that the OGC keeps for the geometry type."""
    if not collection.has_geometry:
        return {"type": "null"}
    name = collection.geometry_type or "Geometry"
    return {"$ref": f"https://geojson.org/schema/{name}.json"}


def property_schema(column: Column) -> dict[str, Any]:
    """The schema of a property. A copy, so that a caller may add to it."""
    return {"title": column.name, **SCHEMA_OF_TYPE[column.type]}


def geometry_property(collection: Collection) -> dict[str, Any]:
    """The geometry as a spatial property: a format and no type (/req/queryables/get-queryables-response, D and E)."""
    if not collection.has_geometry:
        return {}
    kind = (collection.geometry_type or "Geometry").lower()
    name = "any" if kind == "geometry" else kind
    schema = {"title": "geometry", "format": f"geometry-{name}", "x-ogc-role": "primary-geometry"}
    return {collection.free_name("geometry"): schema}
