"""PostgreSQL's types as types of properties."""

from __future__ import annotations

from core.catalog import ColumnType

Published = tuple[ColumnType, str | None]
"""The type of the property, and the column's own type where it needs one in SQL."""

PLAIN: dict[str, ColumnType] = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "float4": "number",
    "float8": "number",
    "bool": "boolean",
    "text": "string",
    "varchar": "string",
    "date": "date",
    "timestamptz": "datetime",
    "time": "time",
    "json": "json",
    "jsonb": "json",
    "hstore": "json",
    "bytea": "binary",
}
OWN: dict[str, ColumnType] = {"numeric": "number", "timestamp": "datetime"}
"""Types that PostgreSQL must be told, as they are not what the loader stores."""

LEFT_OUT = ("geometry", "geography", "raster", "tsvector", "tsquery")
"""Types of no property: geometries are collections of their own, the others mean nothing outside."""

RANGES: dict[str, ColumnType] = {"tstzrange": "datetime", "tsrange": "datetime", "daterange": "date"}
"""Ranges of time."""


def published(type: str, sql_type: str, kind: str, category: str, *, ordered: bool) -> Published | None:
    """How a column is published; None when it is left out.

    Arrays, composite types and JSON are JSON; what has an order is a text of its own type; everything else is a text.
    """
    if type in LEFT_OUT:
        return None
    if type in PLAIN:
        return PLAIN[type], None
    if type in OWN:
        return OWN[type], sql_type
    if category == "A" or kind == "c":
        return "json", None
    return "string", sql_type if ordered else None


def is_text(type: str, kind: str, category: str, *, ordered: bool) -> bool:
    """Whether a column is read as its text, as its own type cannot be compared."""
    return published(type, "", kind, category, ordered=ordered) == ("string", None) and type not in PLAIN
