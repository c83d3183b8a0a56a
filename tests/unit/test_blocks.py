"""The blocks of a table tell which of them an area meets, as looking at each would."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given, strategies as st

from core.catalog.heap_blocks import EVERYWHERE, NOWHERE, Blocks, Sides, from_bytes, make_blocks, to_bytes

numbers = st.integers(0, 20).map(float)


@st.composite
def sides(draw: st.DrawFn) -> Sides:
    """A box, which may be a line, a point, or all the world."""
    if draw(st.integers(0, 20)) == 0:
        return draw(st.sampled_from([EVERYWHERE, NOWHERE]))
    x, y = sorted(draw(st.tuples(numbers, numbers))), sorted(draw(st.tuples(numbers, numbers)))
    return x[0], y[0], x[1], y[1]


finite = sides().filter(lambda box: abs(box[0]) != inf)
blocks = st.lists(st.tuples(st.integers(1, 200).map(float), sides()), min_size=1, max_size=700)


def meets(box: Sides, area: Sides) -> bool:
    return box[0] <= area[2] and box[2] >= area[0] and box[1] <= area[3] and box[3] >= area[1]


def is_in(box: Sides, area: Sides) -> bool:
    return box[0] >= area[0] and box[2] <= area[2] and box[1] >= area[1] and box[3] <= area[3]


@given(some=blocks, areas=st.lists(finite, min_size=1, max_size=2))
def test_the_blocks_that_meet_areas_are_found(some: list[tuple[float, Sides]], areas: list[Sides]):
    wanted = [n for n in range(len(some)) if any(meets(some[n][1], area) for area in areas)]
    met = make_blocks(4, some).meeting(areas)
    assert met.places.tolist() == wanted
    assert met.rows.tolist() == [some[n][0] for n in wanted]
    assert met.inside.tolist() == [any(is_in(some[n][1], area) for area in areas) for n in wanted]
    assert all(met.expected[met.inside] == met.rows[met.inside])
    assert all(met.expected >= 0)


@pytest.fixture
def grid() -> Blocks:
    """A thousand blocks of a hundred rows each, side by side from west to east."""
    return make_blocks(2, [(100.0, (float(n), 0.0, n + 1.0, 10.0)) for n in range(1000)])


def test_matches_are_reckoned_by_what_an_area_covers(grid: Blocks):
    assert grid.meeting([(10.5, 0, 20.5, 5)]).expected.sum() == pytest.approx(500)
    assert grid.meeting([(10.0001, 0, 19.9999, 10)]).expected.sum() == pytest.approx(1000, rel=0.01)
    assert grid.meeting([(900, 0, 1000, 10), (0, 0, 100, 10)]).expected.sum() == pytest.approx(20_000, rel=0.02)
    assert grid.meeting([(2000, 0, 3000, 5)]).expected.sum() == 0


@given(some=blocks)
def test_blocks_are_kept_as_bytes(some: list[tuple[float, Sides]]):
    read = from_bytes(7, to_bytes(some))
    boxes = [(west, south, -east, -north) for west, south, east, north in read.faces.T.tolist()]
    assert (read.pages, list(zip(read.rows.tolist(), boxes, strict=True))) == (7, some)
