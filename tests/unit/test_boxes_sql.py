"""Boxes in another system than a collection's: transformed once for each statement, whatever its plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.query.items import GridBox
from api.sql.filters.bbox import Test, in_box
from core.bbox import BBox
from core.catalog.collections import Collection

DEGREES, METRES = BBox(24, 60, 25, 61), GridBox(3067, 300_000, 6_600_000, 400_000, 6_700_000)


@pytest.mark.parametrize("by", ["place", "numbers"])
def test_a_statement_that_is_planned_once_for_all_boxes_transforms_its_box_once(roads: Collection, by: Test):
    grid = replace(roads, srid=3067)
    assert "(SELECT ST_Transform(" in in_box(grid, DEGREES, by)[0].as_string(None)
    assert "SELECT" not in in_box(grid, METRES, by)[0].as_string(None)
    assert "SELECT" not in in_box(roads, DEGREES, by)[0].as_string(None)


def test_one_that_is_planned_for_its_values_shows_the_planner_where_the_box_lies(roads: Collection):
    assert "SELECT" not in in_box(replace(roads, srid=3067), DEGREES, "shape")[0].as_string(None)
