"""CQL2 Text to a tree: calculations, literals, calls and lists.

In an argument, parentheses are a list when nothing follows them that makes them a part of an expression: the grammar
names arrayExpression before arithmeticExpression.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from api.cql2.text_encoding.tokens import RESERVED, Token, TokenCursor, starts_geometry
from api.cql2.text_encoding.wkt import parse_spatial
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.literals import MAX_DEPTH, parse_date, parse_instant, parse_number, parse_timestamp

Part = TypeVar("Part")

SPATIAL = {op.upper(): op for op in ast.SPATIAL_OPS}
TEMPORAL = {op.upper(): op for op in ast.TEMPORAL_OPS}
ARRAY = {op.upper(): op for op in ast.ARRAY_OPS}


class Values(ABC):
    """Reads what predicates are made of. Each method reads what it is named after, from the cursor on."""

    def __init__(self, cursor: TokenCursor) -> None:
        self.cursor = cursor
        self.depth = 0

    @abstractmethod
    def expression(self, strength: int = 0) -> Node:
        """An operand and all operators after it that bind more strongly than `strength`."""

    def operand(self, kinds: tuple[type[Node], ...], what: str, strength: int = 0) -> Node:
        """An expression of one of the kinds."""
        at = self.cursor.here.at
        node = self.expression(strength)
        self.require(node, kinds, what, at)
        return node

    def require(self, node: Node, kinds: tuple[type[Node], ...], what: str, at: int) -> None:
        """Raises: BadFilter when the node is of another kind"""
        if not isinstance(node, kinds):
            raise self.cursor.mistake(f"expected {what}", at)

    def opens(self) -> None:
        """A parenthesis, and one level more."""
        self.cursor.expect_sign("(")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.cursor.mistake(f"the filter is nested more than {MAX_DEPTH} levels deep")

    def closes(self) -> None:
        """The end of a parenthesis."""
        self.cursor.expect_sign(")")
        self.depth -= 1

    def factor(self) -> Node:
        """A primary, with a sign before it or without."""
        sign = self.cursor.takes_sign("-", "+")
        if sign is None:
            return self.primary()
        start = self.cursor.here
        if start.kind == "number":
            return self.number(self.cursor.take(), sign)
        if sign.value == "+" or start.is_sign("-", "+"):
            raise self.cursor.mistake("expected a number after the sign")
        node = self.primary()
        self.require(node, ast.NUMBERS, "a number", start.at)
        return ast.Arithmetic("*", ast.Number(-1, at=sign.at), node, at=sign.at)

    def number(self, token: Token, sign: Token | None = None) -> ast.Number:
        """A literal number."""
        at = token.at if sign is None else sign.at
        try:
            value = parse_number(f"{sign.value if sign else ''}{token.value}")
        except ValueError as error:
            raise self.cursor.mistake(str(error), at) from error
        return ast.Number(value, at=at)

    def primary(self) -> Node:
        """A literal, a property, a call, or something in parentheses."""
        token = self.cursor.here
        if token.kind == "number":
            return self.number(self.cursor.take())
        if token.kind == "text":
            return ast.String(self.cursor.take().value, at=token.at)
        if token.kind == "quoted":
            return ast.Property(self.cursor.take().value, at=token.at)
        if token.is_sign("("):
            self.opens()
            node = self.expression()
            self.closes()
            return node
        if token.kind == "word":
            return self.word()
        raise self.cursor.mistake("expected a property, a value or a condition")

    def word(self) -> Node:
        """What begins with a word: TRUE, FALSE, a call, a geometry or a property."""
        token = self.cursor.here
        upper = token.value.upper()
        if upper in ("TRUE", "FALSE"):
            return ast.Boolean(self.cursor.take().value.upper() == "TRUE", at=token.at)
        if upper in RESERVED and not self.is_compared():
            hint = f'a property of this name stands in double quotes: "{token.value}"'
            raise self.cursor.mistake(f"{upper} does not belong here", hint=hint)
        if starts_geometry(self.cursor):
            return parse_spatial(self.cursor)
        self.cursor.take()
        if self.cursor.here.is_sign("("):
            return self.call(token, upper)
        return ast.Property(token.value, at=token.at)

    def is_compared(self) -> bool:
        """Whether the next word is compared, and so a name: QGIS puts few of them in quotes."""
        return self.cursor.ahead().is_sign(*ast.COMPARISON_OPS) or self.cursor.ahead().is_word("LIKE", "IN", "IS")

    def call(self, name: Token, upper: str) -> Node:
        """A name with arguments: one of CQL2's own, or a function."""
        if upper in ("CASEI", "ACCENTI"):
            [value] = self.exactly(1, name, lambda: self.operand(ast.TEXTS, "a text"))
            return (ast.CaseI if upper == "CASEI" else ast.AccentI)(value, at=name.at)
        if upper in ("DATE", "TIMESTAMP"):
            return self.instant(name, upper)
        if upper == "INTERVAL":
            start, end = self.exactly(2, name, self.interval_end)
            return ast.TimeInterval(start, end, at=name.at)
        if upper in SPATIAL:
            left, right = self.exactly(2, name, lambda: self.operand(ast.GEOMETRIES, "a geometry"))
            return ast.Spatial(SPATIAL[upper], left, right, at=name.at)
        if upper in TEMPORAL:
            left, right = self.exactly(2, name, lambda: self.operand(ast.TIMES, "a time"))
            return ast.Temporal(TEMPORAL[upper], left, right, at=name.at)
        if upper in ARRAY:
            left, right = self.exactly(2, name, self.array_operand)
            return ast.ArrayPredicate(ARRAY[upper], left, right, at=name.at)
        return ast.FunctionCall(name.value, tuple(self.arguments(self.argument)), at=name.at)

    def arguments(self, read: Callable[[], Part]) -> list[Part]:
        """Parts in parentheses with commas between them; there may be none."""
        self.opens()
        parts: list[Part] = []
        if not self.cursor.here.is_sign(")"):
            parts.append(read())
            while self.cursor.takes_sign(","):
                parts.append(read())
        self.closes()
        return parts

    def exactly(self, count: int, name: Token, read: Callable[[], Part]) -> list[Part]:
        """The arguments of one of CQL2's own functions. Raises: BadFilter when there are more or fewer"""
        parts = self.arguments(read)
        if len(parts) != count:
            takes = "one argument" if count == 1 else f"{count} arguments"
            raise self.cursor.mistake(f"{name.value.upper()} takes {takes}, not {len(parts)}", name.at)
        return parts

    def instant(self, name: Token, upper: str) -> Node:
        """`DATE('2024-05-01')` or `TIMESTAMP('2024-05-01T12:00:00Z')`."""
        [text] = self.exactly(1, name, self.cursor.take)
        if text.kind != "text":
            raise self.cursor.mistake(f"{upper} takes a text in single quotes", text.at)
        try:
            if upper == "DATE":
                return ast.Date(parse_date(text.value), at=name.at)
            return ast.Timestamp(parse_timestamp(text.value), at=name.at)
        except ValueError as error:
            raise self.cursor.mistake(str(error), text.at) from error

    def interval_end(self) -> Node | None:
        """`'..'`, an instant in quotes, a property or a call."""
        token = self.cursor.here
        if token.kind != "text":
            return self.operand((ast.Date, ast.Timestamp, ast.Property, ast.FunctionCall), "a day or a time")
        self.cursor.take()
        try:
            return None if token.value == ".." else parse_instant(token.value, token.at)
        except ValueError as error:
            raise self.cursor.mistake(str(error), token.at) from error

    def array_operand(self) -> Node:
        """A list, a property or a call."""
        if self.cursor.here.is_sign("("):
            return self.array()
        return self.operand(ast.ARRAYS, "a list such as ('a', 'b')")

    def array(self) -> Node:
        """A list in parentheses, perhaps empty."""
        at = self.cursor.here.at
        return ast.Array(tuple(self.arguments(self.argument)), at=at)

    def argument(self) -> Node:
        """An argument of a function, or an element of a list."""
        if self.cursor.here.is_sign("(") and self.after_parenthesis().is_sign(",", ")"):
            return self.array()
        return self.expression()

    def after_parenthesis(self) -> Token:
        """The token after the parenthesis that closes the one that comes next."""
        depth = 0
        for distance in range(len(self.cursor.tokens) - self.cursor.index):
            token = self.cursor.ahead(distance)
            depth += token.is_sign("(") - token.is_sign(")")
            if depth == 0:
                return self.cursor.ahead(distance + 1)
        return self.cursor.tokens[-1]
