"""Names of collections, tables and columns."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from loader.errors import NameTaken
from loader.names import (
    RESERVED_COLUMNS,
    Assignment,
    Holder,
    assign_ids,
    column_names,
    slug,
    table_name,
    unique_names,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Roads", "roads"),
        ("Big Cities (2024)", "big_cities_2024"),
        ("道路", "道路"),
        ("Straße", "straße"),
        ("a--b__c", "a_b__c"),
        ("__x__", "x"),
        ("%$&", "layer"),
        ("", "layer"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_a_slug_is_readable(text: str, expected: str) -> None:
    assert slug(text) == expected


@given(st.text(max_size=200))
def test_a_slug_is_never_empty_never_too_long_and_made_of_word_characters(text: str) -> None:
    result = slug(text)
    assert 1 <= len(result.encode()) <= 63
    assert result.replace("_", "a").isidentifier() or all(c == "_" or c.isalnum() or not c.isascii() for c in result)


def test_two_long_names_with_the_same_beginning_stay_two() -> None:
    assert slug("道路" * 30 + "a") != slug("道路" * 30 + "b")


def test_the_only_layer_takes_the_files_name_and_others_their_own() -> None:
    assert assign_ids("x/Roads.gpkg", [""], {}) == [Assignment("", "roads", "roads")]
    assert [a.id for a in assign_ids("x/Town.gpkg", ["Roads", "Trees"], {})] == ["roads", "trees"]


def test_gpx_layers_carry_the_files_name() -> None:
    assert [a.id for a in assign_ids("walk.gpx", ["tracks"], {})] == ["walk_tracks"]


def test_a_taken_name_gets_longer() -> None:
    holders = {"roads": Holder("a/roads.gpkg", "")}
    assert assign_ids("b/roads.geojson", [""], holders) == [Assignment("", "roads_geojson", "roads")]
    assert assign_ids("town.gpkg", ["roads", "trees"], holders)[0] == Assignment("roads", "town_roads", "roads")


def test_when_both_names_are_taken_it_is_an_error_that_names_the_holder() -> None:
    holders = {"roads": Holder("a/roads.gpkg", ""), "roads_gpkg": Holder("b/roads.gpkg", "")}
    with pytest.raises(NameTaken, match=r"'roads' and 'roads_gpkg' are taken by b/roads\.gpkg"):
        assign_ids("c/roads.gpkg", [""], holders)


def test_a_layer_keeps_the_id_it_has_though_a_better_one_is_free() -> None:
    holders = {"roads_gpkg": Holder("b/roads.gpkg", "")}
    assert assign_ids("b/roads.gpkg", [""], holders)[0].id == "roads_gpkg"


def test_the_name_of_a_file_that_is_gone_is_free() -> None:
    holders = {"roads": Holder("a/roads.gpkg", "", withdrawn=True)}
    assert assign_ids("b/roads.gpkg", [""], holders)[0].id == "roads"


def test_two_layers_that_give_one_slug_stay_two() -> None:
    assert [a.id for a in assign_ids("t.gpkg", ["A b", "a-b"], {})] == ["a_b", "t_a_b"]


def test_a_file_that_becomes_one_of_many_layers_keeps_its_id_for_the_layer_of_that_name() -> None:
    holders = {"roads": Holder("roads.gpkg", "")}
    assert [a.id for a in assign_ids("roads.gpkg", ["roads", "trees"], holders)] == ["roads", "trees"]


def test_a_table_is_named_after_collection_and_version_within_the_limit() -> None:
    assert table_name("roads", 12) == "roads_12"
    long = table_name("a" * 63, 1234567)
    assert long.endswith("_1234567")
    assert len(long) == 63


@given(st.lists(st.text(max_size=80), max_size=12))
def test_columns_are_unique_and_postgresql_takes_them(names: list[str]) -> None:
    columns = column_names(unique_names(names))
    assert len(set(columns)) == len(columns) == len(names)
    assert not RESERVED_COLUMNS & set(columns)
    assert all(1 <= len(column.encode(errors="surrogatepass")) <= 63 and "\0" not in column for column in columns)


def test_names_that_occur_twice_are_numbered() -> None:
    assert unique_names(["a", "a", "a_2", "a"]) == ["a", "a_2", "a_2_2", "a_3"]
