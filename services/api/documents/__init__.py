"""JSON documents made from the catalogue: landing page, collections, schemas, tilesets, OpenAPI."""

from __future__ import annotations

from typing import Any


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}
