"""Content encodings: which one a client takes, bytes in it, and streams of them of which nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import brotli
import zstandard
from isal import isal_zlib
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from api.http.gzip import GzipStream, compress, decompress

LEAST_BYTES = 1000
"""Below this the headers weigh more than what is saved."""

BROTLI_QUALITY = 3
ZSTD_LEVEL = 3

# In order of preference among what the client takes as gladly. Measured on 240 KB of GeoJSON: gzip (ISA-L) 0.19 ms and
# 13.5 % of the size, zstd 0.41 ms and 12.1 %, brotli 1.0 ms and 11.2 %.
ENCODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": compress,
    "zstd": lambda data: zstandard.ZstdCompressor(level=ZSTD_LEVEL).compress(data),
    "br": lambda data: brotli.compress(data, quality=BROTLI_QUALITY),
}

DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "br": brotli.decompress,
}

ISAL_ERROR = cast("type[Exception]", isal_zlib.error)  # which isal's types say is a value
UNDECODABLE: tuple[type[Exception], ...] = (EOFError, OSError, ISAL_ERROR, brotli.error, zstandard.ZstdError)
"""What decoders raise for damaged bytes."""


def choose_encoding(accept: Accept) -> str | None:
    """The encoding to use, or None for none: the client's favourite, ours among equals."""
    wanted = [(accept[name], -place, name) for place, name in enumerate(ENCODERS) if accept[name] > 0]
    return max(wanted)[2] if wanted else None


@lru_cache(maxsize=1000)
def takes(accept_encoding: str, encoding: str) -> bool:
    """Whether a client takes an encoding, by its header."""
    return parse_accept_header(accept_encoding)[encoding] > 0


@lru_cache(maxsize=1000)
def encoding_for(accept_encoding: str) -> str | None:
    """The same for the text of the header."""
    return choose_encoding(parse_accept_header(accept_encoding))


def recoded(data: bytes, encoding: str, accept_encoding: str) -> tuple[bytes, str | None]:
    """Compressed bytes in an encoding that the client takes: as they are, or another, or none. Raises: UNDECODABLE"""
    if takes(accept_encoding, encoding):
        return data, encoding
    plain, other = DECODERS[encoding](data), encoding_for(accept_encoding)
    return (plain, None) if other is None or len(plain) < LEAST_BYTES else (ENCODERS[other](plain), other)


@dataclass(frozen=True, slots=True)
class StreamEncoder:
    """A compressor: what it gives for more bytes, for all bytes so far, and at the end."""

    add: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    end: Callable[[], bytes]


def gzip_stream() -> StreamEncoder:
    """gzip by ISA-L."""
    stream = GzipStream()
    return StreamEncoder(stream.add, stream.flush, stream.end)


def zstd_stream() -> StreamEncoder:
    """Zstandard, one frame."""
    stream = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
    return StreamEncoder(stream.compress, lambda: stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


def brotli_stream() -> StreamEncoder:
    """Brotli."""
    stream = brotli.Compressor(quality=BROTLI_QUALITY)
    return StreamEncoder(stream.process, stream.flush, stream.finish)


STREAMS: Mapping[str, Callable[[], StreamEncoder]] = {"gzip": gzip_stream, "zstd": zstd_stream, "br": brotli_stream}


def compressed_stream(blocks: Generator[bytes], encoding: str) -> Generator[bytes]:
    """The blocks in an encoding of STREAMS. The client has the first one before the second is there."""
    encoder = STREAMS[encoding]()
    try:
        yield encoder.add(next(blocks, b"")) + encoder.flush()
        for block in blocks:
            more = encoder.add(block)
            if more:
                yield more
        yield encoder.end()
    finally:
        blocks.close()
