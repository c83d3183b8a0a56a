"""Reads of a vector tile what its layers are: their names and the names of their properties.

Source: Mapbox Vector Tile 2.1, vector_tile.proto. Numbers and lengths are varints; whatever is no layer is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator

LAYER, NAME, KEY = 3, 1, 3
BYTES = {1: 8, 5: 4}
"""Wire type -> length of a value of fixed length."""

VARINT, LENGTH = 0, 2


def read_layers(tile: bytes) -> dict[str, tuple[str, ...]]:
    """Layer -> its properties. Raises: ValueError, IndexError for what is no tile"""
    found: dict[str, tuple[str, ...]] = {}
    for number, value in read_fields(tile):
        if number == LAYER:
            fields = list(read_fields(value))
            name = next((text.decode() for field, text in fields if field == NAME), "")
            found[name] = tuple(text.decode() for field, text in fields if field == KEY)
    return found


def read_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a message that have a length: number and bytes."""
    place = 0
    while place < len(message):
        tag, place = read_varint(message, place)
        wire = tag & 7
        if wire == VARINT:
            _, place = read_varint(message, place)
        elif wire == LENGTH:
            length, place = read_varint(message, place)
            if place + length > len(message):
                raise ValueError("the tile ends too early")
            yield tag >> 3, message[place : place + length]
            place += length
        elif wire in BYTES:
            place += BYTES[wire]
        else:
            raise ValueError(f"wire type {wire}")


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
