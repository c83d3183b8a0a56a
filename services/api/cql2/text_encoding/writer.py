"""A tree to CQL2 Text, in one canonical form: the same tree gives the same text, and the text reads as that tree. Also
one tree for all filters that mean the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from api.cql2.text_encoding.tokens import CONTROLS, GEOMETRY_NAMES, RESERVED, WORD
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.geometry import wkt
from api.cql2.tree.literals import instant_text

ESCAPES = str.maketrans({"\\": "\\\\", "'": "''", **{code: f"\\{letter}" for letter, code in CONTROLS.items()}})
OPS = (*ast.SPATIAL_OPS, *ast.TEMPORAL_OPS, *ast.ARRAY_OPS, "date", "timestamp", "interval", "casei", "accenti")
KEYWORDS = RESERVED | GEOMETRY_NAMES | {op.upper() for op in OPS}
STRENGTH: dict[str, int] = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "div": 2, "^": 3}
"""Operator -> how strongly it binds; operands that bind no stronger stand in parentheses."""


def render_text(node: Node) -> str:
    """The text of a tree."""
    match node:
        case ast.Junction(args):
            return f" {type(node).__name__.upper()} ".join(map(condition, args))
        case ast.Not(arg):
            return f"NOT {condition(arg)}"
        case ast.IsNull(value):
            return f"{operand(value)} IS NULL"
        case ast.Comparison(op, left, right):
            return f"{operand(left)} {op} {operand(right)}"
        case ast.Like(value, pattern):
            return f"{operand(value)} LIKE {operand(pattern)}"
        case ast.Between(value, low, high):
            return f"{operand(value)} BETWEEN {operand(low)} AND {operand(high)}"
        case ast.In(value, items):
            return f"{operand(value)} IN ({', '.join(map(operand, items))})"
        case ast.Arithmetic(op, left, right):
            return f"{factor(left, op)} {op} {factor(right, op, right=True)}"
        case ast.Binary(op, left, right):
            return f"{op.upper()}({operand(left)}, {operand(right)})"
        case _:
            return value_text(node)


def condition(node: Node) -> str:
    """A part of AND, OR and NOT."""
    return f"({render_text(node)})" if isinstance(node, ast.And | ast.Or | ast.Not) else render_text(node)


def operand(node: Node) -> str:
    """A part of a predicate."""
    return f"({render_text(node)})" if isinstance(node, ast.PREDICATES) else render_text(node)


def value_text(node: Node) -> str:
    """The text of what is no predicate."""
    match node:
        case ast.FunctionCall(name, args):
            return f"{name}({', '.join(map(render_text, args))})"
        case ast.CaseI(value):
            return f"CASEI({render_text(value)})"
        case ast.AccentI(value):
            return f"ACCENTI({render_text(value)})"
        case ast.TimeInterval(start, end):
            return f"INTERVAL({interval_end(start)}, {interval_end(end)})"
        case ast.Array(items):
            return f"({', '.join(map(render_text, items))})"
        case ast.Property(name):
            return name_text(name)
        case _:
            return literal_text(node)


def factor(node: Node, op: str, *, right: bool = False) -> str:
    """A part of a calculation, in parentheses where the order would change without them."""
    text = render_text(node)
    if not isinstance(node, ast.Arithmetic):
        return text
    strength = STRENGTH[node.op]
    same = strength == STRENGTH[op] and (right or op == "^")
    return f"({text})" if strength < STRENGTH[op] or same else text


def interval_end(node: Node | None) -> str:
    """An end of an interval."""
    if node is None:
        return "'..'"
    return f"'{instant_text(node)}'" if isinstance(node, ast.Date | ast.Timestamp) else render_text(node)


def name_text(name: str) -> str:
    """A property's name, in double quotes where it is no identifier or is a keyword."""
    plain = WORD.fullmatch(name) and name.upper() not in KEYWORDS
    return name if plain else '"' + name.replace('"', '""') + '"'


def literal_text(node: Node) -> str:
    """The text of a literal."""
    match node:
        case ast.String(value):
            return f"'{value.translate(ESCAPES)}'"
        case ast.Number(value):
            return str(value)
        case ast.Boolean(value):
            return "TRUE" if value else "FALSE"
        case ast.Date():
            return f"DATE('{instant_text(node)}')"
        case ast.Timestamp():
            return f"TIMESTAMP('{instant_text(node)}')"
        case ast.BBox(numbers):
            return f"BBOX({', '.join(map(repr, numbers))})"
        case _:
            return wkt(cast("ast.Geometry | ast.GeometryCollection", node))


def normalised(node: Node) -> Node:
    """The tree in the form that all filters have which mean the same: order and repetition of conditions do not count,
    nor the form of numbers. It serves as a key; the database gets it as it was written.
    """
    match node:
        case ast.Junction():
            return joined(node)
        case ast.In(value, items):
            return ast.In(normalised(value), in_order(map(normalised, items)))
        case ast.Number(value):
            return ast.Number(plain(value))
        case _:
            return replace(node, **{name: inner(getattr(node, name)) for name in ast.members(type(node))})


def inner(value: Any) -> Any:
    """A member of a node with its nodes normalised."""
    if isinstance(value, tuple):
        return tuple(map(inner, cast("tuple[Any, ...]", value)))
    return normalised(value) if isinstance(value, Node) else value


def joined(node: ast.Junction) -> Node:
    """Conditions of AND or OR, those of the same operator below it among them, each once and in order."""
    kind = type(node)
    flat: list[Node] = []
    for arg in map(normalised, node.args):
        flat.extend(arg.args if isinstance(arg, kind) else (arg,))
    ordered = in_order(flat)
    return kind(ordered) if ordered[1:] else ordered[0]


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes, each once, in the order of their texts."""
    by_text = {render_text(node): node for node in nodes}
    return tuple(by_text[text] for text in sorted(by_text))


def plain(value: int | Decimal) -> int | Decimal:
    """A number without zeros at its end, and as a whole one where it is one."""
    if isinstance(value, int):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()
