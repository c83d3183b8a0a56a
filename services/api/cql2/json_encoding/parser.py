"""CQL2 JSON to a tree. Places of mistakes are JSON pointers.

Source: OGC 21-065r2, annex C. Taken beyond the schema: operators in any case, a property alone as a condition, and
geometry collections of fewer than two.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NoReturn, cast

from api.cql2.text_encoding.tokens import RESERVED, WORD
from api.cql2.tree import ast
from api.cql2.tree.ast import Node, mistake, mistakes_at
from api.cql2.tree.geometry import bbox, finite, geometry
from api.cql2.tree.literals import (
    MAX_LENGTH_JSON,
    check_json_depth,
    check_length,
    check_text,
    check_tree,
    parse_date,
    parse_instant,
    parse_number,
    parse_timestamp,
)

Json = Any
Build = Callable[[str, list[Json], str], Node]

LOWER = {op.lower(): op for op in ("isNull", *ast.SPATIAL_OPS, *ast.TEMPORAL_OPS, *ast.ARRAY_OPS)}
PATTERNS = (ast.String, ast.CaseI, ast.AccentI)


def parse_json(text: str) -> Node:
    """The tree of a filter that is JSON text. Raises: BadFilter with a JSON pointer to the mistake"""
    check_length(text, MAX_LENGTH_JSON)
    check_json_depth(text)
    try:
        value: Json = json.loads(text, parse_int=parse_number, parse_float=parse_number, parse_constant=no_number)
    except json.JSONDecodeError as error:
        raise mistake(f"the filter is no JSON: {error.msg}", error.pos) from error
    except ValueError as error:
        raise mistake(str(error)) from error
    root = read(value, "", ast.CONDITIONS, "a condition")
    check_tree(root)
    return root


def no_number(text: str) -> NoReturn:
    """NaN and Infinity, which Python's JSON would let pass."""
    raise ValueError(f"{text} is no JSON")


def read(value: Json, at: str, kinds: tuple[type[Node], ...], what: str) -> Node:
    """The node of a value. Raises: BadFilter when it is of none of the kinds"""
    node = node_of(value, at)
    if not isinstance(node, kinds):
        raise mistake(f"expected {what}", at)
    return node


def node_of(value: Json, at: str) -> Node:
    """The node of any value."""
    if isinstance(value, bool):
        return ast.Boolean(value, at=at)
    if isinstance(value, int | Decimal):
        return ast.Number(value, at=at)
    if isinstance(value, str):
        return ast.String(text_of(value, at), at=at)
    if isinstance(value, list):
        items = cast("list[Json]", value)
        return ast.Array(tuple(node_of(item, f"{at}/{index}") for index, item in enumerate(items)), at=at)
    if isinstance(value, dict):
        return object_node(cast("dict[str, Json]", value), at)
    raise mistake("null is no value of CQL2", at, hint='write {"op": "isNull", "args": [...]}')


def object_node(value: dict[str, Json], at: str) -> Node:
    """The node of an object, by the member that names its kind."""
    if "op" in value:
        return operation(value, at)
    if "property" in value:
        name = text_of(value["property"], f"{at}/property")
        return ast.Property(name, at=at)
    if "date" in value or "timestamp" in value:
        return instant(value, at)
    if "interval" in value:
        start, end = elements(value["interval"], f"{at}/interval", 2)
        return ast.TimeInterval(interval_end(start, f"{at}/interval/0"), interval_end(end, f"{at}/interval/1"), at=at)
    if "type" in value or "bbox" in value:
        with mistakes_at(at):
            return parse_shape(value, at)
    raise mistake("an object is no operation, property, time or geometry", at, hint='it has a member such as "op"')


def text_of(value: Json, at: str) -> str:
    """A text that PostgreSQL can hold. Raises: BadFilter"""
    if not isinstance(value, str):
        raise mistake("expected a text", at)
    with mistakes_at(at):
        return check_text(value)


