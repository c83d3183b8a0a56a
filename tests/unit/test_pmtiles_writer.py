"""The PMTiles writer without an API: long directories, and what is forgotten."""

from __future__ import annotations

import random
from array import array
from pathlib import Path

import pytest
from pmtiles.reader import MmapSource, Reader, all_tiles
from pmtiles.tile import tileid_to_zxy

from cli.tiles import writers
from cli.tiles.archive import About
from cli.tiles.tileset import Grid, Limits, Matrix, is_pyramid
from cli.tiles.writers import TILES_FROM, PMTiles

ABOUT = About("a", None, None, (-180.0, -85.0, 180.0, 85.0), (0.0, 0.0, 0), 0, 9, ())


def write(path: Path, tiles: dict[int, bytes]) -> None:
    archive = PMTiles(path)
    for number, tile in tiles.items():
        zoom, x, y = tileid_to_zxy(number)
        archive.put(zoom, y, x, tile)
    archive.finish(ABOUT)
    archive.close()


def test_directory_that_is_too_long_for_the_root_goes_to_leaves(tmp_path: Path):
    rng = random.Random(1)
    numbers = sorted(rng.sample(range(349_525), 60_000))
    tiles = {number: rng.randbytes(rng.randrange(1, 9)) for number in numbers}
    write(tmp_path / "a.pmtiles", tiles)
    with (tmp_path / "a.pmtiles").open("rb") as file:
        source = MmapSource(file)
        header = Reader(source).header()
        assert header["leaf_directory_length"] > 0
        assert header["root_offset"] + header["root_length"] <= TILES_FROM
        assert list(all_tiles(source)) == [(tileid_to_zxy(number), tile) for number, tile in tiles.items()]
        for number in numbers[::5000]:
            assert Reader(source).get(*tileid_to_zxy(number)) == tiles[number]
        zoom, x, y = tileid_to_zxy(next(number for number in range(349_525) if number not in tiles))
        assert Reader(source).get(zoom, x, y) is None


def test_tiles_that_were_forgotten_are_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writers, "MOST_REMEMBERED", 2)
    tiles = {0: b"a", 1: b"b", 2: b"a", 3: b"c", 4: b"d", 5: b"a"}
    write(tmp_path / "a.pmtiles", tiles)
    with (tmp_path / "a.pmtiles").open("rb") as file:
        assert Reader(MmapSource(file)).header()["tile_contents_count"] == 5
        assert [tile for _, tile in all_tiles(MmapSource(file))] == list(tiles.values())


@pytest.mark.parametrize("columns", [1, 2])
def test_numbers_of_a_grid_are_places_and_children_follow_each_other(columns: int):
    grid = Grid(columns)
    for zoom in range(4):
        limits = Limits(0, 2**zoom - 1, 0, columns * 2**zoom - 1)
        numbers = grid.within(zoom, limits)
        assert numbers == array("Q", range(columns * 4**zoom))
        for number in numbers:
            row, column = grid.place(zoom, number)
            assert grid.number(zoom, row, column) == number
            below = Limits(0, 2 ** (zoom + 1) - 1, 0, columns * 2 ** (zoom + 1) - 1)
            places = {grid.place(zoom + 1, child) for child in grid.children(zoom, number, below)}
            assert places == {(2 * row + r, 2 * column + c) for r in (0, 1) for c in (0, 1)}


def test_children_outside_the_limits_are_left_out():
    assert [*Grid().children(0, 0, Limits(0, 0, 1, 1))] == [Grid().number(1, 0, 1)]


def test_sets_that_halve_from_zoom_to_zoom_are_pyramids():
    quad = [Matrix(str(z), 1 << z, 1 << z, -180.0, 90.0, 360 / 2**z, 360 / 2**z) for z in range(5)]
    assert is_pyramid(quad)
    thirds = [Matrix(str(z), 3**z, 3**z, -180.0, 90.0, 360 / 3**z, 360 / 3**z) for z in range(3)]
    assert not is_pyramid(thirds)
