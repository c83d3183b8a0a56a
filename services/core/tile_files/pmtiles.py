"""Reads PMTiles, version 3, without trust in what a file says of itself.

Source: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md.
"""

from __future__ import annotations

import os
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from pmtiles.tile import (
    Compression,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_header,
    zxy_to_tileid,
)

from core.catalog.archives import MVT, parse_object
from core.errors import TilesDamaged

MEDIA_TYPES = {
    TileType.MVT: MVT,
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}
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


class Directories:
    """Directories that were read, by the file's key and their place. Safe for threads; the least used go first."""

    def __init__(self, most_entries: int = MOST_CACHED_ENTRIES) -> None:
        self._most = most_entries
        self._entries = 0
        self._known: OrderedDict[tuple[str, int], Directory] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, int]) -> Directory | None:
        """The directory, or None."""
        with self._lock:
            found = self._known.get(key)
            if found is not None:
                self._known.move_to_end(key)
            return found

    def put(self, key: tuple[str, int], directory: Directory) -> None:
        """Keep a directory."""
        with self._lock:
            if key not in self._known:
                self._known[key] = directory
                self._entries += len(directory.ids)
            while self._entries > self._most and len(self._known) > 1:
                _, dropped = self._known.popitem(last=False)
                self._entries -= len(dropped.ids)


class PMTilesFile:
    """An open archive. Raises TilesDamaged from every method for what cannot be read."""

    def __init__(self, path: Path, key: str = "", directories: Directories | None = None) -> None:
        """`key`: under which its directories are kept in `directories`. Raises: OSError"""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._key = key
        self._directories = directories or Directories()
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
        header = self.header
        text = self._unpacked(header["metadata_offset"], header["metadata_length"])
        return parse_object(text)

    def directory(self, offset: int, length: int) -> Directory:
        """The directory at a place."""
        key = (self._key, offset)
        found = self._directories.get(key)
        if found is None:
            found = parse_directory(self._unpacked(offset, length))
            self._directories.put(key, found)
        return found

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
