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
READ_AS: dict[str, tuple[str, ColumnType]] = {"money": ("numeric", "number")}
"""Types that are read as another one."""

OWN: dict[str, ColumnType] = {"numeric": "number", "timestamp": "datetime"}
"""Types that PostgreSQL must be told, as they are not what the loader stores."""

LEFT_OUT = ("geometry", "geography", "raster", "tsvector", "tsquery")
"""Types of no property: geometries are collections of their own, the others mean nothing outside."""


MOST_DIGITS = 18
"""Of which every whole number is a bigint."""


def published(  # noqa: PLR0913
    type: str, sql_type: str, kind: str, category: str, *, ordered: bool, typmod: int = -1
) -> Published | None:
    """How a column is published; None when it is left out.

    Arrays, composite types and JSON are JSON; what has an order is a text of its own type; everything else is a text.
    """
    if type == "numeric" and is_whole(typmod):
        return "integer", sql_type
    if type in LEFT_OUT:
        return None
    if type in PLAIN:
        return PLAIN[type], None
    if type in READ_AS:
        return READ_AS[type][1], READ_AS[type][0]
    if type in OWN:
        return OWN[type], sql_type
    if category == "A" or kind == "c":
        return "json", None
    return "string", sql_type if ordered else None


def is_whole(typmod: int) -> bool:
    """Whether a numeric is declared to hold whole numbers alone, or NaN, and none too large (numeric.c: 16 bits for the
    precision, 11 for the scale, which has a sign; 4 is added).
    """
    precision, scale = (typmod - 4) >> 16 & 0xFFFF, ((typmod - 4 & 0x7FF) ^ 0x400) - 0x400
    return typmod >= 4 and scale <= 0 and precision - scale <= MOST_DIGITS


def read_as(type: str, kind: str, category: str, *, ordered: bool) -> str | None:
    """The type that a column is cast to where it is read: text, if its own cannot be compared. None: as it is."""
    if type in READ_AS:
        return READ_AS[type][0]
    is_text = published(type, "", kind, category, ordered=ordered) == ("string", None)
    return "text" if is_text and type not in PLAIN else None
