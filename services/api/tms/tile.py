"""Tile matrix sets as values: grids of tiles over a plane, one for each scale, and the two that are always there; their
tiles: where they lie, and which of them an area has.

Source: OGC 17-083r4 (Two Dimensional Tile Matrix Set and Tile Set Metadata), clause 6 and annex D.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from api.query.crs import CRS84, EPSG_3857, Crs
from api.query.items import GridBox
from core.bbox import MERCATOR_LIMIT_DEG, BBox
from core.errors import BadParameter, TileOutside

LARGEST_ZOOM = 24
HALF_WORLD_M = math.pi * 6378137
ZOOM_0_SCALE = 559082264.028717
PIXEL_M = 0.00028
"""Size of a pixel that scale denominators are defined with (6.1.1)."""
TILE_PX = 256
REGISTER = "http://www.opengis.net/def/tilematrixset/OGC/1.0/"


@dataclass(frozen=True, slots=True)
class TileMatrix:
    """One scale of a set. Places are in the units of the set's CRS, easting first whatever the official order.

    left, top: the north-western corner of the grid; from_south: its rows are counted from the south
    """

    id: str
    scale: float
    cell_size: float
    left: float
    top: float
    columns: int
    rows: int
    tile_width_px: int = TILE_PX
    tile_height_px: int = TILE_PX
    from_south: bool = False

    @property
    def width(self) -> float:
        """The width of a tile."""
        return self.cell_size * self.tile_width_px

    @property
    def height(self) -> float:
        """The height of a tile."""
        return self.cell_size * self.tile_height_px

    @property
    def mercator_zoom(self) -> int:
        """The zoom of WebMercatorQuad whose scale is nearest, at least 0: overviews are known by it."""
        return max(0, round(math.log2(ZOOM_0_SCALE / self.scale)))


@dataclass(frozen=True, eq=False)
class TileMatrixSet:
    """A set, equal to itself only. A tile's zoom is the place of its matrix among `matrices`.

    uri:      its name in the register of OGC, when it has one
    document: how it was registered, which it is shown as; None: it is one of ours
    """

    id: str
    title: str
    crs: Crs
    axes: tuple[str, ...]
    matrices: tuple[TileMatrix, ...] = field(repr=False)
    uri: str | None = None
    scale_set: str | None = None
    document: Mapping[str, Any] | None = field(default=None, repr=False)

    @cached_property
    def zooms(self) -> dict[str, int]:
        """The zoom of each matrix by its id."""
        return {matrix.id: zoom for zoom, matrix in enumerate(self.matrices)}

    @cached_property
    def key(self) -> str:
        """What its tiles are cached by: the id, and of a registered one what it says, since a file may change."""
        if self.document is None:
            return self.id
        text = json.dumps(self.document, sort_keys=True, default=str)
        return f"{self.id}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"

    @cached_property
    def has_numbers(self) -> bool:
        """Whether the ids of its matrices are their zooms, so that `{z}` stands for them."""
        return all(matrix.id == str(zoom) for zoom, matrix in enumerate(self.matrices))


def quad(zoom: int, *, cell_size: float, scale: float, corner: tuple[float, float], columns: int = 1) -> TileMatrix:
    """A matrix of a set of which each tile has four tiles below it. The other values are those of zoom 0."""
    times = 2**zoom
    return TileMatrix(str(zoom), scale / times, cell_size / times, *corner, columns * times, times)


WEB_MERCATOR_QUAD = TileMatrixSet(
    id="WebMercatorQuad",
    title="Google Maps Compatible for the World",
    crs=EPSG_3857,
    axes=("X", "Y"),
    matrices=tuple(
        quad(zoom, cell_size=2 * HALF_WORLD_M / TILE_PX, scale=ZOOM_0_SCALE, corner=(-HALF_WORLD_M, HALF_WORLD_M))
        for zoom in range(LARGEST_ZOOM + 1)
    ),
    uri=f"{REGISTER}WebMercatorQuad",
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible",
)
"""Annex D.1."""

WORLD_CRS84_QUAD = TileMatrixSet(
    id="WorldCRS84Quad",
    title="CRS84 for the World",
    crs=CRS84,
    axes=("Lon", "Lat"),
    matrices=tuple(
        quad(zoom, cell_size=180 / TILE_PX, scale=ZOOM_0_SCALE / 2, corner=(-180.0, 90.0), columns=2)
        for zoom in range(LARGEST_ZOOM)
    ),
    uri=f"{REGISTER}WorldCRS84Quad",
    scale_set="http://www.opengis.net/def/wkss/OGC/1.0/GoogleCRS84Quad",
)
"""Annex D.2."""

OURS = {known.id: known for known in (WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD)}

LONGEST_NUMBER = 18
SPLIT = 32
"""Into so many parts an edge as long as a tile is split where it is bent on the way into the CRS of a set."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile: `z` is the place of its matrix in the set, `row` counts from the north, `column` from the west.

    around: where on Earth it lies with its buffer, in a set that only the database can tell this of (see api/grids)
    """

    z: int
    row: int
    column: int
    matrix_set: TileMatrixSet = WEB_MERCATOR_QUAD
    around: BBox | None = field(default=None, compare=False)

    @property
    def matrix(self) -> TileMatrix:
        """The grid that it is part of."""
        return self.matrix_set.matrices[self.z]


def parse_tile(z: str, row: str, column: str, matrix_set: TileMatrixSet = WEB_MERCATOR_QUAD) -> Tile:
    """The tile that a path names.

    Raises: BadParameter for what is no number, TileOutside for what lies outside the tile matrix set
    """
    for name, text in (("tileMatrix", z), ("tileRow", row), ("tileCol", column)):
        if not (text.isascii() and text.isdecimal()) and (name != "tileMatrix" or matrix_set.has_numbers):
            raise BadParameter(f"{name} is '{text}'", hint="it takes a whole number from 0", parameter=name)
    zoom = parse_zoom(z, matrix_set)
    matrix = matrix_set.matrices[zoom]
    for name, text, count in (("tileRow", row, matrix.rows), ("tileCol", column, matrix.columns)):
        if len(text) > LONGEST_NUMBER or int(text) >= count:
            raise TileOutside(
                f"{name} {text} is outside zoom {z}",
                hint=f"it goes from 0 to {count - 1}; the order is zoom/row/column",
                parameter=name,
            )
    return Tile(zoom, int(row), int(column), matrix_set)


def parse_zoom(text: str, matrix_set: TileMatrixSet) -> int:
    """The zoom of a matrix's id. Raises: TileOutside"""
    id = (text.lstrip("0") or "0") if matrix_set.has_numbers else text
    if id in matrix_set.zooms:
        return matrix_set.zooms[id]
    known = list(matrix_set.zooms)
    hint = f"the largest is {known[-1]}" if matrix_set.has_numbers else f"it takes one of: {', '.join(known)}"
    raise TileOutside(f"there is no zoom {text}", hint=hint, parameter="tileMatrix")


