"""Reads MBTiles: a file of SQLite.

Source: https://github.com/mapbox/mbtiles-spec/blob/master/1.3/spec.md.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from urllib.parse import quote

from core.catalog.archives import MVT
from core.errors import TilesDamaged

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
