"""The tile matrix sets that tiles come in, and where collections lie in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from api.matrix_sets import OURS, TileMatrixSet
from api.query import GridBox
from api.tiles import extent_in
from api.tilesets import Tileset, around, of_collection, of_dataset, tiled_box
from core.catalog import Collection
from core.errors import UnknownTileMatrixSet, suggestion


class Grids:
    """The sets by id, WebMercatorQuad first."""

    def __init__(self) -> None:
        """Ours."""
        self.sets = dict(OURS)

    def find(self, id: str) -> TileMatrixSet:
        """The set of an id. Raises: UnknownTileMatrixSet"""
        if id in self.sets:
            return self.sets[id]
        hint = suggestion(id, self.sets) or f"known: {', '.join(self.sets)}"
        raise UnknownTileMatrixSet(f"there is no tile matrix set '{id}'", hint=hint, parameter="tileMatrixSetId")

    def extent(self, collection: Collection, matrix_set: TileMatrixSet) -> GridBox | None:
        """Where a collection has tiles, in the CRS of a set; None: in all of it."""
        return extent_in(matrix_set, tiled_box(collection))

    def tileset(self, collection: Collection, matrix_set: TileMatrixSet) -> Tileset:
        """The tiles of a collection in a set."""
        return of_collection(collection, matrix_set, self.extent(collection, matrix_set))

    def tilesets(self, collection: Collection) -> list[Tileset]:
        """The tiles of a collection in each set."""
        return [self.tileset(collection, matrix_set) for matrix_set in self.sets.values()]

    def dataset(
        self, collections: Sequence[Collection], matrix_set: TileMatrixSet, given: Mapping[str, str]
    ) -> Tileset:
        """The tiles of several collections in a set. `given`: the parameters that they were chosen by."""
        extent = around(self.extent(collection, matrix_set) for collection in collections)
        return of_dataset(collections, matrix_set, extent, given)