def tile_box(tile: Tile, margin: float = 0.0) -> GridBox:
    """The tile's box in the CRS of its set. `margin`: more on each side, in widths of the tile."""
    matrix = tile.matrix
    row = matrix.rows - 1 - tile.row if matrix.from_south else tile.row
    west, north = matrix.left + (tile.column - margin) * matrix.width, matrix.top - (row - margin) * matrix.height
    east, south = west + (1 + 2 * margin) * matrix.width, north - (1 + 2 * margin) * matrix.height
    return GridBox(tile.matrix_set.crs.srid, west, south, east, north)


def tile_bounds(tile: Tile, margin: float = 0.0) -> BBox:
    """The tile's box in CRS84 degrees, within the degrees. `margin`: as in `tile_box`; that of `around` is in it.

    Where a tile of a registered set lies is what was found in the database.
    """
    if tile.around is not None:
        return tile.around
    box = tile_box(tile, margin)
    if box.srid != WEB_MERCATOR_QUAD.crs.srid:
        return BBox(max(box.west, -180), max(box.south, -90), min(box.east, 180), min(box.north, 90))
    west, east = (x / HALF_WORLD_M * 180 for x in (box.west, box.east))
    south, north = (math.degrees(math.atan(math.sinh(y / HALF_WORLD_M * math.pi))) for y in (box.south, box.north))
    return BBox(max(west, -180), south, min(east, 180), north)


def step_deg(tile: Tile) -> float:
    """How long the edges of shapes in degrees may be in a tile of a registered set."""
    box = tile.around
    if box is None:
        return 1.0
    return max((box.east - box.west) % 360 or 360, box.north - box.south, 1e-6) / SPLIT


