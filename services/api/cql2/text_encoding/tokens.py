r"""Text to tokens, and a place among them: words, "quoted words", 'texts', numbers and signs, each with its offset; and
what GDAL writes, as the standard has it.

Source: OGC 21-065r2, annex B; /req/cql2-text/escaping for the escapes in texts. `\%`, `\_` and any other escape that
the standard does not name stay as they are, for LIKE; `\\` is one backslash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from api.cql2.tree.ast import mistake, mistakes_at
from api.cql2.tree.geometry import TYPES
from api.cql2.tree.literals import check_length, check_text
from core.errors import BadFilter

Kind = Literal["word", "quoted", "text", "number", "sign", "end"]

COLLECTION = "GEOMETRYCOLLECTION"
GEOMETRY_NAMES = frozenset({*TYPES, COLLECTION, "BBOX"})

RESERVED = frozenset({"AND", "OR", "NOT", "IN", "IS", "LIKE", "BETWEEN", "NULL", "TRUE", "FALSE", "DIV"})
"""Words that are never a property or a function. The other keywords are known by the parenthesis after them."""

# Annex B, identifierStart and identifierPart
START = (
    ":_A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1ffe\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
WORD = re.compile(f"[{START}][{START}.0-9\u0300-\u036f\u203f\u2040]*")
# Annex B, whitespace
SPACE = "\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
QUOTED = r'"(?:[^"]|"")*"'
TEXT = r"'(?:[^'\\]|''|\\.)*'"
NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
SIGN = r"<>|<=|>=|[=<>()+\-*/%^,]"
TOKEN = re.compile(
    rf"(?P<space>[{SPACE}]+)|(?P<word>{WORD.pattern})|(?P<quoted>{QUOTED})|(?P<text>{TEXT})|(?P<number>{NUMBER})"
    rf"|(?P<sign>{SIGN})",
    re.DOTALL,
)
ESCAPE = re.compile(r"''|\\(.)", re.DOTALL)
CONTROLS = {"a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r"}
UNFINISHED = {"'": "a text is not closed", '"': "a quoted name is not closed"}


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is what the token means: a text without quotes and escapes, a word as it is written."""

    kind: Kind
    value: str
    at: int

    def is_word(self, *words: str) -> bool:
        """Whether it is one of the keywords, in any case."""
        return self.kind == "word" and self.value.upper() in words

    def is_sign(self, *signs: str) -> bool:
        """Whether it is one of the signs."""
        return self.kind == "sign" and self.value in signs


