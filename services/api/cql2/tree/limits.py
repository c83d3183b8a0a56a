"""How large and deep a filter may be, and how long its numbers. Checked without recursion: none exhausts the stack."""

from __future__ import annotations

import re

from api.cql2.tree.ast import Arithmetic, Array, Node, Number, children
from api.cql2.tree.errors import mistake

MAX_LENGTH = 65_536
"""Characters of a filter that is text."""
MAX_LENGTH_JSON = 500_000
"""Characters of one that is JSON, which takes a tenth of the time to read: areas of 20,000 corners."""
MAX_DEPTH = 60
"""Levels of a tree, and of parentheses. PostgreSQL and Python both manage several times as many."""
MAX_NODES = 10_000
"""Nodes of a tree. PostgreSQL takes 65,535 parameters in a statement."""

MOST_PAIRS = 2000
"""Elements of one list times those of another, which are all compared: about 0.2 ms for each feature."""

MOST_DIGITS = 2000
"""A product of that many digits takes about 0.1 ms for each feature."""

COLUMN_DIGITS, POWER_DIGITS = 40, 700
"""Estimates: doubles have 17 digits, powers end at about 304 before the point, with as many behind it."""

JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A text without an end runs to the end: looked for anew from each of its quotes, 60 KB would take 7 seconds."""
JSON_DEPTH = 2 * MAX_DEPTH + 8
"""A node of the tree takes two levels of JSON, an object and its `args`; the coordinates of a geometry a few more."""


def check_length(text: str, most: int = MAX_LENGTH) -> None:
    """Raises: BadFilter"""
    if len(text) > most:
        hint = f"at most {most} are read" + (f", {MAX_LENGTH_JSON} of CQL2 JSON" if most < MAX_LENGTH_JSON else "")
        raise mistake(f"the filter has {len(text)} characters", hint=f"{hint}; an area may have fewer corners")


def check_json_depth(text: str) -> None:
    """Count the brackets before the JSON parser recurses into them. Raises: BadFilter"""
    depth = 0
    for match in JSON_BRACKETS.finditer(text):
        bracket = match.group()
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > JSON_DEPTH:
            raise mistake(f"the filter is nested more than {JSON_DEPTH} levels deep", match.start())


def check_tree(root: Node) -> None:
    """Raises: BadFilter for a tree that is too deep or has too many nodes"""
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH:
            raise mistake(f"the filter is nested more than {MAX_DEPTH} levels deep", level[0].at)
        if count > MAX_NODES:
            raise mistake(f"the filter has more than {MAX_NODES} parts", level[0].at)
        level = [child for node in level for child in children(node)]


def check_pairs(left: Node, right: Node) -> None:
    """Raises: BadFilter for two lists in the filter that have too many elements to compare each with each"""
    if isinstance(left, Array) and isinstance(right, Array) and len(left.items) * len(right.items) > MOST_PAIRS:
        sizes = f"two lists of {len(left.items)} and {len(right.items)} elements"
        hint = f"the product of their sizes may be {MOST_PAIRS}; IN compares a value with a list at less cost"
        raise mistake(f"{sizes} take too long to compare", right.at, hint=hint)


def check_digits(node: Arithmetic) -> None:
    """Raises: BadFilter when the result may have too many digits"""
    if digits(node) > MOST_DIGITS:
        hint = "multiply fewer numbers, or compare each with its own limit"
        raise mistake(f"'{node.op}' may have a result of more than {MOST_DIGITS} digits", node.at, hint=hint)


def digits(node: Node) -> int:
    """The most digits of a number, about."""
    match node:
        case Number(value):
            return len(f"{value:f}")
        case Arithmetic(op, left, right):
            parts = digits(left), digits(right)
            return {"^": POWER_DIGITS, "*": sum(parts), "/": sum(parts)}.get(op, max(parts) + 1)
        case _:
            return COLUMN_DIGITS
