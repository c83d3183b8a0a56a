"""Reads HTTP/1.1 answers from bytes as they come, one after the other on a connection. Opens nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
NO_BODY = (204, 304)
LONGEST_HEAD = 65536
HIT, MISS = b"cache;desc=hit", b"cache;desc=miss"
"""What `Server-Timing` says of a tile that was kept, and of one that was made now (docs/metrics.md)."""


class BadResponse(ValueError):
    """The bytes are no answer of HTTP/1.1."""


@dataclass(slots=True)
class ResponseReader:
    """One answer. `feed` it bytes until it is `done`; `body_bytes` counts its body without the framing of chunks."""

    done: bool = False
    status: int = 0
    body_bytes: int = 0
    kept_tile: bool | None = None
    """Whether the tile was kept; None for what is no tile."""
    closes: bool = False
    """The server closes the connection after this answer."""
    _text: bytearray = field(default_factory=bytearray)
    _left: int | None = None
    """Bytes of the body, or of the chunk, that are still to come. None: until the connection is closed."""
    _chunked: bool = False

    def feed(self, block: bytes) -> None:
        """Take in bytes. Raises: BadResponse"""
        if not self.status:
            block = self._head(block)
        if block and not self.done:
            if self._chunked:
                self._chunks(block)
            else:
                self._plain(block)

    def end(self) -> None:
        """The connection was closed. Raises: BadResponse when the answer was not whole"""
        if self.status and self._left is None and not self._chunked:
            self.done = True
        if not self.done:
            raise BadResponse("closed in the middle of an answer")

    def _head(self, block: bytes) -> bytes:
        """Look for the end of the head; what follows it, or nothing yet."""
        text = bytes(self._text) + block if self._text else block
        head, found, rest = text.partition(HEAD_END)
        if found:
            self._text.clear()
            self._understand(head)
            return rest
        if len(text) > LONGEST_HEAD:
            raise BadResponse("a head without an end")
        self._text[:] = text
        return b""

    def _understand(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 "):
            raise BadResponse(f"no answer of HTTP/1.1: {head[:20]!r}")
        self.status = int(head[9:12])
        lower = head.lower()
        self.kept_tile = True if HIT in lower else False if MISS in lower else None
        self.closes = value_of(lower, b"connection") == b"close"
        length = value_of(lower, b"content-length")
        has_body = self.status not in NO_BODY
        self._chunked = has_body and value_of(lower, b"transfer-encoding") == b"chunked"
        self._left = 0 if self._chunked or not has_body else int(length) if length else None
        self.done = self._left == 0 and not self._chunked

    def _plain(self, block: bytes) -> None:
        self.body_bytes += len(block)
        if self._left is None:
            return
        self._left -= len(block)
        if self._left < 0:
            raise BadResponse("more bytes than the answer has")
        self.done = self._left == 0

    def _chunks(self, block: bytes) -> None:
        """Pass over chunks: a size in hexadecimal, that many bytes, and a line's end; a size of 0 ends the body."""
        at = 0
        while at < len(block) and not self.done:
            if self._left:
                taken = min(self._left, len(block) - at)
                self._left -= taken
                self.body_bytes += taken
                at += taken
            else:
                at = self._size(block, at)

    def _size(self, block: bytes, at: int) -> int:
        """Read a size, which follows the line's end of the chunk before it; where to go on."""
        end = block.find(b"\n", at)
        self._text += block[at:] if end < 0 else block[at : end + 1]
        if end < 0:
            return len(block)
        line = bytes(self._text).strip()
        self._text.clear()
        if not line or self._left is None:  # the end of a chunk's data, of all chunks, or a trailer
            self.done = not line and self._left is None
            return end + 1
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise BadResponse(f"no size of a chunk: {line[:20]!r}") from error
        self._left = size or None  # after the last chunk only an empty line comes
        return end + 1


def value_of(lower_head: bytes, name: bytes) -> bytes:
    """The value of a header in a head of small letters; empty when it has none."""
    _, found, rest = lower_head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else b""
