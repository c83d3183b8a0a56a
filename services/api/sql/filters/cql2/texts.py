r"""Texts: case and accent folding, and patterns.

CASEI is Unicode's full case folding as PostgreSQL 17 can do it: lower, upper and lower again, by ICU and at last by
simple mapping, so that `Straße` meets `STRASSE`, and a sigma is the same at the end of a word.
ACCENTI is `unaccent`, for letters such as ø that have no decomposition, and the removal of combining marks: those of
Latin, Greek and Cyrillic, and the points and signs of Hebrew and Arabic. It keeps the voicing marks of Japanese
(/rec/accent-insensitive-comparison/japanese-non-spacing-marks), and the vowels of Indic scripts, which are marks too.
"""

from __future__ import annotations

import re

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.scope import SQL, Scope, concatenated

CASEI = sql.SQL('lower(upper(lower({} COLLATE "und-x-icu")) COLLATE "default")')
ACCENTI = sql.SQL(
    "normalize(regexp_replace(normalize(unaccent({}), NFD),"
    r" '[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    r"\ufe20-\ufe2f]', '', 'g'), NFC)"
)
# What folding makes of a piece of a pattern must not become a wildcard: unaccent turns a full-width percent into one.
ESCAPED = sql.SQL(r"replace(replace(replace({}, '\', '\\'), chr(37), '\' || chr(37)), '_', '\_')")
PIECE = re.compile(r"[%_]+|(?:\\.|[^%_\\])+", re.DOTALL)


def folded(node: Node, inner: SQL) -> SQL:
    """CASEI or ACCENTI around a text."""
    return (CASEI if isinstance(node, ast.CaseI) else ACCENTI).format(inner)


def constant(node: Node, text: SQL) -> SQL:
    """A text that is the same for every row, computed once."""
    while isinstance(node, ast.CaseI | ast.AccentI):
        node = node.value
    return sql.SQL("(SELECT {})").format(text) if isinstance(node, ast.String) else text


def pattern(node: Node, scope: Scope) -> SQL:
    """A pattern. One with CASEI or ACCENTI is folded piece by piece between its wildcards."""
    if isinstance(node, ast.String):
        return scope.bind(node.value, "text")
    literal = node
    while isinstance(literal, ast.CaseI | ast.AccentI):
        literal = literal.value
    pieces = [piece(node, match.group(), scope) for match in PIECE.finditer(text_of(literal))]
    return sql.SQL("(SELECT {})").format(concatenated(pieces) if pieces else scope.bind("", "text"))


def text_of(node: Node) -> str:
    """The text of a literal, which the check found to be one."""
    return node.value if isinstance(node, ast.String) else ""


def piece(node: Node, text: str, scope: Scope) -> SQL:
    """A run of wildcards as it is, or a run of characters folded."""
    if text[0] in "%_":
        return scope.bind(text, "text")
    plain = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    return ESCAPED.format(fold_all(node, scope.bind(plain, "text")))


def fold_all(node: Node, text: SQL) -> SQL:
    """Every CASEI and ACCENTI around a literal, the inner first."""
    if isinstance(node, ast.CaseI | ast.AccentI):
        return folded(node, fold_all(node.value, text))
    return text
