"""Tiles by numbers, along a Hilbert curve: the order that PMTiles keeps them in, in which a tile's four children follow
each other where the tile stands. The numbers of a whole zoom are eight bytes each.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

from pmtiles.tile import tileid_to_zxy, zxy_to_tileid

from cli.tiles.tileset import Limits, Matrix


def is_pyramid(matrices: Sequence[Matrix]) -> bool:
    """Whether each tile has four tiles below it, as in WebMercatorQuad and WorldCRS84Quad."""
    first = matrices[0]
    return all(
        (matrix.columns, matrix.rows, matrix.left, matrix.top)
        == (first.columns << zoom, first.rows << zoom, first.left, first.top)
        and math.isclose(matrix.width * 2**zoom, first.width)
        for zoom, matrix in enumerate(matrices)
    )


class Grid:
    """The tiles of a pyramid below `columns` x `rows` tiles of zoom 0."""

    def __init__(self, columns: int = 1) -> None:
        """`columns`: tiles of zoom 0 beside each other."""
        self._columns = columns

    def place(self, zoom: int, number: int) -> tuple[int, int]:
        """Row and column of a number."""
        root, inside = divmod(number, 4**zoom)
        _, x, y = tileid_to_zxy(first_id(zoom) + inside)
        root_row, root_column = divmod(root, self._columns)
        return (root_row << zoom) + y, (root_column << zoom) + x

    def number(self, zoom: int, row: int, column: int) -> int:
        """The number of a row and column."""
        size = (1 << zoom) - 1
        root = (row >> zoom) * self._columns + (column >> zoom)
        return root * 4**zoom + zxy_to_tileid(zoom, column & size, row & size) - first_id(zoom)

    def within(self, zoom: int, limits: Limits) -> array[int]:
        """The numbers of all tiles within limits, in order."""
        rows = range(limits.first_row, limits.last_row + 1)
        columns = range(limits.first_column, limits.last_column + 1)
        return array("Q", sorted(self.number(zoom, row, column) for row in rows for column in columns))

    def children(self, zoom: int, number: int, limits: Limits) -> Iterator[int]:
        """The numbers of the tiles below one of a zoom that lie within the limits of the next."""
        for child in range(4 * number, 4 * number + 4):
            if limits.hold(*self.place(zoom + 1, child)):
                yield child


def first_id(zoom: int) -> int:
    """How many tiles the zooms before have: what PMTiles counts a zoom from."""
    return (4**zoom - 1) // 3
