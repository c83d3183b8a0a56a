"""One tree for filters that mean the same: order and repetition of conditions do not count, nor the form of numbers.

It serves as a key; the database gets it as it was written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any, cast

from api.cql2.text_encoding.writer import render_text
from api.cql2.tree import ast
from api.cql2.tree.ast import Node


def normalised(node: Node) -> Node:
    """The tree in the form that all its spellings have."""
    match node:
        case ast.And(args) | ast.Or(args):
            return joined(type(node), args)
        case ast.In(value, items):
            return ast.In(normalised(value), in_order(map(normalised, items)))
        case ast.Number(value):
            return ast.Number(plain(value))
        case _:
            return replace(node, **{name: inner(value) for name, value in parts_of(node).items()})


def joined(kind: type[ast.And] | type[ast.Or], args: Iterable[Node]) -> Node:
    """Conditions of AND or OR, those of the same operator below it among them, each once and in order."""
    flat: list[Node] = []
    for arg in map(normalised, args):
        flat.extend(arg.args if isinstance(arg, kind) else (arg,))
    ordered = in_order(flat)
    first, *others = ordered
    return kind(ordered) if others else first


def in_order(nodes: Iterable[Node]) -> tuple[Node, ...]:
    """Nodes, each once, in the order of their texts."""
    by_text = {render_text(node): node for node in nodes}
    return tuple(by_text[text] for text in sorted(by_text))


def plain(value: int | Decimal) -> int | Decimal:
    """A number without zeros at its end, and as a whole one where it is one."""
    if isinstance(value, int):
        return value
    return int(value) if value == value.to_integral_value() else value.normalize()


def parts_of(node: Node) -> dict[str, Any]:
    """The members of a node that hold nodes."""
    found = {member.name: getattr(node, member.name) for member in fields(node)}
    return {name: value for name, value in found.items() if isinstance(value, Node) or is_nodes(value)}


def is_nodes(value: object) -> bool:
    """Whether a value is a tuple of nodes."""
    return isinstance(value, tuple) and any(isinstance(part, Node) for part in cast("tuple[object, ...]", value))


def inner(value: Node | tuple[Node, ...]) -> Node | tuple[Node, ...]:
    """A member with its nodes normalised."""
    return normalised(value) if isinstance(value, Node) else tuple(map(normalised, value))
