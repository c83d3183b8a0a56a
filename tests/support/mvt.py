"""Holds a vector tile to its specification, command by command. None of our own code is used.

Source: Mapbox Vector Tile 2.1, https://github.com/mapbox/vector-tile-spec/tree/master/2.1 (clauses 4.1 to 4.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
from mapbox_vector_tile.Mapbox import vector_tile_pb2

MOVE_TO, LINE_TO, CLOSE_PATH = 1, 2, 7
POINT, LINE, POLYGON = 1, 2, 3
Ring = list[tuple[int, int]]


def features_of(mvt: bytes, layer: str) -> list[Any]:
    """The features of a layer, by a decoder that others wrote; none where the tile lacks it."""
    layers = mapbox_vector_tile.decode(mvt, default_options={"y_coord_down": True})
    return layers[layer]["features"] if layer in layers else []


def check_tile(data: bytes, *, extent: int = 4096, buffer: int = 64) -> dict[str, int]:
    """Layer -> number of its features. Raises: AssertionError with the clause that is broken"""
    tile = vector_tile_pb2.tile()
    assert tile.ParseFromString(data) == len(data)
    names = [layer.name for layer in tile.layers]
    assert len(set(names)) == len(names), "4.1: names of layers are unique"
    for layer in tile.layers:
        assert layer.version == 2, "4.1"
        assert layer.extent == extent
        assert layer.features, "4.1: a layer has a feature"
        check_values(layer)
        for feature in layer.features:
            check_tags(layer, feature)
            check_geometry(feature, -buffer, extent + buffer)
    return {layer.name: len(layer.features) for layer in tile.layers}


def check_values(layer: Any) -> None:
    """Keys and values stand once each, and a value has one type."""
    assert len(set(layer.keys)) == len(layer.keys), "4.4: keys are unique"
    for value in layer.values:
        assert len(value.ListFields()) == 1, "4.1: a value has exactly one type"
    packed = [value.SerializeToString() for value in layer.values]
    assert len(set(packed)) == len(packed), "4.4: values are unique"
    ids = [feature.id for feature in layer.features if feature.HasField("id")]
    assert len(set(ids)) == len(ids), "4.2: ids are unique"


def check_tags(layer: Any, feature: Any) -> None:
    """Tags are pairs that lie in the lists, each key once."""
    assert len(feature.tags) % 2 == 0, "4.4"
    keys, values = feature.tags[::2], feature.tags[1::2]
    assert len(set(keys)) == len(keys), "4.4"
    assert all(key < len(layer.keys) for key in keys), "4.4"
    assert all(value < len(layer.values) for value in values), "4.4"


def check_geometry(feature: Any, least: int, most: int) -> None:
    """The commands are those of the feature's type, and all corners lie in the tile with its buffer."""
    assert feature.geometry, "4.3: a geometry has commands"
    parts = list(read_parts(feature.geometry))
    assert feature.type in (POINT, LINE, POLYGON), "4.3.4"
    for corners, closed in parts:
        assert all(least <= value <= most for corner in corners for value in corner), "cut to the buffer"
        assert closed == (feature.type == POLYGON)
    if feature.type == POINT:
        assert all(len(corners) == 1 for corners, _ in parts), "4.3.4.2"
    elif feature.type == LINE:
        assert all(len(corners) >= 2 for corners, _ in parts), "4.3.4.3"
    else:
        check_rings([corners for corners, _ in parts])


def check_rings(rings: list[Ring]) -> None:
    """Rings have three corners and an area; the first is an exterior one, whose area is positive downwards."""
    for number, ring in enumerate(rings):
        assert len(ring) >= 3, "4.3.4.4"
        assert ring[0] != ring[-1], "4.3.4.4: ClosePath closes"
        doubled = sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True))
        assert doubled != 0, "4.3.4.4: no ring without an area"
        assert number or doubled > 0, "4.3.4.4: the first ring is an exterior one"


def read_parts(geometry: Any) -> Iterator[tuple[Ring, bool]]:
    """The points, lines or rings: corners, and whether it is closed (4.3.1 to 4.3.3)."""
    place = x = y = 0
    corners: Ring = []
    while place < len(geometry):
        command, count = geometry[place] & 7, geometry[place] >> 3
        place += 1
        assert count > 0, "4.3.1"
        if command == CLOSE_PATH:
            assert count == 1, "4.3.3.3"
            yield corners, True
            corners = []
            continue
        assert command in (MOVE_TO, LINE_TO), "4.3.1"
        assert corners or command == MOVE_TO, "4.3.4: a part begins by MoveTo"
        for _ in range(count):
            if command == MOVE_TO and corners:
                yield corners, False
                corners = []
            dx, dy = (number >> 1 ^ -(number & 1) for number in geometry[place : place + 2])
            assert command == MOVE_TO or (dx, dy) != (0, 0), "4.3.3.2: no line to where it is"
            place, x, y = place + 2, x + dx, y + dy
            corners.append((x, y))
    if corners:
        yield corners, False
