"""What a tile may weigh and how long it may take: beyond that the least important features are left out.

A tile says so itself, in the comment that gzip has room for, so the remark goes wherever the tile is cached.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic

from api.http.compression import comment_of, compress, with_comment
from api.query.items import WHOLE_TILE, TileQuery
from api.sql.features.pages import select_size
from api.sql.tiles.rows import Few, can_be_sampled
from api.sql.tiles.tiles import select_count, select_tile, tiling_for, whole_tile
from api.tms.tile import WEB_MERCATOR_QUAD, Tile, tile_bounds
from core.catalog.collections import Collection
from core.database.connections import Database
from core.errors import QueryTooSlow
from core.settings import Settings

HEADER = "Isthmus-Tile"
"""The header that tells a client what its tile lacks: an item of a structured field (RFC 9651)."""

SAMPLED = ";sampled"
SHOWN = re.compile(r"thinned;shown=(?P<shown>\d+)(?:;of=(?P<of>\d+))?")
KB = 1000
AIM = 0.9
"""A tile that has to become smaller aims at so much of what it may weigh, since features differ."""

LEAST_SHARE = 0.1
MOST_TRIES = 6
SAMPLE_PAGES = 300
"""Pages that a tile is made from when all of them take too long: about 40,000 points."""

MOST_OF_SAMPLE = 10_000
LARGE_PART = 16
"""A tile that shows more than one in so many of where a source lies may be better read from the whole table."""

MANY = 500
"""Points of a low zoom, if they lay evenly. Half a millisecond is what they take; a plan takes 0.1 to 0.2."""

SMALL_ROWS = 10_000
"""Of a table with so many rows every tile is made in time, unless the database is in trouble."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What a tile leaves out. `of`: how many features there are, None where nobody counted; `hasty`: it was made of a
    sample because all took too long, which may be different the next time.
    """

    shown: int
    of: int | None = None
    hasty: bool = False

    def __str__(self) -> str:
        """The value of the header."""
        of = "" if self.of is None else f";of={self.of}"
        return f"thinned;shown={self.shown}{of}{SAMPLED if self.hasty else ''}"


def is_hasty(packed: bytes) -> bool:
    """Whether a compressed tile was made of a sample in a hurry, and is not to be cached."""
    return SAMPLED in (comment_of(packed) or "")


@dataclass(frozen=True, slots=True)
class TileMaker:
    """Makes a tile of one collection within the budgets of the settings.

    most_bytes: what it may weigh, where that is less
    ends_s:     when the layers that it shares a tile with have used up their time, by time.monotonic
    """

    database: Database
    settings: Settings
    collection: Collection
    tile: Tile
    query: TileQuery = WHOLE_TILE
    most_bytes: int | None = None
    ends_s: float = inf

    def make(self) -> bytes:
        """The tile, compressed; empty bytes for an empty one. Raises: QueryTooSlow, and as Database.run"""
        try:
            mvt, shown, of = self.whole()
        except QueryTooSlow as error:
            return self.make_of_sample(error)
        packed = compress(mvt) if mvt else b""
        if self.is_too_large(packed):
            return self.made_smaller(packed, shown, of if self.is_chosen else shown)
        return with_comment(packed, str(Lack(shown, of))) if packed and self.is_chosen else packed

    def make_smaller(self, packed: bytes) -> bytes:
        """A tile that was made with another budget, within this one. Raises: as `make`"""
        lack = SHOWN.match(comment_of(packed) or "")
        if lack is None or is_hasty(packed):
            return self.make()
        of = lack["of"]
        return self.made_smaller(packed, int(lack["shown"]), int(of) if of else None)

    def made_smaller(self, packed: bytes, shown: int, of: int | None) -> bytes:
        """The same tile of so many of its features as there is room for, at least one."""
        packed, shown = self.fitted(packed, Few(shown))
        return packed if of is not None and shown >= of else with_comment(packed, str(Lack(shown, of)))

    def fitted(self, packed: bytes, few: Few) -> tuple[bytes, int]:
        """A tile of some features that is too large, made of fewer; and how many it has, at least one."""
        shown = few.most
        for _ in range(MOST_TRIES):
            if shown <= 1 or not self.is_too_large(packed):
                break
            few = replace(few, most=fewer(shown, AIM * self.most / len(packed)))
            mvt, shown = self.run(few)
            packed = compress(mvt)
        return packed, shown

    def make_of_sample(self, error: QueryTooSlow) -> bytes:
        """The tile of the features on some pages of the table. Raises: QueryTooSlow where it has none, or again"""
        if not can_be_sampled(self.collection):
            raise too_slow(self.collection) from error
        [(pages,)] = self.database.run(select_size(self.collection))
        few = Few(MOST_OF_SAMPLE, min(100.0, 100 * SAMPLE_PAGES / max(1, pages)))
        try:
            mvt, shown = self.run(few)
            packed, shown = self.fitted(compress(mvt) if mvt else b"", replace(few, most=shown))
        except QueryTooSlow as again:
            raise too_slow(self.collection) from again
        return with_comment(packed, str(Lack(shown, hasty=True))) if packed else b""

    def whole(self) -> tuple[bytes, int, int | None]:
        """A tile, the number of its features, and how many there are in place of those that were chosen."""
        if self.query != WHOLE_TILE or self.tile.matrix_set is not WEB_MERCATOR_QUAD:
            mvt, shown = self.run(None)
            return mvt, shown, self.count() if mvt and self.is_chosen else None
        prepared, values = whole_tile(self.collection, self.tile)
        one_plan = goes_by_box(self.collection, self.tile)
        row = self.database.run_prepared(prepared, values, timeout_s=self.timeout_s, one_plan=one_plan)
        mvt, shown, of = row or (None, None, None)
        return mvt or b"", whole_number(shown) or 0, whole_number(of)

    def run(self, few: Few | None) -> tuple[bytes, int]:
        """The statement: a tile, and the number of its features."""
        statement = select_tile(self.collection, self.tile, self.query, few)
        one_plan = few is None and self.query == WHOLE_TILE and self.collection.source is None
        [(mvt, shown)] = self.database.run(statement, binary=True, timeout_s=self.timeout_s, one_plan=one_plan)
        return mvt or b"", shown

    def count(self) -> int | None:
        """How many features there are in place of those that were chosen; None where nobody counted."""
        if self.collection.source is not None or self.tile.matrix_set is not WEB_MERCATOR_QUAD:
            return None
        rows = self.database.run(select_count(self.collection, self.tile))
        return int(rows[0][0]) if rows else None

    @property
    def is_chosen(self) -> bool:
        """Whether the tile is made from rows that the loader chose for its zoom."""
        return self.query.is_unconditional and tiling_for(self.collection, self.tile) is not None

    @property
    def timeout_s(self) -> float | None:
        """How long the statement may take; None: as long as any. To set it costs 0.05 ms, so it is left to where one
        tile may be made of very many features.
        """
        rows = self.collection.row_count
        known_small = self.collection.source is None and rows is not None and rows <= SMALL_ROWS
        has_overviews = self.collection.is_prepared and self.query.is_unconditional
        return None if has_overviews or (known_small and not self.query.filter.is_heavy) else self.share_s

    @property
    def share_s(self) -> float:
        """The time of a tile, or what is left of that of several layers; a tenth at least, in which most are made."""
        most_s = self.settings.tile_timeout_s
        return min(most_s, max(LEAST_SHARE * most_s, self.ends_s - monotonic()))

    @property
    def most(self) -> int:
        """What the tile may weigh, compressed, in bytes."""
        return most_of(self.settings) if self.most_bytes is None else self.most_bytes

    def is_too_large(self, packed: bytes) -> bool:
        """Whether a compressed tile weighs more than it may."""
        return len(packed) > self.most


def goes_by_box(collection: Collection, tile: Tile) -> bool:
    """Whether no plan of a tile makes sense but by an index of boxes: then it is made once, as to plan takes as long as
    to run where a tile holds little. Of a source it is one that shows a small part of where the features lie. Many
    points that were chosen for a low zoom are read faster page by page, as a plan for each tile does.
    """
    source, tiling = collection.source, tiling_for(collection, tile)
    if tiling is not None:
        return not tiling.only_points or part_of_extent(collection, tile) * (collection.most_features or 0) < MANY
    return source is None or (source.is_indexed and part_of_extent(collection, tile) * LARGE_PART <= 1)


def part_of_extent(collection: Collection, tile: Tile) -> float:
    """How large a tile is, as a part of where the features lie, in degrees; all of it where nobody knows where."""
    extent, bounds = collection.bbox_crs84, tile_bounds(tile)
    if extent is None:
        return 1.0
    size = ((extent.east - extent.west) % 360 or 360) * (extent.north - extent.south)
    return min(1.0, (bounds.east - bounds.west) * (bounds.north - bounds.south) / size) if size else 1.0


def most_of(settings: Settings) -> int:
    """What a tile may weigh, compressed, in bytes."""
    return settings.tile_max_kb * KB


def fair_share(sizes: Sequence[int], most: int) -> int:
    """What each of some layers may weigh so that together they weigh so much: the light ones stay as they are."""
    left = most
    for number, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - number)
        if size > share:
            return share
        left -= size
    return most


def whole_number(value: bytes | None) -> int | None:
    """A whole number in PostgreSQL's binary form; None for null."""
    return None if value is None else int.from_bytes(value, signed=True)


def fewer(count: int, share: float) -> int:
    """A share of a number, at most two thirds of it and at least 1."""
    return max(1, min(int(count * share), count * 2 // 3))


def too_slow(collection: Collection) -> QueryTooSlow:
    """The error for a tile that takes too long."""
    hint = "zoom in, or ask for fewer features by a filter"
    return QueryTooSlow(f"a tile of '{collection.id}' takes too long", hint=hint)
