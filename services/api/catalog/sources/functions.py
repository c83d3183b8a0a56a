"""Functions as collections. Of those that return rows, parameters are query parameters, and rows are the features.

Others make tiles: `function(z integer, x integer, y integer, query json) RETURNS bytea`. Beside z, x and y they may
take one parameter of JSON, which is given whatever a request says, and typed ones by name.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection as Names, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from psycopg import sql

from api.catalog.sources.collection import definition, geometry_members, new_collection, parse_comment, select_items
from api.catalog.sources.columns import BEHIND, INTEGERS, PropertyColumn, published, read_columns
from api.catalog.sources.geometry_columns import GeometryColumn, geometry_column, located
from api.catalog.sources.model import DatabaseFunction, Draft, Omission, Parameter, Systems, TileFunction, literal
from api.params.items import ITEMS_PARAMETERS
from api.params.near import NEAR_PARAMETERS
from api.params.values import VALUE_PARSERS
from core.bbox import BBox
from core.catalog.archives import MVT, Facts
from core.catalog.collections import Argument, Key, KeyPart, Source
from core.database.statement import quoted
from core.errors import BadBBox

ROW = "row number"
"""What the rows' numbers are called behind the SELECT. Within one call they are the order that the function gave."""

BY_ROW = Key((KeyPart("row_number", "bigint"),), is_id=False)

PLACE = ("z", "x", "y")
JSONS = ("json", "jsonb")
LARGEST_ZOOM = 24
WORLD = BBox(-180, -85.0511, 180, 85.0511)
TAGS = re.compile(r"(?<!\S)@(layers|zooms|bounds)[ \t]+([^\s,]+(?:[ \t]*,[ \t]*[^\s,]+)*)")
"""What the comment of one that makes tiles may say beside a text and @title: `@layers roads,towns @zooms 6-14`."""


def overloaded(functions: Iterable[DatabaseFunction]) -> frozenset[str]:
    """The full names that several functions share."""
    names = Counter(function.full_name for function in functions)
    return frozenset(name for name, number in names.items() if number > 1)


def is_tile_function(function: DatabaseFunction) -> bool:
    """Whether a function makes tiles: it returns one bytea, and takes whole numbers named z, x and y."""
    kinds = {parameter.name: parameter.type for parameter in function.parameters}
    return not function.gives_rows and all(kinds.get(name) in INTEGERS for name in PLACE)


def rest_parameter(function: DatabaseFunction) -> Parameter | None:
    """The parameter that is given whatever a request says: the one named `query`, else the first of JSON."""
    jsons = [parameter for parameter in function.parameters if parameter.type in JSONS and parameter.name]
    return next((found for found in jsons if found.name == "query"), next(iter(jsons), None))


def typed_parameters(function: DatabaseFunction) -> list[Parameter]:
    """Those that have a type and a name of their own in requests."""
    rest = rest_parameter(function)
    return [found for found in function.parameters if found is not rest and found.name not in PLACE]


def refused(function: DatabaseFunction, shared: Names[str]) -> Omission | None:
    """Why a function is not published; None when it is. One that makes tiles is, also where it is VOLATILE: connections
    are read-only.
    """
    name = function.full_name
    if function.volatile and not is_tile_function(function):
        return Omission(name, "it is VOLATILE, so it may change data", "if it only reads, ALTER FUNCTION … STABLE")
    if function.usable and function.gives_rows and not function.attributes:
        return Omission(name, "its rows have no named columns", "let it return TABLE (…) or SETOF a composite type")
    return uncallable(function, shared) or unnamed(function)


TAKEN = frozenset(ITEMS_PARAMETERS) - frozenset(NEAR_PARAMETERS)
"""Names that requests for rows use already."""


def unnamed(function: DatabaseFunction) -> Omission | None:
    """Why no request can name an argument that a function needs."""
    used = ("f",) if is_tile_function(function) else TAKEN
    needed = typed_parameters(function) if is_tile_function(function) else function.parameters
    for parameter in needed:
        if parameter.required and (not parameter.name or parameter.name in used):
            reason = f"its parameter '{parameter.name}' has no name, or one that requests use already"
            return Omission(function.full_name, reason, "give it another name")
    return None


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
    """The collection of a function."""
    return draft_tiles(function, now) if is_tile_function(function) else draft_rows(function, systems, now)


def draft_rows(function: DatabaseFunction, systems: Systems, now: datetime) -> Iterator[Draft]:
    """The collection of one that returns rows. Of several geometry columns the first counts."""
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
    named = [found for found in function.parameters if found.name and found.name not in TAKEN]
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


def draft_tiles(function: DatabaseFunction, now: datetime) -> Iterator[Draft]:
    """The collection of one that makes tiles."""
    comment, tags = parse_comment(TAGS.sub("", function.comment or "")), dict(TAGS.findall(function.comment or ""))
    if comment.omit:
        return
    arguments = tuple(argument_of(found) for found in typed_parameters(function) if found.name not in ("", "f"))
    made = TileFunction(
        id="",
        source_path=f"{function.full_name}()",
        title=comment.title or function.name,
        description=comment.description,
        attribution=None,
        cache_control=None,
        size_bytes=0,
        mtime_ns=0,
        facts=facts_of(tags),
        changed_at=now,
        call=call_of(function),
        arguments=arguments,
        takes_rest=rest_parameter(function) is not None,
    )
    yield Draft(function.schema, function.name, "", made)


def call_of(function: DatabaseFunction) -> sql.Composable:
    """The call as far as it is always the same: its arguments, and the bracket, come behind."""
    items = [
        sql.SQL("{} => {}::{}").format(quoted(found.name), sql.Placeholder(found.name), literal(found.sql_type))
        for found in function.parameters
        if found.name in PLACE
    ]
    rest = rest_parameter(function)
    if rest is not None:
        items.append(sql.SQL("{} => %(query)s::{}").format(quoted(rest.name), literal(rest.sql_type)))
    name = quoted(function.schema, function.name)
    return sql.SQL("{}({}").format(name, sql.SQL(", ").join(items))


def facts_of(tags: dict[str, str]) -> Facts:
    """What the comment says of the tiles; a word that is none is passed over."""
    first, last = zooms_of(tags.get("zooms", ""))
    box = box_of(tags.get("bounds", ""))
    names = [name for name in re.split(r"[\s,]+", tags.get("layers", "")) if name]
    layers: list[dict[str, Any]] = [{"id": name, "fields": {}, "minzoom": first, "maxzoom": last} for name in names]
    size_deg = max(box.east - box.west, 2 * (box.north - box.south), 360 / 2**last)
    zoom = max(first, min(last, math.floor(math.log2(360 / size_deg))))
    return Facts("function", MVT, (first, last), box, (*box.centre(), zoom), tuple(layers))


def zooms_of(text: str) -> tuple[int, int]:
    """`6-14`, or one zoom; all of them for anything else."""
    found = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", text)
    if found is None:
        return 0, LARGEST_ZOOM
    first, last = int(found[1]), int(found[2] or found[1])
    return (first, last) if first <= last <= LARGEST_ZOOM else (0, LARGEST_ZOOM)


def box_of(text: str) -> BBox:
    """`west,south,east,north` in degrees; the world for anything else."""
    try:
        box = BBox(*map(float, text.split(",")))
    except (ValueError, TypeError, BadBBox):
        return WORLD
    return box if box.west <= box.east else WORLD
