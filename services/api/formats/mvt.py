"""Reads of a vector tile what its layers are: their names and the names of their properties.

Source: Mapbox Vector Tile 2.1, vector_tile.proto. Numbers and lengths are varints; whatever is no layer is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

LAYER, NAME, FEATURE, KEY, VALUE = 3, 1, 2, 3, 4
TAGS = 2
"""The field of a feature that holds numbers of keys and values in turn."""

TYPES = {1: "String", 7: "Boolean"}
"""Field of a value -> its type as TileJSON says it; the others hold numbers."""

BYTES = {1: 8, 5: 4}
"""Wire type -> length of a value of fixed length."""

VARINT, LENGTH = 0, 2


def read_layers(tile: bytes) -> dict[str, dict[str, str]]:
    """Layer -> its properties -> their types. Raises: ValueError, IndexError for what is no tile"""
    found: dict[str, dict[str, str]] = {}
    for number, value in read_fields(tile):
        if number == LAYER:
            fields = list(read_fields(value))
            name = next((text.decode() for field, text in fields if field == NAME), "")
            found[name] = read_properties(fields)
    return found


def read_properties(fields: list[tuple[int, bytes]]) -> dict[str, str]:
    """The properties of a layer and the types of their values; `String` for several, and where none is told."""
    keys = [text.decode() for field, text in fields if field == KEY]
    types = [type_of(value) for field, value in fields if field == VALUE]
    seen: dict[str, set[str]] = {key: set() for key in keys}
    for field, feature in fields:
        for key, value in read_tags(feature) if field == FEATURE else ():
            seen[keys[key]].add(types[value])
    return {key: some.pop() if len(some) == 1 else "String" for key, some in seen.items()}


def read_tags(feature: bytes) -> Iterator[tuple[int, int]]:
    """The numbers of the keys and values of a feature."""
    for field, tags in read_fields(feature):
        place = 0
        while field == TAGS and place < len(tags):
            key, place = read_varint(tags, place)
            value, place = read_varint(tags, place)
            yield key, value


def type_of(value: bytes) -> str:
    """The type of a value, as TileJSON says it."""
    return next((TYPES.get(field, "Number") for field, _ in read_fields(value)), "String")


def read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message: number, and bytes of those that have a length."""
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        wire, value = tag & 7, b""
        if wire == VARINT:
            _, place = read_varint(message, place)
        elif wire == LENGTH:
            length, place = read_varint(message, place)
            if place + length > len(message):
                raise ValueError("the tile ends too early")
            value = message[place : place + length]
            place += length
        elif wire in BYTES:
            place += BYTES[wire]
        else:
            raise ValueError(f"wire type {wire}")
        yield tag >> 3, value


def read_varint(message: bytes, place: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
