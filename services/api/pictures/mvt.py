"""The shapes of a vector tile, without their properties.

Source: Mapbox Vector Tile Specification 2.1, and the encoding of Protocol Buffers.
"""

from __future__ import annotations

from collections.abc import Iterator

Kind = int
POINT, LINE, POLYGON = 1, 2, 3

Part = list[tuple[int, int]]
"""Positions of a part of a feature: of a point, a line, or a ring without its last position."""

LAYER, FEATURE, EXTENT, TYPE, GEOMETRY = 3, 2, 5, 3, 4
"""Numbers of fields: of a tile, of a layer (two), of a feature (two)."""
BYTES = 2
MOVE, CLOSE = 1, 7


def tile_shapes(tile: bytes) -> Iterator[tuple[int, Kind, list[Part]]]:
    """(units of the tile's edge, kind, parts) of each feature. The tile is not compressed.

    Raises: IndexError for a tile that ends in the middle
    """
    for number, layer in fields(tile):
        if number == LAYER and isinstance(layer, bytes):
            read = list(fields(layer))
            extent = next((value for number, value in read if number == EXTENT and isinstance(value, int)), 4096)
            for number, feature in read:
                if number == FEATURE and isinstance(feature, bytes):
                    found = dict(fields(feature))
                    kind, geometry = found.get(TYPE, 0), found.get(GEOMETRY, b"")
                    if isinstance(kind, int) and isinstance(geometry, bytes):
                        yield extent, kind, parts_of(geometry)


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field that is a number or bytes."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == BYTES:
            yield key >> 3, message[at : at + value]
            at += value
        else:
            yield key >> 3, value


def varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and where the next one begins."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def parts_of(geometry: bytes) -> list[Part]:
    """The parts that the commands of a geometry draw."""
    parts: list[Part] = []
    at = x = y = 0
    while at < len(geometry):
        command, at = varint(geometry, at)
        if command & 7 == CLOSE:
            continue
        for _ in range(command >> 3):
            dx, at = varint(geometry, at)
            dy, at = varint(geometry, at)
            x += (dx >> 1) ^ -(dx & 1)
            y += (dy >> 1) ^ -(dy & 1)
            if command & 7 == MOVE:
                parts.append([])
            parts[-1].append((x, y))
    return parts
