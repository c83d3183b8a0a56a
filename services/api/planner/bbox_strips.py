"""The way to a page of a box over a table of others: which parts of its bands are looked through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf, nextafter

from api.planner.selectivity import Density
from api.planner.table_scan import Reckoned, plan_by_index
from api.query.bbox_bands import BANDS
from api.query.items import BY_PLANNER, ItemsQuery, Plan, Strip
from core.blocks import Sides

FEW, FEW_PAGES = 400, 3
"""So many matches, or pages of them, are read at once, which counts them."""

AMPLE, SPARE = 1.5, 50
"""How many times the features of a page the first strip should hold, and how many more: a sample does not tell well
where a few lie.
"""

FURTHER = 3
"""How many times as many the next one is to hold; then the rest of the band."""

COST_OF_LOOK = 0.3
"""What a look at a row by the index of boxes costs, in the planner's units."""


def plan_in_bands(query: ItemsQuery, area: Sides, known: Density, reckoned: Reckoned | None = None) -> Plan:
    """The way to the rows of a page of a box.

    area: the box, or what is around it, in the numbers of the table; known: where features lie, in these; reckoned:
    what the planner expects of all conditions, where there are more than the box
    """
    in_box = known.features * known.share(*area)
    matches, cost = (in_box, inf) if reckoned is None else reckoned
    search = Search(query, known, area, max(1.0, in_box / max(1, matches)), is_bounded=reckoned is not None)
    if matches > max(FEW, FEW_PAGES * search.wanted) and search.ample * COST_OF_LOOK < cost:
        strips = tuple(search.strips())
        return Plan("bands", strips=strips, is_sure=search.is_whole(strips))
    if reckoned is not None:
        return plan_by_index(query, reckoned)
    if query.offset:
        return BY_PLANNER
    return Plan("matches", counts=query.cursor is None and query.count in ("auto", "exact"))


@dataclass(frozen=True, slots=True)
class Search:
    """For the features of a page in the area of a box.

    looks:      how many rows are looked at for a match
    is_bounded: whether it ends where a page should be full: how conditions lie on the map is not known
    """

    query: ItemsQuery
    known: Density
    area: Sides
    looks: float = 1.0
    is_bounded: bool = False

    @property
    def wanted(self) -> int:
        """How many features have to be found."""
        return self.query.limit + 1 + self.query.offset

    @property
    def ample(self) -> float:
        """How many rows the first strip should hold."""
        return (AMPLE * self.wanted + SPARE) * self.looks

    def expected(self, area: Sides) -> float:
        """How many features lie in an area, as far as is known."""
        return self.known.features * self.known.share(*area)

    def strips(self) -> Iterator[Strip]:
        """The strips from the cursor's place on, in its direction. What lies behind ample ones is whole bands."""
        missing = FURTHER * self.ample
        for band, begin, end in self.bands():
            piece = self.piece(band, begin, end)
            number = self.expected(piece[3:]) if missing > 0 else 0
            if self.is_bounded and (missing <= 0 or number > self.ample):
                yield from islice(self.cut(piece), 2 if missing > 0 else 0)
                return
            yield from self.cut(piece) if number > self.ample else (piece,)
            missing -= number

    def is_whole(self, strips: Sequence[Strip]) -> bool:
        """Whether nothing lies behind some strips."""
        last = strips[-1]
        if self.query.backwards:
            return (last.band, last.begin) == (1, -inf)
        return last.band >= BANDS and last.end == inf

    def bands(self) -> Iterator[tuple[int, float, float]]:
        """The bands from the cursor's place on: number, and from which easting on to before which."""
        cursor = self.query.cursor
        if cursor is None:
            yield from ((band, -inf, inf) for band in range(1, BANDS + 1))
            return
        place, west = int(cursor.key[0]), float(cursor.key[1])
        if self.query.backwards:
            yield place, -inf, nextafter(west, inf)
            yield from ((band, -inf, inf) for band in range(min(place, BANDS + 1) - 1, 0, -1))
        else:
            yield place, west, inf
            yield from ((band, -inf, inf) for band in range(max(place, 0) + 1, BANDS + 1))

    def piece(self, band: int, begin: float, end: float) -> Strip:
        """A strip of a band."""
        west, south, east, north = self.area
        height = (north - south) / BANDS
        low, high = south + (band - 1) * height, south + band * height
        return Strip(band, begin, end, max(begin, west), low, min(end, east), high)

    def cut(self, piece: Strip) -> Iterator[Strip]:
        """A strip in parts: one that should hold ample features, one that holds more, and the rest."""
        start, stop = (piece.east, piece.west) if self.query.backwards else (piece.west, piece.east)
        near = self.reach(piece, start, stop, self.ample)
        far = self.reach(piece, near, stop, FURTHER * self.ample)
        if self.query.backwards:
            edges = (near, piece.end), (far, near), (piece.begin, far)
        else:
            edges = (piece.begin, near), (near, far), (far, piece.end)
        yield from (self.piece(piece.band, begin, end) for begin, end in edges)

    def reach(self, piece: Strip, start: float, stop: float, features: float) -> float:
        """How far one has to go in a band from an easting towards another to meet so many features."""
        return self.known.reach(start, stop, piece.south, piece.north, features)
