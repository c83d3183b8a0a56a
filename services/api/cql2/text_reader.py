"""CQL2 Text to a tree: conditions and predicates. What they are made of is read by text_values.

Source: OGC 21-065r2, annex B. From weak to strong: OR, AND, NOT, the predicates, + -, * / % div, ^, and a minus sign
before an operand, which binds closer than ^ (arithmeticFactor). Taken beyond the grammar: a property alone as a
condition, and words such as DATE as names where no parenthesis follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from api.cql2 import ast
from api.cql2.ast import Node
from api.cql2.cursor import Cursor
from api.cql2.limits import check_tree
from api.cql2.mistakes import mistake
from api.cql2.text_values import Values


def parse_text(text: str) -> Node:
    """The tree of a filter. Raises: BadFilter with the position of the mistake"""
    cursor = Cursor.over(text)
    if len(cursor.tokens) == 1:
        raise mistake("the filter is empty", hint="leave the parameter out to get everything")
    root = Conditions(cursor).condition()
    if cursor.here.kind != "end":
        raise cursor.mistake("expected AND, OR or the end")
    check_tree(root)
    return root


class Conditions(Values):
    """Reads one filter. Each method reads what it is named after, from the cursor on."""

    def condition(self) -> Node:
        """Conditions joined by OR; what can be no condition is refused."""
        at = self.cursor.here.at
        node = self.any_of()
        self.require(node, ast.CONDITIONS, "a condition", at)
        return node

    def any_of(self) -> Node:
        """A chain of OR."""
        return self.chain("OR", self.all_of, ast.Or)

    def all_of(self) -> Node:
        """A chain of AND."""
        return self.chain("AND", self.negation, ast.And)

    def chain(self, word: str, part: Callable[[], Node], kind: type[ast.And | ast.Or]) -> Node:
        """One or more parts with a word between them."""
        at = self.cursor.here.at
        parts = [part()]
        while self.cursor.here.is_word(word):
            self.require(parts[-1], ast.CONDITIONS, "a condition", at)
            self.cursor.take()
            start = self.cursor.here.at
            parts.append(part())
            self.require(parts[-1], ast.CONDITIONS, "a condition", start)
        return parts[0] if len(parts) == 1 else kind(tuple(parts), at=at)

    def negation(self) -> Node:
        """A predicate, with NOT before it or without."""
        start = self.cursor.takes_word("NOT")
        if start is None:
            return self.predicate()
        at = self.cursor.here.at
        if self.cursor.here.is_word("NOT"):
            raise self.cursor.mistake("NOT follows NOT", hint="write NOT (NOT a = 1)")
        arg = self.predicate()
        self.require(arg, ast.CONDITIONS, "a condition", at)
        return ast.Not(arg, at=start.at)

    def predicate(self) -> Node:
        """An expression, and what compares it."""
        at = self.cursor.here.at
        left = self.sum()
        node = self.comparison(left, at)
        while self.cursor.here.is_word("IS"):
            node = self.null_test(node, at)
        return node

    def comparison(self, left: Node, at: int) -> Node:
        """`= 1`, `LIKE 'a%'`, `BETWEEN 1 AND 2` or `IN (1, 2)` after an expression; or nothing."""
        sign = self.cursor.takes_sign(*ast.COMPARISON_OPS)
        if sign is not None:
            self.require(left, ast.SCALARS, "a value to compare", at)
            right = self.operand(ast.SCALARS, "a value to compare")
            return ast.Comparison(cast("ast.ComparisonOp", sign.value), left, right, at=sign.at)
        negated = self.cursor.here.is_word("NOT") and self.cursor.ahead().is_word("LIKE", "BETWEEN", "IN")
        start = self.cursor.take() if negated else self.cursor.here
        word = self.cursor.takes_word("LIKE", "BETWEEN", "IN")
        if word is None:
            return left
        read = {"LIKE": self.like, "BETWEEN": self.between, "IN": self.in_list}[word.value.upper()]
        node = read(left, at, word.at)
        return ast.Not(node, at=start.at) if negated else node

    def like(self, left: Node, at: int, word_at: int) -> Node:
        """The pattern after LIKE."""
        self.require(left, ast.TEXTS, "a text", at)
        pattern = self.operand((ast.String, ast.CaseI, ast.AccentI), "a pattern in single quotes")
        return ast.Like(left, pattern, at=word_at)

    def between(self, left: Node, at: int, word_at: int) -> Node:
        """The two ends after BETWEEN."""
        kinds = (*ast.NUMBERS, ast.String, ast.Date, ast.Timestamp)
        self.require(left, ast.SCALARS, "a number", at)
        low = self.operand(kinds, "a number")
        self.cursor.expect_word("AND")
        return ast.Between(left, low, self.operand(kinds, "a number"), at=word_at)

    def in_list(self, left: Node, at: int, word_at: int) -> Node:
        """The list after IN."""
        self.require(left, ast.SCALARS, "a value to compare", at)
        self.cursor.expect_sign("(")
        items = [self.operand(ast.SCALARS, "a value")]
        while self.cursor.takes_sign(","):
            items.append(self.operand(ast.SCALARS, "a value"))
        self.cursor.expect_sign(")")
        return ast.In(left, tuple(items), at=word_at)

    def null_test(self, left: Node, at: int) -> Node:
        """`IS NULL` or `IS NOT NULL`."""
        word = self.cursor.take()
        negated = self.cursor.takes_word("NOT") is not None
        self.cursor.expect_word("NULL")
        test = ast.IsNull(left, at=at)
        return ast.Not(test, at=word.at) if negated else test
