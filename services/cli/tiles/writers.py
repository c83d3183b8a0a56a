"""Writes files of tiles: PMTiles 3, which a web server needs no program for, and MBTiles 1.3, for programs on a disk.

Sources: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md,
https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md.
The sections of PMTiles may lie in any order but for the root directory, which ends within the first 16 KiB. So tiles go
to the file at once, from there on, and what tells where they are follows them. MBTiles is a file of SQLite, in which
equal tiles are kept once: `tiles` is a view.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from array import array
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from pmtiles.tile import (
    Compression,
    Entry,
    serialize_directory,
    serialize_header,
    zxy_to_tileid,
)

from cli.tiles.archive import About
from core import VERSION
from core.tile_files import FORMATS, HEADER_BYTES, MEDIA_TYPES

TILE_TYPES = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}
WORDS = {media_type: word for word, media_type in reversed(FORMATS.items())}
"""Of media types in MBTiles: the first of several."""

TILES_FROM = 16_384
LEAF_ENTRIES = 4096
MOST_REMEMBERED = 200_000
"""Different tiles that are looked at for an equal one (some 40 MB of memory); then the oldest are forgotten."""


APPLICATION_ID = 0x4D504258
"""What the specification says a file is known by."""

TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE metadata (name text, value text);
CREATE UNIQUE INDEX metadata_index ON metadata (name);
CREATE TABLE images (tile_id text PRIMARY KEY, tile_data blob) WITHOUT ROWID;
CREATE TABLE map (
    zoom_level integer, tile_column integer, tile_row integer, tile_id text,
    PRIMARY KEY (zoom_level, tile_column, tile_row)
) WITHOUT ROWID;
CREATE VIEW tiles AS
    SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images USING (tile_id);
BEGIN;
"""

PUT_IMAGE = "INSERT OR IGNORE INTO images VALUES (?, ?)"
PUT_PLACE = "INSERT INTO map VALUES (?, ?, ?, ?)"


