"""CQL2 1.0 (OGC 21-065r2): text and JSON to a tree and back, checked against a collection. No SQL here, no HTTP."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from api.cql2.check.check import check
from api.cql2.check.functions import functions_document
from api.cql2.check.normal_form import normalised
from api.cql2.check.queryables import Queryables
from api.cql2.json_encoding.parser import parse_json
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.text_encoding.writer import render_text
from api.cql2.tree.ast import NO_NODES, Node, Traits, is_plain, traits_of
from core.catalog import Collection, remembered

__all__ = [
    "NO_NODES",
    "Lang",
    "Node",
    "Traits",
    "functions_document",
    "is_plain",
    "normalised",
    "parse_filter",
    "parse_json",
    "parse_text",
    "render_json",
    "render_text",
    "traits_of",
]

Lang = Literal["cql2-text", "cql2-json"]

MOST_CACHED, LONGEST_CACHED = 200, 2000
"""Filters of a collection whose trees are cached, and the characters of one: each page of a walk names the same."""


def parse_filter(text: str, lang: Lang, collection: Collection) -> Node:
    """The tree of a filter, with names and literals as the collection has them. Cost: 0.15 ms, unless it is cached

    `render_text` of it is the same for filters that differ only in spelling, so it serves as a key.
    Raises: BadFilter, with the place of the mistake in its detail
    """
    queryables = Queryables.of(collection)
    if lang == "cql2-json":
        return check(parse_json(text), queryables)
    if len(text) > LONGEST_CACHED:
        return check(parse_text(text), queryables)

    @lru_cache(MOST_CACHED)
    def parse(text: str) -> Node:
        return check(parse_text(text), queryables)

    return remembered(collection, "filters", lambda: parse)(text)
