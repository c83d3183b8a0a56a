"""JSON documents made from the catalogue: landing page, collections, schemas, tilesets, OpenAPI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.http.links import JSON, Link, Links


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """The members that have a value."""
    return {name: value for name, value in members.items() if value is not None}


def page_links(links: Links, path: str, given: Mapping[str, str], limit: int, offset: int, matched: int) -> list[Link]:
    """Links to the pages beside one of a list, as far as there are any. `given`: the rest of the query"""
    found: list[Link] = []
    for rel, start in (("next", offset + limit), ("prev", max(0, offset - limit))):
        if (rel == "next" and start < matched) or (rel == "prev" and offset):
            query = {**given, "limit": str(limit), "offset": str(start)}
            found.append(links.link(rel, JSON, f"{rel} page", path, query=query))
    return found
