"""HTTP/1.1 responses from bytes as they come, one after the other on a connection. Opens nothing."""

from __future__ import annotations

from collections.abc import Generator

NO_BODY = (204, 304)
LONGEST_LINE = 65536
HIT, MISS = b"cache;desc=hit", b"cache;desc=miss"
"""What `Server-Timing` says of a tile that was cached, and of one that was rendered now (docs/metrics.md)."""


class BadResponse(ValueError):
    """The bytes are no response of HTTP/1.1."""


class ResponseReader:
    """One response. `feed` it bytes until it is `done`; `body_bytes` counts its body without the framing of chunks.

    `closes`: the server closes the connection after it. `cached_tile`: None for what is no tile.
    """

    __slots__ = ("_at", "_block", "_steps", "body_bytes", "cached_tile", "closes", "done", "status")

    def __init__(self) -> None:
        self.done = self.closes = False
        self.status = self.body_bytes = 0
        self.cached_tile: bool | None = None
        self._block, self._at = b"", 0
        self._steps = self._read()
        next(self._steps)

    def feed(self, block: bytes) -> None:
        """Take in bytes; none when the connection was closed. Raises: BadResponse"""
        try:
            self._steps.send(block)
        except StopIteration:
            self.done = True

    def _read(self) -> Generator[None, bytes]:
        """Each `yield` is a wait for the next block."""
        head = yield from self._until(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 "):
            raise BadResponse(f"no response of HTTP/1.1: {head[:20]!r}")
        lower = head.lower()
        self.status = int(head[9:12])
        self.cached_tile = True if HIT in lower else False if MISS in lower else None
        self.closes = value_of(lower, b"connection") == b"close"
        length = value_of(lower, b"content-length")
        if self.status in NO_BODY:
            pass
        elif value_of(lower, b"transfer-encoding") == b"chunked":
            yield from self._chunks()
        elif length:
            yield from self._pass(int(length))
        else:
            yield from self._to_the_end()
        if self._at < len(self._block):
            raise BadResponse("more bytes than the response has")

    def _chunks(self) -> Generator[None, bytes]:
        """Chunks: a size in hexadecimal, that many bytes, a line's end; after size 0 trailers up to an empty line."""
        while size := chunk_size((yield from self._until(b"\r\n"))):
            yield from self._pass(size)
            yield from self._until(b"\r\n")
        while (yield from self._until(b"\r\n")):
            pass

    def _until(self, mark: bytes) -> Generator[None, bytes, bytes]:
        """The bytes before a mark."""
        while (end := self._block.find(mark, self._at)) < 0:
            rest = self._block[self._at :]
            if len(rest) > LONGEST_LINE:
                raise BadResponse("a line without an end")
            self._block, self._at = rest + (yield from self._more()), 0
        text, self._at = self._block[self._at : end], end + len(mark)
        return text

    def _pass(self, size: int) -> Generator[None, bytes]:
        """Count so many bytes of the body."""
        while (there := len(self._block) - self._at) < size:
            self.body_bytes += there
            size -= there
            self._block, self._at = b"", 0
            self._block = yield from self._more()
        self.body_bytes += size
        self._at += size

    def _more(self) -> Generator[None, bytes, bytes]:
        """The next block. Raises: BadResponse when there is none"""
        block = yield
        if not block:
            raise BadResponse("closed in the middle of a response")
        return block

    def _to_the_end(self) -> Generator[None, bytes]:
        """A body that ends with the connection."""
        block = self._block[self._at :]
        self.body_bytes += len(block)
        self._block, self._at = b"", 0
        while block := (yield):
            self.body_bytes += len(block)


def chunk_size(line: bytes) -> int:
    """The size at the beginning of a chunk. Raises: BadResponse"""
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise BadResponse(f"no size of a chunk: {line[:20]!r}") from error


def value_of(lower_head: bytes, name: bytes) -> bytes:
    """The value of a header in a head of small letters; empty when it has none."""
    _, found, rest = lower_head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else b""
