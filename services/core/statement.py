"""A statement is a value: its text and its parameters. Making one opens nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, LiteralString, cast

from psycopg import sql

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})

PLACE = re.compile(r"%(?:%|\((\w+)\)s)")
WITHOUT_CAST = re.compile(r"%\((\w+)\)s(?!::)")
INTEGER, UNKNOWN = 23, 0
"""OIDs of types."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement as the server knows it. `names`: what the values of `$1`, `$2`, … are called; `types`: their OIDs."""

    id: bytes
    text: bytes
    names: tuple[str, ...]
    types: tuple[int, ...]

    def values(self, params: Mapping[str, Any]) -> list[bytes]:
        """The values in their order, as PostgreSQL reads them. They are numbers and texts."""
        return [str(params[name]).encode() for name in self.names]


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with `%(name)s` places, and the values for them. `prepared`: its form for connections that keep it."""

    text: sql.SQL | sql.Composed
    params: Mapping[str, Any] = field(default_factory=lambda: NO_PARAMS)
    prepared: Prepared | None = None

    def given(self, params: Mapping[str, Any]) -> Statement:
        """The same with other values."""
        return Statement(self.text, params, self.prepared)

    def as_text(self) -> str:
        """The text as the server sees it, for tests and logs."""
        return self.text.as_string(None)


def prepare(statement: Statement) -> Prepared:
    """The form of a statement's text. What its values are does not matter, but that those which are there as whole
    numbers stay such: of four bytes, unless the text casts them. Cost: that of the text's length.
    """
    names: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}" if found[1] else "%"

    given = statement.as_text()
    text, bare = PLACE.sub(place, given).encode(), set(WITHOUT_CAST.findall(given))
    whole = {name for name in bare if isinstance(statement.params.get(name), int)}
    types = tuple(INTEGER if name in whole else UNKNOWN for name in names)
    digest = hashlib.sha256(text + repr(types).encode()).hexdigest()
    return Prepared(b"isthmus_" + digest[:20].encode(), text, tuple(names), types)


def kept_ready(statement: Statement) -> Statement:
    """The statement with its prepared form, for one whose text is used again."""
    return replace(statement, prepared=prepare(statement))


def quoted(*parts: str) -> sql.Composable:
    """A quoted name, such as `"schema"."table"`.

    psycopg reads a percent sign in the text of a statement with values as the place of one, so it becomes a code point.
    """
    if not any("%" in part for part in parts):
        return sql.Identifier(*parts)
    escaped = (part.replace("\\", "\\\\").replace('"', '""').replace("%", "\\0025") for part in parts)
    return sql.SQL(cast("LiteralString", ".".join(f'U&"{part}"' for part in escaped)))
