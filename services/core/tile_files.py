"""Reads PMTiles 3 and MBTiles (files of SQLite) without trust in what a file says of itself.

Sources: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md,
https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md.
"""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pmtiles.tile import (
    Compression,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_header,
    zxy_to_tileid,
)

from core.cache import Cache
from core.catalog.archives import MVT, parse_object
from core.errors import TilesDamaged

MEDIA_TYPES = {
    TileType.MVT: MVT,
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
FORMATS = {
    "pbf": MVT,
    "mvt": MVT,
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
}
"""The word for what its tiles are -> their media type."""

HEADER_BYTES = 127
MOST_DIRECTORY_BYTES = 32_000_000
"""Of a directory or of the metadata, unpacked; a directory of a million entries takes about a third."""

MOST_TILE_BYTES = 64_000_000
MOST_LEVELS = 4
MOST_SHIFTED = 63
"""Bits of a number before its last seven."""

MOST_CACHED_ENTRIES = 500_000
"""Of directories in the memory of a worker: 16 MB."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Entries in order of the tiles' numbers. `runs`: 0 for a leaf directory, else how many tiles are the same."""

    ids: array[int]
    runs: array[int]
    lengths: array[int]
    offsets: array[int]

    def find(self, number: int) -> tuple[int, int, bool] | None:
        """Offset, length, and whether a directory lies there; None for a tile that is not here."""
        place = bisect_right(self.ids, number) - 1
        if place < 0:
            return None
        run = self.runs[place]
        if run and number - self.ids[place] >= run:
            return None
        return self.offsets[place], self.lengths[place], run == 0


class Directories(Cache[tuple[str, int], Directory]):
    """Directories that were read, by the file's key and their place."""

    def __init__(self, most_entries: int = MOST_CACHED_ENTRIES) -> None:
        """The last one is kept however large it is."""
        super().__init__(most_entries, lambda directory: min(len(directory.ids), most_entries))


class PMTilesFile:
    """An open archive. Raises TilesDamaged from every method for what cannot be read."""

    def __init__(self, path: Path, key: str = "", directories: Directories | None = None) -> None:
        """`key`: under which its directories are kept in `directories`. Raises: OSError"""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._key = key
        self._directories = Directories() if directories is None else directories
        try:
            self.status = os.fstat(self._descriptor)
            self.header = parse_header(os.pread(self._descriptor, HEADER_BYTES, 0))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """A tile as it is kept, or None."""
        number, header = zxy_to_tileid(zoom, column, row), self.header
        offset, length = header["root_offset"], header["root_length"]
        for _ in range(MOST_LEVELS):
            found = self.directory(offset, length).find(number)
            if found is None:
                return None
            offset, length, is_directory = found
            if not is_directory:
                return self._read(header["tile_data_offset"] + offset, length, MOST_TILE_BYTES)
            offset += header["leaf_directory_offset"]
        raise TilesDamaged("its directories lie too deep in each other")

    def metadata(self) -> dict[str, Any]:
        """The metadata."""
        return parse_object(self._unpacked(self.header["metadata_offset"], self.header["metadata_length"]))

    def directory(self, offset: int, length: int) -> Directory:
        """The directory at a place."""
        key = (self._key, offset)
        known = self._directories.get(key)
        return known or self._directories.put(key, parse_directory(self._unpacked(offset, length)))

    def _unpacked(self, offset: int, length: int) -> bytes:
        packed = self._read(offset, length, MOST_DIRECTORY_BYTES)
        match self.header["internal_compression"]:
            case Compression.NONE:
                return packed
            case Compression.GZIP:
                return gunzip(packed, MOST_DIRECTORY_BYTES)
            case other:
                raise TilesDamaged(f"its directories are compressed by {other.name.lower()}, which is not read")

    def _read(self, offset: int, length: int, most: int) -> bytes:
        if length > most or offset + length > self.status.st_size:
            raise TilesDamaged(f"it refers to {length} bytes at {offset}, and has {self.status.st_size}")
        return os.pread(self._descriptor, length, offset)


def parse_header(text: bytes) -> HeaderDict:
    """The header. Raises: TilesDamaged"""
    try:
        if len(text) == HEADER_BYTES:
            return deserialize_header(text)
    except SpecVersionUnsupported as error:
        raise TilesDamaged("it is of another version than 3", hint="`pmtiles convert` brings it up to date") from error
    except (MagicNumberNotFound, ValueError):
        pass
    raise TilesDamaged("it is no PMTiles archive")


def gunzip(packed: bytes, most: int) -> bytes:
    """Unpacked bytes, up to a limit. Raises: TilesDamaged"""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(packed, most)
    except zlib.error as error:
        raise TilesDamaged(f"a part cannot be unpacked: {error}") from error
    if not unpacker.eof:
        raise TilesDamaged("a part is cut off, or too long")
    return text


def parse_directory(text: bytes) -> Directory:
    """A directory, unpacked (spec, 4). Raises: TilesDamaged"""
    numbers = varints(text)
    try:
        count = next(numbers)
        if count > len(text):
            raise TilesDamaged("a directory is longer than its bytes")
        ids, last = array("Q"), 0
        for _ in range(count):
            last += next(numbers)
            ids.append(last)
        runs = array("Q", (next(numbers) for _ in range(count)))
        lengths = array("Q", (next(numbers) for _ in range(count)))
        return Directory(ids, runs, lengths, parse_offsets(numbers, lengths))
    except (StopIteration, RuntimeError, OverflowError) as error:
        raise TilesDamaged("a directory is cut off") from error


def parse_offsets(numbers: Iterator[int], lengths: array[int]) -> array[int]:
    """Offsets of entries: 0 stands for the end of the one before."""
    offsets = array("Q")
    for place in range(len(lengths)):
        told = next(numbers)
        offsets.append(told - 1 if told else offsets[place - 1] + lengths[place - 1])
    return offsets


def varints(text: bytes) -> Iterator[int]:
    """Whole numbers of seven bits a byte, the lowest first."""
    value = shift = 0
    for byte in text:
        value |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            if shift > MOST_SHIFTED:
                raise TilesDamaged("a number in a directory does not end")
        else:
            yield value
            value = shift = 0


TILE = "SELECT tile_data FROM tiles WHERE zoom_level = ? AND tile_column = ? AND tile_row = ?"
METADATA = "SELECT name, value FROM metadata"
ZOOMS = (
    "SELECT (SELECT zoom_level FROM tiles ORDER BY zoom_level LIMIT 1),"
    " (SELECT zoom_level FROM tiles ORDER BY zoom_level DESC LIMIT 1)"
)
"""By the index, also where `tiles` is a view."""

ANY_TILE = "SELECT tile_data FROM tiles WHERE zoom_level = ? LIMIT 1"


UNREADABLE = (sqlite3.Error, UnicodeError)
"""What SQLite raises on a damaged file: names of columns may be no text."""

MOST_S = 10.0
"""How long a file may be read. `tiles` may be a view, and a view anything."""

STEPS = 10_000
"""Instructions of SQLite between two looks at the clock."""


class MBTilesFile:
    """An open archive, which nobody writes to. Raises TilesDamaged from every method for what cannot be read."""

    def __init__(self, path: Path) -> None:
        """Raises: OSError, TilesDamaged"""
        self.status = os.stat(path)  # noqa: PTH116 - a path of bytes may be no text
        uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=ro&immutable=1"
        try:
            self._connection = sqlite3.connect(uri, uri=True)
        except sqlite3.Error as error:
            raise TilesDamaged(f"it cannot be opened: {error}") from error
        self._connection.text_factory = as_text
        deadline = time.monotonic() + MOST_S
        self._connection.set_progress_handler(lambda: int(time.monotonic() > deadline), STEPS)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def tile(self, zoom: int, row: int, column: int) -> bytes | None:
        """A tile as it is kept, or None. Rows of MBTiles count from the south."""
        return as_bytes(self._first(TILE, zoom, column, (1 << zoom) - 1 - row))

    def any_tile(self, zoom: int) -> bytes | None:
        """Some tile of a zoom, or None."""
        return as_bytes(self._first(ANY_TILE, zoom))

    def zooms(self) -> tuple[int, int] | None:
        """The first and the last zoom that has tiles; None without a tile."""
        row = self._first(ZOOMS)
        first, last = row or (None, None)
        return (first, last) if isinstance(first, int) and isinstance(last, int) else None

    def has_index(self) -> bool:
        """Whether a tile is found without a look at all of them."""
        rows = self._all(f"EXPLAIN QUERY PLAN {TILE}", 0, 0, 0)
        return not any(str(row[-1]).startswith("SCAN") for row in rows)

    def metadata(self) -> dict[str, str]:
        """The metadata."""
        return {str(name): str(value) for name, value in self._all(METADATA) if value is not None}

    def _first(self, text: str, *values: int) -> tuple[object, ...] | None:
        try:
            return self._connection.execute(text, values).fetchone()
        except UNREADABLE as error:
            raise TilesDamaged(f"its tiles cannot be read: {error}") from error

    def _all(self, text: str, *values: int) -> list[tuple[object, ...]]:
        try:
            return self._connection.execute(text, values).fetchall()
        except UNREADABLE as error:
            raise TilesDamaged(f"its tables cannot be read: {error}") from error


def as_bytes(row: tuple[object, ...] | None) -> bytes | None:
    """The only value of a row. Raises: TilesDamaged"""
    if row is None or row[0] is None:
        return None
    if not isinstance(row[0], bytes):
        raise TilesDamaged("a tile is no blob")
    return row[0]


def as_text(text: bytes) -> str:
    """A text, as far as it is one."""
    return text.decode("utf-8", "replace")
