"""CQL2 Text to a tree, by precedence climbing: operators and predicates, and then their operands.

Source: OGC 21-065r2, annex B. From weak to strong: OR, AND, NOT, the predicates, + -, * / % div, ^, and a minus sign
before an operand, which binds closer than ^ (arithmeticFactor). Taken beyond the grammar: a property alone as a
condition, and words such as DATE as names where no parenthesis follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from api.cql2.text_encoding.tokens import RESERVED, Token, TokenCursor, starts_geometry
from api.cql2.text_encoding.wkt import parse_spatial
from api.cql2.tree import ast
from api.cql2.tree.ast import Node, mistake, mistakes_at
from api.cql2.tree.literals import MAX_DEPTH, check_tree, parse_date, parse_instant, parse_number, parse_timestamp

OR, AND, NOT, PREDICATE, SUM, PRODUCT, POWER = range(1, 8)
WORDS = {"OR": OR, "AND": AND, **dict.fromkeys(("LIKE", "ILIKE", "BETWEEN", "IN", "IS"), PREDICATE), "DIV": PRODUCT}
NEGATED = ("LIKE", "ILIKE", "BETWEEN", "IN")
"""Words that NOT may precede."""
SIGNS = {
    **dict.fromkeys(ast.COMPARISON_OPS, PREDICATE),
    **dict.fromkeys(("+", "-"), SUM),
    **dict.fromkeys(("*", "/", "%"), PRODUCT),
    "^": POWER,
}

SPATIAL = {op.upper(): op for op in ast.SPATIAL_OPS}
TEMPORAL = {op.upper(): op for op in ast.TEMPORAL_OPS}
ARRAY = {op.upper(): op for op in ast.ARRAY_OPS}

Part = TypeVar("Part")


def parse_text(text: str) -> Node:
    """The tree of a filter. Raises: BadFilter with the position of the mistake"""
    cursor = TokenCursor.over(text)
    if len(cursor.tokens) == 1:
        raise mistake("the filter is empty", hint="leave the parameter out to get everything")
    parser = Expressions(cursor)
    root = parser.operand(ast.CONDITIONS, "a condition")
    if cursor.here.kind != "end":
        raise cursor.mistake("expected AND, OR or the end")
    check_tree(root)
    return root


class Expressions:
    """Reads one filter. Each method reads what it is named after, from the cursor on.

    In an argument, parentheses are a list when nothing follows them that makes them a part of an expression: the
    grammar names arrayExpression before arithmeticExpression.
    """

    def __init__(self, cursor: TokenCursor) -> None:
        self.cursor = cursor
        self.depth = 0

    def expression(self, strength: int = 0) -> Node:
        """An operand and all operators after it that bind more strongly than `strength`."""
        at = self.cursor.here.at
        node = self.negation() if strength < NOT and self.begins_negation() else self.factor()
        length = 0
        while (found := self.strength_here()) > strength:
            node = self.operation(node, at, found)
            length += found >= SUM
            if length > MAX_DEPTH:
                raise self.cursor.mistake(f"more than {MAX_DEPTH} operators in a row")
        return node

    def strength_here(self) -> int:
        """How strongly the operator that comes next binds; 0 when none does."""
        token = self.cursor.here
        if token.is_word("NOT") and self.cursor.ahead().is_word(*NEGATED):
            return PREDICATE
        if token.kind == "word":
            return WORDS.get(token.value.upper(), 0)
        return SIGNS.get(token.value, 0) if token.kind == "sign" else 0

    def operation(self, left: Node, at: int, strength: int) -> Node:
        """What the operator that comes next makes of its left side."""
        if strength <= AND:
            return self.joined(left, at, strength)
        if strength == PREDICATE:
            return self.predicate(left, at)
        return self.calculation(left, at, strength)

    def begins_negation(self) -> bool:
        """Whether NOT comes next, and is no property that is compared."""
        return self.cursor.here.is_word("NOT") and not self.cursor.ahead().is_sign(*ast.COMPARISON_OPS)

    def negation(self) -> Node:
        """NOT and a predicate."""
        word = self.cursor.take()
        if self.cursor.here.is_word("NOT"):
            raise self.cursor.mistake("NOT follows NOT", hint="write NOT (NOT a = 1)")
        return ast.Not(self.operand(ast.CONDITIONS, "a condition", NOT), at=word.at)

    def joined(self, left: Node, at: int, strength: int) -> Node:
        """Conditions joined by AND, or by OR."""
        word, kind = ("OR", ast.Or) if strength == OR else ("AND", ast.And)
        self.require(left, ast.CONDITIONS, "a condition", at)
        parts = [left]
        while self.cursor.takes_word(word):
            parts.append(self.operand(ast.CONDITIONS, "a condition", strength))
        return kind(tuple(parts), at=at)

    def predicate(self, left: Node, at: int) -> Node:
        """`= 1`, `LIKE 'a%'`, `BETWEEN 1 AND 2`, `IN (1, 2)` or `IS NULL`; the last four also with NOT."""
        start = self.cursor.here
        if start.is_word("IS"):
            return self.null_test(left, at)
        if start.kind == "sign":
            return self.comparison(left, at)
        negated = self.cursor.takes_word("NOT") is not None
        word = self.cursor.take()
        read = (self.like, self.ilike, self.between, self.in_list)[NEGATED.index(word.value.upper())]
        node = read(left, at, word)
        return ast.Not(node, at=start.at) if negated else node

    def comparison(self, left: Node, at: int) -> Node:
        """A sign and a value."""
        self.require(left, ast.SCALARS, "a value to compare", at)
        sign = self.cursor.take()
        right = self.operand(ast.SCALARS, "a value to compare", PREDICATE)
        return ast.Comparison(sign.value, left, right, at=sign.at)

    def ilike(self, left: Node, at: int, word: Token) -> Node:
        """The pattern after ILIKE, which GDAL sends: LIKE without regard to case, though no word of CQL2."""
        found = self.like(left, at, word)
        return ast.Like(ast.CaseI(found.value, at=at), ast.CaseI(found.pattern, at=word.at), at=word.at)

    def like(self, left: Node, at: int, word: Token) -> ast.Like:
        """The pattern after LIKE."""
        self.require(left, ast.TEXTS, "a text", at)
        kinds = (ast.String, ast.CaseI, ast.AccentI)
        return ast.Like(left, self.operand(kinds, "a pattern in single quotes", PREDICATE), at=word.at)

    def between(self, left: Node, at: int, word: Token) -> Node:
        """The two ends after BETWEEN; not only numbers, as the grammar has it, but whatever can be compared."""
        self.require(left, ast.SCALARS, "a value to compare", at)
        low = self.operand(ast.SCALARS, "a value to compare", PREDICATE)
        self.cursor.expect_word("AND")
        return ast.Between(left, low, self.operand(ast.SCALARS, "a value to compare", PREDICATE), at=word.at)

    def in_list(self, left: Node, at: int, word: Token) -> Node:
        """The list after IN, which has one or more."""
        self.require(left, ast.SCALARS, "a value to compare", at)
        if self.cursor.here.is_sign("(") and self.cursor.ahead().is_sign(")"):
            raise self.cursor.mistake("the list is empty")
        items = self.arguments(lambda: self.operand(ast.SCALARS, "a value"))
        return ast.In(left, tuple(items), at=word.at)

    def null_test(self, left: Node, at: int) -> Node:
        """`IS NULL` or `IS NOT NULL`."""
        word = self.cursor.take()
        negated = self.cursor.takes_word("NOT") is not None
        self.cursor.expect_word("NULL")
        test = ast.IsNull(left, at=at)
        return ast.Not(test, at=word.at) if negated else test

    def calculation(self, left: Node, at: int, strength: int) -> Node:
        """An arithmetic sign and a number."""
        self.require(left, ast.NUMBERS, "a number", at)
        sign = self.cursor.take()
        right = self.operand(ast.NUMBERS, "a number", strength)
        if strength == POWER and self.cursor.here.is_sign("^"):
            raise self.cursor.mistake("a power of a power needs parentheses", hint="write (2 ^ 3) ^ 2")
        return ast.Arithmetic(sign.value.lower(), left, right, at=sign.at)

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
        with mistakes_at(at, self.cursor.text):
            return ast.Number(parse_number(f"{sign.value if sign else ''}{token.value}"), at=at)

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
        with mistakes_at(text.at, self.cursor.text):
            if upper == "DATE":
                return ast.Date(parse_date(text.value), at=name.at)
            return ast.Timestamp(parse_timestamp(text.value), at=name.at)

    def interval_end(self) -> Node | None:
        """`'..'`, an instant in quotes, a property or a call."""
        token = self.cursor.here
        if token.kind != "text":
            return self.operand((ast.Date, ast.Timestamp, ast.Property, ast.FunctionCall), "a day or a time")
        self.cursor.take()
        with mistakes_at(token.at, self.cursor.text):
            return None if token.value == ".." else parse_instant(token.value, token.at)

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
