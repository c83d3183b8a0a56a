"""Points in the boxes of their blocks: what is counted without reading them is what looking at each would count."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, strategies as st

from core.catalog.heap_blocks import EVERYWHERE, NOWHERE, Sides, make_blocks, make_points, to_steps
from loader.table.heap_order import MOST_POINTS, TablePoints, blocks_of_points, has_points

sides = st.floats(-100, 100, width=16) | st.sampled_from([0.0, 1e-300, 5e-324, 1e300])
places = st.tuples(sides, sides)
tables = st.lists(st.lists(places, min_size=1, max_size=30), min_size=1, max_size=20)
areas = st.tuples(sides, sides, sides, sides).map(
    lambda four: (min(four[0], four[2]), min(four[1], four[3]), max(four[0], four[2]), max(four[1], four[3]))
)


def is_in(place: tuple[float, float], area: Sides) -> bool:
    return area[0] <= place[0] <= area[2] and area[1] <= place[1] <= area[3]


def read(table: list[list[tuple[float, float]]]) -> TablePoints:
    """A table with the points of some pages."""
    pages = [page for page, rows in enumerate(table) for _ in rows]
    return TablePoints(np.array(pages), np.array([row for rows in table for row in rows]).T)


@given(table=tables, area=areas, pages=st.integers(1, 3))
def test_the_points_in_a_box_are_counted_or_left_to_be_read(
    table: list[list[tuple[float, float]]], area: Sides, pages: int
):
    count = -(-len(table) // pages)
    found = read(table)
    blocks = make_blocks(pages, blocks_of_points(found, count, pages))
    points = make_points(blocks, to_steps(blocks, found.places))
    met = blocks.meeting([area])
    edge = met.some(~met.inside)
    known, unsure = points.count([area], edge.places)
    told = {*met.places[met.inside].tolist(), *edge.places[~unsure].tolist()}
    matching = [page // pages for page, rows in enumerate(table) for place in rows if is_in(place, area)]
    assert known + met.rows[met.inside].sum() == sum(block in told for block in matching)
    assert set(matching) <= told | set(edge.places[unsure].tolist())


def test_few_blocks_have_to_be_read():
    random = np.random.default_rng(7)
    found = TablePoints(np.repeat(np.arange(500), 100), random.uniform(0, 10, (2, 50_000)))
    blocks = make_blocks(1, blocks_of_points(found, 500, 1))
    points = make_points(blocks, to_steps(blocks, found.places))
    area = (2.0, 2.0, 8.0, 8.0)
    _, unsure = points.count([area], blocks.meeting([area]).places)
    assert unsure.sum() < 20


def test_an_area_may_be_far_beyond_all_points():
    found = read([[(0.0, 0.0), (1e-9, 1e-9)]])
    blocks = make_blocks(1, blocks_of_points(found, 1, 1))
    points = make_points(blocks, to_steps(blocks, found.places))
    for area, matching in (((-1e300, -1e300, 1e300, 1e300), 2), ((1e-10, -1e300, 1e300, 1e300), 1)):
        found_here, unsure = points.count([area], blocks.meeting([area]).places)
        assert (found_here, unsure.tolist()) == (matching, [False])


@pytest.mark.parametrize("nowhere", [nan, inf, -inf])
def test_blocks_with_rows_without_a_place_are_always_read(nowhere: float):
    found = read([[(1.0, 2.0), (nowhere, nowhere)], [(3.0, 4.0)]])
    blocks = make_blocks(1, blocks_of_points(found, 2, 1))
    points = make_points(blocks, to_steps(blocks, found.places))
    area = (0.0, 0.0, 3.5, 10.0)
    _, unsure = points.count([area], blocks.meeting([area]).places)
    assert unsure[0]


def test_blocks_have_the_boxes_of_their_points():
    table = TablePoints(np.array([0, 0, 1, 4]), np.array([[1.0, 3.0, nan, 5.0], [4.0, 2.0, nan, 6.0]]))
    assert blocks_of_points(table, 6, 1) == [
        (2, (1, 2, 3, 4)),
        (1, EVERYWHERE),
        *[(0, NOWHERE)] * 2,
        (1, (5, 6, 5, 6)),
        (0, NOWHERE),
    ]


@pytest.mark.parametrize(
    ("shape", "rows", "wanted"),
    [("Point", 10, True), ("PointZ", 10, True), ("Point", MOST_POINTS + 1, False), ("MultiPoint", 10, False)],
)
def test_places_are_kept_of_points_that_are_not_too_many(shape: str, rows: int, wanted: bool):
    assert has_points(shape, rows) is wanted