class PMTiles:
    """A PMTiles archive that is being written. Takes 32 bytes of memory for each run of equal tiles."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._file.seek(TILES_FROM)
        self._ids, self._offsets = array("Q"), array("Q")
        self._lengths, self._runs = array("Q"), array("Q")
        self._offset_of: dict[bytes, int] = {}
        self._end = 0
        self.tile_count = self.content_count = 0

    def put(self, zoom: int, row: int, column: int, tile: bytes) -> None:
        """Add a tile, compressed by gzip unless it is a picture. They come by their numbers (`zxy_to_tileid`)."""
        number, offset = zxy_to_tileid(zoom, column, row), self._keep(tile)
        self.tile_count += 1
        if self._ids and offset == self._offsets[-1] and number == self._ids[-1] + self._runs[-1]:
            self._runs[-1] += 1
            return
        for column_of, value in ((self._ids, number), (self._offsets, offset), (self._lengths, len(tile))):
            column_of.append(value)
        self._runs.append(1)

    def finish(self, about: About) -> None:
        """Write directories, metadata and header."""
        root, leaves = self._directories()
        metadata = gzip.compress(
            json.dumps(
                {**about.texts, "generator": f"Isthmus {VERSION}", **about.vector_layers}, ensure_ascii=False
            ).encode(),
            mtime=0,
        )
        self._file.write(metadata)
        self._file.writelines(leaves)
        self._file.seek(0)
        self._file.write(serialize_header(self._header(about, len(root), len(metadata), sum(map(len, leaves)))))
        self._file.write(root)
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _keep(self, tile: bytes) -> int:
        """Where a tile lies: it is written once, when it is met again soon enough."""
        digest = hashlib.blake2b(tile, digest_size=16).digest()
        known = self._offset_of.get(digest)
        if known is not None:
            return known
        offset = self._end
        self._file.write(tile)
        self._end += len(tile)
        self.content_count += 1
        self._offset_of[digest] = offset
        if len(self._offset_of) > MOST_REMEMBERED:
            del self._offset_of[next(iter(self._offset_of))]
        return offset

    def _directories(self) -> tuple[bytes, Sequence[bytes]]:
        """The root directory, and the leaves that it leads to where it would be too long itself."""
        size = LEAF_ENTRIES
        if len(self._ids) <= size:
            root = serialize_directory(self._entries(0, len(self._ids)))
            if HEADER_BYTES + len(root) <= TILES_FROM:
                return root, ()
        while True:
            starts = range(0, len(self._ids), size)
            leaves = [serialize_directory(self._entries(start, start + size)) for start in starts]
            root = serialize_directory(leaf_entries([self._ids[start] for start in starts], leaves))
            if HEADER_BYTES + len(root) <= TILES_FROM:
                return root, leaves
            size *= 2

    def _entries(self, start: int, end: int) -> list[Entry]:
        columns = (column[start:end] for column in (self._ids, self._offsets, self._lengths, self._runs))
        return [Entry(*values) for values in zip(*columns, strict=True)]

    def _header(self, about: About, root_bytes: int, metadata_bytes: int, leaf_bytes: int) -> Any:
        metadata_from = TILES_FROM + self._end
        west, south, east, north = (round(degrees * 1e7) for degrees in about.bounds)
        return {
            "version": 3,
            "root_offset": HEADER_BYTES,
            "root_length": root_bytes,
            "metadata_offset": metadata_from,
            "metadata_length": metadata_bytes,
            "leaf_directory_offset": metadata_from + metadata_bytes,
            "leaf_directory_length": leaf_bytes,
            "tile_data_offset": TILES_FROM,
            "tile_data_length": self._end,
            "addressed_tiles_count": self.tile_count,
            "tile_entries_count": len(self._ids),
            "tile_contents_count": self.content_count,
            "clustered": True,
            "internal_compression": Compression.GZIP,
            "tile_compression": Compression.GZIP if about.is_vector else Compression.NONE,
            "tile_type": TILE_TYPES[about.media_type],
            "min_zoom": about.first_zoom,
            "max_zoom": about.last_zoom,
            "min_lon_e7": west,
            "min_lat_e7": south,
            "max_lon_e7": east,
            "max_lat_e7": north,
            "center_zoom": about.center[2],
            "center_lon_e7": round(about.center[0] * 1e7),
            "center_lat_e7": round(about.center[1] * 1e7),
        }


def leaf_entries(firsts: Sequence[int], leaves: Sequence[bytes]) -> list[Entry]:
    """The entries of the root directory that lead to leaves: their first tile, place and length."""
    offsets = accumulate(map(len, leaves), initial=0)
    return [Entry(first, offset, len(leaf), 0) for first, offset, leaf in zip(firsts, offsets, leaves, strict=False)]


class MBTiles:
    """An MBTiles archive that is being written, in one transaction: until it is whole the file has another name."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.executescript(TABLES)

    def put(self, zoom: int, row: int, column: int, tile: bytes) -> None:
        """Add a tile, compressed by gzip unless it is a picture. Rows of MBTiles count from the south."""
        digest = hashlib.blake2b(tile, digest_size=16).hexdigest()
        self._connection.execute(PUT_IMAGE, [digest, tile])
        self._connection.execute(PUT_PLACE, [zoom, column, (1 << zoom) - 1 - row, digest])

    def finish(self, about: About) -> None:
        """Write the metadata."""
        texts = {
            **about.texts,
            "format": WORDS[about.media_type],
            "bounds": ",".join(map(str, about.bounds)),
            "center": ",".join(map(str, about.center)),
            "minzoom": str(about.first_zoom),
            "maxzoom": str(about.last_zoom),
        }
        if about.is_vector:
            texts["json"] = json.dumps(about.vector_layers, ensure_ascii=False)
        self._connection.executemany("INSERT INTO metadata VALUES (?, ?)", texts.items())
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
