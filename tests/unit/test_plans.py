"""Which way to the rows of a page is taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.planner.choose_plan import WalkCost, plan_bbox_by_key, plan_walk
from api.planner.costs import LEAST_WALKED
from api.planner.source_table import Selectivity, make_selectivity
from api.query.items import Filter, GridBox, ItemsQuery, SortKey, halves, sides
from api.query.page_order import can_be_projected
from api.query.plan import Estimate, Plan
from core.bbox import BBox
from core.catalog.collections import Collection

EVENLY = [(x + 0.5, y + 0.5) for x in range(-180, 180, 2) for y in range(-90, 90, 2)]


@pytest.fixture(scope="module")
def known() -> Selectivity:
    return make_selectivity(EVENLY, 1_000_000)


@pytest.fixture
def million(roads: Collection) -> Collection:
    """A million features, evenly over the world."""
    return replace(roads, srid=4326, row_count=1_000_000)


def boxed(west: float, south: float, east: float, north: float, **more: object) -> ItemsQuery:
    return ItemsQuery(100, Filter(box=BBox(west, south, east, north), **more))  # type: ignore[arg-type]


def plan(query: ItemsQuery, known: Selectivity) -> Plan:
    assert query.filter.box is not None
    return plan_bbox_by_key(query, sum(known.share(*sides(half)) for half in halves(query.filter.box)), known.features)


def test_few_matches_are_read_and_counted(known: Selectivity):
    assert plan(boxed(0, 0, 8, 8), known) == Plan("matches", counts=True)
    assert plan(boxed(178, 0, -178, 8), known) == Plan("matches", counts=True)


def test_matches_are_not_counted_where_nobody_asks(known: Selectivity):
    assert plan(replace(boxed(0, 0, 8, 8), count="none"), known) == Plan("matches")


def test_many_matches_are_met_on_a_walk_over_some_rows(known: Selectivity):
    found = plan(boxed(-90, -45, 90, 45), known)
    assert found.kind == "walk"
    assert found.walked == pytest.approx(2 * 101 / 0.25, rel=0.1)
    assert plan(boxed(-179, -89, 179, 89), known).walked == LEAST_WALKED


def test_a_walk_looks_at_no_more_rows_than_there_are_matches(known: Selectivity):
    for side in range(2, 90, 4):
        for limit in (10, 1000, 10_000):
            found = plan(replace(boxed(-side, -side, side, side), limit=limit), known)
            matches = 1_000_000 * (2 * side) ** 2 / (360 * 180)
            assert found.kind == "matches" or found.walked <= max(LEAST_WALKED, matches * 1.2)


@pytest.mark.parametrize("more", [{"text": "bridge"}, {"ids": ((1,),)}])
def test_other_conditions_are_the_planners_when_the_box_is_large(known: Selectivity, more: dict[str, object]):
    assert plan(boxed(-90, -45, 90, 45, **more), known) == Plan()
    assert plan(boxed(0, 0, 2, 2, **more), known).kind == "matches"


def test_another_order_is_the_planners_when_the_box_is_large(million: Collection, known: Selectivity):
    query = replace(boxed(-90, -45, 90, 45), sort=(SortKey(million.columns[0]),))
    assert plan(query, known) == Plan()


def test_only_bboxes_in_the_numbers_of_a_loaded_table_are_told_where_they_are(million: Collection):
    box, grid = BBox(0, 0, 1, 1), GridBox(3067, 0, 0, 1, 1)
    assert can_be_projected(million, box)
    assert not can_be_projected(replace(million, srid=3067), box)
    assert can_be_projected(replace(million, srid=3067), grid)


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
    tried = plan_walk(ItemsQuery(100), Estimate(matches=1, cost=1000), walk)
    assert tried == (Plan("walk", walked=walked, is_sure=False) if walked else Plan())
