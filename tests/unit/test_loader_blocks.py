"""How large blocks are, and which box each gets."""

from __future__ import annotations

import math

import pytest

from core.catalog.heap_blocks import EVERYWHERE, NOWHERE
from loader.table.heap_order import MOST_BLOCKS, block_pages, box_of, degrees_of

MERCATOR_LIMIT_M = 20_037_508.342789244
HELSINKI_M = (2_776_000.0, 8_438_000.0, 2_777_000.0, 8_439_000.0)


@pytest.mark.parametrize(
    ("rows", "pages", "wanted"), [(1_000_000, 17_686, 2), (10_000, 10_000, 100), (200_000, 500, 1)]
)
def test_a_block_has_about_a_hundred_rows(rows: int, pages: int, wanted: int):
    assert block_pages(rows, pages) == wanted


def test_a_very_large_table_has_larger_blocks():
    pages = 10_000_000
    assert pages / block_pages(500_000_000, pages) <= MOST_BLOCKS


def test_a_block_has_the_box_of_its_rows():
    assert box_of([0], (1.0, 2.0, 3.0, 4.0)) == (1, 2, 3, 4)
    assert box_of([0], (None, None, None, None)) == NOWHERE


@pytest.mark.parametrize(("placeless", "sides"), [(2, (1.0, 2.0, 3.0, 4.0)), (0, (1.0, 2.0, math.nan, 4.0))])
def test_a_block_whose_rows_may_be_anywhere_meets_every_box(placeless: int, sides: tuple[float, ...]):
    assert box_of([placeless], sides) == EVERYWHERE


def test_boxes_in_degrees_are_those_of_web_mercator_and_a_margin():
    west, south, east, north = degrees_of([0, 0], HELSINKI_M)
    assert (west, south) == pytest.approx((24.93724, 60.17141), abs=0.001)  # atan(sinh(y / R))
    assert (east, north) == pytest.approx((24.94622, 60.17588), abs=0.001)
    assert west < 24.93724 < 24.94622 < east


def test_what_was_cut_where_web_mercator_ends_goes_to_the_pole():
    west, south, east, north = degrees_of([0, 0], (0.0, 9e6, 1e6, MERCATOR_LIMIT_M))
    assert north == 90
    assert degrees_of([0, 0], (0.0, -MERCATOR_LIMIT_M, 1e6, -9e6))[1] == -90
    assert degrees_of([0, 1], HELSINKI_M) == EVERYWHERE, "a row is in no tile, so nobody knows where it is"
    assert west < 0 < 8.98 < east
    assert south < 62.5
