"""Each constant of the planner decides on something: a case at its boundary comes out otherwise with another value."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from api.cql2.text_encoding.parser import parse_text
from api.planner import costs, source_table
from api.planner.choose_plan import WalkCost, is_narrow, may_be_ordered, plan_bbox_by_key, plan_walk
from api.planner.counts import Counts, is_small, revision_now
from api.planner.loaded_table import BoxInBlocks, plan_box, plan_conditions, ranges_before
from api.planner.source_table import make_selectivity, plan_in_strips, sampled_share
from api.query import page_order
from api.query.items import Cursor, Filter, ItemsQuery
from api.query.page_order import is_part
from api.query.plan import Estimate, Plan
from core.bbox import BBox
from core.catalog.collections import GEOM, Collection, Source
from core.catalog.heap_blocks import make_blocks, make_points, to_steps

BLOCKS = make_blocks(8, [(400.0, (float(x), 0.0, x + 1.0, 1.0)) for x in range(250)])
"""Of 100,000 rows on 2,000 pages, side by side from west to east."""

AREA = (0.0, 0.0, 40.0, 40.0)
EVENLY = [(x + 0.5, y + 0.5) for x in range(40) for y in range(40)]
SHAPES = Filter(cql2=parse_text("S_INTERSECTS(geom, POLYGON((0 0,9 0,9 9,0 0)))"))
IN_BOX = Filter(box=BBox(*AREA))


def page(limit: int = 10, **asked: Any) -> ItemsQuery:
    """A page."""
    return ItemsQuery(limit, **asked)


def conditions(matches: int, cost: float, filter: Filter | None = None) -> Plan:
    """The plan for a page of ten along the heap."""
    return plan_conditions(page(filter=filter or Filter()), BLOCKS, None, Estimate(matches, cost))


def box(*area: float) -> Plan:
    """The plan for a page of ten of a bbox."""
    return plan_box(page(filter=Filter(box=BBox(*area))), BoxInBlocks(BLOCKS, (area,)), -1)  # type: ignore[arg-type]


def strips(features: float, limit: int = 10, estimate: Estimate | None = None) -> Plan:
    """The plan for a page of a bbox with so many features, by strips."""
    return plan_in_strips(page(limit, filter=IN_BOX), AREA, make_selectivity(EVENLY, features), estimate)


def counted(points: int, most_rows: float) -> int:
    """How many points of a block, in the west and the east of it, are told to be in its western half."""
    blocks = make_blocks(8, [(float(points), (0.0, 0.0, 1.0, 1.0))])
    places = np.random.default_rng(7).random((2, points)) * 0.4
    places[0, ::2] += 0.6
    half = BoxInBlocks(blocks, ((-1.0, -1.0, 0.5, 2.0),), make_points(blocks, to_steps(blocks, places)))
    return half.count(half.hits, most_rows)[0]


def by_key(limit: int, share: float, rows: float) -> Plan:
    """The plan for a page of a bbox along the key."""
    return plan_bbox_by_key(page(limit, filter=IN_BOX), share, rows)


NARROW = Filter(cql2=parse_text("size < 3"))

CASES: dict[str, Callable[[], Any]] = {
    "PAGE_COST": lambda: conditions(80, 500.0).kind,
    "ROW_COST": lambda: conditions(80, 500.0).kind,
    "SHAPE_COST": lambda: conditions(80, 200_000.0, SHAPES).kind,
    "SCAN_MARGIN": lambda: conditions(80, 500.0).ranges,
    "NO_INDEX_HELPS": lambda: conditions(80, 500.0).is_sure,
    "LEAST_PAGES_BACK": lambda: ranges_before(Cursor("prev", ("(100,2)",)), 30),
    "MOST_PAGES_BACK": lambda: ranges_before(Cursor("prev", ("(5000,0)",)), 5000),
    "FEW_PAGES": lambda: box(0.0, 0.0, 0.075, 1.0).kind,
    "MOST_LOOKED_AT": lambda: box(0.5, 0.0, 100.5, 0.04).kind,
    "POINTS_FOR_A_ROW": lambda: counted(800, most_rows=150),
    "MOST_POINTS": lambda: counted(300_000, most_rows=1e9),
    "FEW_MATCHES": lambda: strips(600).kind,
    "FEW_STRIP_PAGES": lambda: strips(4000, limit=1000).kind,
    "AMPLE": lambda: strips(1_000_000, 1000).strips,
    "SPARE": lambda: strips(20_000).strips,
    "FURTHER": lambda: strips(1_000_000).strips,
    "LOOK_COST": lambda: strips(1_000_000, 100, Estimate(100_000, 1000.0)).kind,
    "SAMPLE_PAGES": lambda: sampled_share(1000),
    "SAMPLE_CELLS": lambda: len(make_selectivity([(n, n) for n in range(1000)], 1000).columns),
    "REACH_HALVINGS": lambda: strips(1_000_000).strips,
    "WALK_MARGIN": lambda: by_key(1000, 0.25, 1e6).walked,
    "LEAST_WALKED": lambda: by_key(10, 0.9, 1e6).walked,
    "WORTH_WALKING": lambda: by_key(100, 0.0142, 1e6).kind,
    "MOST_COUNTED": lambda: by_key(100, 0.003, 1e6).counts,
    "PROBE_SHARE": lambda: plan_walk(page(100), Estimate(1, 1000.0), WalkCost(0.0, 0.4)).walked,
    "FETCH_COST": lambda: is_narrow(100_000, 1_000_000),
}

OF_TABLES: dict[str, Callable[[Collection], Any]] = {
    "LEAST_ROWS": lambda roads: may_be_ordered(replace(roads, row_count=15_000, blocks_of=1), NARROW),
    "UNCOUNTED_ROWS": lambda roads: is_small(replace(roads, row_count=1500)),
    "BOX_TEST_COST": lambda roads: Counts(cast(Any, None), 400).most_rows(roads, page(filter=IN_BOX)),
    "ESTIMATE_S": lambda roads: revision_now(replace(roads, source=Source(GEOM, "as it is"))),
}


@pytest.mark.parametrize("name", [*CASES, *OF_TABLES])
def test_a_plan_depends_on_each_constant(monkeypatch: pytest.MonkeyPatch, roads: Collection, name: str):
    monkeypatch.setattr("api.planner.counts.monotonic", lambda: 1000.0)

    def found() -> Any:
        return CASES[name]() if name in CASES else OF_TABLES[name](roads)

    before, value = found(), getattr(costs, name)
    others = []
    for factor in (2, 0.5):
        monkeypatch.setattr(costs, name, type(value)(value * factor))
        others.append(found())
    assert others != [before, before], f"{name} could be half or twice as large"


def test_every_constant_is_tried_above_and_says_what_breaks_when_it_is_doubled():
    names = {name for name in vars(costs) if name.isupper()}
    assert names == {*CASES, *OF_TABLES}
    told = [block for block in inspect.getsource(costs).split('"""')[1::2][1:] if "Doubled:" in block]
    assert len(told) == len(re.findall("^[A-Z].* = ", inspect.getsource(costs), re.MULTILINE))


def test_the_order_of_strips_depends_on_how_many_there_are(monkeypatch: pytest.MonkeyPatch):
    before = strips(1_000_000).strips
    monkeypatch.setattr(source_table, "STRIPS", 2 * page_order.STRIPS)
    assert strips(1_000_000).strips != before


def test_what_a_large_part_is_decides_on_the_order(monkeypatch: pytest.MonkeyPatch, roads: Collection):
    somewhere = replace(roads, storage_bbox=AREA), Filter(box=BBox(0, 0, 12, 12), text="x"), BBox(0, 0, 12, 12)
    assert is_part(*somewhere)
    monkeypatch.setattr(page_order, "LARGE_PART", 2 * page_order.LARGE_PART)
    assert not is_part(*somewhere)
