"""What the bytes of a vector tile are spent on: per layer the geometries, the ids, and each property.

Source: Mapbox Vector Tile Specification 2.1. Read are only its own parts: a layer has its keys and values once, and
features refer to them by number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from api.formats.mvt import read_varint

LAYER = 3
NAME, FEATURE, KEY, VALUE = 1, 2, 3, 4
ID, TAGS, GEOMETRY = 1, 2, 4
"""Numbers of fields: of a tile, of a layer, of a feature."""


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


def weigh(mvt: bytes) -> list[LayerWeight]:
    """The layers of a tile, not compressed. Cost: about a second for ten million bytes."""
    return [weigh_layer(mvt, start, end) for number, start, end in parts(mvt, 0, len(mvt)) if number == LAYER]


def weigh_layer(mvt: bytes, start: int, end: int) -> LayerWeight:
    """The layer that lies between two places."""
    found = list(parts(mvt, start, end))
    layer = LayerWeight(bytes=end - start)
    layer.name = next((text(mvt, part) for part in found if part[0] == NAME), "")
    keys = [part for part in found if part[0] == KEY]
    values = [part[2] - part[1] for part in found if part[0] == VALUE]
    layer.properties = [PropertyWeight(text(mvt, key), bytes=key[2] - key[1]) for key in keys]
    used: list[set[int]] = [set() for _ in keys]
    for part in found:
        if part[0] == FEATURE:
            weigh_feature(mvt, part, layer, used)
    share_values(layer.properties, used, values)
    return layer


def weigh_feature(mvt: bytes, place: tuple[int, int, int], layer: LayerWeight, used: list[set[int]]) -> None:
    """Add a feature to its layer. `used`: the values of each property."""
    layer.features += 1
    for number, start, end in parts(mvt, place[1], place[2]):
        if number == GEOMETRY:
            layer.geometry_bytes += end - start
        elif number == ID:
            layer.id_bytes += end - start
        elif number == TAGS:
            tags = varints(mvt, start, end)
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


def text(mvt: bytes, place: tuple[int, int, int]) -> str:
    """A part as text."""
    return mvt[place[1] : place[2]].decode("utf-8", "replace")


def parts(mvt: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, start, end) of each field of a message."""
    while start < end:
        head, start = read_varint(mvt, start)
        match head & 7:  # the wire type of Protocol Buffers
            case 0:
                begin, (_, start) = start, read_varint(mvt, start)
            case 1:
                begin, start = start, start + 8
            case 2:
                size, begin = read_varint(mvt, start)
                start = begin + size
            case _:
                begin, start = start, start + 4
        yield head >> 3, begin, start


def varints(mvt: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(number, its bytes) until a place."""
    while start < end:
        value, after = read_varint(mvt, start)
        yield value, after - start
        start = after
