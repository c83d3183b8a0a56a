"""Typed access to the engine's JSON, which writes null where it means nothing."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def listed(value: Any) -> list[Any]:
    """A list; null is an empty one."""
    return list(value or [])


def mapped(value: Any) -> Json:
    """An object; null is an empty one."""
    return dict(value or {})
