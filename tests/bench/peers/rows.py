"""What is measured: the rows of the table."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from api.tms.tile import tile_at
from bench.generate import SEED
from bench.peers.asks import Ask, Box, Deep, Everything, Feature, Items, VectorTile, Walk
from bench.peers.rounds import Round, Row

AHEAD = 5
"""Asks that do not count, ahead of each round of cheap ones; of dear ones it is one, of the dearest none."""

BEFORE = 3
"""Asks before all rounds."""


def feature_rows(rows: dict[str, int], first: int, rounds: int) -> list[Row]:
    """Pages, single features, filters, late pages, a walk and an export.

    rows: how many each collection has; first: the smallest id; rounds: of the cheap asks, fewer of the dear ones
    """
    chance, points = random.Random(SEED), rows["points"]
    late, dear = points * 99 // 100, max(3, rounds // 5)

    def several(name: str, count: int, size: int, ask: Callable[[], Ask], ahead: int = AHEAD) -> Row:
        made = [Round([ask() for _ in range(size)], [ask() for _ in range(ahead)]) for _ in range(count)]
        return Row(name, made, before=[ask() for _ in range(min(BEFORE, ahead))])

    return [
        several("one feature", rounds, 20, lambda: Feature("points", first + chance.randrange(points))),
        several("limit=100, bbox of 8°", rounds, 5, lambda: Items("points", 100, box(chance, 8))),
        several("limit=1000, bbox of 30°", rounds, 2, lambda: Items("points", 1000, box(chance, 30))),
        several("limit=10000", dear, 1, lambda: Items("points", 10_000), 1),
        several("limit=1000, polygons", rounds, 1, lambda: Items("polygons", 1000)),
        several("size=N, limit=100", dear, 1, lambda: Items("points", 100, equal=equal(chance)), 1),
        several("CQL2 size<N, limit=100", rounds, 2, lambda: Items("points", 100, where=below(chance))),
        several("CQL2 LIKE '%NNN%', limit=100", dear, 1, lambda: Items("points", 100, where=like(chance)), 1),
        several("CQL2 of two properties, limit=100", rounds, 2, lambda: Items("points", 100, where=where(chance))),
        several(
            "limit=10, offset at 99 %", dear, 1, lambda: Items("points", 10, offset=late - chance.randrange(100)), 1
        ),
        several("limit=10, next link at 99 %", dear, 1, lambda: Deep("points", 10, late, first + late), 1),
        several("walk of places, limit=1000", 2, 1, lambda: Walk("places", 1000, rows["places"]), 0),
        several("export of places", 3, 1, lambda: Everything("places", rows["places"]), 0),
    ]


def tile_rows(rows: dict[str, int], rounds: int) -> list[Row]:
    """Tiles that nobody asked for before, and one that everybody has asked for."""
    chance, dear = random.Random(SEED), max(3, rounds // 3)
    side_deg = 0.002 * math.isqrt(rows["polygons"])
    world, town = (-170.0, -55.0, 170.0, 65.0), (5.0, 45.0, 5 + side_deg, 45 + side_deg)

    def cold(name: str, collection: str, area: Box, zooms: range, count: int, what: str = "") -> Row:
        tiles: dict[VectorTile, None] = {}
        while len(tiles) < 2 * count + 2 * len(zooms):
            tiles[tile(chance, collection, area, chance.choice(zooms))] = None
        asks, ahead, before = list(tiles)[:count], list(tiles)[count : 2 * count], list(tiles)[2 * count :]
        rounds = [Round([ask], [other]) for ask, other in zip(asks, ahead, strict=True)]
        return Row(name, rounds, what=what, before=before)

    again = tile(chance, "points", world, 8)
    low = (
        "Isthmus shows chosen points, the others what there is or so many as a limit says: see the numbers of features"
    )
    return [
        cold("tile of points, z0-4, cold", "points", world, range(5), dear, low),
        cold("tile of points, z8-12, cold", "points", world, range(8, 13), rounds),
        cold("tile of polygons, z12-16, cold", "polygons", town, range(12, 17), rounds),
        Row("tile of points, z8, again", [Round([again] * 20, [again] * AHEAD)] * rounds, before=[again]),
    ]


def tile(chance: random.Random, collection: str, area: Box, zoom: int) -> VectorTile:
    """A tile at a random place of an area in degrees."""
    west, south, east, north = area
    found = tile_at(chance.uniform(west, east), chance.uniform(south, north), zoom)
    return VectorTile(collection, zoom, found.row, found.column)


def box(chance: random.Random, side_deg: float) -> tuple[float, float, float, float]:
    """A box somewhere between the polar circles."""
    west, south = chance.uniform(-175, 175 - side_deg), chance.uniform(-55, 70 - side_deg)
    west, south = round(west, 4), round(south, 4)
    return west, south, round(west + side_deg, 4), round(south + side_deg, 4)


def equal(chance: random.Random) -> tuple[str, str]:
    """A value that one in 100,000 has."""
    return "size", str(chance.randrange(100_000))


def below(chance: random.Random) -> str:
    """A condition that a few in a hundred fulfil."""
    return f"size < {chance.randrange(1000, 5000)}"


def like(chance: random.Random) -> str:
    """A pattern that a few in a thousand fulfil, which no index finds."""
    return f"name LIKE '%{chance.randrange(100, 1000)}%'"


def where(chance: random.Random) -> str:
    """A condition on two properties that a few in a thousand fulfil."""
    return f"size < {chance.randrange(1000, 5000)} AND kind = 'cafe'"
