"""What is in a vector tile: its layers, the types of their properties, its shapes, and what its bytes are spent on.

Source: Mapbox Vector Tile 2.1, vector_tile.proto. A layer has its keys and values once, and features refer to them by
number. Numbers and lengths are varints; whatever is no layer is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

LAYER = 3
NAME, FEATURE, KEY, VALUE, EXTENT = 1, 2, 3, 4, 5
ID, TAGS, KIND, GEOMETRY = 1, 2, 3, 4
"""Numbers of fields: of a tile, of a layer, of a feature."""

POINT, LINE, POLYGON = 1, 2, 3
"""Kinds of geometry."""

MOVE_TO, CLOSE_PATH = 1, 7
"""Commands of a geometry: one begins a part, the other has no positions."""

USUAL_EXTENT = 4096

TYPES = {1: "String", 7: "Boolean"}
"""Field of a value -> its type as TileJSON says it; the others hold numbers."""


class Field(NamedTuple):
    """A field of a message: its number, and where its bytes lie."""

    number: int
    start: int
    end: int


@dataclass(slots=True)
class PropertyWeight:
    """A property: how many features have it, how many different values it has, and its bytes: the name, the values, and
    what refers to them. A value that several properties have is counted for the first.
    """

    name: str
    features: int = 0
    values: int = 0
    bytes: int = 0


@dataclass(slots=True)
class LayerWeight:
    """A layer. `bytes` are all of them; what the parts do not add up to is the frame around them."""

    name: str = ""
    features: int = 0
    bytes: int = 0
    geometry_bytes: int = 0
    id_bytes: int = 0
    properties: list[PropertyWeight] = field(default_factory=list[PropertyWeight])


Part = list[tuple[int, int]]
"""Positions of a part of a geometry, x to the east, y to the south: of a point, a line, or a ring without its end."""


class Shape(NamedTuple):
    """A feature's geometry: its kind, its parts, and how many units the edge of the tile has."""

    kind: int
    parts: list[Part]
    extent: int


def read_layers(mvt: bytes) -> dict[str, dict[str, str]]:
    """Layer -> its properties -> their types; `String` for several, and where none is told.

    Raises: ValueError, IndexError for what is no tile
    """
    layers = (list(read_fields(mvt, start, end)) for number, start, end in read_fields(mvt) if number == LAYER)
    return {name_of(mvt, fields): property_types(mvt, fields) for fields in layers}


def property_types(mvt: bytes, fields: Sequence[Field]) -> dict[str, str]:
    """The properties of a layer and the types of their values."""
    keys = [text(mvt, found) for found in fields if found.number == KEY]
    types = [type_of(mvt, found) for found in fields if found.number == VALUE]
    seen: dict[str, set[str]] = {key: set() for key in keys}
    for feature in (found for found in fields if found.number == FEATURE):
        for tags in (found for found in read_fields(mvt, feature.start, feature.end) if found.number == TAGS):
            numbers = read_varints(mvt, tags.start, tags.end)
            for (key, _), (value, _) in zip(numbers, numbers, strict=True):
                seen[keys[key]].add(types[value])
    return {key: some.pop() if len(some) == 1 else "String" for key, some in seen.items()}


def read_shapes(mvt: bytes) -> Iterator[Shape]:
    """The shape of each feature of a tile, not compressed. Raises: ValueError, IndexError for what is no tile"""
    for layer in (found for found in read_fields(mvt) if found.number == LAYER):
        fields = list(read_fields(mvt, layer.start, layer.end))
        extent = next((number(mvt, found) for found in fields if found.number == EXTENT), USUAL_EXTENT)
        for feature in (found for found in fields if found.number == FEATURE):
            own = {found.number: found for found in read_fields(mvt, feature.start, feature.end)}
            if KIND in own and GEOMETRY in own:
                yield Shape(number(mvt, own[KIND]), read_parts(mvt, own[GEOMETRY]), extent)


