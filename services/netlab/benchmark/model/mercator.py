"""Tiles of WebMercatorQuad by place, and the other way round (OGC 17-083r4, annex D.1)."""

from __future__ import annotations

import math

MOST_LATITUDE = 85.0511287798


def tile_at(zoom: int, longitude: float, latitude: float) -> tuple[int, int]:
    """(row, column) of the tile that holds a place, in degrees."""
    last = 2**zoom - 1
    radians = math.radians(max(-MOST_LATITUDE, min(MOST_LATITUDE, latitude)))
    row = (1 - math.asinh(math.tan(radians)) / math.pi) / 2 * 2**zoom
    column = (longitude + 180) / 360 * 2**zoom
    return max(0, min(last, int(row))), max(0, min(last, int(column)))


def tile_bounds(zoom: int, row: int, column: int) -> tuple[float, float, float, float]:
    """(west, south, east, north) of a tile in degrees."""

    def latitude(edge: int) -> float:
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * edge / 2**zoom))))

    width = 360 / 2**zoom
    west = column * width - 180
    return west, latitude(row + 1), west + width, latitude(row)
