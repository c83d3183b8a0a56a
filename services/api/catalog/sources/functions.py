"""Functions that return rows as collections: their parameters are query parameters, their rows are the features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection as Names, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from psycopg import sql

from api.catalog.sources.collection import definition, geometry_members, new_collection, select_items
from api.catalog.sources.columns import BEHIND, PropertyColumn, published, read_columns
from api.catalog.sources.comments import parse_comment
from api.catalog.sources.geometry_columns import GeometryColumn, geometry_column, located
from api.catalog.sources.model import DatabaseFunction, Draft, Omission, Parameter, Systems
from api.params.items import ITEMS_PARAMETERS
from api.params.values import VALUE_PARSERS
from core.catalog.collections import Argument, Key, KeyPart, Source
from core.database.statement import quoted

ROW = "row number"
"""What the rows' numbers are called behind the SELECT. Within one call they are the order that the function gave."""

BY_ROW = Key((KeyPart("row_number", "bigint"),), is_id=False)


def overloaded(functions: Iterable[DatabaseFunction]) -> frozenset[str]:
    """The full names that several functions share."""
    names = Counter(function.full_name for function in functions)
    return frozenset(name for name, number in names.items() if number > 1)


def refused(function: DatabaseFunction, shared: Names[str]) -> Omission | None:
    """Why a function is not published; None when it is."""
    name = function.full_name
    if function.volatile:
        return Omission(name, "it is VOLATILE, so it may change data", "if it only reads, ALTER FUNCTION … STABLE")
    if function.usable and not function.attributes:
        return Omission(name, "its rows have no named columns", "let it return TABLE (…) or SETOF a composite type")
    for parameter in function.parameters:
        if parameter.required and (not parameter.name or parameter.name in ITEMS_PARAMETERS):
            reason = f"its parameter '{parameter.name}' has no name, or one that requests use already"
            return uncallable(function, shared) or Omission(name, reason, "give it another name")
    return uncallable(function, shared)


def uncallable(function: DatabaseFunction, shared: Names[str]) -> Omission | None:
    """Why no request can call a function, whatever it returns. A parameter of a request has one type and one value."""
    name = function.full_name
    if not function.usable:
        hint = f'GRANT USAGE ON SCHEMA "{function.schema}", and GRANT EXECUTE ON FUNCTION {name}, TO the API\'s role'
        return Omission(name, "it may not be called", hint)
    if name in shared:
        return Omission(name, "several functions have this name", "give each a name of its own")
    if any(parameter.mode == "v" or parameter.kind == "p" for parameter in function.parameters):
        return Omission(name, "a parameter has no one type", "declare each parameter with a type")
    return None


def named_systems(functions: Sequence[DatabaseFunction]) -> set[int]:
    """The SRIDs that comments say."""
    return {srid for function in functions if (srid := parse_comment(function.comment).srid)}


def draft_function(function: DatabaseFunction, systems: Systems, now: datetime) -> Iterator[Draft]:
    """The collection of a function. Of several geometry columns the first counts."""
    comment = parse_comment(function.comment)
    reads = read_columns(function.attributes)
    spatial = [attribute for attribute in function.attributes if attribute.is_spatial]
    geometry = located(geometry_column(spatial[0], comment.srid, None), systems) if spatial else None
    if not comment.omit and (reads or geometry):
        found = new_collection(function.name, comment, reads, geometry, systems, now)
        source = source_of(function, reads, geometry, systems)
        found = replace(found, source_path=f"{function.full_name}()", key=BY_ROW, source=source)
        yield Draft(function.schema, function.name, "", found)


def source_of(
    function: DatabaseFunction, reads: tuple[PropertyColumn, ...], geometry: GeometryColumn | None, systems: Systems
) -> Source:
    """The subquery around a call, in two halves: the arguments come between."""
    number = sql.SQL("{} AS row_number").format(quoted(BEHIND, ROW))
    items = sql.SQL(", ").join([number, *select_items(reads, geometry)])
    names = sql.SQL(", ").join([*(quoted(attribute.name) for attribute in function.attributes), quoted(ROW)])
    call = sql.SQL("(SELECT {} FROM {}(").format(items, quoted(function.schema, function.name))
    after = sql.SQL(") WITH ORDINALITY AS s ({}))").format(names)
    named = [found for found in function.parameters if found.name and found.name not in ITEMS_PARAMETERS]
    arguments = tuple(map(argument_of, named))  # others keep their defaults
    return Source(
        relation=call,
        after=after,
        definition=definition(function.oid, call.as_string(None) + after.as_string(None), arguments),
        arguments=arguments,
        **geometry_members(geometry, systems, None),
    )


def argument_of(parameter: Parameter) -> Argument:
    """A parameter as one of requests. What is no simple value is taken as text, as PostgreSQL reads it."""
    found = published(parameter.type, parameter.sql_type, parameter.kind, parameter.category, ordered=True)
    type = found[0] if found and found[0] in VALUE_PARSERS else "string"
    return Argument(parameter.name, type, parameter.sql_type, parameter.required)
