"""What a tileset says of low zooms, whose tiles leave something out (see docs/tiles.md)."""

from __future__ import annotations

from typing import Any

from api.sql.tiles.overviews import merged_name
from api.tms.tileset import Tileset
from core.catalog import Collection
from core.tiling import Kind

MEMBER = "isthmus:thinned"
"""The member of a layer; TileJSON and the tileset metadata of OGC 17-083r4 allow ones of others."""

SHOWN: dict[Kind, str] = {
    "points": "of each of 128 x 128 cells of a tile, the most important point",
    "lines": "lines at least as wide or high as one of 128 x 128 cells of a tile, and the longest of each cell",
    "polygons": "polygons at least as wide or high as one of 128 x 128 cells of a tile, squares for the others",
}
BY_RANK = "of shorter lines, and of points, that of the largest '{}' in each cell"


def is_thinned(tileset: Tileset, collection: Collection) -> bool:
    """Whether tiles of low zooms leave something out: not those of a filter, or with everything."""
    tiling = collection.tiling
    return tiling is not None and tiling.full_zoom > 0 and not tileset.given.keys() - {"collections"}


def thinned(tileset: Tileset, collection: Collection) -> dict[str, Any]:
    """The member that says so, nothing where no tile leaves anything out."""
    tiling = collection.tiling
    if tiling is None or not is_thinned(tileset, collection):
        return {}
    shown = "; ".join(SHOWN[kind] for kind in tiling.kinds)
    if tiling.rank is not None and tiling.kinds != ("polygons",):
        shown = f"{shown} ({BY_RANK.format(tiling.rank)})"
    told = {"below": tiling.full_zoom, "shown": shown, "properties": list(tiling.properties)}
    return {MEMBER: told if tiling.prepared_at is None else {**told, "prepared": tiling.prepared_at}}


def merged_property(tileset: Tileset, collection: Collection) -> str | None:
    """The property that squares have; None where there are none."""
    tiling = collection.tiling
    if tiling is None or not tiling.has_squares or not is_thinned(tileset, collection):
        return None
    return merged_name(collection)
