"""Boxes in degrees."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from core.bbox import BBox, parse_bbox, parse_heights
from core.errors import BadBBox

longitudes = st.floats(-180, 180)
latitudes = st.floats(-90, 90)


def test_box_across_the_antimeridian_has_two_halves():
    assert BBox(170, -20, -170, 20).halves() == (BBox(170, -20, 180, 20), BBox(-180, -20, -170, 20))


def test_other_box_is_its_own_half():
    box = BBox(-170, -20, 170, 20)
    assert box.halves() == (box,)


def test_centre_lies_on_the_right_side_of_the_antimeridian():
    assert BBox(170, -10, -170, 10).centre() == (180, 0)
    assert BBox(179, 0, -171, 10).centre() == (-176, 5)
    assert BBox(0, 0, 10, 10).centre() == (5, 5)


@given(longitudes, latitudes, longitudes, latitudes)
def test_text_of_a_box_is_the_same_box(west: float, one: float, east: float, other: float):
    box = BBox(west, min(one, other), east, max(one, other))
    assert parse_bbox(",".join(map(repr, box.as_list()))) == box


def test_heights_stand_third_and_sixth():
    assert parse_bbox("1,2,-5,3,4,10.5") == BBox(1, 2, 3, 4)
    assert parse_heights("1,2,-5,3,4,10.5") == (-5, 10.5)
    assert parse_heights("1,2,3,4") is None


@given(longitudes, latitudes, longitudes, latitudes, longitudes)
def test_halves_hold_the_same_longitudes_as_the_box(west: float, one: float, east: float, other: float, at: float):
    box = BBox(west, min(one, other), east, max(one, other))
    inside = west <= at <= east if west <= east else at >= west or at <= east
    assert any(half.west <= at <= half.east for half in box.halves()) == inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1,2,3",
        "1,2,3,4,5",
        "a,b,c,d",
        "1,2,3,nan",
        "1,2,inf,4",
        "1_0,2,30,4",
        "١,2,3,4",
        "0,5,1,4",
        "0,0,1,91",
        "0,0,7,1,1,6",
        "0,0,1e999,1,1,2e999",
    ],
)
def test_nonsense_is_refused_with_the_parameter_and_a_hint(text: str):
    with pytest.raises(BadBBox) as caught:
        parse_bbox(text)
    assert caught.value.parameter == "bbox"
    assert caught.value.hint


def test_longitude_beyond_180_is_refused_with_the_way_to_cross_it():
    with pytest.raises(BadBBox) as caught:
        parse_bbox("170,-20,190,20")
    assert "antimeridian" in (caught.value.hint or "")