def instant(value: dict[str, Json], at: str) -> Node:
    """`{"date": "2024-05-01"}` or `{"timestamp": "2024-05-01T12:00:00Z"}`."""
    with mistakes_at(at):
        if "date" in value:
            return ast.Date(parse_date(text_of(value["date"], f"{at}/date")), at=at)
        return ast.Timestamp(parse_timestamp(text_of(value["timestamp"], f"{at}/timestamp")), at=at)


def interval_end(value: Json, at: str) -> Node | None:
    """`".."`, an instant, a property or a call."""
    if not isinstance(value, str):
        return read(value, at, (ast.Date, ast.Timestamp, ast.Property, ast.FunctionCall), "a day or a time")
    with mistakes_at(at):
        return None if value == ".." else parse_instant(value, at)


def elements(value: Json, at: str, count: int | None = None) -> list[Json]:
    """A list, of a certain length if one is given. Raises: BadFilter"""
    if not isinstance(value, list):
        raise mistake("expected a list", at)
    items = cast("list[Json]", value)
    if count is not None and len(items) != count:
        raise mistake(f"expected {count} elements, not {len(items)}", at)
    return items


def operation(value: dict[str, Json], at: str) -> Node:
    """An operator with its `args`, or the call of a function."""
    op = text_of(value["op"], f"{at}/op")
    if "args" not in value:
        raise mistake(f"'{op}' has no args", at)
    place = f"{at}/args"
    args = elements(value["args"], place)
    name = LOWER.get(op.lower(), op.lower())
    builder = BUILDERS.get(name)
    if builder is not None:
        return builder(name, args, at)
    if not WORD.fullmatch(op) or op.upper() in RESERVED or op.upper() in ("DATE", "TIMESTAMP", "INTERVAL", "BBOX"):
        raise mistake(f"'{op}' is no operator and no name of a function", f"{at}/op")
    return ast.FunctionCall(op, tuple(node_of(arg, f"{place}/{index}") for index, arg in enumerate(args)), at=at)


def operands(args: list[Json], at: str, *kinds: tuple[tuple[type[Node], ...], str]) -> list[Node]:
    """As many arguments as there are kinds, each of its kind."""
    elements(args, f"{at}/args", len(kinds))
    return [
        read(arg, f"{at}/args/{index}", kind, what)
        for index, (arg, (kind, what)) in enumerate(zip(args, kinds, strict=True))
    ]


def joined(op: str, args: list[Json], at: str) -> Node:
    """AND and OR."""
    if len(args) < 2:
        raise mistake(f"'{op}' takes two or more conditions", f"{at}/args")
    parts = tuple(read(arg, f"{at}/args/{i}", ast.CONDITIONS, "a condition") for i, arg in enumerate(args))
    return ast.And(parts, at=at) if op == "and" else ast.Or(parts, at=at)


def in_list(_: str, args: list[Json], at: str) -> Node:
    """IN: a value and a list. The schema has lists of nothing too, which no value is in."""
    value, items = elements(args, f"{at}/args", 2)
    listed = elements(items, f"{at}/args/1")
    scalars = [read(item, f"{at}/args/1/{i}", ast.SCALARS, "a value") for i, item in enumerate(listed)]
    wanted = read(value, f"{at}/args/0", ast.SCALARS, "a value")
    if not scalars:
        return ast.And((ast.Boolean(False, at=at), ast.IsNull(wanted, at=at)), at=at)
    return ast.In(wanted, tuple(scalars), at=at)


def is_null(_: str, args: list[Json], at: str) -> Node:
    """IS NULL, of anything but a list."""
    [value] = operands(args, at, ((Node,), "a value"))
    if isinstance(value, ast.Array):
        raise mistake("a list is never null", f"{at}/args/0")
    return ast.IsNull(value, at=at)


def pair(make: Callable[..., Node], kinds: tuple[type[Node], ...], what: str) -> Build:
    """The builder of a node with an operator and two operands of the same kind."""

    def build(op: str, args: list[Json], at: str) -> Node:
        left, right = operands(args, at, (kinds, what), (kinds, what))
        return make(op, left, right, at=at)

    return build


