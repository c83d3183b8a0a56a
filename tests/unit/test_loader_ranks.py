"""Which points are shown at which zoom, against a plain look at every cell."""

from __future__ import annotations

import numpy as np
import pytest

from loader.overviews import ranks
from loader.overviews.points import indexed_zooms
from loader.overviews.ranks import (
    HALF_WORLD_M,
    MOST_FEATURES,
    Codes,
    Floats,
    Ranks,
    along_curve,
    codes_of,
    find_full_zoom,
    importance_of,
    interleaved,
    scatter,
)

MOST = 50
"""Points of a tile, so that few points are many."""

CHANCE = np.random.default_rng(20_261_125)


def clustered(count: int) -> tuple[Floats, Floats]:
    """Points around a town, and a few all over the world."""
    x, y = CHANCE.normal(2_000_000, 80_000, (2, count))
    x[: count // 10], y[: count // 10] = CHANCE.uniform(-HALF_WORLD_M, HALF_WORLD_M, (2, count // 10))
    return x, y


def rank_points(x: Floats, y: Floats, importance: Codes, most: int = MOST_FEATURES) -> Ranks:
    """The ranks of points in EPSG:3857."""
    turn, codes = along_curve(codes_of(x, y))
    return ranks.rank_points(turn, codes, importance[turn], find_full_zoom(codes, most))


def shown_at(zoom: int, x: Floats, y: Floats, importance: Codes) -> set[int]:
    """The most important point of each cell, one cell after the other."""
    best: dict[tuple[int, int], int] = {}
    side = 2 * HALF_WORLD_M / 2 ** (zoom + 7)
    for number in range(len(x)):
        cell = int((x[number] + HALF_WORLD_M) // side), int((y[number] + HALF_WORLD_M) // side)
        if cell not in best or importance[number] < importance[best[cell]]:
            best[cell] = number
    return set(best.values())


def shown(found: Ranks, zoom: int) -> set[int]:
    return set(found.rows[found.zooms <= zoom].tolist())


def test_each_cell_shows_its_most_important_point():
    x, y = clustered(3000)
    importance = importance_of(np.arange(3000), CHANCE.integers(0, 100, 3000).astype(np.float64))
    found = rank_points(x, y, importance, MOST)
    assert found.full_zoom > 4
    for zoom in range(found.full_zoom):
        assert shown(found, zoom) == shown_at(zoom, x, y, importance), zoom


def test_what_is_shown_stays_and_lies_in_the_order_of_zooms():
    found = rank_points(*clustered(3000), importance_of(np.arange(3000), None), MOST)
    assert (np.diff(found.zooms) >= 0).all()
    assert len(np.unique(found.rows)) == len(found.rows)
    assert found.counts() == [len(shown(found, zoom)) for zoom in range(found.full_zoom)]


def test_full_zoom_is_the_first_without_a_tile_of_too_many():
    x, y = clustered(3000)
    found = rank_points(x, y, importance_of(np.arange(3000), None), MOST)

    def most(zoom: int) -> int:
        side = 2 * HALF_WORLD_M / 2**zoom
        tiles = np.stack([(x + HALF_WORLD_M) // side, (y + HALF_WORLD_M) // side])
        return int(np.unique(tiles, axis=1, return_counts=True)[1].max())

    assert most(found.full_zoom) <= 50 < most(found.full_zoom - 1)


@pytest.mark.parametrize("count", [0, 1, 10_000])
def test_few_points_are_all_shown(count: int):
    found = rank_points(*clustered(count), importance_of(np.arange(count), None))
    assert (found.full_zoom, len(found.rows)) == (0, 0)


def test_many_points_at_one_place_end_at_the_largest_zoom():
    x = np.full(10_001, 5.0)
    found = rank_points(x, x, importance_of(np.arange(10_001), None))
    assert found.full_zoom == ranks.LARGEST_FULL_ZOOM
    assert (found.rows.size, found.zooms.tolist()) == (1, [0])


def test_points_beyond_the_world_belong_to_its_edge():
    far = np.array([-4e7, 4e7])
    assert rank_points(far, far, importance_of(np.arange(2), None)).full_zoom == 0


def test_the_larger_value_is_more_important_and_none_comes_last():
    values = np.array([5.0, -np.inf, 9.0, np.nan, -3.0])
    order = np.argsort(importance_of(np.arange(5), values)).tolist()
    assert order[:3] == [2, 0, 4]
    assert set(order[3:]) == {1, 3}


def test_equal_values_are_told_apart_by_the_id_in_the_same_way_each_time():
    fids = np.arange(1000)
    importance = importance_of(fids, np.zeros(1000))
    assert len(np.unique(importance)) == 1000
    again = importance_of(fids[::-1].copy(), np.zeros(1000))[::-1]
    assert (importance == again).all()


def test_ids_are_scattered_without_two_alike():
    found = scatter(np.arange(100_000, dtype=np.uint64))
    assert len(np.unique(found)) == 100_000
    assert 0.45 < (found < 2**63).mean() < 0.55


def test_a_code_holds_the_bits_of_both_coordinates():
    assert interleaved(np.array([0b101], np.uint64), np.array([0b011], np.uint64)).tolist() == [0b011011]


def test_an_index_is_made_where_the_next_has_twice_as_many():
    assert indexed_zooms([10, 40, 60, 100, 110]) == [4, 1, 0]
    assert indexed_zooms([]) == []
