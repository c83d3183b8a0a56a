"""A tree to CQL2 JSON text. Numbers stay exactly as they were read, for which Python's own writer has no means."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.literals import instant_text

Json = Any


def render_json(node: Node) -> str:
    """The JSON text of a tree."""
    return dumps(value_of(node))


def dumps(value: Json) -> str:
    """JSON text; decimals keep their digits."""
    if isinstance(value, dict):
        members = cast("dict[str, Json]", value)
        return "{" + ", ".join(f"{json.dumps(name)}: {dumps(part)}" for name, part in members.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dumps, cast("list[Json]", value))) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def op(name: str, *args: Node) -> Json:
    """An operation object."""
    return {"op": name, "args": [value_of(arg) for arg in args]}


def value_of(node: Node) -> Json:
    """The JSON value of a condition or a predicate."""
    match node:
        case ast.Junction(args):
            return op(type(node).__name__.lower(), *args)
        case ast.Not(arg):
            return op("not", arg)
        case ast.IsNull(value):
            return op("isNull", value)
        case ast.Like(value, pattern):
            return op("like", value, pattern)
        case ast.Between(value, low, high):
            return op("between", value, low, high)
        case ast.In(value, items):
            return {"op": "in", "args": [value_of(value), [value_of(item) for item in items]]}
        case ast.Binary(name, left, right):
            return op(name, left, right)
        case _:
            return operand_value(node)


def operand_value(node: Node) -> Json:
    """The JSON value of a part of a predicate."""
    match node:
        case ast.Property(name):
            return {"property": name}
        case ast.FunctionCall(name, args):
            return op(name, *args)
        case ast.CaseI(value):
            return op("casei", value)
        case ast.AccentI(value):
            return op("accenti", value)
        case ast.Array(items):
            return [value_of(item) for item in items]
        case ast.TimeInterval(start, end):
            return {"interval": [interval_end(start), interval_end(end)]}
        case _:
            return literal_value(node)


def interval_end(node: Node | None) -> Json:
    """An end of an interval."""
    if node is None:
        return ".."
    return instant_text(node) if isinstance(node, ast.Date | ast.Timestamp) else value_of(node)


def literal_value(node: Node) -> Json:
    """The JSON value of a literal."""
    match node:
        case ast.String(value) | ast.Number(value) | ast.Boolean(value):
            return value
        case ast.Date():
            return {"date": instant_text(node)}
        case ast.Timestamp():
            return {"timestamp": instant_text(node)}
        case ast.BBox(numbers):
            return {"bbox": numbers}
        case _:
            return render_shape(cast("ast.Geometry | ast.GeometryCollection", node))


def render_shape(shape: ast.Geometry | ast.GeometryCollection) -> dict[str, Json]:
    """The GeoJSON object of a geometry."""
    if isinstance(shape, ast.GeometryCollection):
        return {"type": "GeometryCollection", "geometries": [render_shape(part) for part in shape.geometries]}
    return {"type": shape.type, "coordinates": shape.coordinates}
