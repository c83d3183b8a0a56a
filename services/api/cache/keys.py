"""What a kept tile is found by, and the ETag of its answer.

A key holds everything that a tile depends on, so nothing that is kept is ever wrong, and nothing needs purging.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from core.settings import Settings

MAKERS = ("sql", "tiles", "tms")
"""The rooms whose code makes tiles. A release that changes it makes them anew."""

SETTINGS = ("tile_max_kb", "tile_timeout_s")
"""The settings that change what is in a tile."""


def maker_of(settings: Settings) -> str:
    """A digest of the code that makes tiles, and of the settings that it heeds."""
    digest = hashlib.blake2b(digest_size=6)
    for path in code():
        digest.update(path.read_bytes())
    for name in SETTINGS:
        digest.update(f"{name}={getattr(settings, name)}\n".encode())
    return digest.hexdigest()


def code() -> Iterator[Path]:
    """The files of that code, in order."""
    for name in MAKERS:
        room = Path(__file__).parents[1] / name
        yield from sorted(path for path in room.rglob("*") if path.suffix == ".py")


def tile_key(maker: str, data: str, place: tuple[str, int, int, int], query: str = "") -> str:
    """The key of a tile.

    data:  the version of what is in it (see api/tile_revisions)
    place: tile matrix set, zoom, row, column
    query: what else was asked for, normalised
    """
    tms, z, row, column = place
    return f"{maker}/{data}/{tms}/{z}/{row}/{column}/{query}"


def key_of_several(keys: Sequence[str]) -> str:
    """The key of a tile that holds those of some keys, in their order."""
    digest = hashlib.blake2b("\n".join(keys).encode(), digest_size=20)
    return f"several/{digest.hexdigest()}"


def etag_of(key: str) -> str:
    """The ETag of a tile, without its quotes."""
    return hashlib.blake2b(key.encode(), digest_size=10).hexdigest()


@lru_cache(maxsize=100)
def number_of(key: str) -> int:
    """A number for a key, which SQLite takes as the number of a row."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)
