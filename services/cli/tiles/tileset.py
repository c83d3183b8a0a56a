"""A tileset as its documents describe it: where its tiles are, how many there may be; and its tiles by numbers.

The numbers are along a Hilbert curve: the order that PMTiles keeps tiles in, in which a tile's four children follow
each other where the tile stands. Those of a whole zoom are eight bytes each.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pmtiles.tile import tileid_to_zxy, zxy_to_tileid

from cli.tiles.archive import WrongUse
from core.api_client import Client
from core.catalog.archives import MVT

ZOOMS_BELOW_WHOLE = 6
"""Zooms of an archive below the one that shows everything in about one tile, when nobody says: some 20,000 tiles."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The rows and columns of a zoom that a tileset has, the last ones included."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    def hold(self, row: int, column: int) -> bool:
        """Whether a place is within."""
        return self.first_row <= row <= self.last_row and self.first_column <= column <= self.last_column

    @property
    def places(self) -> Iterator[tuple[int, int]]:
        """The rows and columns of all tiles within, row by row."""
        return product(range(self.first_row, self.last_row + 1), range(self.first_column, self.last_column + 1))

    @property
    def count(self) -> int:
        """How many tiles there are within."""
        return (self.last_row - self.first_row + 1) * (self.last_column - self.first_column + 1)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A zoom of a tile matrix set, as its document has it."""

    id: str
    columns: int
    rows: int
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Tileset:
    """What is known of a tileset before its tiles are requested.

    path, query: of its address; title: what it is called here
    limits:      by zoom, those that it has
    layers:      ids of its collections
    condition:   CQL2 that its features meet, None: all
    tilejson:    empty where the set has none
    """

    title: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    matrix_set: str
    matrices: tuple[Matrix, ...]
    limits: Mapping[int, Limits]
    layers: tuple[str, ...]
    media_type: str = MVT
    condition: str | None = None
    tilejson: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def default_zooms(self) -> range:
        """The zooms when nobody says."""
        first, last = min(self.limits), max(self.limits)
        largest = min(last, int(self.tilejson.get("maxzoom", last)))
        whole = int(self.tilejson.get("center", [0, 0, first])[2])
        return range(first, max(first, min(largest, whole + ZOOMS_BELOW_WHOLE)) + 1)


def read_tileset(client: Client, names: Sequence[str], matrix_set: str, parameters: Mapping[str, str]) -> Tileset:
    """The tileset of a collection, of several (a layer each), or without names of all.

    parameters: of its tiles, such as filter and properties
    Raises: UnknownCollection, UnknownTileMatrixSet, NoGeometry, BadFilter, BadParameter, ApiUnavailable
    """
    path = ("collections", names[0], "tiles", matrix_set) if len(names) == 1 else ("tiles", matrix_set)
    query = {**({"collections": ",".join(names)} if len(names) > 1 else {}), **parameters}
    document = client.get(*path, query=query).document
    matrices = tuple(map(parse_matrix, client.get("tileMatrixSets", matrix_set).document["tileMatrices"]))
    sides = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
    limits = {one["tileMatrix"]: Limits(*(one[side] for side in sides)) for one in document["tileMatrixSetLimits"]}
    has_tilejson = any(link["rel"] == "describedby" for link in document["links"])
    return Tileset(
        title=", ".join(names) or "all collections",
        path=path,
        query=query,
        matrix_set=matrix_set,
        matrices=matrices,
        limits={zoom: limits[matrix.id] for zoom, matrix in enumerate(matrices) if matrix.id in limits},
        layers=tuple(layer["id"] for layer in document.get("layers", [])),
        media_type=document["mediaTypes"][0],
        condition=parameters.get("filter"),
        tilejson=client.get(*path, "tilejson.json", query=query).document if has_tilejson else {},
    )


def parse_matrix(entry: Mapping[str, Any]) -> Matrix:
    """A zoom of a tile matrix set."""
    size = float(entry["cellSize"])
    left, top = map(float, entry["pointOfOrigin"])
    width, height = size * entry["tileWidth"], size * entry["tileHeight"]
    return Matrix(entry["id"], entry["matrixWidth"], entry["matrixHeight"], left, top, width, height)


def parse_zooms(text: str | None, tileset: Tileset) -> range:
    """`0-10` or `7` as zooms; None: the tileset's default. Raises: WrongUse"""
    if text is None:
        return tileset.default_zooms
    first, _, last = text.partition("-")
    least, most = min(tileset.limits), max(tileset.limits)
    numbers = [int(part) for part in (first, last or first) if part.isdecimal()]
    if len(numbers) != 2 or not least <= numbers[0] <= numbers[1] <= most:
        raise WrongUse(f"--zoom is '{text}'", hint=f"it takes a zoom, or the first and the last one: {least}-{most}")
    return range(numbers[0], numbers[1] + 1)


def is_pyramid(matrices: Sequence[Matrix]) -> bool:
    """Whether each tile has four tiles below it, as in WebMercatorQuad and WorldCRS84Quad."""
    first = matrices[0]
    return all(
        (matrix.columns, matrix.rows, matrix.left, matrix.top)
        == (first.columns << zoom, first.rows << zoom, first.left, first.top)
        and math.isclose(matrix.width * 2**zoom, first.width)
        for zoom, matrix in enumerate(matrices)
    )


class Grid:
    """The tiles of a pyramid below `columns` x `rows` tiles of zoom 0."""

    def __init__(self, columns: int = 1) -> None:
        """`columns`: tiles of zoom 0 beside each other."""
        self._columns = columns

    def place(self, zoom: int, number: int) -> tuple[int, int]:
        """Row and column of a number."""
        root, inside = divmod(number, 4**zoom)
        _, x, y = tileid_to_zxy(first_id(zoom) + inside)
        root_row, root_column = divmod(root, self._columns)
        return (root_row << zoom) + y, (root_column << zoom) + x

    def number(self, zoom: int, row: int, column: int) -> int:
        """The number of a row and column."""
        size = (1 << zoom) - 1
        root = (row >> zoom) * self._columns + (column >> zoom)
        return root * 4**zoom + zxy_to_tileid(zoom, column & size, row & size) - first_id(zoom)

    def within(self, zoom: int, limits: Limits) -> array[int]:
        """The numbers of all tiles within limits, in order."""
        return array("Q", sorted(self.number(zoom, row, column) for row, column in limits.places))

    def children(self, zoom: int, number: int, limits: Limits) -> Iterator[int]:
        """The numbers of the tiles below one of a zoom that lie within the limits of the next."""
        for child in range(4 * number, 4 * number + 4):
            if limits.hold(*self.place(zoom + 1, child)):
                yield child


def first_id(zoom: int) -> int:
    """How many tiles the zooms before have: what PMTiles counts a zoom from."""
    return (4**zoom - 1) // 3
