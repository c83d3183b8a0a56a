"""Ids of features: what is read from an address, and what SQL writes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from api.params.values import JOINT, escaped, parse_id
from api.query.items import Cursor
from api.sql.features.keyset import beyond, order_by, select_key
from api.sql.relation import among_keys, id_member, id_text, is_key
from core.catalog.collections import FID, Collection, Key, KeyPart

CODE = Key((KeyPart("code", "text", "text"),))
PAIR = Key((KeyPart("land", "text", "text"), KeyPart("number", "smallint")))
PLACE = Key((KeyPart("ctid", "tid", "text"),), is_id=False)
NONE = Key((), unique=False, is_id=False)


@pytest.mark.parametrize("text", ["", "x", "1.0", "007", "+1", "-0", " 1", "1_0", "١", str(2**63), "9" * 5000])
def test_text_that_is_no_whole_number_is_no_integer_id(text: str):
    assert parse_id(text, FID) is None


@pytest.mark.parametrize("number", [0, 1, -1, 2**63 - 1, -(2**63)])
def test_whole_number_is_an_integer_id(number: int):
    assert parse_id(str(number), FID) == (number,)


def test_number_too_large_for_its_column_is_no_id():
    assert parse_id("FI~32767", PAIR) == ("FI", 32767)
    assert parse_id("FI~32768", PAIR) is None


def test_any_text_is_a_text_id_but_one_that_postgresql_cannot_hold():
    assert parse_id("a~b%2C,/ä", CODE) == ("a~b%2C,/ä",)
    assert parse_id("a\0", CODE) is None


@pytest.mark.parametrize("text", ["FI", "FI~1~2", "~", "F%49~1", "FI~01", "FI,~1", "F%~1", "%FF~1"])
def test_other_spelling_of_an_id_of_two_parts_belongs_to_nothing(text: str):
    assert parse_id(text, PAIR) is None


@given(st.text().filter(lambda text: "\0" not in text), st.integers(-(2**15), 2**15 - 1))
def test_id_of_two_parts_is_read_back(land: str, number: int):
    assert parse_id(f"{escaped(land)}{JOINT}{number}", PAIR) == (land, number)


def test_features_without_ids_have_none():
    assert parse_id("1", NONE) is None
    assert parse_id("(0,1)", PLACE) is None


def text(composable: object) -> str:
    """The SQL on one line."""
    return " ".join(composable.as_string(None).split())  # type: ignore[attr-defined]


def test_key_of_two_columns_is_walked_by_a_comparison_of_rows(roads: Collection):
    condition, params = beyond(Cursor("next", ("FI", 5)), (), PAIR)
    assert text(condition) == '("t"."land", "t"."number") > (%(key0)s::text, %(key1)s::smallint)'
    assert params == {"key0": "FI", "key1": 5}
    pairs = replace(roads, key=PAIR)
    assert text(order_by((), pairs, pairs.key, backwards=True)) == '"t"."land" DESC, "t"."number" DESC'
    assert text(select_key(PAIR)) == ', "t"."land"::text, "t"."number"'


def test_features_are_found_by_all_columns_of_the_key():
    assert text(is_key(PAIR)) == '"t"."land" = %(id0)s::text AND "t"."number" = %(id1)s::smallint'
    condition, params = among_keys(PAIR, (("FI", 5), ("SE", 6)))
    assert text(condition) == (
        '("t"."land", "t"."number") IN (SELECT * FROM unnest(%(ids0)s::text[], %(ids1)s::smallint[]))'
    )
    assert params == {"ids0": ["FI", "SE"], "ids1": [5, 6]}


def test_id_is_a_number_for_whole_numbers_and_a_text_for_everything_else():
    assert text(id_member(FID)) == """"id":' || "t"."fid" || ',"""
    assert text(id_member(CODE)) == """"id":' || to_json("t"."code"::text) || ',"""
    assert text(id_text(PAIR)).startswith("concat_ws('~', replace(")
    assert text(id_member(PLACE)) == text(id_member(NONE)) == ""
