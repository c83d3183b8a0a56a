"""Tile matrix sets as a client understands them: read from the API, places by pyproj. None of our own code is used."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import pyproj
from flask.testing import FlaskClient

from support.ogc import get

Place = tuple[str, int, int]
"""A tile: the id of its matrix, its row and its column."""


@dataclass(frozen=True)
class Grid:
    """A tile matrix set."""

    id: str
    crs: str
    matrices: dict[str, dict[str, Any]]

    def project(self, longitude: float, latitude: float) -> tuple[float, float]:
        """A place in the set's CRS, easting first."""
        return transformer(self.crs).transform(longitude, latitude)

    def corner(self, matrix: str) -> tuple[float, float]:
        """West and north of a matrix."""
        first, second = self.matrices[matrix]["pointOfOrigin"]
        return (second, first) if northing_first(self.crs) else (first, second)

    def tile_of(self, longitude: float, latitude: float, matrix: str | int) -> Place:
        """The tile that holds a place."""
        matrix = str(matrix)
        (x, y), (west, north) = self.project(longitude, latitude), self.corner(matrix)
        width, height = self.size(matrix)
        return matrix, math.floor((north - y) / height), math.floor((x - west) / width)

    def size(self, matrix: str) -> tuple[float, float]:
        """Width and height of a tile."""
        found = self.matrices[matrix]
        return found["cellSize"] * found["tileWidth"], found["cellSize"] * found["tileHeight"]

    def bounds(self, place: Place) -> tuple[float, float, float, float]:
        """West, south, east and north of a tile, in the set's CRS."""
        matrix, row, column = place
        (west, north), (width, height) = self.corner(matrix), self.size(matrix)
        return west + column * width, north - (row + 1) * height, west + (column + 1) * width, north - row * height


@cache
def transformer(crs: str) -> pyproj.Transformer:
    """From CRS84 to a system, easting first."""
    return pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True)


@cache
def northing_first(crs: str) -> bool:
    """Whether the official order of a system's axes is northing, easting."""
    return pyproj.CRS(crs).axis_info[0].direction == "north"


def read_grid(client: FlaskClient, id: str) -> Grid:
    """A set of the API."""
    document = get(client, f"/tileMatrixSets/{id}")
    return Grid(id, document["crs"], {matrix["id"]: matrix for matrix in document["tileMatrices"]})
