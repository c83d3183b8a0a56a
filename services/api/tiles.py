"""The tile matrix set WebMercatorQuad, and tiles of it as values.

Source: OGC 17-083r4 (Two Dimensional Tile Matrix Set and Tile Set Metadata), annex D.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.bbox import MERCATOR_LIMIT_DEG, BBox
from core.errors import BadParameter, TileOutside, UnknownTileMatrixSet, suggestion

WEB_MERCATOR_QUAD = "WebMercatorQuad"
LARGEST_ZOOM = 24
TILE_MATRIX_SET_URI = "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"
HALF_WORLD_M = math.pi * 6378137
ZOOM_0_SCALE = 559082264.028717
PIXEL_M = 0.00028
"""Size of a pixel that scale denominators are defined with (OGC 17-083r4, 6.1.1)."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of WebMercatorQuad: `row` counts from the north, `column` from 180 degrees west."""

    z: int
    row: int
    column: int


def parse_tile(z: str, row: str, column: str) -> Tile:
    """The tile that a path names.

    Raises: BadParameter for what is no number, TileOutside for what lies outside the tile matrix set
    """
    names = {"tileMatrix": z, "tileRow": row, "tileCol": column}
    for name, text in names.items():
        if not (text.isascii() and text.isdecimal()):
            raise BadParameter(f"{name} is '{text}'", hint="it takes a whole number from 0", parameter=name)
    if len(z) > 2 or int(z) > LARGEST_ZOOM:
        raise TileOutside(f"there is no zoom {z}", hint=f"the largest is {LARGEST_ZOOM}", parameter="tileMatrix")
    last = 2 ** int(z) - 1
    for name in ("tileRow", "tileCol"):
        if len(names[name]) > 8 or int(names[name]) > last:
            raise TileOutside(
                f"{name} {names[name]} is outside zoom {z}",
                hint=f"rows and columns go from 0 to {last}; the order is zoom/row/column",
                parameter=name,
            )
    return Tile(int(z), int(row), int(column))


def check_tile_matrix_set(id: str) -> None:
    """Raise UnknownTileMatrixSet for another name than WebMercatorQuad."""
    if id != WEB_MERCATOR_QUAD:
        hint = suggestion(id, [WEB_MERCATOR_QUAD]) or "known: WebMercatorQuad"
        raise UnknownTileMatrixSet(f"there is no tile matrix set '{id}'", hint=hint, parameter="tileMatrixSetId")


def tile_at(longitude: float, latitude: float, z: int) -> Tile:
    """The tile that holds a place in CRS84 degrees; beyond the matrix set's edge, the nearest."""
    sides = 2**z
    radians = math.radians(max(-MERCATOR_LIMIT_DEG, min(MERCATOR_LIMIT_DEG, latitude)))
    column = int((longitude + 180) / 360 * sides)
    row = int((1 - math.asinh(math.tan(radians)) / math.pi) / 2 * sides)
    return Tile(z, max(0, min(sides - 1, row)), max(0, min(sides - 1, column)))


def tile_bounds(tile: Tile, margin: float = 0.0) -> BBox:
    """The tile's box in CRS84 degrees. `margin`: more on each side, in widths of the tile, within the degrees."""
    sides = 2**tile.z

    def latitude(row: float) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / sides))))

    west, east = (column / sides * 360 - 180 for column in (tile.column - margin, tile.column + 1 + margin))
    return BBox(max(west, -180), latitude(tile.row + 1 + margin), min(east, 180), latitude(tile.row - margin))


def tile_limits(box: BBox | None, z: int) -> tuple[Tile, Tile]:
    """The north-western and the south-eastern tile of a box; of the world for None or a box across 180 degrees."""
    if box is None or box.west > box.east:
        box = BBox(-180, -90, 180, 90)
    return tile_at(box.west, box.north, z), tile_at(box.east, box.south, z)


def check_limits(tile: Tile, box: BBox | None) -> None:
    """Raise TileOutside for a tile outside the limits that the tileset states (/req/core/tc-error, A)."""
    first, last = tile_limits(box, tile.z)
    sides = (("tileRow", first.row, tile.row, last.row), ("tileCol", first.column, tile.column, last.column))
    for name, least, number, most in sides:
        if not least <= number <= most:
            hint = f"at zoom {tile.z} the collection has {name} {least} to {most}"
            raise TileOutside(f"{name} {number} is outside the collection", hint=hint, parameter=name)
