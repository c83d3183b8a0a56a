"""Which parts of a box are looked through for a page: all that is left of it, each part once, in their order."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, strategies as st

from api.planner.costs import FEW_MATCHES
from api.planner.source_table import Selectivity, make_selectivity, plan_in_strips
from api.query.items import Cursor, Filter, ItemsQuery
from api.query.page_order import STRIPS
from api.query.plan import BY_POSTGRESQL, Estimate, Plan, StripRange
from core.bbox import BBox

CHANCE = random.Random(20_261_126)
TOWN = [(CHANCE.gauss(25, 0.1), CHANCE.gauss(20, 0.1)) for _ in range(500)]
COUNTRY = [(CHANCE.uniform(0, 40), CHANCE.uniform(0, 40)) for _ in range(500)]
KNOWN = make_selectivity([*TOWN, *COUNTRY], 1_000_000)
BOX = BBox(0, 0, 40, 40)
AREA = (0.0, 0.0, 40.0, 40.0)
HEIGHT = 40 / STRIPS


def page(limit: int, cursor: Cursor | None = None, offset: int = 0) -> ItemsQuery:
    """A page of all."""
    return ItemsQuery(limit, Filter(box=BOX), cursor=cursor, offset=offset)


def ranges(query: ItemsQuery, known: Selectivity = KNOWN) -> tuple[StripRange, ...]:
    """The ranges of a page, from west to east in each strip from south to north."""
    plan = plan_in_strips(query, AREA, known)
    assert plan.kind == "bbox_strips"
    return plan.strips[::-1] if query.backwards else plan.strips


@given(st.integers(1, 10_000), st.integers(0, 10_000))
def test_ranges_are_the_whole_bbox(limit: int, offset: int):
    found = ranges(page(limit, offset=offset))
    assert sorted({part.strip for part in found}) == list(range(1, STRIPS + 1))
    for strip in range(1, STRIPS + 1):
        assert_joined([part for part in found if part.strip == strip], -inf, inf)


def assert_joined(strip: list[StripRange], begin: float, end: float) -> None:
    """Ranges of a strip have no gaps, meet nowhere, and are looked for where they are."""
    assert [part.begin for part in strip] == [begin, *(part.end for part in strip[:-1])]
    assert strip[-1].end == end
    for part in strip:
        assert part.begin <= part.end
        assert (part.west, part.east) == (max(part.begin, BOX.west), min(part.end, BOX.east))
        assert (part.south, part.north) == ((part.strip - 1) * HEIGHT, part.strip * HEIGHT)


@given(st.integers(1, 500), st.integers(1, STRIPS), st.floats(0, 40), st.sampled_from(["next", "prev"]))
def test_behind_a_cursor_there_is_the_rest(limit: int, strip: int, west: float, direction: str):
    found = ranges(page(limit, Cursor(direction, (strip, str(west), 7))))  # type: ignore[arg-type]
    rest = range(strip, STRIPS + 1) if direction == "next" else range(1, strip + 1)
    assert [part.strip for part in found] == sorted(part.strip for part in found)
    assert {part.strip for part in found} == set(rest)
    here = [part for part in found if part.strip == strip]
    if direction == "next":
        assert_joined(here, west, inf)
    else:
        assert here[-1].end > west
        assert_joined(here, -inf, here[-1].end)


def test_the_first_ranges_hold_a_page_and_little_more():
    first = next(part for part in ranges(page(100)) if KNOWN.share(*part[3:]))
    assert 100 < KNOWN.features * KNOWN.share(*first[3:]) < 2000


@pytest.mark.parametrize(("strip", "direction"), [(0, "prev"), (-3, "prev"), (STRIPS + 1, "next"), (10**9, "next")])
def test_beyond_the_last_strip_there_is_nothing_to_be_found(strip: int, direction: str):
    found = ranges(page(10, Cursor(direction, (strip, "1", 7))))  # type: ignore[arg-type]
    assert all(not KNOWN.share(*part[3:]) or not 1 <= part.strip <= STRIPS for part in found)


def test_few_matches_are_read_at_once():
    few = make_selectivity([*TOWN, *COUNTRY], FEW_MATCHES)
    assert plan_in_strips(page(10), AREA, few) == Plan("matches", counts=True)
    assert plan_in_strips(replace(page(10), count="none"), AREA, few) == Plan("matches")
    assert plan_in_strips(page(10, Cursor("next", (1, "1", 7))), AREA, few) == Plan("matches")
    assert plan_in_strips(page(10, offset=5), AREA, few) == BY_POSTGRESQL
    assert plan_in_strips(page(1_000_000), AREA, KNOWN).kind == "matches"


def test_with_more_conditions_as_many_rows_are_looked_at_as_a_page_should_need():
    matches, cost = 100_000, 50_000.0
    plan = plan_in_strips(page(100), AREA, KNOWN, Estimate(matches, cost))
    assert (plan.kind, plan.is_sure) == ("bbox_strips", False)
    looked_at = sum(KNOWN.features * KNOWN.share(*part[3:]) for part in plan.strips)
    assert 100 * 10 < looked_at < 100 * 10 * 20
    behind = plan_in_strips(page(100, Cursor("prev", (8, "20", 7))), AREA, KNOWN, Estimate(matches, cost))
    assert (behind.strips[0].strip, behind.is_sure) == (8, False)


def test_matches_that_an_index_finds_sooner_are_not_looked_for():
    assert plan_in_strips(page(100), AREA, KNOWN, Estimate(5_000, 2_000.0)) == Plan("matches")
    assert plan_in_strips(page(100), AREA, KNOWN, Estimate(50, 90_000.0)) == Plan("matches", counts=True)
    assert plan_in_strips(page(100, offset=1), AREA, KNOWN, Estimate(50, 90_000.0)) == BY_POSTGRESQL


def test_where_the_last_strip_ends_the_box_all_were_looked_at():
    evenly = make_selectivity(COUNTRY, 1_000_000)
    assert plan_in_strips(page(250_000), AREA, evenly, Estimate(900_000, 1e9)).is_sure
    assert not plan_in_strips(page(100_000), AREA, evenly, Estimate(900_000, 1e9)).is_sure
    at_end = Cursor("next", (STRIPS, "39.9999", 7))
    assert plan_in_strips(page(1000, at_end), AREA, KNOWN, Estimate(900_000, 1e9)).is_sure
