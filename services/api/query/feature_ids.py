"""Ids of features: whole numbers, texts, or several values in one text."""

from __future__ import annotations

from urllib.parse import unquote

from api.query.items import FeatureKey
from core.catalog.collections import Key, KeyPart

INTEGER_BITS = {"smallint": 15, "integer": 31, "bigint": 63}
JOINT = "~"
"""Between the parts of an id that has several: a character that no URL escapes."""


def parse_id(text: str, key: Key) -> FeatureKey | None:
    """The values of a key that an id stands for; None when no feature can have it, also where features have none.

    An id has one form only: `007` and `%41` belong to no feature.
    """
    if not key.is_id:
        return None
    if len(key.parts) == 1:
        value = parse_part(text, key.parts[0])
        return None if value is None else (value,)
    parts = unescaped(text)
    if len(parts) != len(key.parts):
        return None
    values = [parse_part(text, part) for text, part in zip(parts, key.parts, strict=True)]
    return tuple(value for value in values if value is not None) if None not in values else None


def unescaped(text: str) -> list[str]:
    """The parts of an id that has several; none when it is not written as `id_text` writes it."""
    parts = [unquote(part) for part in text.split(JOINT)]
    return parts if JOINT.join(map(escaped, parts)) == text else []


def escaped(part: str) -> str:
    """A part without the characters that have a meaning in an id or in a list of ids."""
    return part.replace("%", "%25").replace(JOINT, "%7E").replace(",", "%2C")


def parse_part(text: str, part: KeyPart) -> int | str | None:
    """The value of one column of a key, or None when it cannot have it."""
    if part.type == "text":
        return None if "\0" in text else text
    if not text.removeprefix("-").isdecimal() or len(text) > 20 or str(int(text)) != text:
        return None
    limit = 2 ** INTEGER_BITS.get(part.sql_type, 63)
    return int(text) if -limit <= int(text) < limit else None
