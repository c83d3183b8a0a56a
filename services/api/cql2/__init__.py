"""CQL2 1.0 (OGC 21-065r2): text and JSON to a tree and back, checked against a collection. No SQL here, no HTTP."""

from __future__ import annotations

from api.cql2.check.check import Lang, parse_filter
from api.cql2.check.functions import functions_document
from api.cql2.check.normal_form import normalised
from api.cql2.json_encoding.parser import parse_json
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.text_encoding.writer import render_text
from api.cql2.tree.ast import NO_NODES, Node, Traits, is_plain, traits_of

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
