"""Which lines and polygons a zoom shows, and the squares that stand for small ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, strategies as st

from loader.overviews.ranks import (
    CELL_LEVELS,
    CELL_M,
    HALF_WORLD_M,
    LEVELS,
    NEVER,
    Shapes,
    cells,
    full_zoom_of,
    group_starts,
    importance_of,
    largest_of_each,
    line_zooms,
    own_zooms,
    shift,
    smallest_tiles,
    squares,
    squares_of,
)
from loader.overviews.shapes import shared_zooms


def shapes_of(x: np.ndarray, y: np.ndarray, width: np.ndarray, height: np.ndarray) -> Shapes:
    """Rectangles by their middles, in the order of the curve."""
    count = len(x)
    box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    found = Shapes(np.arange(count), *box, width * height, np.full(count, 5))
    return found.in_order(np.argsort(found.codes, kind="stable"))


def scattered(count: int, size_m: float, spread_m: float = 200_000) -> Shapes:
    """Rectangles around a place, none larger than a size."""
    chance = np.random.default_rng(3)
    x, y = chance.normal((2_000_000, 7_000_000), spread_m, (count, 2)).T
    return shapes_of(x, y, *chance.uniform(size_m / 3, size_m, (2, count)))


def test_a_shape_is_shown_from_where_it_is_a_cell_wide_or_high():
    sizes = CELL_M / np.array([0.5, 1, 1.001, 2, 1024])
    flat = shapes_of(np.zeros(5), np.zeros(5), sizes, np.ones(5))
    zooms = own_zooms(flat)
    assert sorted(zooms[np.argsort(flat.fids)]) == [0, 0, 1, 1, 10]


def test_a_shape_without_any_size_is_never_shown_by_itself():
    nothing = shapes_of(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros(1))
    assert own_zooms(nothing)[0] == NEVER


def test_squares_of_a_zoom_have_the_area_of_the_polygons_that_they_stand_for():
    small = scattered(50_000, 40)
    own, full = own_zooms(small), full_zoom_of([small])
    for found in squares(small, own, full):
        least = (CELL_M / 2**found.zoom / 16) ** 2
        assert found.counts.sum() == len(small.fids)
        assert (found.sides**2).sum() == pytest.approx(small.measures.sum(), abs=least)


def test_squares_are_no_larger_than_a_cell_and_no_smaller_than_two_units():
    for found in squares(scattered(30_000, 300), own_zooms(scattered(30_000, 300)), 8):
        cell = CELL_M / 2**found.zoom
        assert (found.sides <= cell).all()
        assert (found.sides >= cell / 16 * 0.999).all()


def test_squares_lie_near_polygons_of_their_cells():
    small = scattered(5_000, 40)
    found, cell = squares_of(small, 6), CELL_M / 2**6
    (x, y), half = small.middles, found.sides[:, None] / 2
    away = np.maximum(abs(found.x[:, None] - x), abs(found.y[:, None] - y))
    assert (away <= half * 1.001).any(axis=1).all()
    for middles in (found.x, found.y):
        inside = (middles + HALF_WORLD_M) % cell
        assert (inside >= half[:, 0] * 0.999).all()
        assert (inside <= cell - half[:, 0] * 0.999).all()


def test_squares_of_neighbours_without_gaps_leave_none():
    size = CELL_M / 2**6 * 0.6
    x, y = (places.ravel() * size + 300 for places in np.meshgrid(np.arange(60), np.arange(60)))
    found = squares_of(shapes_of(x, y, np.full(3600, size), np.full(3600, size)), 6)
    half = found.sides / 2
    boxes = shapely.box(found.x - half, found.y - half, found.x + half, found.y + half)
    assert shapely.union_all(boxes).area == pytest.approx(3600 * size**2, rel=0.01)


def test_one_square_stands_for_what_is_too_little_for_any():
    found = squares_of(scattered(3, 5), 0)
    assert found.counts.tolist() == [3]


def test_many_squares_of_many_zooms_show_where_it_is_dense():
    small = scattered(100_000, 40)
    found = squares_of(small, 8)
    middle_x, middle_y = 2_000_000, 7_000_000
    near = np.hypot(found.x - middle_x, found.y - middle_y) < 200_000
    near_shapes = np.hypot(small.middles[0] - middle_x, small.middles[1] - middle_y) < 200_000
    share = small.measures[near_shapes].sum() / small.measures.sum()
    assert (found.sides[near] ** 2).sum() / (found.sides**2).sum() == pytest.approx(share, abs=0.02)


@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=5), min_size=1, max_size=20))
def test_heaviest_of_each_group_is_the_first_of_the_largest(groups: list[list[int]]):
    weights = np.array([number for group in groups for number in group], float)
    starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
    expected = [start + group.index(max(group)) for start, group in zip(starts, groups, strict=True)]
    assert largest_of_each(weights, starts).tolist() == expected


def test_of_short_lines_a_cell_shows_the_longest_and_what_is_shown_stays():
    lines = scattered(20_000, 500)
    importance = importance_of(lines.fids, lines.measures)
    full = full_zoom_of([lines])
    zooms, own = line_zooms(lines, importance, full), own_zooms(lines)
    assert full > 2
    shown = [set(np.flatnonzero(zooms <= zoom)) for zoom in range(full + 1)]
    assert all(fewer <= more for fewer, more in pairwise(shown))
    assert len(shown[full]) == len(lines.fids)
    for zoom in range(full):
        assert set(np.flatnonzero(own <= zoom)) <= shown[zoom]
        cell = np.column_stack([np.floor(middle / (CELL_M / 2**zoom)) for middle in lines.middles])
        short = own > zoom
        _, number = np.unique(cell[short], axis=0, return_inverse=True)
        per_cell = np.bincount(number.ravel(), weights=(zooms <= zoom)[short])
        assert (per_cell == 1).all()


def test_the_longest_short_line_of_a_cell_is_shown_whatever_the_next_zooms_show_by_their_size():
    chance = np.random.default_rng(8)
    x, y = chance.normal((2_000_000, 7_000_000), 200_000, (20_000, 2)).T
    size = 10 ** chance.uniform(1, 5, 20_000)
    lines = shapes_of(x, y, size, size)
    full, own = full_zoom_of([lines]), own_zooms(lines)
    zooms = line_zooms(lines, importance_of(lines.fids, lines.measures), full)
    codes, long = lines.codes, lines.measures
    for zoom in range(full):
        short = np.flatnonzero(own > zoom)
        starts = group_starts(codes[short] >> shift(zoom + CELL_LEVELS))
        expected = short[largest_of_each(long[short], starts)]
        assert np.flatnonzero((zooms <= zoom) & (own > zoom)).tolist() == expected.tolist()
        assert zoom == 0 or (own[expected] == zoom + 1).any(), "such a line was left out once"


def test_no_lines_at_all_have_no_zooms():
    none = shapes_of(*np.zeros((4, 0)))
    assert len(line_zooms(none, np.zeros(0, np.uint64), 0)) == 0
    assert list(squares(none, own_zooms(none), 3)) == []


@given(st.floats(-2e7, 2e7), st.floats(-2e7, 2e7), st.floats(0, 1e7), st.integers(0, 14))
def test_smallest_tile_holds_the_shape(x: float, y: float, size: float, deepest: int):
    one = shapes_of(*np.array([[x], [y], [size], [size]]))
    levels, columns, rows = (values[0] for values in smallest_tiles(one, deepest))
    assert 0 <= levels <= deepest
    tile = 2 * HALF_WORLD_M / 2**levels
    finest = 2 * HALF_WORLD_M / 2**LEVELS
    west, north = columns * tile - HALF_WORLD_M, HALF_WORLD_M - rows * tile
    inside = np.clip([one.west[0], one.east[0]], -HALF_WORLD_M, HALF_WORLD_M)
    assert west - finest <= inside[0] and inside[1] <= west + tile + finest
    inside = np.clip([one.south[0], one.north[0]], -HALF_WORLD_M, HALF_WORLD_M)
    assert north - tile - finest <= inside[0] and inside[1] <= north + finest
    if levels < deepest:  # the tile below does not hold it
        down = np.uint64(LEVELS - levels - 1)
        corners = {
            (int(cells(a)[0] >> down), int(cells(b)[0] >> down))
            for a in (one.west, one.east)
            for b in (-one.north, -one.south)
        }
        assert len(corners) > 1


def test_zooms_share_an_index_where_none_would_read_twice_of_what_it_shows():
    spans = [(zoom, zoom, 100) for zoom in range(10)] + [(0, 9, 10), (5, 9, 10_000), (7, 9, 12_000), (9, 9, 90_000)]
    found = shared_zooms(spans, 10)
    assert found == [range(9, 10), range(7, 9), range(5, 7), range(1, 5), range(1)]
    assert [zoom for zooms in reversed(found) for zoom in zooms] == list(range(10))


def test_zooms_that_show_nothing_much_share_an_index_and_no_zooms_have_none():
    assert shared_zooms([(0, 24, 25)], 6) == [range(6)]
    assert shared_zooms([], 3) == [range(3)]
    assert shared_zooms([(0, 24, 25)], 0) == []
