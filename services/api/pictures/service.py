"""The picture of a collection as its tiles show it, kept as long as the collection is the same."""

from __future__ import annotations

from api.documents.styles import SEA, colour_of
from api.http.links import MVT
from api.http.response import ApiResponse
from api.pictures.draw import draw_picture
from api.tiles.resources import TileRequest
from api.tiles.service import TileService
from api.tms.tile import WEB_MERCATOR_QUAD
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.errors import NoTiles, TileOutside

WORLD = BBox(-180, -60, 180, 75)

pictures: CollectionCache[None, bytes] = CollectionCache()
"""Of loaded collections. Those of sources are drawn each time, as their data change without our knowing."""


def picture_of(tiles: TileService, collection: Collection) -> bytes:
    """The picture as PNG. Cost: 50 to 300 ms where it is not kept, and the tiles.

    Raises: NoTiles for a function that needs arguments, and as `TileService.respond`
    """
    if collection.needs_arguments:
        raise NoTiles(f"{collection.id} needs arguments, of which a picture knows none", hint="ask for its tiles")

    def read_tile(zoom: int, row: int, column: int) -> bytes:
        place = (WEB_MERCATOR_QUAD.id, str(zoom), str(row), str(column))
        try:
            found = tiles.respond(TileRequest(collection.id, *place, accept=MVT, accept_encoding="identity"))
        except TileOutside:
            return b""
        return found.body if isinstance(found, ApiResponse) and isinstance(found.body, bytes) else b""

    def draw() -> bytes:
        return draw_picture(collection.bbox_crs84 or WORLD, read_tile, colour_of(collection.id), SEA)

    return draw() if collection.source is not None else pictures.get(collection, None, draw)
