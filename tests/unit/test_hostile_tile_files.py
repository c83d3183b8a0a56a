"""Files of tiles that are damaged, or made to do harm: each is refused in words, or read, within its time."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cli.tiles.archive import About
from cli.tiles.writers import MBTiles, PMTiles
from core import tile_files
from core.errors import TilesDamaged
from core.tile_files import MBTilesFile, PMTilesFile, parse_directory
from loader.archives import text_of
from loader.read.archives import inspect_tiles
from loader.scan import Dataset

ABOUT = About("a", None, None, (-180.0, -85.0, 180.0, 85.0), (0.0, 0.0, 0), 0, 4, ({"id": "a", "fields": {}},))
PLACES = [(zoom, row, column) for zoom in range(5) for row in range(2**zoom) for column in range(2**zoom)]


def written(path: Path) -> bytes:
    """An archive of five zooms."""
    archive = PMTiles(path) if path.suffix == ".pmtiles" else MBTiles(path)
    order = PLACES if path.suffix == ".mbtiles" else sorted(PLACES, key=hilbert)
    for place in order:
        archive.put(*place, gzip.compress(b"\x1a\x00" + bytes(place), mtime=0))
    archive.finish(ABOUT)
    archive.close()
    return path.read_bytes()


def hilbert(place: tuple[int, int, int]) -> int:
    from pmtiles.tile import zxy_to_tileid

    return zxy_to_tileid(place[0], place[2], place[1])


def read_all(path: Path) -> None:
    """What the loader and the API do with a file."""
    inspect_tiles(Dataset(path.name, "pmtiles" if path.suffix == ".pmtiles" else "mbtiles", path, (path,), ""))
    opened = PMTilesFile(path) if path.suffix == ".pmtiles" else MBTilesFile(path)
    with closing(opened) as file:
        for place in PLACES[::9]:
            file.tile(*place)


@pytest.mark.parametrize("suffix", ["pmtiles", "mbtiles"])
def test_damage_anywhere_is_told_in_words(tmp_path: Path, suffix: str):
    rng, path = random.Random(7), tmp_path / f"a.{suffix}"
    whole = written(path)
    read_all(path)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        reach = rng.choice([140, 17_000, len(content)])
        for _ in range(rng.randrange(1, 9)):
            content[rng.randrange(min(reach, len(content)))] = rng.randrange(256)
        if rng.random() < 0.2:
            del content[rng.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            read_all(path)
        except TilesDamaged:
            refused += 1
    assert refused > 60


def nested(path: Path) -> None:
    """Metadata that are a list in a list in a list."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE metadata SET value = ? WHERE name = 'json'", ["[" * 100_000])
    connection.close()


def endless(path: Path) -> None:
    """A view that gives rows for ever."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DROP VIEW tiles")
        connection.execute("""
            CREATE VIEW tiles AS
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
            SELECT i AS zoom_level, 0 AS tile_column, 0 AS tile_row, x'1a00' AS tile_data FROM n WHERE i < 0
        """)
    connection.close()


def of_texts(path: Path) -> None:
    """Tiles that are texts."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE images SET tile_data = 'tile'")
    connection.close()


@pytest.mark.parametrize("spoil", [nested, endless, of_texts])
def test_mbtiles_that_do_harm_are_refused_in_time(
    tmp_path: Path, spoil: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tile_files, "MOST_S", 0.3)
    path, began = tmp_path / "a.mbtiles", time.monotonic()
    written(path)
    spoil(path)
    with pytest.raises(TilesDamaged):
        read_all(path)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text",
    [b"", b"\x01", b"\x80" * 5_000_000, b"\xff" * 9 + b"\x7f", b"\x02\x01\x01"],
)
def test_directory_that_cannot_be_is_refused_at_once(text: bytes):
    began = time.process_time()
    with pytest.raises(TilesDamaged):
        parse_directory(text)
    assert time.process_time() - began < 1


def test_words_that_postgresql_cannot_keep_are_left_out():
    words = json.loads('{"name": "a\\u0000b\\ud800", "description": 7, "attribution": "  "}')
    assert [text_of(words, key) for key in ("name", "description", "attribution")] == ["ab?", None, None]
