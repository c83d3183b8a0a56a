"""Which way to the rows of a page is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.planner.key_probe import WalkCost, plan_trial
from api.planner.matches_or_walk import LEAST_WALKED, can_be_planned, plan_page, share_of
from api.planner.selectivity import Density, make_density
from api.planner.table_scan import Reckoned
from api.query.items import Filter, GridBox, ItemsQuery, Plan, SortKey
from core.bbox import BBox
from core.catalog import Collection

EVENLY = [(x + 0.5, y + 0.5) for x in range(-180, 180, 2) for y in range(-90, 90, 2)]


@pytest.fixture(scope="module")
def density() -> Density:
    return make_density(EVENLY, 1_000_000)


@pytest.fixture
def million(roads: Collection) -> Collection:
    """A million features, evenly over the world."""
    return replace(roads, srid=4326, row_count=1_000_000)


def boxed(west: float, south: float, east: float, north: float, **more: object) -> ItemsQuery:
    return ItemsQuery(100, Filter(box=BBox(west, south, east, north), **more))  # type: ignore[arg-type]


def plan(query: ItemsQuery, density: Density) -> Plan:
    assert query.filter.box is not None
    return plan_page(query, share_of(density, query.filter.box), density.features)


def test_few_matches_are_read_and_counted(density: Density):
    assert plan(boxed(0, 0, 8, 8), density) == Plan("matches", counts=True)
    assert plan(boxed(178, 0, -178, 8), density) == Plan("matches", counts=True)


def test_matches_are_not_counted_where_nobody_asks(density: Density):
    assert plan(replace(boxed(0, 0, 8, 8), count="none"), density) == Plan("matches")


def test_many_matches_are_met_on_a_walk_over_some_rows(density: Density):
    found = plan(boxed(-90, -45, 90, 45), density)
    assert found.way == "walk"
    assert found.walked == pytest.approx(2 * 101 / 0.25, rel=0.1)
    assert plan(boxed(-179, -89, 179, 89), density).walked == LEAST_WALKED


def test_a_walk_looks_at_no_more_rows_than_there_are_matches(density: Density):
    for side in range(2, 90, 4):
        for limit in (10, 1000, 10_000):
            found = plan(replace(boxed(-side, -side, side, side), limit=limit), density)
            matches = 1_000_000 * (2 * side) ** 2 / (360 * 180)
            assert found.way == "matches" or found.walked <= max(LEAST_WALKED, matches * 1.2)


@pytest.mark.parametrize("more", [{"text": "bridge"}, {"ids": ((1,),)}])
def test_other_conditions_are_the_planners_when_the_box_is_large(density: Density, more: dict[str, object]):
    assert plan(boxed(-90, -45, 90, 45, **more), density) == Plan()
    assert plan(boxed(0, 0, 2, 2, **more), density).way == "matches"


def test_another_order_is_the_planners_when_the_box_is_large(million: Collection, density: Density):
    query = replace(boxed(-90, -45, 90, 45), sort=(SortKey(million.columns[0]),))
    assert plan(query, density) == Plan()


def test_only_boxes_in_the_numbers_of_the_table_can_be_planned(million: Collection):
    query = boxed(0, 0, 1, 1)
    assert can_be_planned(million, query)
    assert not can_be_planned(million, ItemsQuery(10))
    assert not can_be_planned(million, replace(query, offset=10))
    assert not can_be_planned(replace(million, srid=3067), query)
    grid = replace(query, filter=Filter(box=GridBox(3067, 0, 0, 1, 1)))
    assert can_be_planned(replace(million, srid=3067), grid)


@pytest.mark.parametrize(
    ("walk", "walked"),
    [
        (WalkCost(0, 0.1), 625),
        (WalkCost(30, 0.1), 325),
        (WalkCost(0, 0.6), 104),
        (WalkCost(0, 0.7), None),
        (WalkCost(70, 0.1), None),
        (WalkCost(0, 0), None),
    ],
)
def test_a_walk_is_tried_as_far_as_a_small_part_of_the_whole_cost_goes(walk: WalkCost, walked: int | None):
    """One without a cost is of a relation that is known to be empty."""
    tried = plan_trial(ItemsQuery(100), Reckoned(matches=1, cost=1000), walk)
    assert tried == (Plan("walk", walked=walked) if walked else Plan())