def read_parts(mvt: bytes, geometry: Field) -> list[Part]:
    """The parts that the commands of a geometry draw, each position by its distance from the one before."""
    numbers = [value for value, _ in read_varints(mvt, geometry.start, geometry.end)]
    parts: list[Part] = []
    at = x = y = 0
    while at < len(numbers):
        command, at = numbers[at], at + 1
        for _ in range(0 if command & 7 == CLOSE_PATH else command >> 3):
            x, y, at = x + signed(numbers[at]), y + signed(numbers[at + 1]), at + 2
            if command & 7 == MOVE_TO:
                parts.append([])
            parts[-1].append((x, y))
    return parts


def signed(value: int) -> int:
    """A number that was written as zigzag, with its sign in the last bit."""
    return (value >> 1) ^ -(value & 1)


def number(mvt: bytes, found: Field) -> int:
    """A field as a whole number."""
    return read_varint(mvt, found.start)[0]


def type_of(mvt: bytes, value: Field) -> str:
    """The type of a value, as TileJSON says it."""
    return next((TYPES.get(found.number, "Number") for found in read_fields(mvt, value.start, value.end)), "String")


def weigh(mvt: bytes) -> list[LayerWeight]:
    """The layers of a tile, not compressed. Cost: about a second for ten million bytes."""
    return [weigh_layer(mvt, found) for found in read_fields(mvt) if found.number == LAYER]


def weigh_layer(mvt: bytes, whole: Field) -> LayerWeight:
    """What a layer weighs."""
    fields = list(read_fields(mvt, whole.start, whole.end))
    layer = LayerWeight(name_of(mvt, fields), bytes=whole.end - whole.start)
    keys = [found for found in fields if found.number == KEY]
    values = [found.end - found.start for found in fields if found.number == VALUE]
    layer.properties = [PropertyWeight(text(mvt, key), bytes=key.end - key.start) for key in keys]
    used: list[set[int]] = [set() for _ in keys]
    for feature in (found for found in fields if found.number == FEATURE):
        weigh_feature(mvt, feature, layer, used)
    share_values(layer.properties, used, values)
    return layer


def weigh_feature(mvt: bytes, feature: Field, layer: LayerWeight, used: list[set[int]]) -> None:
    """Add a feature to its layer. `used`: the values of each property."""
    layer.features += 1
    for number, start, end in read_fields(mvt, feature.start, feature.end):
        if number == GEOMETRY:
            layer.geometry_bytes += end - start
        elif number == ID:
            layer.id_bytes += end - start
        elif number == TAGS:
            tags = read_varints(mvt, start, end)
            for (key, key_size), (value, value_size) in zip(tags, tags, strict=False):
                layer.properties[key].features += 1
                layer.properties[key].bytes += key_size + value_size
                used[key].add(value)


def share_values(properties: list[PropertyWeight], used: list[set[int]], sizes: list[int]) -> None:
    """Add the values to the properties, each once."""
    counted: set[int] = set()
    for weight, values in zip(properties, used, strict=True):
        weight.values = len(values)
        weight.bytes += sum(sizes[value] for value in values - counted)
        counted |= values


def name_of(mvt: bytes, fields: Sequence[Field]) -> str:
    """The name of a layer."""
    return next((text(mvt, found) for found in fields if found.number == NAME), "")


def text(mvt: bytes, found: Field) -> str:
    """A field as text."""
    return mvt[found.start : found.end].decode("utf-8", "replace")


def read_fields(mvt: bytes, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the message that lies between two places. Raises: ValueError, IndexError for what is none"""
    end = len(mvt) if end is None else end
    while start < end:
        head, start = read_varint(mvt, start)
        match head & 7:
            case 0:
                begin, (_, start) = start, read_varint(mvt, start)
            case 1:
                begin, start = start, start + 8
            case 2:
                size, begin = read_varint(mvt, start)
                start = begin + size
            case 5:
                begin, start = start, start + 4
            case wire:
                raise ValueError(f"wire type {wire}")
        if start > end:
            raise ValueError("the tile ends too early")
        yield Field(head >> 3, begin, start)


def read_varints(mvt: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(number, its bytes) until a place."""
    while start < end:
        value, after = read_varint(mvt, start)
        yield value, after - start
        start = after


def read_varint(mvt: bytes, start: int) -> tuple[int, int]:
    """A number, and the place behind it. Raises: IndexError, ValueError for one that is too long"""
    value = shift = 0
    while True:
        byte = mvt[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
        if shift > 63:
            raise ValueError("a number is too long")
