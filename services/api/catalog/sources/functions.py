"""Functions that return rows as collections: their parameters are query parameters, their rows are the features."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection as Names, Iterable, Iterator, Sequence
from datetime import datetime

from psycopg import sql

from api.catalog.sources.columns import BEHIND, PropertyColumn, read_columns
from api.catalog.sources.comments import Comment, parse_comment
from api.catalog.sources.crs_extents import domain
from api.catalog.sources.geometry_columns import GeometryColumn, located, mercator, shape_items, shape_of, shown
from api.catalog.sources.model import DatabaseFunction, Draft, Omission, Parameter, Systems
from api.catalog.sources.times import choose_times
from api.catalog.sources.types import published
from api.params.items import ITEMS_PARAMETERS
from api.params.values import VALUE_PARSERS
from core.catalog import GEOM, Argument, Collection, Key, KeyPart, Source
from core.statement import quoted

ROW = "row number"
"""What the rows' numbers are called behind the SELECT. Within one call they are the order that the function gave."""

BY_ROW = Key((KeyPart("row_number", "bigint"),), is_id=False)


def overloaded(functions: Iterable[DatabaseFunction]) -> frozenset[str]:
    """The full names that several functions share."""
    names = Counter(function.full_name for function in functions)
    return frozenset(name for name, number in names.items() if number > 1)


def refused(function: DatabaseFunction, shared: Names[str]) -> Omission | None:
    """Why a function is not published; None when it is."""
    name, parameters = function.full_name, function.parameters
    if function.volatile:
        return Omission(name, "it is VOLATILE, so it may change data", "if it only reads, ALTER FUNCTION … STABLE")
    if not function.usable:
        hint = f'GRANT USAGE ON SCHEMA "{function.schema}", and GRANT EXECUTE ON FUNCTION {name}, TO the API\'s role'
        return Omission(name, "it may not be called", hint)
    if not function.attributes:
        return Omission(name, "its rows have no named columns", "let it return TABLE (…) or SETOF a composite type")
    if name in shared:
        return Omission(name, "several functions have this name", "give each a name of its own")
    if has_open_types(function):
        return Omission(name, *OPEN_TYPES)
    for parameter in parameters:
        if parameter.required and (not parameter.name or parameter.name in ITEMS_PARAMETERS):
            reason = f"its parameter '{parameter.name}' has no name, or one that requests use already"
            return Omission(name, reason, "give it another name")
    return None


OPEN_TYPES = "a parameter has no one type", "declare each parameter with a type"


def has_open_types(function: DatabaseFunction) -> bool:
    """Whether a parameter takes values of any number or type, which no parameter of a request can."""
    return any(parameter.mode == "v" or parameter.kind == "p" for parameter in function.parameters)


def named_systems(functions: Sequence[DatabaseFunction]) -> set[int]:
    """The SRIDs that comments say."""
    return {srid for function in functions if (srid := parse_comment(function.comment).srid)}


def draft_function(function: DatabaseFunction, systems: Systems, now: datetime) -> Iterator[Draft]:
    """The collection of a function. Of several geometry columns the first counts."""
    comment = parse_comment(function.comment)
    reads = read_columns(function.attributes)
    spatial = [attribute for attribute in function.attributes if attribute.is_spatial]
    shape = located(shape_of(spatial[0], comment.srid, None), systems) if spatial else None
    if not comment.omit and (reads or shape):
        yield Draft(function.schema, function.name, "", collection_of(function, comment, reads, shape, systems, now))


def collection_of(  # noqa: PLR0913
    function: DatabaseFunction,
    comment: Comment,
    reads: tuple[PropertyColumn, ...],
    shape: GeometryColumn | None,
    systems: Systems,
    now: datetime,
) -> Collection:
    """The collection of a function, without its id."""
    system = systems.get(shape.srid) if shape else None
    start, end = choose_times([read.column for read in reads], comment.time)
    return Collection(
        id="",
        title=comment.title or function.name,
        description=comment.description,
        attribution=None,
        source_path=f"{function.full_name}()",
        version=0,
        table=function.name,
        row_count=None,
        srid=shape.srid if shape else None,
        srs_authority=system.authority if system else None,
        srs_text=system.text if system else None,
        geometry_type=shape.geometry_type if shape else None,
        null_geometries=1 if shape else 0,
        bbox_crs84=None,
        storage_bbox=None,
        temporal_column=start,
        temporal_end_column=end,
        interval=None,
        columns=tuple(read.column for read in reads),
        loaded_at=now,
        changed_at=now,
        cache_control=None,
        key=BY_ROW,
        source=source_of(function, reads, shape, systems),
    )


def source_of(
    function: DatabaseFunction, reads: tuple[PropertyColumn, ...], shape: GeometryColumn | None, systems: Systems
) -> Source:
    """The subquery around a call, in two halves: the arguments come between."""
    number = sql.SQL("{} AS row_number").format(quoted(BEHIND, ROW))
    items = [number, *(read.item for read in reads), *(shape_items(shape) if shape else [])]
    names = [quoted(attribute.name) for attribute in function.attributes]
    call = sql.SQL("(SELECT {} FROM {}(").format(sql.SQL(", ").join(items), quoted(function.schema, function.name))
    after = sql.SQL(") WITH ORDINALITY AS s ({}))").format(sql.SQL(", ").join([*names, quoted(ROW)]))
    arguments = tuple(map(argument_of, callable_parameters(function)))
    text = call.as_string(None) + after.as_string(None)
    return Source(
        relation=call,
        shown=shown(shape) if shape else GEOM,
        mercator=mercator(shape, systems) if shape else GEOM,
        after=after,
        definition=hashlib.sha256(repr((function.oid, text, arguments)).encode()).hexdigest()[:12],
        arguments=arguments,
        domain_crs84=domain(shape.srid, systems, None) if shape else None,
        limits=systems[shape.srid].limits if shape and shape.srid in systems else None,
        is_geography=shape is not None and shape.is_geography,
    )


def callable_parameters(function: DatabaseFunction) -> list[Parameter]:
    """The parameters that requests can name; others keep their defaults."""
    return [p for p in function.parameters if p.name and p.name not in ITEMS_PARAMETERS]


def argument_of(parameter: Parameter) -> Argument:
    """A parameter as one of requests. What is no simple value is taken as text, as PostgreSQL reads it."""
    found = published(parameter.type, parameter.sql_type, parameter.kind, parameter.category, ordered=True)
    type = found[0] if found and found[0] in VALUE_PARSERS else "string"
    return Argument(parameter.name, type, parameter.sql_type, parameter.required)