def tokens(text: str) -> list[Token]:
    """The tokens of a filter, the last of them of kind `end`. Raises: BadFilter"""
    check_length(text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise unreadable(text, at)
        if match.lastgroup != "space":
            found.append(token(text, match))
        at = match.end()
    return [*found, Token("end", "", len(text))]


def token(text: str, match: re.Match[str]) -> Token:
    """The token of a match that is no space."""
    at, value = match.start(), match.group()
    if match.lastgroup == "number":
        if WORD.match(text, match.end()):
            raise mistake("a number goes on as a word", match.end(), text, hint="texts stand in single quotes")
        return Token("number", value, at)
    if match.lastgroup == "quoted":
        if len(value) == 2:
            raise mistake("a quoted name is empty", at, text)
        with mistakes_at(at, text):
            return Token("quoted", check_text(value[1:-1].replace('""', '"')), at)
    if match.lastgroup == "text":
        with mistakes_at(at, text):
            return Token("text", check_text(ESCAPE.sub(unescape, value[1:-1])), at)
    return Token("word" if match.lastgroup == "word" else "sign", value, at)


def unescape(match: re.Match[str]) -> str:
    """What an escape stands for."""
    if match.group() == "''":
        return "'"
    character = match.group(1)
    if character in "'\\":
        return character
    return CONTROLS.get(character, match.group())


def unreadable(text: str, at: int) -> Exception:
    """The error for a character that begins no token."""
    character = text[at]
    hint = None
    if character == "'" and "\\'" in text[at:]:
        hint = r"a backslash before a quote takes the quote into the text; write \\ for a backslash"
    if character == "!":
        hint = "not equal is <>"
    what = UNFINISHED.get(character, f"the character {character!r} has no meaning here")
    return mistake(what, at, text, hint=hint)


@dataclass(slots=True)
class TokenCursor:
    """Walks forward over the tokens of a text; the last token is the end and stays."""

    text: str
    tokens: list[Token]
    index: int = 0

    @classmethod
    def over(cls, text: str) -> TokenCursor:
        """At the first token. Raises: BadFilter"""
        return cls(text, tokens(text))

    @property
    def here(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    def ahead(self, distance: int = 1) -> Token:
        """A token further on, the end beyond the last."""
        return self.tokens[min(self.index + distance, len(self.tokens) - 1)]

    def take(self) -> Token:
        """The next token; the cursor moves on."""
        token = self.here
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def takes_word(self, *words: str) -> Token | None:
        """The next token when it is one of the keywords, and the cursor moves on."""
        return self.take() if self.here.is_word(*words) else None

    def takes_sign(self, *signs: str) -> Token | None:
        """The next token when it is one of the signs, and the cursor moves on."""
        return self.take() if self.here.is_sign(*signs) else None

    def expect_sign(self, sign: str) -> None:
        """Takes a sign. Raises: BadFilter when the next token is another"""
        if self.takes_sign(sign) is None:
            raise self.mistake(f"expected '{sign}'")

    def expect_word(self, word: str) -> None:
        """Takes a word. Raises: BadFilter when the next token is another"""
        if self.takes_word(word) is None:
            raise self.mistake(f"expected {word}")

    def mistake(self, what: str, at: int | None = None, *, hint: str | None = None) -> BadFilter:
        """The error at the next token, or at another place."""
        return mistake(what, self.here.at if at is None else at, self.text, hint=hint)


def starts_geometry(cursor: TokenCursor) -> bool:
    """Whether a geometry or a box comes next: its name and what can only follow such a name."""
    if cursor.here.kind != "word" or base_name(cursor.here.value) not in GEOMETRY_NAMES:
        return False
    following = cursor.ahead()
    return (
        following.is_sign("(")
        or following.is_word("Z", "EMPTY")
        or (cursor.here.value.upper().endswith("Z") and following.is_sign("("))
    )


def base_name(word: str) -> str:
    """`POINTZ` and `point` are POINT."""
    upper = word.upper()
    return upper[:-1] if upper.endswith("Z") and upper[:-1] in GEOMETRY_NAMES else upper


GDAL_TEXT = r"(?P<pattern>LIKE '(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
BEFORE_OPERATOR = r"(?= (?:[<>=]|I?LIKE |IS |IN |BETWEEN ))"


def as_cql2(text: str, names: Iterable[str]) -> str:
    """What GDAL sends as `cql-text`, as the standard has it. `names`: of properties.

    It is CQL2, but its names never stand in quotes, and its backslashes escape nothing. Seen of GDAL 3.10: conditions
    are `name operator value`, each in parentheses where there are several.
    """
    odd = sorted(filter(needs_quotes, names), key=len, reverse=True)
    name = rf"(?<![^(])(?P<name>{'|'.join(map(re.escape, odd))}){BEFORE_OPERATOR}|" if odd else ""
    return re.sub(name + GDAL_TEXT, spelt, text)


def needs_quotes(name: str) -> bool:
    """Whether a name is no word of CQL2, or one that means something else there."""
    return WORD.fullmatch(name) is None or name.upper() in RESERVED


def spelt(match: re.Match[str]) -> str:
    """A name in quotes; a text with its backslashes doubled, but for a pattern, where they may escape."""
    if match.lastgroup == "name":
        quoted = match.group().replace('"', '""')
        return f'"{quoted}"'
    return match.group().replace("\\", "\\\\") if match.lastgroup == "text" else match.group()
