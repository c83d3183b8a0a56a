"""Writes MBTiles 1.3: tiles in a file of SQLite, for programs on a disk.

Source: https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md. Equal tiles are kept once: `tiles` is a view.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from pathlib import Path

from cli.tiles.archive import MVT, About

FORMATS = {MVT: "pbf", "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/avif": "avif"}
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


class MBTiles:
    """An archive that is being written, in one transaction: the file has a name of its own until it is whole."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._connection.executescript(TABLES)

    def put(self, zoom: int, row: int, column: int, tile: bytes) -> None:
        """Add a tile, packed already. Rows of MBTiles count from the south."""
        digest = hashlib.blake2b(tile, digest_size=16).hexdigest()
        self._connection.execute(PUT_IMAGE, [digest, tile])
        self._connection.execute(PUT_PLACE, [zoom, column, (1 << zoom) - 1 - row, digest])

    def finish(self, about: About) -> None:
        """Write the metadata."""
        texts = {
            **about.texts,
            "format": FORMATS[about.media_type],
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
