"""The shapes of cells, in CRS84."""

from __future__ import annotations

from math import atan, degrees, pi, sinh

from core.bbox import BBox

BASE_32 = "0123456789bcdefghjkmnpqrstuvwxyz"
"""The digits of a geohash."""


def box_of(cell: str) -> BBox:
    """The box of `z/x/y`, a tile of WebMercatorQuad, or of a geohash."""
    if "/" in cell:
        zoom, column, row = map(int, cell.split("/"))
        side = 2**zoom
        west, east = (360 * place / side - 180 for place in (column, column + 1))
        north, south = (degrees(atan(sinh(pi * (1 - 2 * place / side)))) for place in (row, row + 1))
        return BBox(west, south, east, north)
    ends = [[-180.0, 180.0], [-90.0, 90.0]]
    bits = "".join(f"{BASE_32.index(digit):05b}" for digit in cell)
    for number, bit in enumerate(bits):  # longitude first, then in turns
        low, high = ends[number % 2]
        ends[number % 2] = [(low + high) / 2, high] if bit == "1" else [low, (low + high) / 2]
    (west, east), (south, north) = ends
    return BBox(west, south, east, north)


def polygon(west: float, south: float, east: float, north: float) -> dict[str, object]:
    """A box as a polygon of GeoJSON, counterclockwise."""
    corners = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return {"type": "Polygon", "coordinates": [[[round(x, 7), round(y, 7)] for x, y in corners]]}
