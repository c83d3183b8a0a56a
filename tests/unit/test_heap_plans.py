"""How pages of conditions are found: along the heap, or by an index."""

from __future__ import annotations

import pytest

from api.cql2.text_encoding.parser import parse_text
from api.cql2.tree import ast
from api.planner.costs import SCAN_MARGIN
from api.planner.loaded_table import plan_conditions, ranges_from
from api.query.crs import CRS84, Crs
from api.query.items import Cursor, Filter, ItemsQuery
from api.query.page_order import extents_of
from api.query.plan import BY_POSTGRESQL, Estimate
from core.catalog.heap_blocks import make_blocks

BLOCKS = make_blocks(8, [(400.0, (x, 0.0, x + 1.0, 1.0)) for x in range(250)])
ROWS, PAGES = 100_000, 2000
LAST = "(4294967294,0)"


def query(**asked: object) -> ItemsQuery:
    """A page of ten."""
    return ItemsQuery(limit=10, **asked)  # type: ignore[arg-type]


def test_what_many_rows_fulfil_is_met_along_the_heap():
    plan = plan_conditions(query(), BLOCKS, None, Estimate(matches=5000, cost=400.0))
    looked_at = SCAN_MARGIN * 11 / 5000 * PAGES
    assert (plan.kind, plan.is_sure) == ("ctid_ranges", False)
    assert plan.ranges == ((("(0,0)"), f"({int(looked_at) + 2},0)", True),)


def test_few_matches_are_looked_up_by_their_index_and_counted():
    plan = plan_conditions(query(), BLOCKS, None, Estimate(matches=30, cost=40.0))
    assert (plan.kind, plan.counts) == ("matches", True)
    assert not plan_conditions(query(count="none"), BLOCKS, None, Estimate(30, 40.0)).counts
    assert plan_conditions(query(offset=5), BLOCKS, None, Estimate(30, 40.0)) == BY_POSTGRESQL


def test_what_no_index_finds_is_looked_for_to_the_end_however_rare_it_seems():
    plan = plan_conditions(query(), BLOCKS, None, Estimate(matches=1, cost=3000.0))
    assert (plan.kind, plan.is_sure, plan.ranges) == ("ctid_ranges", True, (("(0,0)", LAST, True),))


def test_looks_at_geometries_cost_more():
    shapes = parse_text("S_INTERSECTS(geom, POLYGON((0 0,9 0,9 9,0 0)))")
    estimate = Estimate(matches=20, cost=3000.0)
    assert plan_conditions(query(filter=Filter(cql2=shapes)), BLOCKS, None, estimate).kind == "matches"
    assert plan_conditions(query(), BLOCKS, None, estimate).kind == "ctid_ranges"


@pytest.mark.parametrize(
    ("cursor", "most", "expected"),
    [
        (None, 5, [("(0,0)", "(6,0)")]),
        (Cursor("next", ("(7,3)",)), 5, [("(7,4)", "(13,0)")]),
        (Cursor("next", ("(7,3)",)), 2000, [("(7,4)", LAST)]),
        (Cursor("prev", ("(3,2)",)), 5, [("(0,0)", "(3,2)")]),
        (Cursor("prev", ("(0,0)",)), 5, []),
        (Cursor("prev", ("(100,2)",)), 30, [("(92,0)", "(100,2)"), ("(76,0)", "(92,0)"), ("(44,0)", "(76,0)")]),
    ],
)
def test_ranges_begin_at_the_cursor(cursor: Cursor | None, most: int, expected: list[tuple[str, str]]):
    assert [part[:2] for part in ranges_from(cursor, most, PAGES)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S_INTERSECTS(geom, POLYGON((0 1,9 1,9 7,0 1)))", [(0, 1, 9, 7)]),
        ("a = 1 AND S_WITHIN(LINESTRING(3 4,1 8), geom)", [(1, 4, 3, 8)]),
        ("S_CROSSES(geom, GEOMETRYCOLLECTION(POINT(1 2),POINT Z(3 4 9)))", [(1, 2, 3, 4)]),
        ("S_EQUALS(geom, BBOX(170,-5,-170,5))", [(170, -5, 180, 5), (-180, -5, -170, 5)]),
        ("S_EQUALS(geom, BBOX(1,2,0,3,4,9))", [(1, 2, 3, 4)]),
        ("S_DISJOINT(geom, POINT(1 2))", []),
        ("S_INTERSECTS(geom, POINT(1 2)) OR a = 1", []),
        ("NOT S_INTERSECTS(geom, POINT(1 2))", []),
        ("S_INTERSECTS(S_CENTROID(geom), POINT(1 2))", []),
        ("S_INTERSECTS(geom, other)", []),
        ("a = 1", []),
    ],
)
def test_all_matches_meet_the_box_of_a_shape(text: str, expected: list[tuple[float, ...]]):
    assert list(extents_of(parse_text(text), CRS84)) == expected


def test_boxes_of_shapes_have_easting_first():
    crs = Crs("uri", 4326, northing_first=True, digits=7)
    shape = ast.Spatial("s_intersects", ast.Property("geom"), ast.BBox((50.0, 170.0, 60.0, -170.0)))
    assert list(extents_of(shape, crs)) == [(170, 50, 180, 60), (-180, 50, -170, 60)]
    assert extents_of(None, CRS84) == ()
