"""A place among tokens, with the few moves that the text parsers make."""

from __future__ import annotations

from dataclasses import dataclass

from api.cql2.text_encoding.lexer import Token, tokens
from api.cql2.tree.errors import mistake_in
from core.errors import BadFilter


@dataclass(slots=True)
class Cursor:
    """Walks forward over the tokens of a text; the last token is the end and stays."""

    text: str
    tokens: list[Token]
    index: int = 0

    @classmethod
    def over(cls, text: str) -> Cursor:
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

    def expect_sign(self, sign: str) -> Token:
        """Raises: BadFilter when the next token is another"""
        return self.takes_sign(sign) or self.give_up(f"expected '{sign}'")

    def expect_word(self, word: str) -> Token:
        """Raises: BadFilter when the next token is another"""
        return self.takes_word(word) or self.give_up(f"expected {word}")

    def give_up(self, what: str, *, hint: str | None = None) -> Token:
        """Never returns. Raises: BadFilter at the next token"""
        raise self.mistake(what, hint=hint)

    def mistake(self, what: str, at: int | None = None, *, hint: str | None = None) -> BadFilter:
        """The error at the next token, or at another place."""
        return mistake_in(self.text, what, self.here.at if at is None else at, hint=hint)
