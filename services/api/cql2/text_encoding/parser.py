"""CQL2 Text to a tree, by precedence climbing: operators and predicates. Their operands are read by text_values.

Source: OGC 21-065r2, annex B. From weak to strong: OR, AND, NOT, the predicates, + -, * / % div, ^, and a minus sign
before an operand, which binds closer than ^ (arithmeticFactor). Taken beyond the grammar: a property alone as a
condition, and words such as DATE as names where no parenthesis follows.
"""

from __future__ import annotations

from typing import cast

from api.cql2.text_encoding.operands import Values
from api.cql2.text_encoding.tokens import Token, TokenCursor
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.errors import mistake
from api.cql2.tree.literals import MAX_DEPTH, check_tree

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


class Expressions(Values):
    """Reads one filter. Each method reads what it is named after, from the cursor on."""

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
        return ast.Comparison(cast("ast.ComparisonOp", sign.value), left, right, at=sign.at)

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
        return ast.Arithmetic(cast("ast.ArithmeticOp", sign.value.lower()), left, right, at=sign.at)
