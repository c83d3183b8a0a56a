"""Where tiles are cached: what each is found by, and the ETag of its response.

A key holds everything that a tile depends on, so nothing that is cached is ever wrong, and nothing needs purging. The
version in it is the oldest that nothing in the tile's area has changed since.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from api.cache.store import FILTERED, PLAIN, TileStore
from api.query.items import GridBox, TileQuery
from api.sql.tiles.drawing import MARGIN
from api.sql.tiles.tiles import has_parts, tiling_for
from api.tiles.budget import is_hasty
from api.tms.tile import OURS, WEB_MERCATOR_QUAD, Tile, extent_in, tile_bounds, tile_box
from core.catalog.collections import Collection
from core.catalog.versions import Change
from core.settings import Settings

MAKERS = ("sql", "tiles", "tms")
"""The rooms whose code makes tiles. A release that changes it makes them anew."""

SETTINGS = ("tile_max_kb", "tile_timeout_s")
"""The settings that change what is in a tile."""


def maker_of(settings: Settings) -> str:
    """A digest of the code that makes tiles, and of the settings that it heeds."""
    digest = hashlib.blake2b(digest_size=6)
    for path in code():
        digest.update(path.read_bytes())
    for name in SETTINGS:
        digest.update(f"{name}={getattr(settings, name)}\n".encode())
    return digest.hexdigest()


def code() -> Iterator[Path]:
    """The files of that code, in order."""
    for name in MAKERS:
        room = Path(__file__).parents[1] / name
        yield from sorted(path for path in room.rglob("*") if path.suffix == ".py")


LATER = ".later"
"""Ends the revision of tiles that were made from the table before there was an overview."""


class CacheEntry(NamedTuple):
    """Where a tile is cached, whether it is there or not."""

    store: TileStore
    key: str

    def get_or_make(self, make: Callable[[], bytes]) -> bytes:
        """The tile; made when it is not cached. Raises: what `make` raises"""
        return self.store.get_or_make(self.key, make)

    @property
    def etag(self) -> str:
        """The ETag of the tile. It is weak: the packed and the plain bytes have one."""
        return weak(hashlib.blake2b(self.key.encode(), digest_size=10).hexdigest())


class TileCache:
    """The cached tiles: in one partition those as they are, in another those by a filter or a choice of collections."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is opened yet."""
        self._maker = maker_of(settings)
        self._plain = TileStore(settings, PLAIN, lambda packed: not is_hasty(packed))
        self._filtered = TileStore(settings, FILTERED, lambda packed: not is_hasty(packed))

    def entry(self, collection: Collection, tile: Tile, query: TileQuery) -> CacheEntry | None:
        """That of a collection's tile; None of a source, whose data change without our knowing."""
        if collection.source is not None:
            return None
        chosen = query.key
        return CacheEntry(self._filtered if chosen else self._plain, tile_key(self._maker, collection, tile, chosen))

    def entry_of_several(self, entries: Sequence[CacheEntry | None], *, is_chosen: bool) -> CacheEntry | None:
        """That of a tile which holds those of some entries, in their order; None where one of them has none.

        is_chosen: whether the request names the collections
        """
        keys = [entry.key for entry in entries if entry is not None]
        if len(keys) < len(entries):
            return None
        is_plain = not is_chosen and all(entry and entry.store is self._plain for entry in entries)
        digest = hashlib.blake2b("\n".join(keys).encode(), digest_size=20)
        return CacheEntry(self._plain if is_plain else self._filtered, f"several/{digest.hexdigest()}")


def weak(etag: str) -> str:
    """A validator as headers have it."""
    return f'W/"{etag}"'


def tile_key(maker: str, collection: Collection, tile: Tile, query: str = "") -> str:
    """The key of a collection's tile. `maker`: see `maker_of`; `query`: the key of what else is asked for"""
    revision, tms = tile_revision(collection, tile), tile.matrix_set.key
    return f"{maker}/{revision}/{tms}/{tile.z}/{tile.row}/{tile.column}/{query}"


def tile_revision(collection: Collection, tile: Tile) -> str:
    """The version of a tile's data. A database that was made anew counts its versions from 1 again, hence the time."""
    version, stamp = collection.version, round(collection.loaded_at.timestamp() * 1e6)
    for change in collection.changes:
        if has_changed(change, tile):
            break
        version, stamp = change.version, change.stamp
    tiling = collection.tiling
    is_later = (
        tiling is not None and tiling.made_later and (tiling_for(collection, tile) or has_parts(collection, tile))
    )
    return f"{collection.id}.{version}.{stamp}{LATER if is_later else ''}"


def has_changed(change: Change, tile: Tile) -> bool:
    """Whether a change may be seen in a tile or its buffer. In a registered set, always: only the database knows where
    its tiles lie.
    """
    if tile.matrix_set.id not in OURS or tile.matrix.mercator_zoom < change.full_zoom:
        return True
    if change.elsewhere and tile.matrix_set is not WEB_MERCATOR_QUAD:
        return True
    box = mercator_box(tile)
    return any(
        box is None or (west <= box.east and box.west <= east and south <= box.north and box.south <= north)
        for west, south, east, north in change.areas
    )


def mercator_box(tile: Tile) -> GridBox | None:
    """A tile with its buffer in EPSG:3857; None: anywhere."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tile_box(tile, MARGIN)
    return extent_in(WEB_MERCATOR_QUAD, tile_bounds(tile, MARGIN))
