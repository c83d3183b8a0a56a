"""Functions that make tiles, `function(z integer, x integer, y integer, query json) RETURNS bytea`, as collections.

Beside z, x and y they may take one parameter of JSON, which is given whatever a request says, and typed ones by name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection as Names, Iterator
from datetime import datetime
from typing import Any

from psycopg import sql

from api.catalog.sources.comments import parse_comment
from api.catalog.sources.functions import argument_of, uncallable
from api.catalog.sources.model import DatabaseFunction, Draft, Omission, Parameter, TileFunction, literal
from core.bbox import BBox
from core.catalog.archives import MVT, Facts
from core.database.statement import quoted
from core.errors import BadBBox

PLACE = ("z", "x", "y")
WHOLE_NUMBERS = ("int2", "int4", "int8")
JSONS = ("json", "jsonb")
LARGEST_ZOOM = 24
WORLD = BBox(-180, -85.0511, 180, 85.0511)
TAGS = re.compile(r"(?<!\S)@(layers|zooms|bounds)[ \t]+([^\s,]+(?:[ \t]*,[ \t]*[^\s,]+)*)")
"""What the comment of such a function may say beside a text and @title: `@layers roads,towns @zooms 6-14 @bounds …`."""


def is_tile_function(function: DatabaseFunction) -> bool:
    """Whether a function makes tiles: it returns one bytea, and takes whole numbers named z, x and y."""
    kinds = {parameter.name: parameter.type for parameter in function.parameters}
    return not function.gives_rows and all(kinds.get(name) in WHOLE_NUMBERS for name in PLACE)


def refused_tiles(function: DatabaseFunction, shared: Names[str]) -> Omission | None:
    """Why such a function is not published; None when it is. One that is VOLATILE is: connections are read-only."""
    for parameter in typed_parameters(function):
        if parameter.required and (not parameter.name or parameter.name in ("f", *PLACE)):
            reason = f"its parameter '{parameter.name}' has no name of its own"
            return uncallable(function, shared) or Omission(function.full_name, reason, "give it another name")
    return uncallable(function, shared)


def rest_parameter(function: DatabaseFunction) -> Parameter | None:
    """The parameter that is given whatever a request says: the one named `query`, else the first of JSON."""
    jsons = [parameter for parameter in function.parameters if parameter.type in JSONS and parameter.name]
    return next((found for found in jsons if found.name == "query"), next(iter(jsons), None))


def typed_parameters(function: DatabaseFunction) -> list[Parameter]:
    """Those that have a type and a name of their own in requests."""
    rest = rest_parameter(function)
    return [found for found in function.parameters if found is not rest and found.name not in PLACE]


def draft_tile_function(function: DatabaseFunction, now: datetime) -> Iterator[Draft]:
    """The collection of such a function."""
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
