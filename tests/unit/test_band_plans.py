"""Which parts of a box are looked through for a page: all that is left of it, each part once, in their order."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, strategies as st

from api.planner.bbox_strips import FEW, plan_in_bands
from api.planner.selectivity import Density, make_density
from api.planner.table_scan import Reckoned
from api.query.bbox_bands import BANDS
from api.query.items import BY_PLANNER, Cursor, Filter, ItemsQuery, Plan, Strip
from core.bbox import BBox

CHANCE = random.Random(20_261_126)
TOWN = [(CHANCE.gauss(25, 0.1), CHANCE.gauss(20, 0.1)) for _ in range(500)]
COUNTRY = [(CHANCE.uniform(0, 40), CHANCE.uniform(0, 40)) for _ in range(500)]
DENSITY = make_density([*TOWN, *COUNTRY], 1_000_000)
BOX = BBox(0, 0, 40, 40)
AREA = (0.0, 0.0, 40.0, 40.0)
HEIGHT = 40 / BANDS


def page(limit: int, cursor: Cursor | None = None, offset: int = 0) -> ItemsQuery:
    """A page of all."""
    return ItemsQuery(limit, Filter(box=BOX), cursor=cursor, offset=offset)


def strips(query: ItemsQuery, density: Density = DENSITY) -> tuple[Strip, ...]:
    """The strips of a page, from west to east in each band from south to north."""
    plan = plan_in_bands(query, AREA, density)
    assert plan.way == "bands"
    return plan.strips[::-1] if query.backwards else plan.strips


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_strips_are_the_whole_box(limit: int, offset: int):
    found = strips(page(limit, offset=offset))
    assert sorted({strip.band for strip in found}) == list(range(1, BANDS + 1))
    for band in range(1, BANDS + 1):
        assert_joined([strip for strip in found if strip.band == band], -inf, inf)


def assert_joined(band: list[Strip], begin: float, end: float) -> None:
    """Strips of a band have no gaps, meet nowhere, and are looked for where they are."""
    assert [strip.begin for strip in band] == [begin, *(strip.end for strip in band[:-1])]
    assert band[-1].end == end
    for strip in band:
        assert strip.begin <= strip.end
        assert (strip.west, strip.east) == (max(strip.begin, BOX.west), min(strip.end, BOX.east))
        assert (strip.south, strip.north) == ((strip.band - 1) * HEIGHT, strip.band * HEIGHT)


@given(st.integers(1, 500), st.integers(1, BANDS), st.floats(0, 40), st.sampled_from(["next", "prev"]))
def test_behind_a_cursor_there_is_the_rest(limit: int, band: int, west: float, direction: str):
    found = strips(page(limit, Cursor(direction, (band, str(west), 7))))  # type: ignore[arg-type]
    rest = range(band, BANDS + 1) if direction == "next" else range(1, band + 1)
    assert [strip.band for strip in found] == sorted(strip.band for strip in found)
    assert {strip.band for strip in found} == set(rest)
    here = [strip for strip in found if strip.band == band]
    if direction == "next":
        assert_joined(here, west, inf)
    else:
        assert here[-1].end > west
        assert_joined(here, -inf, here[-1].end)


def test_the_first_strips_hold_a_page_and_little_more():
    first = next(strip for strip in strips(page(100)) if DENSITY.share(*strip[3:]))
    assert 100 < DENSITY.features * DENSITY.share(*first[3:]) < 2000


@pytest.mark.parametrize(("band", "direction"), [(0, "prev"), (-3, "prev"), (BANDS + 1, "next"), (10**9, "next")])
def test_beyond_the_last_band_there_is_nothing_to_be_found(band: int, direction: str):
    found = strips(page(10, Cursor(direction, (band, "1", 7))))  # type: ignore[arg-type]
    assert all(not DENSITY.share(*strip[3:]) or not 1 <= strip.band <= BANDS for strip in found)


def test_few_matches_are_read_at_once():
    few = make_density([*TOWN, *COUNTRY], FEW)
    assert plan_in_bands(page(10), AREA, few) == Plan("matches", counts=True)
    assert plan_in_bands(replace(page(10), count="none"), AREA, few) == Plan("matches")
    assert plan_in_bands(page(10, Cursor("next", (1, "1", 7))), AREA, few) == Plan("matches")
    assert plan_in_bands(page(10, offset=5), AREA, few) == BY_PLANNER
    assert plan_in_bands(page(1_000_000), AREA, DENSITY).way == "matches"


def test_with_more_conditions_as_many_rows_are_looked_at_as_a_page_should_need():
    matches, cost = 100_000, 50_000.0
    plan = plan_in_bands(page(100), AREA, DENSITY, Reckoned(matches, cost))
    assert (plan.way, plan.is_sure) == ("bands", False)
    looked_at = sum(DENSITY.features * DENSITY.share(*strip[3:]) for strip in plan.strips)
    assert 100 * 10 < looked_at < 100 * 10 * 20
    behind = plan_in_bands(page(100, Cursor("prev", (8, "20", 7))), AREA, DENSITY, Reckoned(matches, cost))
    assert (behind.strips[0].band, behind.is_sure) == (8, False)


def test_matches_that_an_index_finds_sooner_are_not_looked_for():
    assert plan_in_bands(page(100), AREA, DENSITY, Reckoned(5_000, 2_000.0)) == Plan("matches")
    assert plan_in_bands(page(100), AREA, DENSITY, Reckoned(50, 90_000.0)) == Plan("matches", counts=True)
    assert plan_in_bands(page(100, offset=1), AREA, DENSITY, Reckoned(50, 90_000.0)) == BY_PLANNER


def test_where_the_last_strip_ends_the_box_all_were_looked_at():
    evenly = make_density(COUNTRY, 1_000_000)
    assert plan_in_bands(page(250_000), AREA, evenly, Reckoned(900_000, 1e9)).is_sure
    assert not plan_in_bands(page(100_000), AREA, evenly, Reckoned(900_000, 1e9)).is_sure
    at_end = Cursor("next", (BANDS, "39.9999", 7))
    assert plan_in_bands(page(1000, at_end), AREA, DENSITY, Reckoned(900_000, 1e9)).is_sure
