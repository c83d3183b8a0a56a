"""Filters in CQL2 Text that differ in their numbers and texts alone have one form, which is read and checked once.

That was a quarter of what this process did for a page. Only of comparisons, whose check does not depend on the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from api.cql2.check.check import check
from api.cql2.check.queryables import Queryables
from api.cql2.text_encoding.lexer import LITERAL, inside
from api.cql2.text_encoding.parser import parse_text
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.literals import check_text, parse_number

Pieces = list[tuple[str, str]]
"""What stands before each number or text, and that itself as it is written; the end of the filter at last."""

Make = Callable[[Sequence[Node]], Any]
"""Makes a part of a tree from its literals."""

LONGEST, MOST_PIECES = 2000, 50
"""Characters and pieces of a filter whose form is remembered: a larger one is seldom asked for twice."""

MOST = 200
"""Forms of a collection. All are forgotten then: those that matter are soon back."""

KINDS = (
    *(ast.And, ast.Or, ast.Not, ast.Comparison, ast.Like, ast.Between, ast.In, ast.IsNull),
    *(ast.CaseI, ast.AccentI, ast.Property, ast.Boolean, ast.String, ast.Number),
)


class Unlike(Exception):
    """A filter has no form, or is not of that which it seemed to have."""


@dataclass(frozen=True, slots=True)
class Form:
    """A checked tree without its numbers and texts. `signs`: what stands before each of these as a part of it."""

    signs: tuple[str, ...]
    make: Make

    def filled(self, pieces: Pieces) -> Node:
        """The tree with other literals. Raises: Unlike"""
        return self.make([literal(sign, text) for sign, (_, text) in zip(self.signs, pieces, strict=False)])


class Forms:
    """Reads the filters of a collection."""

    def __init__(self, queryables: Queryables) -> None:
        """None is known yet."""
        self._queryables = queryables
        self._known: dict[tuple[tuple[str, str], ...], Form | None] = {}

    def read(self, text: str) -> Node:
        """The checked tree of a filter; without places where it was made from a form. Raises: BadFilter"""
        pieces = taken_apart(text)
        key = tuple([(before, text[:1] if text[:1] in "'" else "0") for before, text in pieces])
        form = self._known.get(key)
        if form is not None:
            try:
                return form.filled(pieces)
            except Unlike:
                return check(parse_text(text), self._queryables)
        root = check(parse_text(text), self._queryables)
        if pieces and key not in self._known:
            self._remember(key, root, text, pieces)
        return root

    def _remember(self, key: tuple[tuple[str, str], ...], root: Node, text: str, pieces: Pieces) -> None:
        if len(self._known) >= MOST:
            self._known.clear()
        try:
            self._known[key] = form_of(root, text, pieces, self._queryables)
        except Unlike:
            self._known[key] = None


def taken_apart(text: str) -> Pieces:
    """The pieces of a filter; none of one that is large, or that no pieces make up."""
    pieces: Pieces = []
    at = 0
    while not pieces or pieces[-1][1]:
        found = LITERAL.match(text, at) if len(text) <= LONGEST and len(pieces) < MOST_PIECES else None
        if found is None:
            return []
        pieces.append((found[1], found[2]))
        at = found.end()
    return pieces


def literal(sign: str, text: str) -> Node:
    """A number or a text. Raises: Unlike for one that is to be looked at: it cannot be held, or ends a pattern badly"""
    try:
        if text[0] != "'":
            return ast.Number(parse_number(sign + text))
        value = check_text(inside(text))
    except ValueError as error:
        raise Unlike from error
    if value.endswith("\\"):
        raise Unlike
    return ast.String(value)


def form_of(root: Node, text: str, pieces: Pieces, queryables: Queryables) -> Form:
    """The form of a checked tree. Raises: Unlike"""
    nodes = list(all_nodes(root))
    names = {node.name for node in nodes if isinstance(node, ast.Property)}
    if not all(isinstance(node, KINDS) for node in nodes) or "time" in map(queryables.kind, names):
        raise Unlike  # a text that is compared with a time of day is written anew
    leaves = sorted((node for node in nodes if isinstance(node, ast.String | ast.Number)), key=place)
    signs = tuple(text[place(leaf)].strip("'.0123456789") for leaf in leaves)
    written = [literal for _, literal in pieces if literal]
    if len(leaves) != len(written) or leaves != list(map(literal, signs, written)):
        raise Unlike
    return Form(signs, maker(root, {place(leaf): number for number, leaf in enumerate(leaves)}))


def all_nodes(root: Node) -> Iterator[Node]:
    """A node and all below it."""
    yield root
    for child in ast.children(root):
        yield from all_nodes(child)


def place(node: Node) -> int:
    """Where a node was read from."""
    return cast("int", node.at)


def maker(node: Node, numbers: Mapping[int, int]) -> Make:
    """What makes a node anew. `numbers`: of the literals, by their places"""
    if isinstance(node, ast.String | ast.Number):
        number = numbers[place(node)]
        return lambda literals: literals[number]
    if not any(isinstance(below, ast.String | ast.Number) for below in all_nodes(node)):
        return lambda _: node
    kind, parts = type(node), [part_maker(getattr(node, name), numbers) for name in ast.members(type(node))]
    return lambda literals: kind(*[make(literals) for make in parts])


def part_maker(part: object, numbers: Mapping[int, int]) -> Make:
    """What makes a member of a node anew."""
    if isinstance(part, Node):
        return maker(part, numbers)
    if isinstance(part, tuple):
        makers = [maker(node, numbers) for node in cast("tuple[Node, ...]", part)]
        return lambda literals: tuple([make(literals) for make in makers])
    return lambda _: part