def plain(make: Callable[..., Node], *kinds: tuple[tuple[type[Node], ...], str]) -> Build:
    """The builder of a node that has nothing but operands."""
    return lambda _, args, at: make(*operands(args, at, *kinds), at=at)


TEXT, SCALAR = (ast.TEXTS, "a text"), (ast.SCALARS, "a value to compare")
BUILDERS: dict[str, Build] = {
    "and": joined,
    "or": joined,
    "not": plain(ast.Not, (ast.CONDITIONS, "a condition")),
    "like": plain(ast.Like, TEXT, (PATTERNS, "a pattern")),
    "between": plain(ast.Between, SCALAR, SCALAR, SCALAR),
    "in": in_list,
    "isNull": is_null,
    "casei": plain(ast.CaseI, TEXT),
    "accenti": plain(ast.AccentI, TEXT),
    **dict.fromkeys(ast.COMPARISON_OPS, pair(ast.Comparison, ast.SCALARS, "a value to compare")),
    **dict.fromkeys(ast.ARITHMETIC_OPS, pair(ast.Arithmetic, ast.NUMBERS, "a number")),
    **dict.fromkeys(ast.SPATIAL_OPS, pair(ast.Spatial, ast.GEOMETRIES, "a geometry")),
    **dict.fromkeys(ast.TEMPORAL_OPS, pair(ast.Temporal, ast.TIMES, "a time")),
    **dict.fromkeys(ast.ARRAY_OPS, pair(ast.ArrayPredicate, ast.ARRAYS, "a list")),
}


MOST_NUMBERS = 3
"""Numbers of a position that are read; GeoJSON allows more and gives them no meaning."""


def parse_shape(value: dict[str, Json], at: ast.Place = None) -> ast.Geometry | ast.GeometryCollection | ast.BBox:
    """A geometry object, or `{"bbox": [...]}`."""
    if "type" not in value:
        return bbox(numbers(value["bbox"]), at)
    if value["type"] != "GeometryCollection":
        return parse_single(value, at)
    parts = a_list(value.get("geometries"))
    return ast.GeometryCollection(tuple(parse_single(part) for part in parts), at=at)


def parse_single(value: Json, at: ast.Place = None) -> ast.Geometry:
    """A geometry that is no collection."""
    if not isinstance(value, dict):
        raise ValueError("a geometry is no object")  # noqa: TRY004 (every mistake of a filter is a ValueError here)
    members = cast("dict[str, Json]", value)
    name: Json = members.get("type")
    if not isinstance(name, str) or name not in ast.LEVELS:
        raise ValueError(f"a geometry has no type of {', '.join(ast.LEVELS)}")
    return geometry(cast("ast.GeometryType", name), coordinates(members.get("coordinates"), ast.LEVELS[name]), at)


def coordinates(value: Json, level: int) -> ast.Coordinates:
    """Lists within lists around positions."""
    if level == 0:
        return position(value) if value != [] else ()
    return tuple(position(part) if level == 1 else coordinates(part, level - 1) for part in a_list(value))


def position(value: Json) -> ast.Position:
    """Two or three numbers."""
    found = numbers(value)
    if len(found) < 2:
        raise ValueError("a position has fewer than two numbers")
    return found[:MOST_NUMBERS]


def numbers(value: Json) -> tuple[float, ...]:
    """A list of finite numbers."""
    found = a_list(value)
    if any(isinstance(number, bool) or not isinstance(number, int | Decimal) for number in found):
        raise ValueError("a coordinate is no number")
    return tuple(finite(number) for number in found)


def a_list(value: Json) -> list[Json]:
    """The list itself."""
    if not isinstance(value, list):
        raise ValueError("coordinates are no list where one is needed")  # noqa: TRY004 (as above)
    return cast("list[Json]", value)
