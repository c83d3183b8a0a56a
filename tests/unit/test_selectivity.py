"""The share of features in a box, told from a sample."""

from __future__ import annotations

import math
import random

import pytest

from api.planner.source_table import Selectivity, make_selectivity

CHANCE = random.Random(20_261_124)
TOWN = [(CHANCE.gauss(25, 0.1), CHANCE.gauss(60, 0.1)) for _ in range(5000)]
COUNTRY = [(CHANCE.uniform(20, 30), CHANCE.uniform(58, 70)) for _ in range(5000)]
NULL_ISLAND = [(0.0, 0.0)]
SAMPLE = [*TOWN, *COUNTRY, *NULL_ISLAND]


@pytest.fixture(scope="module")
def known() -> Selectivity:
    return make_selectivity(SAMPLE, len(SAMPLE))


def truth(west: float, south: float, east: float, north: float) -> float:
    return sum(west <= x <= east and south <= y <= north for x, y in SAMPLE) / len(SAMPLE)


@pytest.mark.parametrize(
    "box",
    [
        (-180, -90, 180, 90),
        (24.9, 59.9, 25.1, 60.1),
        (20, 58, 30, 70),
        (20, 65, 30, 70),
        (26, 61, 27, 62),
        (24, 59, 26, 61),
        (25, -90, 180, 90),
    ],
)
def test_a_share_is_near_the_truth(known: Selectivity, box: tuple[float, float, float, float]):
    assert known.share(*box) == pytest.approx(truth(*box), abs=0.04)


def test_a_box_beside_the_features_holds_none(known: Selectivity):
    assert known.share(-180, -90, -10, -10) == 0
    assert known.share(100, 0, 110, 10) == 0


def test_shares_of_the_parts_add_up(known: Selectivity):
    whole = known.share(20, 58, 30, 70)
    parts = [known.share(20 + n, 58, 21 + n, 70) for n in range(10)]
    assert sum(parts) == pytest.approx(whole)


def test_features_all_at_one_place_are_all_found_or_none():
    known = make_selectivity([(5.0, 6.0)] * 100, 100)
    assert known.share(4, 5, 7, 8) == 1
    assert known.share(7, 7, 9, 9) == 0


def test_nothing_has_no_share():
    assert make_selectivity([], 0).share(-180, -90, 180, 90) == 0


def test_middles_that_are_no_place_lie_in_no_box():
    nowhere = [(math.inf, 1.0), (-math.inf, 1.0), (math.nan, math.nan)]
    known = make_selectivity([(5.0, 6.0), *nowhere], 4)
    assert known.share(0, 0, 10, 10) == 1
    assert make_selectivity(nowhere, 3).share(0, 0, 10, 10) == 0


@pytest.mark.parametrize(("start", "stop"), [(20, 30), (30, 20), (24, 29)])
@pytest.mark.parametrize("features", [50, 1000, 2500])
def test_it_tells_how_far_to_go_for_some_features(known: Selectivity, start: float, stop: float, features: float):
    end = known.reach(start, stop, 58, 70, features)
    met = len(SAMPLE) * known.share(min(start, end), 58, max(start, end), 70)
    assert min(start, stop) <= end <= max(start, stop)
    assert met == pytest.approx(features, abs=150)


def test_it_goes_to_the_end_for_more_than_there_are(known: Selectivity):
    assert known.reach(20, 30, 58, 70, 1e6) == 30
    assert known.reach(30, 20, 58, 70, 1e6) == 20
    assert make_selectivity([], 0).reach(0, 1, 0, 1, 10) == 1
