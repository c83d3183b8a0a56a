"""Tiles of the basemap: Natural Earth, out of the archive that ships with the API."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from api.http.compression import recoded, takes
from api.http.links import MVT
from api.http.response import ApiResponse
from api.tiles.service import content_response
from api.tms.tile import Tile
from core.errors import TileOutside
from core.tile_files import PMTilesFile

ARCHIVE = Path(__file__).parents[1] / "static/basemap/natural-earth.pmtiles"
HEADERS = [("Cache-Control", "public, max-age=86400"), ("Vary", "Accept-Encoding")]


@cache
def archive() -> PMTilesFile:
    """The archive, open as long as the process lives. Safe for threads: it is read by places."""
    return PMTilesFile(ARCHIVE)


def basemap_tile(tile: Tile, accept_encoding: str) -> ApiResponse:
    """The response with a tile: 200, or 204 where it is empty, as on the sea.

    Raises: TileOutside for a zoom that the archive does not have
    """
    last = archive().header["max_zoom"]
    if tile.z > last:
        raise TileOutside(f"there is no zoom {tile.z}", hint=f"the basemap goes to {last}", parameter="tileMatrix")
    packed = archive().tile(tile.z, tile.row, tile.column)
    if packed is None:
        return ApiResponse("204 NO CONTENT", [*HEADERS])
    data, encoding = (packed, "gzip") if takes(accept_encoding, "gzip") else recoded(packed, "gzip", accept_encoding)
    return content_response(data, MVT, encoding, [*HEADERS])
