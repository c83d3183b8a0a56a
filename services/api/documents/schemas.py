"""JSON Schemas of a collection: queryables (Features Part 3), properties (Part 5), and a whole feature for GDAL.

GDAL's driver for OGC API Features gives a property that a schema calls an `integer` 32 bits, and makes 2147483647 of
what is larger, such as the ids of OpenStreetMap's nodes (GDAL 3.10, BuildExampleRecursively in ogroapifdriver.cpp). So
it is told which whole numbers of a collection need more.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from api.http.links import Links
from api.params.items import sortable_columns
from api.sql.relation import column_of, relation
from core.cache import CollectionCache
from core.catalog.collections import RANGES, Collection, Column, ColumnType
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import IsthmusError

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMA_OF_TYPE: dict[ColumnType, dict[str, Any]] = {
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "pattern": r"^\d{2}:\d{2}:\d{2}(\.\d+)?$"},  # the format `time` has an offset (RFC 3339)
    "json": {"type": ["object", "array"], "items": {}},
    "binary": {"type": "string", "pattern": r"^\\x([0-9a-f]{2})*$"},
}

ANY_JSON: dict[str, Any] = {"type": ["object", "array", "string", "number", "boolean", "null"]}
"""What a value of a column of JSON may be: the schemas of Part 5 name the usual ones."""

ALWAYS_WRITTEN: tuple[ColumnType, ...] = ("string", "boolean", "time", "binary")
"""Types each value of which JSON has. It has no NaN, no infinite number and no infinite date: they are null."""

NUMBER = SCHEMA_OF_TYPE["number"]
ID = {"x-ogc-role": "id"}

LOOK_S = 1.0
"""What a look for wide numbers may take. A million rows of three columns without any take 0.1 s."""

wide_names: CollectionCache[None, frozenset[str]] = CollectionCache()
"""The names of wide numbers that were looked up, of loaded data."""


def queryables_document(collection: Collection, links: Links) -> dict[str, Any]:
    """What a filter may name: id, every property that is no bytes, geometry. Simple ones are parameters too."""
    columns = [column for column in collection.columns_and_id if column.type != "binary"]
    properties = {**described(collection, columns), **geometry_property(collection)}
    return document(collection, links, "queryables", f"Queryables of {collection.title}", properties)


def sortables_document(collection: Collection, links: Links) -> dict[str, Any]:
    """What features can be sorted by (Part 5, sortables)."""
    properties = described(collection, sortable_columns(collection))
    return document(collection, links, "sortables", f"Sortables of {collection.title}", properties)


def schema_document(collection: Collection, links: Links) -> dict[str, Any]:
    """The properties of a feature side by side, with their roles (Part 5, returnables)."""
    columns = described(collection, collection.columns_and_id)
    properties = {**id_of_other_values(collection), **columns, **geometry_property(collection)}
    return document(collection, links, "schema", collection.title, properties)


def document(
    collection: Collection, links: Links, name: str, title: str, properties: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """A schema of Part 5: nothing but the properties, in their order (/req/schemas/json-schema)."""
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, name),
        "type": "object",
        "title": title,
        "properties": {
            key: {**schema, "x-ogc-propertySeq": number} for number, (key, schema) in enumerate(properties.items(), 1)
        },
        "additionalProperties": False,
    }


def described(collection: Collection, columns: Iterable[Column]) -> dict[str, dict[str, Any]]:
    """Columns as schemas with their roles, by name."""
    extra = roles(collection)
    return {column.name: {**property_schema(column), **extra.get(column.name, {})} for column in columns}


def roles(collection: Collection) -> dict[str, dict[str, Any]]:
    """What the id and the columns of time are (advanced-property-roles). A start and an end have their roles only as
    dates both or times both, as the standard asks (/req/advanced-property-roles/primary-temporal-constraints, C).
    """
    times = collection.times
    names = ["primary-instant"] if len(times) == 1 else ["primary-interval-start", "primary-interval-end"]
    if len({column.type for column in times}) > 1 or any(column.sql_type in RANGES for column in times):
        names = []
    found: dict[str, dict[str, Any]] = {
        column.name: {"x-ogc-role": role} for column, role in zip(times, names, strict=False)
    }
    own = id_property(collection)
    return found if own is None else {**found, own.name: {**ID, "readOnly": own not in collection.columns}}


def id_property(collection: Collection) -> Column | None:
    """The column that has the ids of features as they are: whole numbers, or texts (/req/schemas/role-id, B)."""
    own, kind = collection.id_column, "integer" if collection.key.is_integer else "string"
    return own if own is not None and value_schema(own)["type"] == kind else None


def id_of_other_values(collection: Collection) -> dict[str, dict[str, Any]]:
    """The id that is the text of a number or a list, or of more than one column: features have it, and nobody can ask
    for it.
    """
    if not collection.key.is_id or id_property(collection) is not None or not collection.key.parts:
        return {}
    return {collection.free_name("id"): {"title": "id", "type": "string", **ID, "readOnly": True}}


def feature_schema_document(collection: Collection, links: Links) -> dict[str, Any]:
    """The schema of a whole GeoJSON feature, which every feature fits: a geometry may be null, and a property unless
    its table refuses that. The schemas of Part 5 are of values, and name one type (/rec/schemas/properties, B).
    """
    properties = {column.name: served_schema(column) for column in collection.columns}
    geometry = geometry_schema(collection)
    whole = geometry if not collection.has_geometry else {"anyOf": [geometry, {"type": "null"}]}
    return whole_feature(collection, links, whole, properties)


def gdal_feature_schema(collection: Collection, links: Links, wide: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The schema of a feature for GDAL, which takes the types of its columns from it, and knows no more than one type
    of each: that a value may be null is not said.

    wide: as `wide_properties` gives them. They are called numbers, which GDAL reads as doubles
    """
    properties = {
        column.name: {**property_schema(column), **(NUMBER if column.name in wide else {})}
        for column in collection.columns
        if not is_known_to_gdal(column, collection)
    }
    return whole_feature(collection, links, geometry_schema(collection), properties)


