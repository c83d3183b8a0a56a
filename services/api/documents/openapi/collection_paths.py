"""The path of one collection's items, with everything that only this collection has."""

from __future__ import annotations

from typing import Any

from api.documents.openapi.examples import VALUES, items_examples
from api.documents.openapi.operations import OPERATIONS
from api.documents.openapi.parameters import with_example
from api.documents.openapi.rendering import reference, render_operation, search_body
from api.documents.schemas import SCHEMA_OF_TYPE, value_schema
from api.features.samples import Sample
from api.formats.registry import ITEMS_FORMATS, is_offered
from api.http.links import quoted_path
from api.params.items import queryable_columns, sortable_columns
from api.query.crs import accepted_crs
from core.catalog.collections import Collection

ITEMS = {operation.method: operation for operation in OPERATIONS if operation.path.endswith("}/items")}
OF_A_COLLECTION = ("filter", "sortby", "properties", "exclude-properties", "bbox", "datetime", "ids", "q", "cursor")
"""Parameters whose examples are other ones in each collection."""


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
