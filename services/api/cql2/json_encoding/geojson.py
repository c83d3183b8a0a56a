"""GeoJSON geometries and boxes inside CQL2 JSON. Every mistake is a ValueError."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from api.cql2.tree.ast import LEVELS, BBox, Coordinates, Geometry, GeometryCollection, GeometryType, Place, Position
from api.cql2.tree.geometry import bbox, finite, geometry

Json = Any
COLLECTION = "GeometryCollection"
MOST_NUMBERS = 3
"""Numbers of a position that are read; GeoJSON allows more and gives them no meaning."""


def parse_shape(value: dict[str, Json], at: Place = None) -> Geometry | GeometryCollection | BBox:
    """A geometry object, or `{"bbox": [...]}`."""
    if "type" not in value:
        return bbox(numbers(value["bbox"]), at)
    if value["type"] != COLLECTION:
        return parse_single(value, at)
    parts = a_list(value.get("geometries"))
    return GeometryCollection(tuple(parse_single(part) for part in parts), at=at)


def parse_single(value: Json, at: Place = None) -> Geometry:
    """A geometry that is no collection."""
    if not isinstance(value, dict):
        raise ValueError("a geometry is no object")  # noqa: TRY004 (every mistake of a filter is a ValueError here)
    members = cast("dict[str, Json]", value)
    name: Json = members.get("type")
    if not isinstance(name, str) or name not in LEVELS:
        raise ValueError(f"a geometry has no type of {', '.join(LEVELS)}")
    return geometry(cast("GeometryType", name), coordinates(members.get("coordinates"), LEVELS[name]), at)


def coordinates(value: Json, level: int) -> Coordinates:
    """Lists within lists around positions."""
    if level == 0:
        return position(value) if value != [] else ()
    return tuple(position(part) if level == 1 else coordinates(part, level - 1) for part in a_list(value))


def position(value: Json) -> Position:
    """Two or three numbers."""
    found = numbers(value)
    if len(found) < 2:
        raise ValueError("a position has fewer than two numbers")
    return found[:MOST_NUMBERS]


def numbers(value: Json) -> tuple[float, ...]:
    """A list of finite numbers."""
    found = a_list(value)
    if any(isinstance(number, bool) or not isinstance(number, int | Decimal) for number in found):
        raise ValueError("a coordinate is no number")
    return tuple(finite(number) for number in found)


def a_list(value: Json) -> list[Json]:
    """The list itself."""
    if not isinstance(value, list):
        raise ValueError("coordinates are no list where one is needed")  # noqa: TRY004 (as above)
    return cast("list[Json]", value)


def render_shape(shape: Geometry | GeometryCollection) -> dict[str, Json]:
    """The GeoJSON object of a geometry."""
    if isinstance(shape, GeometryCollection):
        return {"type": COLLECTION, "geometries": [render_shape(part) for part in shape.geometries]}
    return {"type": shape.type, "coordinates": shape.coordinates}
