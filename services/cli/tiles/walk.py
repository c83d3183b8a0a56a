"""A walk over the tiles of a tileset, zoom by zoom, some requests at a time, without what lies below nothing."""

from __future__ import annotations

import gzip
import math
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from cli.tiles.tileset import Grid, Matrix, Tileset, is_pyramid
from core.api_client import Client
from core.catalog.archives import MVT
from core.errors import IsthmusError

S = TypeVar("S")
T = TypeVar("T")

HALF_WORLD_M = math.pi * 6378137

IN_DEGREES = ("WebMercatorQuad", "WorldCRS84Quad")
"""Sets of which is known here where their tiles lie in degrees."""

LACKS, SAMPLED = "isthmus-tile", ";sampled"
"""The header by which a tile says what it lacks, and what it says of a sample."""

MOST_AT_THE_START = 4096
"""A walk begins at a zoom with at most so many tiles, also when only later ones are requested: from there it prunes."""

MARGIN = 1 / 16
"""More of a tile on each side when its features are requested: four times its buffer, since edges that are straight in
one system are not in another."""

WINDOW = 4
"""Requests that wait for their turn, for each that runs."""


@dataclass(frozen=True, slots=True)
class Step:
    """A tile of the walk: compressed by gzip unless it is a picture, empty when nothing is in it.

    of:        tiles of this zoom
    is_sample: it was made of some of its features, since all took too long
    """

    zoom: int
    row: int
    column: int
    tile: bytes
    of: int
    wanted: bool = True
    is_sample: bool = False


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk needs. `zooms`: the wanted ones."""

    client: Client
    tileset: Tileset
    zooms: range
    jobs: int

    def steps(self) -> Iterator[Step]:
        """Every tile, in the order of PMTiles where there are four tiles below each. Raises: the errors of the API"""
        with ThreadPoolExecutor(self.jobs) as pool:
            if is_pyramid(self.tileset.matrices):
                yield from self._descend(pool)
            else:
                yield from self._everything(pool)

    def _descend(self, pool: ThreadPoolExecutor) -> Iterator[Step]:
        """From a zoom with few tiles on, those below tiles with something in them."""
        grid, limits = Grid(self.tileset.matrices[0].columns), self.tileset.limits
        least = min(limits)
        first = max(z for z in range(least, self.zooms[0] + 1) if z == least or limits[z].count <= MOST_AT_THE_START)
        numbers = grid.within(first, limits[first])
        for zoom in range(first, self.zooms[-1] + 1):
            below: array[int] = array("Q")
            is_last = zoom == self.zooms[-1]
            for number, (step, goes_on) in self._ask(pool, zoom, numbers, grid, ends=is_last):
                yield step
                if goes_on:
                    below.extend(grid.children(zoom, number, limits[zoom + 1]))
            numbers = below

    def _ask(
        self, pool: ThreadPoolExecutor, zoom: int, numbers: array[int], grid: Grid, *, ends: bool
    ) -> Iterator[tuple[int, tuple[Step, bool]]]:
        """For each number its tile, and whether the tiles below are to be requested."""
        wanted = zoom in self.zooms

        def ask(number: int) -> tuple[Step, bool]:
            row, column = grid.place(zoom, number)
            step = replace(self._step(zoom, row, column), of=len(numbers), wanted=wanted)
            return step, not ends and (bool(step.tile) or self._has_features(zoom, row, column))

        return ordered(pool, ask, numbers, self.jobs * WINDOW)

    def _everything(self, pool: ThreadPoolExecutor) -> Iterator[Step]:
        """All tiles within the limits, row by row."""
        for zoom in self.zooms:
            limits = self.tileset.limits[zoom]

            def ask(place: tuple[int, int], zoom: int = zoom, count: int = limits.count) -> Step:
                return replace(self._step(zoom, *place), of=count)

            for _, step in ordered(pool, ask, limits.places, self.jobs * WINDOW):
                yield step

    def _step(self, zoom: int, row: int, column: int) -> Step:
        """A tile as it is sent."""
        place = (self.tileset.matrices[zoom].id, str(row), str(column))
        response = self.client.get(*self.tileset.path, *place, query=self.tileset.query, accept=self.tileset.media_type)
        is_plain = (
            self.tileset.media_type == MVT and response.body and response.headers.get("content-encoding") != "gzip"
        )
        packed = gzip.compress(response.body, mtime=0) if is_plain else response.body
        return Step(zoom, row, column, packed, 1, is_sample=SAMPLED in response.headers.get(LACKS, ""))

    def _has_features(self, zoom: int, row: int, column: int) -> bool:
        """Whether something lies where an empty tile is: lines and areas too small for its grid show further down.

        So do points that came after a table of one's own was prepared. Where no request can tell, there may be some.
        """
        if self.tileset.matrix_set not in IN_DEGREES:
            return True
        matrix = self.tileset.matrices[zoom]
        box = degrees(self.tileset.matrix_set, matrix, row, column)
        condition = f"S_INTERSECTS(geometry, BBOX({', '.join(map(repr, box))}))"
        if self.tileset.condition is not None:
            condition = f"{condition} AND ({self.tileset.condition})"
        query = {"filter": condition, "limit": "1", "count": "none", "skipGeometry": "true"}
        try:
            ids = self.tileset.layers
            return any(self.client.get("collections", id, "items", query=query).document["features"] for id in ids)
        except IsthmusError:
            return True


def degrees(matrix_set: str, matrix: Matrix, row: int, column: int) -> tuple[float, float, float, float]:
    """The box of a tile with the margin, in CRS84 degrees: west, south, east, north."""
    west, east = (matrix.left + (column + side) * matrix.width for side in (-MARGIN, 1 + MARGIN))
    north, south = (matrix.top - (row + side) * matrix.height for side in (-MARGIN, 1 + MARGIN))
    if matrix_set == "WebMercatorQuad":
        west, east = (x / HALF_WORLD_M * 180 for x in (west, east))
        south, north = (math.degrees(math.atan(math.sinh(y / HALF_WORLD_M * math.pi))) for y in (south, north))
    return max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0)


def ordered(
    pool: ThreadPoolExecutor, work: Callable[[S], T], values: Iterable[S], window: int
) -> Iterator[tuple[S, T]]:
    """Each value with what `work` gives, in the order of the values; at most `window` of them are under way.

    Raises: what `work` raises; those that wait are given up then.
    """
    waiting: deque[tuple[S, Future[T]]] = deque()
    try:
        for value in values:
            waiting.append((value, pool.submit(work, value)))
            if len(waiting) >= window:
                done, future = waiting.popleft()
                yield done, future.result()
        while waiting:
            done, future = waiting.popleft()
            yield done, future.result()
    finally:
        for _, future in waiting:
            future.cancel()
