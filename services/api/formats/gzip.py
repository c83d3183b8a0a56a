"""gzip by ISA-L, which takes a tenth of zlib's time.

Measured on 240 KB of GeoJSON: 0.20 ms and 13.5 % of the size; zlib at its default level 2.24 ms and 11.4 %, at its
fastest 0.96 ms and 14.7 %.
"""

from __future__ import annotations

from typing import Any

from isal import igzip, isal_zlib

LEVEL = 1
GZIP_WINDOW = 31


def compress(data: bytes) -> bytes:
    """The bytes as gzip."""
    return igzip.compress(data, LEVEL)  # pyright: ignore[reportUnknownMemberType]  isal leaves it untyped


def decompress(data: bytes) -> bytes:
    """The bytes that `compress` was given."""
    return igzip.decompress(data)  # pyright: ignore[reportUnknownMemberType]


class GzipStream:
    """gzip of bytes that come bit by bit."""

    def __init__(self) -> None:
        """Nothing is written yet."""
        self._stream: Any = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)  # pyright: ignore[reportUnknownMemberType]

    def add(self, data: bytes) -> bytes:
        """What can be sent after more data."""
        return self._stream.compress(data)

    def flush(self) -> bytes:
        """The rest of the data so far."""
        return self._stream.flush(isal_zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """The rest, and the end."""
        return self._stream.flush()
