"""Query parameters and cursors to values."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given, strategies as st
from werkzeug.datastructures import MultiDict

from api.http.request import Limits, joined
from api.params.conditions import parse_interval
from api.params.items import items_query, parse_limit, queryable_columns
from api.query.items import NO_FILTER, Cursor, Equals, Filter, Interval, SortKey, digest
from api.query.page import parse_cursor, render_cursor
from core.bbox import BBox
from core.catalog.collections import Collection, Column
from core.errors import BadCursor, BadParameter

LIMITS = Limits(10, 100)


def bare_collection() -> Collection:
    """Version 7 of a collection of points without properties."""
    described = ("roads_7", 3, 4326, None, None, "Point", 0, None, None, None, None, None, ())
    return Collection(*["roads"] * 5, 7, *described, datetime.now(UTC), datetime.now(UTC), None)


def test_empty_request_is_the_first_page_of_everything(roads: Collection):
    query = items_query(MultiDict(), roads, LIMITS)
    assert (query.limit, query.filter.is_everything, query.cursor) == (10, True, None)


def test_all_parameters_together(roads: Collection):
    args = MultiDict(
        {"limit": "5", "bbox": "1,2,3,4", "datetime": "2024-01-01", "name": "A", "lanes": "2", "f": "json"}
    )
    query = items_query(args, roads, LIMITS)
    assert query.limit == 5
    assert query.filter.box == BBox(1, 2, 3, 4)
    name, lanes = query.filter.equals
    assert (name, lanes) == (
        Equals(Column("name", "name", "string"), "A"),
        Equals(Column("lanes", "lanes", "integer"), 2),
    )


def test_property_named_like_a_parameter_is_no_queryable(roads: Collection):
    assert [column.name for column in queryable_columns(roads)] == ["id", "name", "lanes", "opened", 'we"ird']


@given(st.integers(1, 10**6))
def test_limit_is_cut_to_the_largest_page(number: int):
    assert parse_limit(str(number), LIMITS) == min(number, 100)


def test_day_is_an_interval_of_a_whole_day():
    day = datetime(2024, 5, 1, tzinfo=UTC)
    assert parse_interval("2024-05-01") == Interval(day, day + timedelta(days=1, microseconds=-1))


def test_instant_without_zone_is_utc():
    assert parse_interval("2024-05-01T12:00:00") == parse_interval("2024-05-01T12:00:00Z")


@given(st.datetimes(), st.datetimes())
def test_interval_keeps_its_ends(one: datetime, other: datetime):
    start, end = sorted((one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)))
    assert parse_interval(f"{start.isoformat()}/{end.isoformat()}") == Interval(start, end)


@pytest.mark.parametrize(
    "text", ["", "..", "/", "../..", "x/2024-01-01", "2024-13-01", "2024-01-01/x", "9999-12-31T23:59:59-14:00/x"]
)
def test_other_texts_are_no_interval(text: str):
    with pytest.raises(BadParameter):
        parse_interval(text)


@given(st.sampled_from(["next", "prev"]), st.integers(-(2**63) + 1, 2**63 - 1))
def test_text_of_a_cursor_is_the_same_cursor(direction: Literal["next", "prev"], fid: int):
    collection = bare_collection()
    cursor, everything = Cursor(direction, (fid,)), Filter()
    assert parse_cursor(render_cursor(cursor, everything, (), collection), everything, (), collection) == cursor


@given(st.text(max_size=60))
def test_no_text_breaks_the_cursor_parser(text: str):
    collection = bare_collection()
    with pytest.raises(BadCursor):
        parse_cursor(text, Filter(), (), collection)


@pytest.mark.parametrize(
    "parts",
    [
        ["roads", 7, "digest", "next"],
        ["roads", 7, digest(Filter(), ()), "sideways", [1], 0],
        ["roads", 7, digest(Filter(), ()), "next", ["1"], 0],
        ["roads", 7, digest(Filter(), ()), "next", 1],
        ["roads", 7, digest(Filter(), ()), "next", [1, 1], 0],
        ["roads", 7, digest(Filter(), ()), "next", [True], 0],
        ["roads", 7, digest(Filter(), ()), "next", [2**63], 0],
        ["roads", 7, digest(Filter(), ()), "next", [1], 0, "a value too many"],
        ["roads", 7, digest(Filter(), ()), "next", [1]],
        ["roads", 7, digest(Filter(), ()), "next", [1], -1],
        ["roads", 7, digest(Filter(), ()), "next", [1], True],
        ["roads", 7, digest(Filter(), ()), "next", [], 1],
        ["roads", 7, digest(Filter(), ()), "next", [1], 0, 5],
        ["roads", 8, digest(Filter(), ()), "next", [1], 0],
        ["lakes", 7, digest(Filter(), ()), "next", [1], 0],
        ["roads", 7, digest(Filter(), ()), "next", ["\ud800"], 0],
        {"a": 1},
        5,
    ],
)
def test_made_up_cursor_is_refused(roads: Collection, parts: object):
    text = urlsafe_b64encode(json.dumps(parts).encode()).decode()
    with pytest.raises(BadCursor):
        parse_cursor(text, Filter(), (), roads)


def test_digest_tells_filters_apart(roads: Collection):
    name, lanes = roads.columns[:2]
    filters = [
        Filter(),
        Filter(box=BBox(1, 2, 3, 4)),
        Filter(box=BBox(1, 2, 3, 5)),
        Filter(interval=Interval(None, datetime(2024, 1, 1, tzinfo=UTC))),
        Filter(equals=(Equals(name, "1"),)),
        Filter(equals=(Equals(lanes, 1),)),
    ]
    assert len({digest(found, ()) for found in filters}) == len(filters)


def test_digest_does_not_depend_on_the_order_of_parameters(roads: Collection):
    one, other = Equals(roads.columns[0], "1"), Equals(roads.columns[1], 1)
    assert digest(Filter(equals=(one, other)), ()) == digest(Filter(equals=(other, one)), ())


@pytest.mark.parametrize("place", ["half of a pair: \ud800", "nothing: \0"])
def test_cursor_with_a_text_that_no_feature_has_is_refused(roads: Collection, place: str):
    sort = (SortKey(roads.columns[0]),)
    text = render_cursor(Cursor("next", (1,), (place,)), Filter(), sort, roads)
    with pytest.raises(BadCursor):
        parse_cursor(text, Filter(), sort, roads)


def test_new_version_refuses_the_old_cursor(roads: Collection):
    text = render_cursor(Cursor("next", (1,)), Filter(), (), roads)
    with pytest.raises(BadCursor, match="loaded anew"):
        parse_cursor(text, Filter(), (), replace(roads, version=8))


def test_cursor_keeps_the_sort_values_and_belongs_to_the_order(roads: Collection):
    sort = (SortKey(roads.columns[0], descending=True), SortKey(roads.columns[1]))
    cursor = Cursor("prev", (5,), ("A", None))
    text = render_cursor(cursor, Filter(), sort, roads)
    assert parse_cursor(text, Filter(), sort, roads) == cursor
    with pytest.raises(BadCursor, match="order"):
        parse_cursor(text, Filter(), sort[:1], roads)


def test_sort_keys_are_read_with_their_direction(roads: Collection):
    query = items_query(MultiDict({"sortby": "-name,+lanes,opened"}), roads, LIMITS)
    assert [(key.column.name, key.descending) for key in query.sort] == [
        ("name", True),
        ("lanes", False),
        ("opened", False),
    ]


def test_parts_of_a_list_are_put_together_where_only_that_makes_them_names():
    known = {"a", "b", "b,c", "d,e,f", "a,b"}
    assert joined(["a", "b", "c", "d", "e", "f"], known) == ["a", "b,c", "d,e,f"]
    assert joined(["a", "b", "a", "b", "c"], known) == ["a", "b", "a", "b,c"]
    assert joined(["a", "b"], {"a", "a,b"}) == ["a,b"]
    assert joined(["a", "b", "x"], known) == ["a", "b", "x"]
    assert joined(["b", "c"], {"b,c"}) == ["b,c"]
    assert joined(["b", "c", ""], {"b,c"}) == ["b", "c", ""]
    assert joined(["x"] * 100_000, known) == ["x"] * 100_000


def test_a_time_is_no_condition_where_features_have_none(roads: Collection):
    args = MultiDict({"datetime": "2020-01-01"})
    assert items_query(args, replace(roads, temporal_column=None), LIMITS).filter is NO_FILTER
    with pytest.raises(BadParameter):
        items_query(MultiDict({"datetime": "soon"}), replace(roads, temporal_column=None), LIMITS)


def test_properties_are_kept_or_left_out_in_the_order_of_the_collection(roads: Collection):
    kept = items_query(MultiDict({"properties": "lanes,name"}), roads, LIMITS).presentation.columns
    assert kept is not None
    assert [column.name for column in kept] == ["name", "lanes"]
    left = items_query(MultiDict({"exclude-properties": "lanes,name"}), roads, LIMITS).presentation.columns
    assert left is not None
    assert [column.name for column in left] == ["opened", 'we"ird', "limit", "tags"]
    assert items_query(MultiDict({"properties": ""}), roads, LIMITS).presentation.columns == ()


def test_ids_that_are_no_numbers_belong_to_no_feature(roads: Collection):
    assert items_query(MultiDict({"ids": "3,x,1,3"}), roads, LIMITS).filter.ids == ((1,), (3,))
