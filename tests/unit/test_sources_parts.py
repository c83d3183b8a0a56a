"""The parts of sources that need no database: comments, names, types, geometry columns, keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from api.catalog.live import assign_ids
from api.catalog.sources.build import NOTHING, GeometrySurvey, Publishable, RelationSurvey, build, plan
from api.catalog.sources.collection import EVERYWHERE, Comment, domain, parse_comment
from api.catalog.sources.columns import HEAP_ORDER, NO_KEY, PLACE_IN_TABLE, is_whole, published, read_as
from api.catalog.sources.functions import overloaded, refused
from api.catalog.sources.geometry_columns import geometry_column, srid_of_typmod, type_of_typmod
from api.catalog.sources.model import (
    Attribute,
    CrsDefinition,
    DatabaseFunction,
    Draft,
    Omission,
    Parameter,
    Relation,
    parse_relation,
)
from api.catalog.survey.crs import stretched
from api.catalog.survey.timed_queries import TimedQueries
from core.bbox import BBox
from core.catalog.collections import Collection, Key, KeyPart

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def attribute(name: str, type: str = "int4", **members: Any) -> Attribute:
    """A column."""
    known: dict[str, Any] = {
        "number": 1,
        "sql_type": {"int4": "integer", "varchar": "character varying"}.get(type, type),
        "kind": "b",
        "category": "N",
        "typmod": -1,
        "ordered": True,
        "filled": True,
        "readable": True,
        "is_domain": False,
        "labels": (),
        "comment": None,
    }
    return Attribute(name, type=type, **{**known, **members})


def relation(*attributes: Attribute, **members: Any) -> Relation:
    """A table whose columns are numbered in their order."""
    known: dict[str, Any] = {
        "kind": "r",
        "comment": None,
        "inherited": False,
        "has_pages": True,
        "has_places": True,
        "usable": True,
        "filled": True,
    }
    columns = tuple(replace(a, number=number) for number, a in enumerate(attributes, 1))
    return Relation(1, "gis", "wells", attributes=columns, **{**known, "indexes": (), **members})


def planned(found: Relation) -> Publishable:
    """The plan of a relation that is published."""
    made = plan(found)
    assert isinstance(made, Publishable)
    return made


def only(found: Relation, findings: RelationSurvey = NOTHING) -> Collection:
    """The one collection of a relation."""
    [draft] = build(planned(found), findings, {}, NOW)
    return draft.collection


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Comment()),
        ("", Comment()),
        ("Wells.", Comment("Wells.")),
        ("Wells. @key gid", Comment("Wells.", key=("gid",))),
        ("@key gid. Wells", Comment("Wells", key=("gid",))),
        ('@key "land code", number @srid 3067 in use', Comment("in use", key=("land code", "number"), srid=3067)),
        ("Wells\nin use\n@title All wells @ home\nsince 1900", Comment("Wells in use since 1900", "All wells @ home")),
        ("@time valid_from, valid_to", Comment(time=("valid_from", "valid_to"))),
        ("For us only. @omit", Comment("For us only.", omit=True)),
        ("write to me@key.org or @keys", Comment("write to me@key.org or @keys")),
        ("@srid EPSG:3067", Comment(srid=None)),
        ("@omitted", Comment("@omitted")),
    ],
)
def test_comment_is_taken_apart(text: str | None, expected: Comment):
    assert parse_comment(text) == expected


@given(st.text())
def test_no_comment_breaks_the_reader(text: str):
    assert isinstance(parse_comment(text), Comment)


def draft(name: str, schema: str = "gis", part: str = "") -> Draft:
    """A collection without an id."""
    return Draft(schema, name, part, replace(only(relation(attribute("id"))), title=f"{schema}/{name}/{part}"))


def titles(*drafts: Draft, taken: tuple[str, ...] = ()) -> dict[str, str]:
    """The titles by id."""
    return {id: collection.title for id, collection in assign_ids(drafts, taken).items()}


def test_name_is_the_id_when_nobody_else_has_it():
    assert titles(draft("wells"), draft("areas", part="centre")) == {
        "wells": "gis/wells/",
        "areas.centre": "gis/areas/centre",
    }


def test_name_of_two_schemas_belongs_to_neither():
    assert titles(draft("wells"), draft("wells", "old")) == {"gis.wells": "gis/wells/", "old.wells": "old/wells/"}


def test_loaded_collection_keeps_its_name():
    assert titles(draft("wells"), taken=("wells",)) == {"gis.wells": "gis/wells/"}
    assert titles(draft("wells"), taken=("wells", "gis.wells")) == {"gis.wells_2": "gis/wells/"}


def test_names_that_addresses_cannot_have_are_changed():
    assert list(titles(draft("a/b"), draft("c?d#e%f"), draft(".."))) == ["a_b", "c_d_e_f", "_"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y", "a.x", "x/y"])), max_size=12, unique=True))
def test_every_draft_gets_an_id_of_its_own(names: list[tuple[str, str]]):
    found = assign_ids([draft(name, schema) for schema, name in names], {"x"})
    assert len(found) == len(names)
    assert "x" not in found
    assert all(id == collection.id for id, collection in found.items())


@pytest.mark.parametrize(
    ("precision", "scale", "whole"),
    [(18, 0, True), (1, 0, True), (5, -2, True), (16, -2, True), (19, 0, False), (17, -2, False), (10, 2, False)],
)
def test_a_numeric_is_whole_when_it_has_no_decimals_and_fits_a_bigint(precision: int, scale: int, whole: bool):
    assert is_whole((precision << 16 | scale & 0x7FF) + 4) is whole
    assert not is_whole(-1)


@pytest.mark.parametrize(
    ("typmod", "type", "srid"),
    [
        (-1, "Geometry", 0),
        (4, "Point", 0),
        (1107460, "Point", 4326),
        (785156, "Point", 3067),
        (1107462, "Point", 4326),  # with Z
        (988692, "MultiLineString", 3862),
    ],
)
def test_type_and_system_of_a_declared_column(typmod: int, type: str, srid: int):
    assert (type_of_typmod(typmod), srid_of_typmod(typmod)) == (type, srid)


@given(st.integers(-(2**31), 2**31 - 1))
def test_no_typmod_breaks_the_reader(typmod: int):
    assert type_of_typmod(typmod)
    assert isinstance(srid_of_typmod(typmod), int)


@pytest.mark.parametrize(
    ("declared", "found", "expected"),
    [
        (None, None, (4326, "mixed")),
        (None, frozenset({3067}), (3067, "as it is")),
        (None, frozenset({0}), (0, "as it is")),
        (None, frozenset({3067, 4326}), (4326, "mixed")),
        (2393, frozenset({0}), (2393, "declared")),
    ],
)
def test_system_of_an_undeclared_column_is_what_a_comment_says_or_was_seen(
    declared: int | None, found: frozenset[int] | None, expected: tuple[int, str]
):
    shape = geometry_column(attribute("geom", "geometry"), declared, found)
    assert (shape.srid, shape.reading) == expected


def test_geography_is_in_degrees_whatever_it_says():
    assert geometry_column(attribute("g", "geography"), None, None).srid == 4326


SYSTEMS = {
    3067: CrsDefinition("EPSG", "PROJCS[]", 19.0, 59.0, 32.0, 70.0),
    2193: CrsDefinition("EPSG", "PROJCS[]", 166.0, -47.0, -178.0, -34.0),
    4258: CrsDefinition("EPSG", "GEOGCS[]"),
}


def test_domain_is_where_the_system_is_made_for_and_where_data_were_seen():
    assert domain(3067, SYSTEMS, None) == BBox(19, 59, 32, 70)
    assert domain(3067, SYSTEMS, BBox(10, 60, 20, 61)) == BBox(9, 59, 32, 70)
    assert domain(4258, SYSTEMS, BBox(1, 2, 3, 4)) == EVERYWHERE
    assert domain(2193, SYSTEMS, BBox(170, -40, 175, -35)) == BBox(169, -41, 176, -34)
    assert domain(9999, SYSTEMS, None) is None


@pytest.mark.parametrize(
    ("type", "kind", "category", "ordered", "expected", "cast"),
    [
        ("int8", "b", "N", True, ("integer", None), None),
        ("numeric", "b", "N", True, ("number", "t"), None),
        ("money", "b", "N", True, ("number", "numeric"), "numeric"),
        ("_int4", "b", "A", True, ("json", None), None),
        ("pair", "c", "C", True, ("json", None), None),
        ("mood", "e", "E", True, ("string", "t"), None),
        ("xml", "b", "U", False, ("string", None), "text"),
        ("varchar", "b", "S", False, ("string", None), None),
        ("tsvector", "b", "U", True, None, None),
        ("geometry", "b", "U", True, None, None),
    ],
)
def test_type_is_published_as(
    type: str, kind: str, category: str, ordered: bool, expected: tuple[str, str | None] | None, cast: str | None
):
    assert published(type, "t", kind, category, ordered=ordered) == expected
    assert expected is None or read_as(type, kind, category, ordered=ordered) == cast


ID, CODE, NAME = attribute("id"), attribute("code", "varchar", ordered=False), attribute("name", "text", filled=False)


def test_primary_key_comes_before_other_indexes_and_declared_ones_before_it():
    found = relation(ID, CODE, indexes=((1,), (2,)))
    assert only(found).key == Key((KeyPart("id", "integer"),))
    declared = only(replace(found, comment="@key code"), RelationSurvey(key_holds=True))
    assert declared.key == Key((KeyPart("code", "character varying", "text"),), unique=False)


def test_index_whose_columns_may_be_missing_is_no_key_of_a_table():
    assert only(relation(NAME, ID, indexes=((1,), (2,)))).key == Key((KeyPart("id", "integer"),))
    assert only(relation(NAME, indexes=((1,),))).key == HEAP_ORDER


def test_index_of_a_materialised_view_is_a_key_once_its_values_were_seen():
    view = relation(NAME, kind="m", indexes=((1,),))
    assert only(view).key == HEAP_ORDER
    assert only(view, RelationSurvey(key_holds=True)).key == Key((KeyPart("name", "text", "text"),))
    assert only(view, RelationSurvey(key_holds=False)).key == HEAP_ORDER


def test_key_of_a_table_that_others_inherit_from_is_one_until_two_rows_share_it():
    parent, key = relation(ID, inherited=True, indexes=((1,),)), Key((KeyPart("id", "integer"),), unique=False)
    assert only(parent).key == only(parent, RelationSurvey(key_holds=True)).key == key
    assert only(parent, RelationSurvey(key_holds=False)).key == PLACE_IN_TABLE


@pytest.mark.parametrize(
    ("kind", "members", "key"),
    [
        ("r", {}, HEAP_ORDER),
        ("m", {}, HEAP_ORDER),
        ("p", {}, PLACE_IN_TABLE),
        ("r", {"inherited": True}, PLACE_IN_TABLE),
        ("v", {}, NO_KEY),
        ("f", {}, NO_KEY),
    ],
)
def test_rows_without_a_key_have_places_where_they_lie_on_a_disk(kind: str, members: dict[str, Any], key: Key):
    assert only(relation(NAME, kind=kind, **members)).key == key


def test_places_need_the_right_to_read_the_whole_table():
    assert only(relation(NAME, replace(CODE, readable=False))).key == NO_KEY


def test_view_has_ids_only_where_they_were_seen_to_be_unique():
    view = relation(NAME, attribute("Gid", filled=False), kind="v")
    assert only(view).key == NO_KEY
    assert only(view, RelationSurvey(key_holds=True)).key == Key((KeyPart("Gid", "integer"),), unique=False)
    assert only(view, RelationSurvey(key_holds=False)).key == NO_KEY


def test_declared_key_of_columns_that_are_not_there_is_none():
    assert planned(relation(NAME, kind="v", comment="@key nmae")).candidate is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (relation(ID, usable=False), "its schema may not be used"),
        (relation(replace(ID, readable=False)), "it may not be read"),
        (relation(ID, filled=False), "it was never filled"),
        (relation(), "it has no column of a type that can be published"),
        (relation(attribute("v", "tsvector")), "it has no column of a type that can be published"),
    ],
)
def test_what_is_left_out_says_why(found: Relation, reason: str):
    omission = plan(found)
    assert isinstance(omission, Omission)
    assert str(omission).startswith(f"gis.wells is not published: {reason}; ")
    assert plan(relation(ID, comment="@omit")) is None


def test_each_geometry_column_is_a_collection():
    geometry, other = attribute("centre", "geometry", typmod=1107460), attribute("area", "geometry", typmod=785164)
    table = relation(ID, geometry, other, indexes=((1,),))
    seen = RelationSurvey(seen={3: GeometrySurvey(BBox(24, 60, 25, 61), (1, 2, 3, 4))})
    first, second = build(planned(table), seen, {3067: CrsDefinition("EPSG", "PROJCS")}, NOW)
    assert (first.part, second.part) == ("", "area")
    assert (first.collection.srid, second.collection.srid) == (4326, 3067)
    assert (first.collection.geometry_type, second.collection.geometry_type) == ("Point", "Polygon")
    assert (first.collection.bbox_crs84, second.collection.bbox_crs84) == (None, BBox(24, 60, 25, 61))
    assert [column.name for column in first.collection.columns] == ["id"]


def test_names_of_columns_are_quoted_and_ours_are_kept_free():
    odd = attribute('x" FROM pg_authid --', "text", category="S")
    ours, percent = attribute("geom", "text", category="S"), attribute("a%s", "text", category="S")
    source = only(relation(odd, ours, percent)).source
    assert source is not None
    text = source.relation.as_string(None)
    assert '"s"."x"" FROM pg_authid --" AS "x"" FROM pg_authid --"' in text
    assert '"s"."geom" AS "c2"' in text
    assert 'U&"s".U&"a\\0025s" AS "c3"' in text


def test_cursors_are_bound_to_what_a_relation_looks_like():
    one = only(relation(ID, indexes=((1,),)))
    same = only(relation(ID, indexes=((1,),), comment="Wells"))
    other = only(relation(ID, NAME, indexes=((1,),)))
    again = only(replace(relation(ID, indexes=((1,),)), oid=2))
    assert one.revision == same.revision
    assert len({one.revision, other.revision, again.revision}) == 3


def function(*parameters: Parameter, **members: Any) -> DatabaseFunction:
    """A function that returns rows of one column."""
    known: dict[str, Any] = {"comment": None, "usable": True, "volatile": False, "attributes": (ID,)}
    return DatabaseFunction(1, "gis", "near", parameters=parameters, **{**known, **members})


X = Parameter("x", "float8", "double precision", "b", "N", "i", True)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (function(X), None),
        (function(replace(X, name="limit", required=False)), None),
        (function(replace(X, name="limit")), "one that requests use"),
        (function(replace(X, name="")), "has no name"),
        (function(replace(X, mode="v")), "no one type"),
        (function(replace(X, kind="p")), "no one type"),
        (function(X, usable=False), "may not be called"),
        (function(X, volatile=True), "may change data"),
        (function(X, attributes=()), "no named columns"),
    ],
)
def test_function_is_refused_for(found: DatabaseFunction, reason: str | None):
    omission = refused(found, ())
    assert (omission is None) if reason is None else (omission is not None and reason in omission.reason)


def test_functions_of_one_name_are_all_refused():
    assert overloaded([function(X), function(), replace(function(), name="far")]) == {"gis.near"}
    assert refused(function(X), {"gis.near"}) is not None


def test_row_of_the_catalogue_is_read():
    members = {
        "name": "id", "number": 1, "type": "int4", "sql_type": "integer", "kind": "b", "category": "N", "typmod": -1,
        "ordered": True, "filled": True, "readable": True, "is_domain": False, "labels": None, "comment": None,
    }  # fmt: skip
    row = (5, "gis", "wells", "r", None, False, True, True, True, True, [members], [[1]], None, None)
    assert parse_relation(row) == replace(relation(ID, indexes=((1,),)), oid=5)


def test_answer_that_did_not_come_in_time_is_the_one_before():
    before = RelationSurvey({1: frozenset({3067})}, True, {1: GeometrySurvey(BBox(1, 2, 3, 4))}, (NOW, None))
    assert RelationSurvey(seen={1: GeometrySurvey()}).with_known(before) == before
    newer = RelationSurvey({1: frozenset({4326})}, False, {1: GeometrySurvey(BBox(5, 6, 7, 8))}, (None, NOW))
    assert newer.with_known(before) == newer


def test_what_a_look_finds_wrong_is_logged_once(caplog: pytest.LogCaptureFixture):
    asker, one, other = TimedQueries(cast(Any, None)), planned(relation(ID)), planned(relation(ID, kind="v"))
    for text in ("broken", "broken", "slow"):
        asker.warn(one, text)
    asker.warn(other, "slow")
    assert [record.getMessage() for record in caplog.records] == ["gis.wells: broken", "gis.wells: slow"]


def test_each_side_of_a_grid_goes_as_far_as_everything_has_a_place():
    failed: list[list[float]] = []

    def is_good(reaches: list[float]) -> bool:
        if reaches[2] > 3:
            failed.append(reaches)
        return reaches[2] <= 3

    assert stretched([1.0, 2.5, 1.0, 1.0], 1.0, is_good) == [10, 10, 3, 10]
    assert len(failed) == 1, "what lies further is not asked for, as PostgreSQL logs each failure"
