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
    """The bytes as gzip, without a time: the same bytes are packed as the same."""
    return isal_zlib.compress(data, LEVEL, GZIP_WINDOW)  # pyright: ignore[reportUnknownMemberType]  isal leaves it untyped


def decompress(data: bytes) -> bytes:
    """The bytes that `compress` was given."""
    return igzip.decompress(data)  # pyright: ignore[reportUnknownMemberType]


COMMENTED = 0x10
"""The bit of a gzip header's flags that says that a comment follows (RFC 1952, 2.3.1)."""

HEAD_BYTES, FLAGS = 10, 3


def with_comment(packed: bytes, comment: str) -> bytes:
    """What `compress` gave, with a comment in ASCII in its header, which readers of gzip pass over."""
    flags = packed[FLAGS] | COMMENTED
    head = packed[:FLAGS] + bytes([flags]) + packed[FLAGS + 1 : HEAD_BYTES]
    return head + comment.encode("ascii") + b"\0" + packed[HEAD_BYTES:]


def comment_of(packed: bytes) -> str | None:
    """The comment that `with_comment` put there; None without one."""
    if len(packed) < HEAD_BYTES or not packed[FLAGS] & COMMENTED:
        return None
    return packed[HEAD_BYTES : packed.index(0, HEAD_BYTES)].decode("ascii")


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