def whole_feature(
    collection: Collection, links: Links, geometry: dict[str, Any], properties: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """The schema of a GeoJSON feature with this geometry and these properties."""
    return {
        "$schema": DIALECT,
        "$id": links.collection(collection, "feature-schema"),
        "type": "object",
        "title": collection.title,
        "required": ["type", "geometry", "properties"],
        "properties": {
            "type": {"type": "string", "const": "Feature"},
            **feature_id(collection),
            "geometry": geometry,
            "properties": {"type": "object", "properties": properties},
        },
    }


def served_schema(column: Column) -> dict[str, Any]:
    """The schema of a property as features have it."""
    schema = property_schema(column)
    if column.type == "json":
        return {**schema, **ANY_JSON}
    if column.not_null and is_always_written(column):
        return schema
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **choices}


def is_always_written(column: Column) -> bool:
    """Whether each value of a column is in the JSON of its feature. Whole numbers of `numeric` may be NaN."""
    return column.type in ALWAYS_WRITTEN or (column.type == "integer" and column.sql_type is None)


def is_known_to_gdal(column: Column, collection: Collection) -> bool:
    """Whether GDAL makes a field of a property before it looks into the schema, so that it would have two (GDAL 3.10,
    EstablishFeatureDefn in ogroapifdriver.cpp): the first one when it is called `id`, and that of ids that are texts.
    """
    return column.name == "id" and (column == collection.columns[0] or not collection.key.is_integer)


def feature_id(collection: Collection) -> dict[str, Any]:
    """The member `id` of a feature; nothing when features have none."""
    return {"id": {"type": "integer" if collection.key.is_integer else "string"}} if collection.key.is_id else {}


def geometry_schema(collection: Collection) -> dict[str, Any]:
    """The GeoJSON schema that the OGC keeps for the geometry type."""
    if not collection.has_geometry:
        return {"type": "null"}
    name = collection.geometry_type or "Geometry"
    return {"$ref": f"https://geojson.org/schema/{name}.json"}


def property_schema(column: Column) -> dict[str, Any]:
    """The schema of a property. A copy, so that a caller may add to it."""
    described = {"description": column.description} if column.description else {}
    return {"title": column.name, **described, **value_schema(column)}


def value_schema(column: Column) -> dict[str, Any]:
    """The schema of a column's values."""
    schema = SCHEMA_OF_TYPE[column.type]
    if column.choices:
        return {**schema, "enum": list(column.choices)}
    return {**schema, "format": "uuid"} if column.sql_type == "uuid" else schema


def geometry_property(collection: Collection) -> dict[str, Any]:
    """The geometry as a spatial property: a format and no type (/req/queryables/get-queryables-response, D and E)."""
    if not collection.has_geometry:
        return {}
    kind = (collection.geometry_type or "Geometry").lower()
    name = "any" if kind == "geometry" else kind
    schema = {"title": "geometry", "format": f"geometry-{name}", "x-ogc-role": "primary-geometry"}
    return {collection.free_name("geometry"): schema}


def wide_properties(database: Database, collection: Collection) -> frozenset[str]:
    """Names of the whole numbers that do not fit into 32 bits, or of which nobody knows. Cost: one scan of the table
    for each version of loaded data, and for each call of a source, whose data may change.
    """
    columns = [column for column in collection.columns if column.type == "integer"]
    if not columns:
        return frozenset()
    if collection.source is not None:
        return look_for_wide(database, collection, columns)
    return wide_names.get(collection, None, lambda: look_for_wide(database, collection, columns))


def look_for_wide(database: Database, collection: Collection, columns: list[Column]) -> frozenset[str]:
    """The names by a look at the rows; all of them when it takes too long, or there is nothing to look at."""
    every = frozenset(column.name for column in columns)
    if collection.source is not None and collection.source.after is not None:
        return every  # a function, whose rows depend on what it is called with
    try:
        [found] = database.run(select_wide(collection, columns), timeout_s=LOOK_S)
    except (IsthmusError, psycopg.Error):
        return every
    return frozenset(column.name for column, is_wide in zip(columns, found, strict=True) if is_wide)


def select_wide(collection: Collection, columns: list[Column]) -> Statement:
    """Whether each column has a value beyond 32 bits. Rows: one (boolean, …). Cost: a scan of the table"""
    text = sql.SQL("COALESCE(bool_or({} NOT BETWEEN -2147483648 AND 2147483647), false)")
    tests = sql.SQL(", ").join(text.format(column_of(column)) for column in columns)
    return Statement(sql.SQL("SELECT {} FROM {} AS t").format(tests, relation(collection)))
