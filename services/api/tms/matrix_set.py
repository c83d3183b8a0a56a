"""Tile matrix sets as values: grids of tiles over a plane, one for each scale, and the two that are always there.

Source: OGC 17-083r4 (Two Dimensional Tile Matrix Set and Tile Set Metadata), clause 6 and annex D.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from api.query.crs import CRS84, EPSG_3857, Crs

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


def quad(zoom: int, *, cell_size: float, scale: float, corner: tuple[float, float], columns: int) -> TileMatrix:
    """A matrix of a set of which each tile has four tiles below it. The other values are those of zoom 0."""
    times = 2**zoom
    return TileMatrix(str(zoom), scale / times, cell_size / times, *corner, columns * times, times)


WEB_MERCATOR_QUAD = TileMatrixSet(
    id="WebMercatorQuad",
    title="Google Maps Compatible for the World",
    crs=EPSG_3857,
    axes=("X", "Y"),
    matrices=tuple(
        quad(
            zoom,
            cell_size=2 * HALF_WORLD_M / TILE_PX,
            scale=ZOOM_0_SCALE,
            corner=(-HALF_WORLD_M, HALF_WORLD_M),
            columns=1,
        )
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
