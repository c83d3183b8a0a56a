"""A statement is a value: its text and its parameters. Making one opens nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, LiteralString, cast

from psycopg import sql

if TYPE_CHECKING:
    from core.prepared import Prepared

NO_PARAMS: Mapping[str, Any] = MappingProxyType({})


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


def quoted(*parts: str) -> sql.Composable:
    """A quoted name, such as `"schema"."table"`.

    psycopg reads a percent sign in the text of a statement with values as the place of one, so it becomes a code point.
    """
    if not any("%" in part for part in parts):
        return sql.Identifier(*parts)
    escaped = (part.replace("\\", "\\\\").replace('"', '""').replace("%", "\\0025") for part in parts)
    return sql.SQL(cast("LiteralString", ".".join(f'U&"{part}"' for part in escaped)))
