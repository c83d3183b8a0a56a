"""How many digits a calculation may have: numbers are exact, so a chain of products would grow without end."""

from __future__ import annotations

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.errors import mistake

MOST_DIGITS = 2000
"""A product of that many digits takes about 0.1 ms for each feature."""

OF_A_COLUMN, OF_A_POWER = 40, 700
"""Digits that are reckoned with: doubles have 17, powers end at about 304 before the point, with as many behind it."""


def check_digits(node: ast.Arithmetic) -> None:
    """Raises: BadFilter when the result may have too many digits"""
    if digits(node) > MOST_DIGITS:
        hint = "multiply fewer numbers, or compare each with its own limit"
        raise mistake(f"'{node.op}' may have a result of more than {MOST_DIGITS} digits", node.at, hint=hint)


def digits(node: Node) -> int:
    """The most digits of a number, about."""
    match node:
        case ast.Number(value):
            return len(f"{value:f}")
        case ast.Arithmetic(op, left, right):
            parts = digits(left), digits(right)
            return {"^": OF_A_POWER, "*": sum(parts), "/": sum(parts)}.get(op, max(parts) + 1)
        case _:
            return OF_A_COLUMN
