"""A tree checked against a collection: names, functions and types.

The result is a tree whose names are the published ones and whose literals have the type that they are compared with.
That takes what clients send: GDAL writes times as plain texts and booleans as 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from api.cql2.check.queryables import FUNCTIONS, Kind, Queryables, kind_of
from api.cql2.json_encoding.parser import parse_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.text_encoding.writer import render_text
from api.cql2.tree import ast
from api.cql2.tree.ast import Node, mistake, mistakes_at
from api.cql2.tree.edge_crossings import check_meetings, check_turns
from api.cql2.tree.literals import check_digits, check_pairs, parse_instant, parse_time
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.errors import suggestion

TIMES: tuple[Kind, ...] = ("date", "datetime")
OPERATORS = (*ast.SPATIAL_OPS, *ast.TEMPORAL_OPS, *ast.ARRAY_OPS, "casei", "accenti")
"""What is written like a function, and is a part of CQL2 itself."""

MEASURED = ("s_distance", "distance", "dwithin")
"""Functions that measure from each edge of a literal."""

SHOWN = 40
"""Characters of an operand that an error shows."""
ARTICLES: dict[Kind, str] = {"geometry": "a geometry", "interval": "an interval", "json": "a list or object (JSON)"}


Lang = Literal["cql2-text", "cql2-json"]

trees: CollectionCache[str, Node] = CollectionCache(capacity=200)
"""The checked trees of filters, by their texts: each page of a walk names the same one."""

LONGEST_CACHED = 2000
"""Characters of a filter whose tree is cached."""


def parse_filter(text: str, lang: Lang, collection: Collection) -> Node:
    """The tree of a filter, with names and literals as the collection has them. Cost: 0.15 ms, unless it is cached

    `render_text` of it is the same for filters that differ only in spelling, so it serves as a key.
    Raises: BadFilter, with the place of the mistake in its detail
    """
    queryables = Queryables.of(collection)

    def parse() -> Node:
        return check(parse_json(text) if lang == "cql2-json" else parse_text(text), queryables)

    return parse() if lang == "cql2-json" or len(text) > LONGEST_CACHED else trees.get(collection, text, parse)


def check(root: Node, queryables: Queryables) -> Node:
    """The tree, when it is a filter of the collection. Raises: BadFilter that names both sides of a misfit"""
    return Checker(queryables).condition(root)


def shown(node: Node) -> str:
    """A node as an error quotes it."""
    text = f"'{node.name}'" if isinstance(node, ast.Property) else render_text(node)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def article(kind: Kind) -> str:
    """`a number`."""
    return ARTICLES.get(kind, f"a {kind}")


def is_folded(node: Node, kind: type[Node]) -> bool:
    """Whether case or accents are left out of a text already: a second time changes nothing, and takes as long."""
    while isinstance(node, ast.Folded):
        if isinstance(node, kind):
            return True
        node = node.value
    return False


def looks_for_a_place(op: str, *nodes: Node) -> bool:
    """Whether a place that a literal has in common with a property decides, however often the literal crosses itself.

    A collection's parts are first put together, each with each.
    """
    literals = [node for node in nodes if isinstance(node, ast.Geometry | ast.GeometryCollection | ast.BBox)]
    parted = any(isinstance(node, ast.GeometryCollection) for node in literals)
    return op in ast.MEETING_OPS and len(literals) < len(nodes) and not parted


def alone(node: Node) -> Node:
    """An argument in parentheses, which was read as a list of one: no function takes a list."""
    while isinstance(node, ast.Array) and len(node.items) == 1:
        node = node.items[0]
    return node


class Checker:
    """Checks the nodes of one tree. Each method returns the node with names and literals put right."""

    def __init__(self, queryables: Queryables) -> None:
        self.queryables = queryables

    def kind(self, node: Node) -> Kind:
        """The kind of a checked node."""
        return kind_of(node, self.queryables)

    def condition(self, node: Node) -> Node:
        """Something that is true, false or NULL."""
        match node:
            case ast.Junction(args):
                return replace(node, args=tuple(map(self.condition, args)))
            case ast.Not(arg):
                return replace(node, arg=self.condition(arg))
            case _:
                checked = self.value(node)
                self.require(checked, ("boolean",), "a condition")
                return checked

    def value(self, node: Node) -> Node:
        """Any node."""
        match node:
            case ast.Property(name):
                found = self.queryables.resolve(name, node.at)
                return node if found == name else replace(node, name=found)
            case ast.FunctionCall():
                return self.function(node)
            case ast.Folded(value):
                inner = self.of_kind(value, ("string",), "a text")
                return inner if is_folded(inner, type(node)) else replace(node, value=inner)
            case ast.Arithmetic(_, left, right):
                left, right = (self.of_kind(part, ("number",), "a number") for part in (left, right))
                check_digits(node)
                return replace(node, left=left, right=right)
            case ast.TimeInterval():
                return self.interval(node)
            case ast.Array(items):
                return replace(node, items=tuple(map(self.value, items)))
            case ast.And() | ast.Or() | ast.Not():
                return self.condition(node)
            case _:
                return self.predicate(node)

    def predicate(self, node: Node) -> Node:
        """A predicate; a literal is as it should be."""
        match node:
            case ast.Comparison(_, left, right):
                left, right = self.alike(left, right)
                return replace(node, left=left, right=right)
            case ast.Between(value, low, high):
                value, low, high = self.alike(value, low, high)
                return replace(node, value=value, low=low, high=high)
            case ast.In(value, items):
                value, *items = self.alike(value, *items)
                return replace(node, value=value, items=tuple(items))
            case ast.Like():
                return self.like(node)
            case ast.IsNull(value):
                return replace(node, value=self.value(value))
            case ast.Spatial(op, left, right):
                left, right = (self.of_kind(part, ("geometry",), "a geometry") for part in (left, right))
                if not looks_for_a_place(op, left, right):
                    check_meetings(left, right)
                return replace(node, left=left, right=right)
            case ast.Temporal():
                return self.temporal(node)
            case ast.ArrayPredicate(_, left, right):
                left, right = (self.of_kind(part, ("json", "list"), "a list") for part in (left, right))
                check_pairs(left, right)
                return replace(node, left=left, right=right)
            case _:
                return node

    def require(self, node: Node, kinds: Sequence[Kind], what: str) -> None:
        """Raises: BadFilter when a checked node is of another kind"""
        kind = self.kind(node)
        if kind not in kinds:
            raise mistake(f"{shown(node)} is {article(kind)} where {what} is needed", node.at)

    def of_kind(self, node: Node, kinds: Sequence[Kind], what: str) -> Node:
        """A node of one of the kinds."""
        checked = self.value(node)
        self.require(checked, kinds, what)
        return checked

    def alike(self, *nodes: Node) -> list[Node]:
        """Scalars that can be compared with the first of them that is no literal."""
        checked = [self.value(node) for node in nodes]
        model = next((node for node in checked if not isinstance(node, ast.LITERALS)), checked[0])
        self.require(model, ("string", "number", "boolean", "time", *TIMES), "a value that can be compared")
        return [self.fitting(node, model) for node in checked]

    def fitting(self, node: Node, model: Node) -> Node:
        """A node that is to be compared with another: a literal takes on its type if it can. Raises: BadFilter"""
        wanted, kind = self.kind(model), self.kind(node)
        if wanted == kind or (wanted in TIMES and kind in TIMES):
            return node
        if isinstance(node, ast.String) and wanted in TIMES:
            return self.instant(node)
        if isinstance(node, ast.String) and wanted == "time":
            with mistakes_at(node.at):
                return ast.String(parse_time(node.value), at=node.at)
        if isinstance(node, ast.Number) and wanted == "boolean" and node.value in (0, 1):
            return ast.Boolean(bool(node.value), at=node.at)
        raise mistake(f"{shown(model)} is {article(wanted)}, {shown(node)} is {article(kind)}", node.at)

    def instant(self, node: ast.String) -> ast.Date | ast.Timestamp:
        """A day or time that came as a plain text; without a zone it is UTC. GDAL: 2024/05/01, or 2024-05-01T."""
        text = node.value.replace("/", "-").removesuffix("T")
        with mistakes_at(node.at):
            return parse_instant(text, node.at, zone_needed=False)

    def function(self, node: ast.FunctionCall) -> Node:
        """A call of a function that is on the list."""
        signature = FUNCTIONS.get(node.name.lower())
        if signature is None:
            hint = suggestion(node.name.lower(), (*FUNCTIONS, *OPERATORS)) or f"there are {', '.join(FUNCTIONS)}"
            raise mistake(f"there is no function '{node.name}'", node.at, hint=hint)
        if not signature.takes(len(node.args)):
            least = f"{len(signature.args)}{' or more' if signature.variadic else ''}"
            raise mistake(f"{signature.name} takes {least}, not {len(node.args)} arguments", node.at)
        args = [
            self.of_kind(alone(arg), signature.kinds(index), article(signature.kinds(index)[0]))
            for index, arg in enumerate(node.args)
        ]
        for arg in args:
            if signature.name in MEASURED and self.kind(arg) == "geometry":
                check_turns(arg)
        return replace(node, name=signature.name, args=tuple(args))

    def like(self, node: ast.Like) -> Node:
        """A text and its pattern, which may not end in the middle of an escape."""
        literal = ast.unfolded(node.pattern)
        if not isinstance(literal, ast.String):
            raise mistake("a pattern is a text in single quotes", node.pattern.at)
        if (len(literal.value) - len(literal.value.rstrip("\\"))) % 2:
            raise mistake("the pattern ends with a backslash that escapes nothing", literal.at)
        return replace(node, value=self.of_kind(node.value, ("string",), "a text"))

    def temporal(self, node: ast.Temporal) -> Node:
        """Two times; most operators take intervals only (clause 7.6, "will result in a client error")."""
        left, right = self.time(node.left), self.time(node.right)
        for side in (left, right):
            if node.op in ast.INTERVAL_OPS and not isinstance(side, ast.TimeInterval):
                what = f"{shown(side)} is no interval, and {node.op.upper()} takes two of them"
                raise mistake(what, side.at, hint="T_INTERSECTS takes instants too; INTERVAL(start, end) makes one")
        return replace(node, left=left, right=right)

    def time(self, node: Node) -> Node:
        """An instant or an interval."""
        if isinstance(node, ast.String):
            return self.instant(node)
        return self.of_kind(node, (*TIMES, "interval"), "a day, a time or an interval")

    def interval(self, node: ast.TimeInterval) -> Node:
        """An interval whose ends are days or times, in order."""
        ends = [end and self.of_kind(end, TIMES, "a day or a time") for end in (node.start, node.end)]
        days = [end.value.isoformat()[:10] for end in ends if isinstance(end, ast.Date | ast.Timestamp)]
        whole = [end.value for end in ends if isinstance(end, ast.Timestamp)]
        if days != sorted(days) or whole != sorted(whole):
            raise mistake(f"{shown(node)} ends before it starts", node.at)
        return replace(node, start=ends[0], end=ends[1])
