"""The tile matrix sets that tiles come in, and where collections and tiles lie in them.

Of sets that are registered as files only the database can tell that: it has the systems, and is asked once it answers.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from api.catalog.sources.model import CrsDefinition
from api.catalog.survey.crs import describe_systems
from api.query.items import GridBox
from api.sql.filters.bbox import select_extent, select_ring
from api.tms.json_reader import Definition, matrix_set_of, read_definitions
from api.tms.tile import OURS, Tile, TileMatrixSet, extent_in, tile_box
from api.tms.tileset import (
    Tileset,
    around,
    around_ring,
    common_box,
    of_collection,
    of_dataset,
    overlap,
    tiled_box,
    whole_box,
    widened,
)
from core.axes import is_northing_first
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.database.connections import Database
from core.errors import BadValue, DatabaseUnavailable, NoTiles, UnknownTileMatrixSet, suggestion

log = logging.getLogger("isthmus.api")

REST_S = 1.0
"""How long a database that does not answer is left alone."""

BEYOND_DEG = 2.0
"""So far beyond where a system is made for it is used too."""

AROUND = 1 / 32
"""In widths of a tile, how much more on each side is looked at than the tile: its buffer, and what its edges bend."""


UNITS = re.compile(r'UNIT\["[^"]*",\s*([0-9.eE+-]+)')
"""Units in the definition of a system, the last of which is that of its coordinates: in metres, or in radians."""

EARTH_RADIUS_M = 6378137.0
"""By which degrees have a scale (OGC 17-083r4, 6.1.1)."""


@dataclass(frozen=True, slots=True)
class Area:
    """Where tiles of a registered set can be: in degrees (None: anywhere), and in its CRS within its grid."""

    degrees: BBox | None
    box: GridBox


class Grids:
    """The sets by id, WebMercatorQuad first."""

    def __init__(self, database: Database | None = None, folders: Sequence[Path] = ()) -> None:
        """Ours, and those of the files in some folders, which are read now."""
        self._database = database
        self._sets: dict[str, TileMatrixSet] = dict(OURS)
        self._areas: dict[str, Area] = {}
        self._extents: CollectionCache[str, tuple[GridBox | None]] = CollectionCache(capacity=100)
        self._pending = read_definitions(folders, OURS)
        self._rests_until = 0.0
        self._lock = Lock()

    @property
    def sets(self) -> Mapping[str, TileMatrixSet]:
        """The sets; ours alone until the database answered for the first time."""
        if self._pending and self._database is not None:
            with self._lock:
                self._try_to_register(self._database)
        return self._sets

    def find(self, id: str) -> TileMatrixSet:
        """The set of an id. For ours the database is not asked about those of files, which takes a tenth of a second.

        Raises: UnknownTileMatrixSet; DatabaseUnavailable, which has to be asked about this one
        """
        known = self._sets if id in self._sets else self.sets
        if id in known:
            return known[id]
        if any(definition.id == id for definition in self._pending):
            raise DatabaseUnavailable("PostgreSQL does not answer", hint="try again in a few seconds")
        hint = suggestion(id, known) or f"known: {', '.join(known)}"
        raise UnknownTileMatrixSet(f"there is no tile matrix set '{id}'", hint=hint, parameter="tileMatrixSetId")

    def covers(self, collection: Collection, matrix_set: TileMatrixSet) -> bool:
        """Whether a collection has tiles in a set. Raises: DatabaseUnavailable"""
        return matrix_set.id not in self._areas or self._extent(collection, matrix_set) is not None

    def extent(self, collection: Collection, matrix_set: TileMatrixSet) -> GridBox | None:
        """Where a collection has tiles, in the CRS of a set; None: everywhere. Raises: NoTiles, DatabaseUnavailable"""
        id = matrix_set.id
        if id not in self._areas:
            return self._extents.get(collection, id, lambda: (extent_in(matrix_set, tiled_box(collection)),))[0]
        found = self._extent(collection, matrix_set)
        if found is None:
            hint = f"/collections/{collection.id}/tiles lists the sets that it has tiles in"
            raise NoTiles(f"'{collection.id}' lies outside {matrix_set.id}", hint=hint, parameter="tileMatrixSetId")
        return found

    def tileset(self, collection: Collection, matrix_set: TileMatrixSet) -> Tileset:
        """The tiles of a collection in a set. Raises: as `extent`"""
        return of_collection(collection, matrix_set, self.extent(collection, matrix_set))

    def tilesets(self, collection: Collection) -> list[Tileset]:
        """The tiles of a collection in each set that has some."""
        there = (matrix_set for matrix_set in self.sets.values() if self.covers(collection, matrix_set))
        return [self.tileset(collection, matrix_set) for matrix_set in there]

    def dataset(
        self, collections: Sequence[Collection], matrix_set: TileMatrixSet, given: Mapping[str, str]
    ) -> Tileset:
        """The tiles of several collections in a set, as far as they lie there. `given`: what they were chosen by.

        Raises: NoTiles when none of them does
        """
        there = [collection for collection in collections if self.covers(collection, matrix_set)]
        if not there and matrix_set.id in self._areas:
            hint = "/tiles lists the sets that there are tiles in"
            raise NoTiles(f"no collection lies in {matrix_set.id}", hint=hint, parameter="tileMatrixSetId")
        extent = around(self.extent(collection, matrix_set) for collection in there)
        return of_dataset(there, matrix_set, extent, given)

    def placed(self, tile: Tile) -> Tile:
        """The tile with what has to be known to make it: where on Earth it lies. Raises: DatabaseUnavailable"""
        area = self._areas.get(tile.matrix_set.id)
        if area is None or self._database is None:
            return tile
        around_tile = area.degrees or BBox(-180, -90, 180, 90)
        box = common_box(tile_box(tile, AROUND), area.box)
        if box is not None and box.west != box.east and box.south != box.north:
            with suppress(BadValue):
                around_tile = around_ring(self._database.run(select_ring(box)))
        return replace(tile, around=around_tile)

    def _try_to_register(self, database: Database) -> None:
        """Register what is pending; for a while after the database did not answer, nothing."""
        if not self._pending or time.monotonic() < self._rests_until:
            return
        try:
            self._register(database)
        except DatabaseUnavailable:
            self._rests_until = time.monotonic() + REST_S

    def _register(self, database: Database) -> None:
        """Make the sets of the files, and find out where they lie. Raises: DatabaseUnavailable"""
        systems = describe_systems(database, {definition.srid for definition in self._pending})
        for definition in self._pending:
            system = systems.get(definition.srid)
            if system is None:
                log.warning("tile matrix set %s is left out: PostGIS has no %s", definition.id, definition.uri)
                continue
            made = made_of(definition, system)
            self._areas[made.id] = self._area(made, system)
            self._sets = {**self._sets, made.id: made}
        self._pending = []

    def _area(self, matrix_set: TileMatrixSet, system: CrsDefinition) -> Area:
        """Where tiles of a set can be: where its system is made for."""
        grid, made_for = whole_box(matrix_set), area_of_use(system)
        image = self._image(made_for.halves(), matrix_set.crs.srid) if made_for else None
        return Area(made_for, (common_box(image, grid) if image else None) or grid)

    def _extent(self, collection: Collection, matrix_set: TileMatrixSet) -> GridBox | None:
        """Where a collection lies in a registered set; None: nowhere."""
        return self._extents.get(collection, matrix_set.id, lambda: (self._find_extent(collection, matrix_set),))[0]

    def _find_extent(self, collection: Collection, matrix_set: TileMatrixSet) -> GridBox | None:
        """The same, found out."""
        area, srid = self._areas[matrix_set.id], matrix_set.crs.srid
        if collection.source is None and collection.srid == srid and collection.storage_bbox:
            west, south, east, north = collection.storage_bbox
            return common_box(GridBox(srid, west, south, east, north), whole_box(matrix_set))
        box = tiled_box(collection)
        if box is None:
            return area.box
        parts = overlap(box, area.degrees)
        image = self._image(parts, srid) if parts else None
        return common_box(image, area.box) if image else (area.box if parts else None)

    def _image(self, boxes: Sequence[BBox], srid: int) -> GridBox | None:
        """The box around boxes of degrees in a system; None where nobody can tell. Raises: DatabaseUnavailable"""
        rows: list[tuple[float | None, ...]] = []
        if self._database is not None:
            with suppress(BadValue):
                rows = self._database.run(select_extent(boxes, srid))
        sides = [side for row in rows for side in row if side is not None and math.isfinite(side)]
        return GridBox(srid, *sides) if len(sides) == 4 else None


def made_of(definition: Definition, system: CrsDefinition) -> TileMatrixSet:
    """The set of a file whose system is known."""
    text = system.text or ""
    units = UNITS.findall(text)
    unit_m = float(units[-1]) if units else 1.0
    unit_m = unit_m * EARTH_RADIUS_M if system.in_degrees else unit_m
    northing_first = is_northing_first(text)
    return matrix_set_of(definition, northing_first=northing_first, in_degrees=system.in_degrees, unit_m=unit_m)


def area_of_use(system: CrsDefinition) -> BBox | None:
    """Where a system is made for and a little further, as far as PostGIS knows that."""
    sides = (system.west, system.south, system.east, system.north)
    known = [float(side) for side in sides if side is not None]
    return widened(BBox(*known), BEYOND_DEG) if len(known) == 4 else None
