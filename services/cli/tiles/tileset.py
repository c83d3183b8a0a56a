"""A tileset as its documents tell it: where its tiles are, how many there may be, what an archive says of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cli.tiles.client import Client
from cli.tiles.errors import WrongUse

EVERYTHING: Mapping[str, str] = {}

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
    """What is known of a tileset before its tiles are asked for.

    path, query: of its address; title: what it is called here
    layers:      ids of its collections
    condition:   CQL2 that its features meet, None: all
    tilejson:    empty where the set has none
    """

    title: str
    path: tuple[str, ...]
    query: Mapping[str, str]
    matrix_set: str
    matrices: tuple[Matrix, ...]
    limits: tuple[Limits, ...]
    layers: tuple[str, ...]
    condition: str | None = None
    tilejson: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def default_last_zoom(self) -> int:
        """The last zoom when nobody says."""
        largest = int(self.tilejson.get("maxzoom", len(self.matrices) - 1))
        return min(largest, int(self.tilejson.get("center", [0, 0, 0])[2]) + ZOOMS_BELOW_WHOLE)


def read_tileset(
    client: Client, names: Sequence[str], matrix_set: str, asked: Mapping[str, str] = EVERYTHING
) -> Tileset:
    """The tileset of a collection, of several (a layer each), or without names of all.

    asked: parameters of its tiles, such as filter and properties
    Raises: UnknownCollection, UnknownTileMatrixSet, NoGeometry, BadFilter, BadParameter, ApiUnavailable
    """
    path = ("collections", names[0], "tiles", matrix_set) if len(names) == 1 else ("tiles", matrix_set)
    query = {**({"collections": ",".join(names)} if len(names) > 1 else {}), **asked}
    document = client.get(*path, query=query).document
    matrices = tuple(map(parse_matrix, client.get("tileMatrixSets", matrix_set).document["tileMatrices"]))
    limits = {entry["tileMatrix"]: parse_limits(entry) for entry in document["tileMatrixSetLimits"]}
    if any(matrix.id not in limits for matrix in matrices):
        raise WrongUse(f"'{names[0]}' is a file of tiles itself", hint="copy it from the data folder")
    has_tilejson = any(link["rel"] == "describedby" for link in document["links"])
    return Tileset(
        title=", ".join(names) or "all collections",
        path=path,
        query=query,
        matrix_set=matrix_set,
        matrices=matrices,
        limits=tuple(limits[matrix.id] for matrix in matrices),
        layers=tuple(layer["id"] for layer in document.get("layers", [])),
        condition=asked.get("filter"),
        tilejson=client.get(*path, "tilejson.json", query=query).document if has_tilejson else {},
    )


def parse_matrix(entry: Mapping[str, Any]) -> Matrix:
    """A zoom of a tile matrix set."""
    size = float(entry["cellSize"])
    left, top = map(float, entry["pointOfOrigin"])
    width, height = size * entry["tileWidth"], size * entry["tileHeight"]
    return Matrix(entry["id"], entry["matrixWidth"], entry["matrixHeight"], left, top, width, height)


def parse_limits(entry: Mapping[str, int]) -> Limits:
    """Rows and columns of a zoom."""
    return Limits(entry["minTileRow"], entry["maxTileRow"], entry["minTileCol"], entry["maxTileCol"])


def parse_zooms(text: str | None, tileset: Tileset) -> range:
    """`0-10` or `7` as zooms; None: down to the tileset's default. Raises: WrongUse"""
    if text is None:
        return range(tileset.default_last_zoom + 1)
    first, _, last = text.partition("-")
    most = len(tileset.limits) - 1
    if not (first.isdecimal() and (last or first).isdecimal()) or not int(first) <= int(last or first) <= most:
        raise WrongUse(f"--zoom is '{text}'", hint=f"it takes a zoom, or the first and the last one: 0-{most}")
    return range(int(first), int(last or first) + 1)
