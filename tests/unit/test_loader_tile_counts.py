"""How many features lie in each tile."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from api.tms.tile import HALF_WORLD_M, WEB_MERCATOR_QUAD, tile_holding
from loader.overviews.points import count_in_tiles, unspread
from loader.overviews.ranks import codes_of, spread

METRES = st.floats(-HALF_WORLD_M * 0.999999, HALF_WORLD_M * 0.999999)


@given(st.lists(st.integers(0, 2**31 - 1), max_size=20))
def test_compact_takes_the_zeros_out_again(numbers: list[int]):
    values = np.array(numbers, np.uint64)
    assert unspread(spread(values)).tolist() == numbers
    assert unspread(spread(values) | (spread(values[::-1]) << np.uint64(1))).tolist() == numbers


@given(st.lists(st.tuples(METRES, METRES), min_size=1, max_size=30), st.integers(1, 10))
def test_every_tile_is_counted_at_every_zoom(places: list[tuple[float, float]], full_zoom: int):
    x, y = np.array(places).T
    found = list(count_in_tiles(codes_of(x, -y), full_zoom))
    assert [one.zoom for one in found] == list(reversed(range(full_zoom)))
    for one in found:
        told = dict(zip(zip(one.rows, one.columns, strict=True), one.features, strict=True))
        expected: dict[tuple[int, int], int] = {}
        for place in places:
            tile = tile_holding(*place, one.zoom, WEB_MERCATOR_QUAD)
            expected[tile.row, tile.column] = expected.get((tile.row, tile.column), 0) + 1
        assert sum(told.values()) == len(places)
        close = sum(told.get(key, 0) != count for key, count in expected.items())
        assert close == 0 or any(abs((v / (2 * HALF_WORLD_M) * 2**21) % 1) < 1e-6 for place in places for v in place)
