"""The SQL of filters as text: what is bound, how columns are named, and geometries in the collection's own system."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from api.cql2.check.check import check, parse_filter
from api.cql2.check.queryables import Queryables
from api.cql2.tree import ast
from api.sql.filters.cql2.conditions import filter_condition
from core.bbox import BBox
from core.catalog.collections import Collection
from core.errors import BadFilter
from support.cql2_trees import conditions

POINT, TWO_ONE = "POINT (1.0 2.0)", {"c0": 2, "c1": 1}


def sql_of(collection: Collection, text: str, **options: Any) -> tuple[str, dict[str, Any]]:
    """The condition as text, and its parameters."""
    condition, params = filter_condition(parse_filter(text, "cql2-text", collection), collection, **options)
    return condition.as_string(None), params


@pytest.mark.parametrize(
    ("text", "condition", "params"),
    [
        ("name = 'x'", '("t"."name"::text = %(c0)s::text)', {"c0": "x"}),
        ("lanes = 2", '("t"."lanes" = %(c0)s::bigint)', {"c0": 2}),
        ("lanes = 2.5", '("t"."lanes" = %(c0)s::numeric)', {"c0": Decimal("2.5")}),
        ("lanes = 1e30", '("t"."lanes" = %(c0)s::numeric)', {"c0": Decimal("1e30")}),
        ("lanes IN (1, 2)", '("t"."lanes" = ANY (%(c0)s::bigint[]))', {"c0": [1, 2]}),
        ("name NOT IN ('x')", '(NOT ("t"."name"::text = ANY (%(c0)s::text[])))', {"c0": ["x"]}),
        ("opened < DATE('2024-05-01')", '("t"."opened" < %(c0)s::date)', {"c0": date(2024, 5, 1)}),
        ("\"we\"\"ird\" IS NULL", '("t"."we""ird" IS NULL)', {}),
        ("lanes / 2 = 1", '(("t"."lanes"::numeric / NULLIF(%(c0)s::numeric, 0)) = %(c1)s::numeric)', TWO_ONE),
        ("TRUE OR FALSE", "(true OR false)", {}),
        ("S_WITHIN(geom, POINT(1 2))", '(ST_Within(t.geom, ST_GeomFromText(%(c0)s, 4326)))', {"c0": POINT}),
        ("T_AFTER(opened, DATE('2024-05-01'))", '("t"."opened" > %(c0)s::date)', {"c0": date(2024, 5, 1)}),
        (
            "T_AFTER(opened, TIMESTAMP('2024-05-01T12:00:00Z'))",
            "((\"t\".\"opened\"::timestamp AT TIME ZONE 'UTC') > %(c0)s::timestamptz)",
            {"c0": datetime(2024, 5, 1, 12, tzinfo=UTC)},
        ),
    ],
)  # fmt: skip
def test_condition(roads: Collection, text: str, condition: str, params: dict[str, Any]):
    found, values = sql_of(roads, text)
    assert found == condition
    assert values == params


def test_literals_are_never_part_of_the_text(roads: Collection):
    evil = "x'; DROP TABLE data.roads_7; --"
    quoted = evil.replace("'", "''")
    text = (
        f"name = '{quoted}' OR name LIKE '{quoted}%' OR name IN ('{quoted}', 'y') OR CASEI(name) LIKE CASEI('{quoted}')"
        f" OR A_CONTAINS(tags, ('{quoted}', ('{quoted}'))) OR concat(name, '{quoted}') = upper('{quoted}')"
    )
    condition, params = sql_of(roads, text)
    assert "DROP" not in condition
    assert sum("DROP" in str(value) for value in params.values()) == 8


def test_names_of_the_collection_are_quoted(roads: Collection):
    column = replace(roads.columns[0], name="x", column='a" = 1 OR 1=1 --')
    condition, _ = sql_of(replace(roads, columns=(column,)), "x = 'y'")
    assert condition == '("t"."a"" = 1 OR 1=1 --"::text = %(c0)s::text)'


@given(conditions(3))
def test_every_tree_is_refused_or_has_all_its_parameters(roads: Collection, tree: ast.Node):
    try:
        checked = check(tree, Queryables.of(roads))
        condition, params = filter_condition(checked, roads)
    except BadFilter:
        return
    assert set(re.findall(r"%\((\w+)\)s", condition.as_string(None))) <= set(params)
    assert all(re.fullmatch(r"c\d+", name) for name in params)


def test_box_across_180_degrees_is_two_questions(roads: Collection):
    condition, params = sql_of(roads, "S_INTERSECTS(geom, BBOX(170,-20,-170,20))")
    assert condition.count("ST_Intersects") == 2
    assert list(params.values()) == [
        "POLYGON ((170.0 -20.0, 180.0 -20.0, 180.0 20.0, 170.0 20.0, 170.0 -20.0))",
        "POLYGON ((-180.0 -20.0, -170.0 -20.0, -170.0 20.0, -180.0 20.0, -180.0 -20.0))",
    ]


@pytest.mark.parametrize(
    ("box", "wkt"),
    [
        ("BBOX(1,2,3,4)", "POLYGON ((1.0 2.0, 3.0 2.0, 3.0 4.0, 1.0 4.0, 1.0 2.0))"),
        ("BBOX(1,2,-9,3,4,9)", "POLYGON ((1.0 2.0, 3.0 2.0, 3.0 4.0, 1.0 4.0, 1.0 2.0))"),
        ("BBOX(1,2,1,4)", "LINESTRING (1.0 2.0, 1.0 4.0)"),
        ("BBOX(1,2,1,2)", "POINT (1.0 2.0)"),
        ("BBOX(170,0,-170,1)", "MULTIPOLYGON (((170.0 0.0, 180.0 0.0, 180.0 1.0, 170.0 1.0, 170.0 0.0)), "
         "((-180.0 0.0, -170.0 0.0, -170.0 1.0, -180.0 1.0, -180.0 0.0)))"),
        ("BBOX(180,0,-170,1)", "POLYGON ((-180.0 0.0, -170.0 0.0, -170.0 1.0, -180.0 1.0, -180.0 0.0))"),
        ("BBOX(180,0,-180,1)", "MULTILINESTRING ((180.0 0.0, 180.0 1.0), (-180.0 0.0, -180.0 1.0))"),
        ("BBOX(180,0,-180,0)", "POINT (180.0 0.0)"),
    ],
)  # fmt: skip
def test_box_is_the_shape_that_it_covers(roads: Collection, box: str, wkt: str):
    assert list(sql_of(roads, f"S_WITHIN(geom, {box})")[1].values()) == [wkt]


def test_positions_are_turned_where_northing_comes_first(roads: Collection):
    text = "S_WITHIN(geom, LINESTRING(60 24, 61 25)) OR S_WITHIN(geom, BBOX(60,24,61,25))"
    line, box = sql_of(roads, text, northing_first=True)[1].values()
    assert line == "LINESTRING (24.0 60.0, 25.0 61.0)"
    assert box == "POLYGON ((24.0 60.0, 25.0 60.0, 25.0 61.0, 24.0 61.0, 24.0 60.0))"
    across = "S_INTERSECTS(geom, BBOX(-20,170,20,-170))"
    assert len(sql_of(roads, across, northing_first=True)[1]) == 2


def test_literal_is_transformed_and_never_the_column(roads: Collection):
    grid = replace(roads, srid=3067, bbox_crs84=BBox(24, 60, 25, 61))
    condition, _ = sql_of(grid, "S_INTERSECTS(geom, BBOX(0,0,90,90))")
    assert condition == (
        "(ST_Intersects(t.geom, ST_Transform(ST_Segmentize(ST_Intersection(ST_GeomFromText(%(c0)s, 4326),"
        " ST_MakeEnvelope(23.99, 59.99, 25.01, 61.01, 4326)), 0.1), 3067)))"
    )
    same, _ = sql_of(grid, "S_INTERSECTS(geom, POINT(1 2))", srid_in=3067)
    assert same == "(ST_Intersects(t.geom, ST_GeomFromText(%(c0)s, 3067)))"


@pytest.mark.parametrize(
    ("text", "options", "detail"),
    [
        ("S_WITHIN(geom, POINT(90 180))", {}, "longitude 90, latitude 180 is no place on Earth, at position 15"),
        ("S_WITHIN(geom, POINT(91 18))", {"northing_first": True}, "longitude 18, latitude 91 is no place"),
        ("S_WITHIN(geom, BBOX(1,2,3,94))", {}, "longitude 3, latitude 94 is no place on Earth, at position 15"),
        ("S_WITHIN(geom, BBOX(5,2,3,4))", {"srid_in": 3857}, "the west of the box, 5, is beyond its east, 3"),
        ("S_WITHIN(geom, BBOX(2,3,1,4))", {"northing_first": True}, "the south of the box, 2, is above its north, 1"),
        ("S_WITHIN(geom, BBOX(2,3,3,1))", {}, "the south of the box, 3, is above its north, 1, at position 15"),
    ],
)  # fmt: skip
def test_positions_beyond_the_system_are_refused(roads: Collection, text: str, options: dict[str, Any], detail: str):
    with pytest.raises(BadFilter, match=detail):
        sql_of(roads, text, **options)


def test_collection_without_known_system_takes_only_its_own_coordinates(roads: Collection):
    nowhere = replace(roads, srid=0)
    assert "Transform" not in sql_of(nowhere, "S_WITHIN(geom, POINT(1 2))", srid_in=0)[0]
    for text in ("S_WITHIN(geom, POINT(1 2))", "s_area(geom) > 1"):
        with pytest.raises(BadFilter, match="has no known coordinate system"):
            sql_of(nowhere, text)
