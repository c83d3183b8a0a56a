"""Compressed tiles by key: in memory, behind it on the disk, and each missing one made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from api.cache.single_flight import SingleFlight
from api.cache.sqlite import TileDisk
from api.cache.write_behind import WriteBehind
from core.cache import Cache
from core.settings import Settings

MB = 1_000_000
ENTRY_BYTES = 400
"""What an entry in memory takes beside its tile."""

TOUCHED_OF = 64
"""One in so many uses in memory is noted on the disk, which would else drop the most used tile as the least used."""


class Partition(NamedTuple):
    """A part of the cache that makes room for itself alone: its folder, and its share of the limits."""

    folder: str
    share: float


PLAIN = Partition("", 0.8)
FILTERED = Partition("filtered", 0.2)
"""Tiles by a request's filter or choice of collections. There is no end of these: they must not drop plain tiles."""


def always(_: bytes) -> bool:
    """Every tile is cached."""
    return True


class TileStore:
    """A partition of the tile cache. Safe for threads, and shared with other processes on the disk.

    is_final: whether a tile that was made is to be cached
    """

    def __init__(
        self, settings: Settings, partition: Partition = PLAIN, is_final: Callable[[bytes], bool] = always
    ) -> None:
        """Nothing is opened yet."""
        folder = tiles_folder(settings) / partition.folder
        self._is_final = is_final
        self._memory = Cache[str, bytes](int(settings.tile_cache_mb * MB * partition.share), entry_bytes)
        self._disk = TileDisk(folder, int(settings.tiles_mb * MB * partition.share))
        self._write_behind = WriteBehind(self._disk)
        self._flights = SingleFlight(folder if settings.tiles_mb else None)
        self._uses = 0

    def get(self, key: str) -> bytes | None:
        """The tile (empty: known to hold nothing), or None when it is not cached."""
        tile = self.in_memory(key)
        return self._from_disk(key) if tile is None else tile

    def in_memory(self, key: str) -> bytes | None:
        """The tile, or None when it is not in this worker's memory."""
        tile = self._memory.get(key)
        if tile is not None:
            self._uses += 1
            if self._uses % TOUCHED_OF == 0:
                self._disk.touch(key)
        return tile

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The tile; made, by one thread of all workers, when it is not cached. Raises: what `make` raises"""
        tile = self.in_memory(key)
        if tile is not None:
            return tile
        return self._flights.run(key, lambda: self.get(key), make, partial(self._put, key))

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._write_behind.close()
        self._disk.close()

    def _put(self, key: str, tile: bytes, written: Callable[[], None]) -> None:
        if self._is_final(tile):
            self._memory.put(key, tile)
            self._write_behind.put(key, tile, written)
        else:
            written()

    def _from_disk(self, key: str) -> bytes | None:
        tile = self._write_behind.get(key)
        if tile is not None:
            return tile
        tile = self._disk.get(key)
        if tile is not None:
            self._memory.put(key, tile)
            self._disk.touch(key)
        return tile


def entry_bytes(tile: bytes) -> int:
    """What a tile takes in memory."""
    return len(tile) + ENTRY_BYTES


def tiles_folder(settings: Settings) -> Path:
    """The folder of the cached tiles."""
    return (Path(settings.tiles_dir) if settings.tiles_dir else settings.data_dir / "var" / "tiles").absolute()