def extent_in(matrix_set: TileMatrixSet, box: BBox | None) -> GridBox | None:
    """A box in the CRS of one of our sets; None: all of the set, as for None or a box across 180 degrees.

    Web Mercator ends at 85.0511 degrees.
    """
    if box is None or box.west > box.east:
        return None
    if matrix_set.crs.srid != WEB_MERCATOR_QUAD.crs.srid:
        return GridBox(matrix_set.crs.srid, *box.as_list())
    south, north = (mercator_y(latitude) for latitude in (box.south, box.north))
    west, east = (longitude / 180 * HALF_WORLD_M for longitude in (box.west, box.east))
    return GridBox(matrix_set.crs.srid, west, south, east, north)


def mercator_y(latitude: float) -> float:
    """The northing of a latitude in EPSG:3857 (EPSG method 1024)."""
    radians = math.radians(max(-MERCATOR_LIMIT_DEG, min(MERCATOR_LIMIT_DEG, latitude)))
    return HALF_WORLD_M * math.asinh(math.tan(radians)) / math.pi


def tile_at(longitude: float, latitude: float, z: int) -> Tile:
    """The tile of WebMercatorQuad that holds a place in CRS84 degrees; beyond the set's edge, the nearest."""
    return tile_holding(longitude / 180 * HALF_WORLD_M, mercator_y(latitude), z, WEB_MERCATOR_QUAD)


def tile_holding(x: float, y: float, z: int, matrix_set: TileMatrixSet) -> Tile:
    """The tile that holds a place in the CRS of the set; beyond the set's edge, the nearest."""
    matrix = matrix_set.matrices[z]
    column, row = math.floor((x - matrix.left) / matrix.width), math.floor((matrix.top - y) / matrix.height)
    row = max(0, min(matrix.rows - 1, row))
    if matrix.from_south:
        row = matrix.rows - 1 - row
    return Tile(z, row, max(0, min(matrix.columns - 1, column)), matrix_set)


@lru_cache(maxsize=1000)
def tile_limits(extent: GridBox | None, z: int, matrix_set: TileMatrixSet = WEB_MERCATOR_QUAD) -> tuple[Tile, Tile]:
    """The tiles of least and of largest row and column that an area in the CRS of the set has. None: all of them."""
    matrix = matrix_set.matrices[z]
    if extent is None:
        return Tile(z, 0, 0, matrix_set), Tile(z, matrix.rows - 1, matrix.columns - 1, matrix_set)
    first = tile_holding(extent.west, extent.north, z, matrix_set)
    last = tile_holding(extent.east, extent.south, z, matrix_set)
    rows = sorted((first.row, last.row))
    return Tile(z, rows[0], first.column, matrix_set), Tile(z, rows[1], last.column, matrix_set)


def check_limits(tile: Tile, extent: GridBox | None) -> None:
    """Raise TileOutside for a tile outside the limits that the tileset states (/req/core/tc-error, A)."""
    for name, least, number, most in sides(tile, extent):
        if not least <= number <= most:
            hint = f"at zoom {tile.matrix.id} the tileset has {name} {least} to {most}"
            raise TileOutside(f"{name} {number} is outside the tileset", hint=hint, parameter=name)


def check_zoom(tile: Tile, zooms: tuple[int, int]) -> None:
    """Raise TileOutside for a zoom that a tileset does not have. `zooms`: the first and the last one"""
    first, last = zooms
    if not first <= tile.z <= last:
        hint = f"it has zooms {first} to {last}"
        raise TileOutside(f"zoom {tile.z} is outside the tileset", hint=hint, parameter="tileMatrix")


def is_within(tile: Tile, extent: GridBox | None) -> bool:
    """Whether a tile lies inside the limits."""
    return all(least <= number <= most for _, least, number, most in sides(tile, extent))


def sides(tile: Tile, extent: GridBox | None) -> tuple[tuple[str, int, int, int], ...]:
    """The row and the column of a tile, each with its name before it and between the limits of an area."""
    first, last = tile_limits(extent, tile.z, tile.matrix_set)
    return ("tileRow", first.row, tile.row, last.row), ("tileCol", first.column, tile.column, last.column)
