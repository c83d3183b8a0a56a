"""The text of statements: what is asked of PostgreSQL, and that no value is part of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from psycopg import sql

from api.query.crs import EPSG_3857, EPSG_4326, Crs
from api.query.items import Cursor, Equals, Filter, GridBox, Interval, ItemsQuery, Presentation, SortKey
from api.sql.features.items import select_count, select_count_plan, select_feature
from api.sql.features.keyset import beyond, order_by, select_places
from api.sql.features.pages import select_page
from api.sql.filters.bbox import ewkb
from api.sql.filters.filter import where
from api.sql.tiles.tiles import select_tile, whole_tile
from api.tms.tile import Tile
from core.bbox import BBox
from core.catalog.collections import FID, Collection


def text(composable: sql.Composable) -> str:
    """The SQL on one line."""
    return " ".join(composable.as_string(None).split())


def conditions(collection: Collection, filter: Filter) -> list[str]:
    """The conditions of a filter as text."""
    return [text(part) for part in where(collection, filter)[0]]


def test_page_asks_for_one_row_more_than_it_shows(roads: Collection):
    statement = select_page(roads, ItemsQuery(10))
    assert statement.params == {"rows": 11, "offset": 0, "walked": 0}
    assert 'ORDER BY "t"."fid" ASC LIMIT %(rows)s' in text(statement.text)
    assert 'FROM "data"."roads_7" AS t' in text(statement.text)


def test_names_are_quoted_whatever_they_hold(roads: Collection):
    assert '"t"."we""ird" AS "we""ird"' in text(select_page(roads, ItemsQuery(1)).text)
    assert '"t"."we""ird" AS "we""ird"' in text(select_tile(roads, Tile(0, 0, 0)).text)


def test_geometry_in_its_own_system_is_not_transformed(roads: Collection):
    assert "ST_AsGeoJSON(t.geom, 7, 0)" in text(select_feature(roads).text)


@pytest.mark.parametrize(
    ("srid", "crs", "expected"),
    [
        (3067, None, "ST_AsGeoJSON(ST_Transform(t.geom, 4326), 7, 0)"),
        (4326, EPSG_4326, "ST_AsGeoJSON(ST_FlipCoordinates(t.geom), 7, 0)"),
        (3067, EPSG_4326, "ST_AsGeoJSON(ST_FlipCoordinates(ST_Transform(t.geom, 4326)), 7, 0)"),
        (4326, EPSG_3857, "ST_AsGeoJSON(t.geom_3857, 3, 0)"),
        (3067, EPSG_3857, "ST_AsGeoJSON(t.geom_3857, 3, 0)"),
        (2393, Crs("x", 2393, northing_first=True, digits=3), "ST_AsGeoJSON(ST_FlipCoordinates(t.geom), 3, 0)"),
    ],
)
def test_geometry_is_transformed_and_turned_as_the_crs_wants(
    roads: Collection, srid: int, crs: Crs | None, expected: str
):
    shown = Presentation(crs=crs) if crs else Presentation()
    assert expected in text(select_feature(replace(roads, srid=srid), shown).text)


def test_simplification_is_one_pixel_of_the_zoom(roads: Collection):
    in_degrees = text(select_feature(roads, Presentation(zoom=1)).text)
    assert "ST_Simplify(t.geom, 0.3515625, true)" in in_degrees
    in_metres = text(select_feature(roads, Presentation(zoom=0, crs=EPSG_3857)).text)
    assert re.search(r"ST_Simplify\(t\.geom_3857, 78271\.\d+, true\)", in_metres)


def test_chosen_properties_are_the_only_ones_read(roads: Collection):
    shown = Presentation(columns=(roads.columns[1],))
    statement = text(select_feature(roads, shown).text)
    assert 'CROSS JOIN LATERAL (SELECT "t"."lanes" AS "lanes") AS p' in statement
    assert "'{}'" in text(select_feature(roads, Presentation(columns=())).text)


def test_collection_without_geometry_has_none(roads: Collection):
    table = replace(roads, srid=None)
    assert "COALESCE(NULL::text, 'null')" in text(select_feature(table).text)
    assert conditions(table, Filter(box=BBox(0, 0, 1, 1))) == []


def test_box_in_degrees_is_one_bound_geometry(roads: Collection):
    [condition] = conditions(roads, Filter(box=BBox(1, 2, 3, 4)))
    assert condition == "(ST_Intersects(t.geom, %(box0)s::geometry))"
    _, params = where(roads, Filter(box=BBox(1, 2, 3, 4)))
    assert params == {"box0": ewkb(4326, 1, 2, 3, 4), "west0": 1, "south0": 2, "east0": 3, "north0": 4}


def test_box_across_the_antimeridian_is_two_areas(roads: Collection):
    [condition] = conditions(roads, Filter(box=BBox(170, -20, -170, 20)))
    assert condition.count("ST_Intersects") == 2
    _, params = where(roads, Filter(box=BBox(170, -20, -170, 20)))
    assert (params["box0"], params["box1"]) == (ewkb(4326, 170, -20, 180, 20), ewkb(4326, -180, -20, -170, 20))


def test_features_without_geometry_match_any_box_where_there_are_some(roads: Collection):
    assert "t.geom IS NULL" not in conditions(roads, Filter(box=BBox(0, 0, 1, 1)))[0]
    assert conditions(replace(roads, null_geometries=1), Filter(box=BBox(0, 0, 1, 1)))[0].endswith("t.geom IS NULL)")


def test_box_is_transformed_and_the_column_never(roads: Collection):
    grid = replace(roads, srid=3067)
    for box in (BBox(24, 60, 25, 61), GridBox(3857, 0, 0, 1, 1)):
        [condition] = conditions(grid, Filter(box=box))
        assert "ST_Transform(ST_Segmentize(" in condition
        assert "ST_Transform(t.geom" not in condition
    [own] = conditions(grid, Filter(box=GridBox(3067, 0, 0, 1, 1)))
    assert "ST_Transform" not in own


def test_interval_has_the_ends_that_are_given(roads: Collection):
    day = datetime(2024, 1, 1, tzinfo=UTC)
    [both] = conditions(roads, Filter(interval=Interval(day, day)))
    assert both == (
        '("t"."opened" >= %(start)s::timestamptz::date AND "t"."opened" <= %(end)s::timestamptz::date'
        ' OR "t"."opened" IS NULL)'
    )
    [open_end] = conditions(roads, Filter(interval=Interval(day, None)))
    assert "%(end)s" not in open_end


def test_search_escapes_what_like_would_read_as_a_pattern(roads: Collection):
    parts, params = where(roads, Filter(text="50%_\\"))
    assert params == {"q": "%50\\%\\_\\\\%"}
    assert text(parts[0]) == '("t"."name" COLLATE "default" ILIKE %(q)s OR "t"."we""ird" COLLATE "default" ILIKE %(q)s)'


def test_long_search_looks_at_texts_that_are_long_enough_alone(roads: Collection):
    """300 characters took 18 s of two million short names, a fiftieth of that for a short search."""
    parts, _ = where(roads, Filter(text="é" * 300))
    looked = 'CASE WHEN octet_length({0}) >= 100 THEN {0} COLLATE "default" ILIKE %(q)s ELSE false END'
    assert text(parts[0]) == "({} OR {})".format(*map(looked.format, ('"t"."name"', '"t"."we""ird"')))


def test_search_in_a_collection_without_texts_finds_nothing(roads: Collection):
    assert conditions(replace(roads, columns=(roads.columns[1],)), Filter(text="x")) == ["false"]


def test_values_are_never_part_of_the_text(roads: Collection):
    evil = "'; DROP TABLE x; --"
    filter = Filter(equals=(Equals(roads.columns[0], evil),), text=evil)
    for statement in (
        select_page(roads, ItemsQuery(1, filter)),
        select_count(roads, filter),
        select_count_plan(roads, filter),
    ):
        assert "DROP" not in text(statement.text)
        assert evil in statement.params.values()


NAME, LANES = "name", "lanes"


def keys(roads: Collection, *names: str) -> tuple[SortKey, ...]:
    """Sort keys by name, descending with a minus."""
    columns = {column.name: column for column in roads.columns}
    return tuple(SortKey(columns[name.lstrip("-")], descending=name.startswith("-")) for name in names)


def test_missing_values_come_last_both_ways(roads: Collection):
    sort = keys(roads, "name", "-lanes")
    forwards = text(order_by(sort, roads, roads.key, backwards=False))
    assert forwards == '"t"."name" IS NULL ASC, "t"."name" ASC, "t"."lanes" DESC NULLS LAST, "t"."fid" ASC'
    backwards = text(order_by(sort, roads, roads.key, backwards=True))
    assert backwards == '"t"."name" IS NULL DESC, "t"."name" DESC, "t"."lanes" ASC NULLS FIRST, "t"."fid" DESC'


def test_places_are_read_as_text_in_the_type_they_are_compared_in(roads: Collection):
    assert text(select_places(keys(roads, "lanes", "opened"))) == (
        ', "t"."lanes"::bigint::text, "t"."opened"::date::text'
    )


@pytest.mark.parametrize(
    ("cursor", "names", "expected"),
    [
        (Cursor("next", (5,)), (), '"t"."fid" > %(key0)s::bigint'),
        (Cursor("prev", (5,)), (), '"t"."fid" < %(key0)s::bigint'),
        (
            Cursor("next", (5,), ("A",)),
            ("name",),
            '(("t"."name" > %(place0)s::text OR "t"."name" IS NULL) OR ("t"."name" = %(place0)s::text'
            ' AND "t"."fid" > %(key0)s::bigint))',
        ),
        (Cursor("next", (5,), (None,)), ("name",), '(false OR ("t"."name" IS NULL AND "t"."fid" > %(key0)s::bigint))'),
        (
            Cursor("prev", (5,), (None,)),
            ("name",),
            '("t"."name" IS NOT NULL OR ("t"."name" IS NULL AND "t"."fid" < %(key0)s::bigint))',
        ),
        (
            Cursor("prev", (5,), ("2",)),
            ("-lanes",),
            '("t"."lanes" > %(place0)s::bigint OR ("t"."lanes" = %(place0)s::bigint AND "t"."fid" < %(key0)s::bigint))',
        ),
    ],
)
def test_rows_beyond_a_place(roads: Collection, cursor: Cursor, names: tuple[str, ...], expected: str):
    condition, params = beyond(cursor, keys(roads, *names), FID)
    assert text(condition) == expected
    assert params["key0"] == 5
    assert [value for name, value in params.items() if name != "key0"] == [v for v in cursor.place if v is not None]


def test_tile_scans_its_buffer_and_leaves_bytes_out(roads: Collection):
    statement = select_tile(roads, Tile(3, 2, 1))
    assert "margin => 0.015625" in text(statement.text)
    assert (statement.params["z"], statement.params["x"], statement.params["y"]) == (3, 1, 2)
    binary = replace(roads.columns[0], type="binary")
    without = select_tile(replace(roads, columns=(binary,)), Tile(0, 0, 0))
    assert '"name"' not in text(without.text)


def test_tile_of_a_collection_with_properties_named_like_ours_renames_ours(roads: Collection):
    named = replace(roads, columns=(replace(roads.columns[0], name="geom"), replace(roads.columns[1], name="fid")))
    statement = select_tile(named, Tile(0, 0, 0))
    assert statement.params["geometry_name"] == "_geom"
    assert statement.params["fid_name"] == "_fid"
    assert 'AS "_geom"' in text(statement.text)


def test_text_of_a_tile_is_that_of_its_zoom_and_kept(roads: Collection):
    (one, values), (two, others) = whole_tile(roads, Tile(3, 2, 1)), whole_tile(roads, Tile(3, 5, 6))
    assert one is two
    assert values != others
    assert whole_tile(roads, Tile(4, 5, 6))[0] is not one
    assert set(one.names) <= set(values)


@pytest.fixture
def filled(roads: Collection) -> Collection:
    """The same, with values in all rows and an index of each."""
    return replace(roads, columns=tuple(replace(column, is_filled=True) for column in roads.columns))


def test_nothing_is_said_of_missing_values_where_there_are_none(filled: Collection):
    sort = keys(filled, "name", "-lanes")
    assert (
        text(order_by(sort, filled, filled.key, backwards=False)) == '"t"."name" ASC, "t"."lanes" DESC, "t"."fid" ASC'
    )
    assert (
        text(order_by(sort, filled, filled.key, backwards=True)) == '"t"."name" DESC, "t"."lanes" ASC, "t"."fid" DESC'
    )


@pytest.mark.parametrize(
    ("cursor", "names", "expected"),
    [
        (
            Cursor("next", (5,), ("A",)),
            ("name",),
            '("t"."name", "t"."fid") > (%(place0)s::text, %(key0)s::bigint)',
        ),
        (
            Cursor("prev", (5,), ("A", "2")),
            ("name", "lanes"),
            '("t"."name", "t"."lanes", "t"."fid") < (%(place0)s::text, %(place1)s::bigint, %(key0)s::bigint)',
        ),
        (
            Cursor("next", (5,), ("2",)),
            ("-lanes",),
            '"t"."lanes" <= %(place0)s::bigint AND (("t"."lanes" < %(place0)s::bigint OR "t"."lanes" IS NULL)'
            ' OR ("t"."lanes" = %(place0)s::bigint AND "t"."fid" > %(key0)s::bigint))',
        ),
        (
            Cursor("prev", (5,), ("2",)),
            ("-lanes",),
            '"t"."lanes" >= %(place0)s::bigint AND ("t"."lanes" > %(place0)s::bigint'
            ' OR ("t"."lanes" = %(place0)s::bigint AND "t"."fid" < %(key0)s::bigint))',
        ),
        # nobody was given such a cursor, but it can be made up
        (Cursor("next", (5,), (None,)), ("name",), '(false OR ("t"."name" IS NULL AND "t"."fid" > %(key0)s::bigint))'),
    ],
)
def test_rows_beyond_a_place_are_asked_of_the_index_where_it_has_all_rows(
    filled: Collection, cursor: Cursor, names: tuple[str, ...], expected: str
):
    condition, params = beyond(cursor, keys(filled, *names), FID)
    assert text(condition) == expected
    assert [value for name, value in params.items() if name != "key0"] == [v for v in cursor.place if v is not None]
