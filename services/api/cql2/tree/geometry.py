"""Geometries of both encodings: nested numbers checked once, and written as WKT."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import cast

from api.cql2.tree.ast import LEVELS, BBox, Coordinates, Geometry, GeometryCollection, GeometryType, Place, Position

TYPES: dict[str, GeometryType] = {name.upper(): cast("GeometryType", name) for name in LEVELS}
FEWEST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}
"""Positions that a line or a ring needs."""

Move = Callable[[float, float], tuple[float, float]]


def geometry(type: GeometryType, coordinates: Coordinates, at: Place = None) -> Geometry:
    """A geometry whose lines and rings have enough positions. Raises: ValueError"""
    sizes = {len(position) for position in positions(coordinates, LEVELS[type])}
    if len(sizes) > 1:
        raise ValueError("positions with and without height are mixed")
    for line in lines(type, coordinates):
        if len(line) < FEWEST[type]:
            raise ValueError(f"a line of a {type} has {len(line)} of at least {FEWEST[type]} positions")
        if "Polygon" in type and line[0] != line[-1]:
            raise ValueError(f"a ring of a {type} does not end where it begins")
    return Geometry(type, coordinates, at=at)


def bbox(numbers: tuple[float, ...], at: Place = None) -> BBox:
    """A box of four or six numbers. Whether it is the right way up depends on the axes, which come with the CRS.

    Raises: ValueError
    """
    if len(numbers) not in (4, 6):
        raise ValueError(f"a box has four or six numbers, not {len(numbers)}")
    return BBox(numbers, at=at)


def finite(number: float) -> float:
    """The number as a double. Raises: ValueError when there is none"""
    try:
        value = float(number)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError("a coordinate is beyond the numbers that a double can hold")
    return value


def positions(coordinates: Coordinates, level: int) -> Iterator[Position]:
    """Every position of nested coordinates; `level` lists lie around each."""
    if level == 0:
        if coordinates:
            yield cast("Position", coordinates)
        return
    for part in coordinates:
        yield from positions(cast("Coordinates", part), level - 1)


def lines(type: GeometryType, coordinates: Coordinates) -> Iterator[tuple[Position, ...]]:
    """Every line and ring of a geometry; points have none."""
    if type not in FEWEST:
        return
    level = LEVELS[type]
    parts: list[Coordinates] = [coordinates] if coordinates else []
    for _ in range(level - 1):
        parts = [cast("Coordinates", part) for outer in parts for part in outer]
    for part in parts:
        yield cast("tuple[Position, ...]", part)


def all_positions(shape: Geometry | GeometryCollection) -> Iterator[Position]:
    """Every position of a geometry."""
    for single in shape.geometries if isinstance(shape, GeometryCollection) else (shape,):
        yield from positions(single.coordinates, LEVELS[single.type])


def wkt(shape: Geometry | GeometryCollection, *, swap: bool = False) -> str:
    """Well-known text, `POINT Z (1.0 2.0 3.0)`; with `swap`, the second number of each position comes first."""
    if isinstance(shape, GeometryCollection):
        inner = ", ".join(wkt(part, swap=swap) for part in shape.geometries)
        return f"GEOMETRYCOLLECTION ({inner})" if inner else "GEOMETRYCOLLECTION EMPTY"
    name = shape.type.upper()
    if not shape.coordinates:
        return f"{name} EMPTY"
    has_height = any(len(position) == 3 for position in all_positions(shape))
    inner = nested(shape.coordinates, LEVELS[shape.type], swap=swap)
    if shape.type == "MultiPoint":
        inner = f"({', '.join(f'({point})' for point in inner[1:-1].split(', '))})"
    return f"{name}{' Z' if has_height else ''} {inner if LEVELS[shape.type] else f'({inner})'}"


def nested(coordinates: Coordinates, level: int, *, swap: bool) -> str:
    """The inside of well-known text."""
    if level == 0:
        x, y, *rest = cast("Position", coordinates)
        return " ".join(map(repr, [y, x, *rest] if swap else [x, y, *rest]))
    parts = [cast("Coordinates", part) for part in coordinates]
    if not parts:
        return "EMPTY"
    return f"({', '.join(nested(part, level - 1, swap=swap) for part in parts)})"
