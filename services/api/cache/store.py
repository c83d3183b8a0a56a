"""The tiles that were made: in memory, behind it on the disk, and each made by one builder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from api.cache.keys import maker_of, tile_key
from api.cache.memory import Memory
from api.cache.single_flight import Builders
from api.cache.sqlite import TileDisk
from api.cache.write_behind import TileWriter
from core.settings import Settings

MB = 1_000_000
TOUCHED_OF = 64
"""Of so many uses in memory one is told to the disk, which would else take what is used most for the least used."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A part of what is kept, which makes room for itself alone: its folder, and its share of the limits."""

    folder: str
    share: float


PLAIN = Shelf("", 0.8)
FILTERED = Shelf("filtered", 0.2)
"""Of tiles that a request's filter or choice of collections is in. There is no end of these: they must not push out the
plain tiles."""


class TileStore:
    """Compressed tiles (gzip) by key. Safe for threads."""

    def __init__(self, settings: Settings, shelf: Shelf = PLAIN) -> None:
        """Nothing is opened yet."""
        folder = tiles_folder(settings) / shelf.folder
        self._maker = maker_of(settings)
        self._memory: Memory[str, bytes] = Memory(int(settings.tile_cache_mb * MB * shelf.share))
        self._disk = TileDisk(folder, int(settings.tiles_mb * MB * shelf.share))
        self._writer = TileWriter(self._disk)
        self._builders = Builders(folder if settings.tiles_mb else None)
        self._uses = 0

    def key(self, data: str, place: tuple[str, int, int, int], query: str = "") -> str:
        """What a tile is kept under (see `tile_key`)."""
        return tile_key(self._maker, data, place, query)

    def get(self, key: str) -> bytes | None:
        """The tile (empty: known to hold nothing), or None when it was not made yet."""
        tile = self.in_memory(key)
        return self._from_disk(key) if tile is None else tile

    def in_memory(self, key: str) -> bytes | None:
        """The tile, or None when it is not in this worker's memory. Who makes it then looks at the disk first."""
        tile = self._memory.get(key)
        if tile is not None:
            self._used(key)
        return tile

    def get_or_make(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The tile; made, and kept, when it is missing. Raises: what `make` raises"""
        tile = self.get(key)
        if tile is not None:
            return tile
        return self.make_missing(key, make)

    def make_missing(self, key: str, make: Callable[[], bytes]) -> bytes:
        """The tile, which was missing just now; made, and kept, unless another one did. Raises: what `make` raises"""
        keep = partial(self._writer.put, key)
        return self._builders.build(key, lambda: self.get(key), lambda: self._make(key, make), keep)

    def close(self) -> None:
        """Write what waits, and close the file."""
        self._writer.close()
        self._disk.close()

    def _make(self, key: str, make: Callable[[], bytes]) -> bytes:
        tile = make()
        self._memory.put(key, tile, len(tile))
        return tile

    def _from_disk(self, key: str) -> bytes | None:
        tile = self._writer.get(key)
        if tile is not None:
            return tile
        tile = self._disk.get(key)
        if tile is not None:
            self._memory.put(key, tile, len(tile))
            self._disk.touch(key)
        return tile

    def _used(self, key: str) -> None:
        self._uses += 1
        if self._uses % TOUCHED_OF == 0:
            self._disk.touch(key)


def tiles_folder(settings: Settings) -> Path:
    """The folder of the kept tiles."""
    return (Path(settings.tiles_dir) if settings.tiles_dir else settings.data_dir / "var" / "tiles").absolute()
