"""Compression of answers that are sent while they are made: nothing waits, the first block is flushed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass

import brotli
import zstandard

from api.http.compression import BROTLI_QUALITY, ZSTD_LEVEL
from api.http.gzip import GzipStream


@dataclass(frozen=True, slots=True)
class Packer:
    """A compressor: what it gives for more bytes, for all bytes so far, and at the end."""

    add: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    end: Callable[[], bytes]


def gzip_packer() -> Packer:
    """gzip by ISA-L."""
    stream = GzipStream()
    return Packer(stream.add, stream.flush, stream.end)


def zstd_packer() -> Packer:
    """Zstandard, one frame."""
    stream = zstandard.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
    return Packer(stream.compress, lambda: stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), stream.flush)


def brotli_packer() -> Packer:
    """Brotli."""
    stream = brotli.Compressor(quality=BROTLI_QUALITY)
    return Packer(stream.process, stream.flush, stream.finish)


PACKERS: Mapping[str, Callable[[], Packer]] = {"gzip": gzip_packer, "zstd": zstd_packer, "br": brotli_packer}


def packed(blocks: Generator[bytes], encoding: str) -> Generator[bytes]:
    """The blocks in an encoding of PACKERS. The client has the first one before the second is there."""
    packer = PACKERS[encoding]()
    try:
        yield packer.add(next(blocks, b"")) + packer.flush()
        for block in blocks:
            more = packer.add(block)
            if more:
                yield more
        yield packer.end()
    finally:
        blocks.close()
