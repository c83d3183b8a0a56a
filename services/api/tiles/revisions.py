"""The version that a tile's data are of: the oldest that nothing in the tile's place has changed since."""

from __future__ import annotations

from api.query.items import GridBox
from api.sql.tiles.drawing import MARGIN
from api.tms.matrix_set import OURS, WEB_MERCATOR_QUAD
from api.tms.tile import Tile, extent_in, tile_bounds, tile_box
from core.catalog import Collection
from core.changes import Change


def tile_revision(collection: Collection, tile: Tile) -> str:
    """A text for that version. A database that was made anew counts its versions from 1 again, hence the time."""
    version, stamp = collection.version, round(collection.loaded_at.timestamp() * 1e6)
    for change in collection.changes:
        if has_changed(change, tile):
            break
        version, stamp = change.version, change.stamp
    return f"{collection.id}.{version}.{stamp}"


def has_changed(change: Change, tile: Tile) -> bool:
    """Whether a change may be seen in a tile or its buffer. In a registered set, always: only the database knows where
    its tiles lie.
    """
    if tile.matrix_set.id not in OURS or tile.matrix.mercator_zoom < change.full_zoom:
        return True
    if change.elsewhere and tile.matrix_set is not WEB_MERCATOR_QUAD:
        return True
    box = place_of(tile)
    return any(
        box is None or (west <= box.east and box.west <= east and south <= box.north and box.south <= north)
        for west, south, east, north in change.areas
    )


def place_of(tile: Tile) -> GridBox | None:
    """A tile with its buffer in EPSG:3857; None: anywhere."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tile_box(tile, MARGIN)
    return extent_in(WEB_MERCATOR_QUAD, tile_bounds(tile, MARGIN))
