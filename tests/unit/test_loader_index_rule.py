"""Which properties get an index, in which form, and what bounds them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loader.table.ddl import create_property_index, drop
from loader.table.index_rule import FEWEST_ROWS, MOST_INDEXES, Property, PropertyIndex, Statistics, choose, index_name

MILLION = 1_000_000
ROOM = 10**9


def column(name: str, distinct: float, width: int = 8, kind: str = "integer", **shares: float) -> Property:
    """A property with statistics."""
    return Property(name, name, kind, 1, Statistics(distinct, width, **shares))


SIZE = column("size", 100_000)
NAME = column("name", MILLION, 12, "string")
KIND = column("kind", 8, 5, "string", commonest_share=0.13, rarest_share=0.12)


def chosen(*properties: Property, asked: object = True, rows: int = MILLION, room: int = ROOM) -> list[PropertyIndex]:
    """The indexes of version 7."""
    return choose(properties, asked, version=7, rows=rows, room_bytes=room)


def names(indexes: list[PropertyIndex]) -> list[str]:
    """Whose they are."""
    return [index.property_name for index in indexes]


def test_the_cheapest_come_first_as_far_as_there_is_room():
    assert names(chosen(NAME, SIZE, KIND)) == ["size", "name", "kind"]
    assert names(chosen(NAME, SIZE, KIND, room=45_000_000)) == ["size", "name"]
    assert names(chosen(NAME, SIZE, KIND, room=8_000_000)) == []


def test_there_are_at_most_so_many_of_them():
    many = [column(f"c{number}", 1000) for number in range(MOST_INDEXES + 5)]
    assert names(chosen(*many)) == [f"c{number}" for number in range(MOST_INDEXES)]


def test_a_small_table_has_none_unless_they_are_named():
    assert chosen(SIZE, rows=FEWEST_ROWS - 1) == []
    assert names(chosen(SIZE, rows=FEWEST_ROWS)) == ["size"]
    assert names(chosen(SIZE, asked=["size"], rows=3)) == ["size"]


@pytest.mark.parametrize(
    "useless",
    [
        column("flag", 2, 1, "boolean"),
        column("tags", 9, 40, "json"),
        column("story", 9000, 65, "string"),
        column("empty", 0, null_share=1.0),
        column("same", 1, commonest_share=1.0, rarest_share=1.0),
        column("halves", 2, 3, "string", commonest_share=0.55, rarest_share=0.45),
        replace(SIZE, statistics=None),
    ],
    ids=lambda property: property.name,
)
def test_a_property_whose_index_would_help_nobody_has_none(useless: Property):
    assert chosen(useless) == []


@pytest.mark.parametrize(
    "useful",
    [
        column("rare", 2, 3, "string", commonest_share=0.99, rarest_share=0.01),
        column("mostly", 3, 3, "string", commonest_share=0.7, rarest_share=0.0),
        column("day", 5000, 4, "date"),
        column("label", 5000, 64, "string"),
    ],
    ids=lambda property: property.name,
)
def test_one_whose_rows_are_hard_to_meet_has_one(useful: Property):
    assert names(chosen(useful)) == [useful.name]


def test_the_key_stands_behind_values_that_many_rows_have():
    assert [index.with_key for index in chosen(SIZE, NAME, KIND)] == [False, False, True]
    assert not chosen(KIND, rows=FEWEST_ROWS * 5 // 7)
    [few] = chosen(column("kind", 8, 5, "string", commonest_share=0.09), rows=FEWEST_ROWS)
    assert not few.with_key


def test_rows_without_a_value_are_left_out_where_they_are_many():
    [sparse] = chosen(column("tower", 5000, null_share=0.99))
    [full] = chosen(column("tower", 5000, null_share=0.01))
    assert (sparse.filled_only, full.filled_only) == (True, False)
    assert sparse.size_bytes < full.size_bytes / 20


def test_sizes_are_reckoned_about_as_postgresql_makes_them():
    """Measured of a million rows: 9.3 MB, 31.6 MB, 31.6 MB, 22.5 MB."""
    score = replace(column("score", 10_000, kind="number"), packed=False)
    sizes = {index.property_name: index.size_bytes / 1e6 for index in chosen(SIZE, NAME, KIND, score)}
    assert sizes == pytest.approx({"size": 9.3, "name": 31.6, "kind": 31.6, "score": 22.5}, rel=0.05)


def test_the_side_car_names_them_and_hears_what_cannot_be():
    story, tags = column("story", 9, 999, "string"), column("tags", 9, 40, "json")
    found = chosen(story, tags, SIZE, asked=["story", "tags", "sise"])
    assert [(index.property_name, index.problem, index.is_open) for index in found] == [
        ("story", None, True),
        ("tags", "a property of type json has no order", False),
        ("sise", "there is no such property: perhaps you meant 'size'", False),
    ]
    assert chosen(SIZE, asked=False) == []


def test_one_that_is_there_from_the_load_is_taken_and_comes_first():
    when = replace(column("when", 2, kind="datetime"), index="t_7_when_idx")
    for asked in (True, ["when"]):
        assert chosen(SIZE, when, asked=asked)[0] == PropertyIndex("t_7_when_idx", "when", "when", 0)
    assert names(chosen(SIZE, when, room=0)) == ["when"]


def test_names_are_like_no_other_and_short_enough():
    long = Property("ä" * 40, "ä" * 31, "string", 12, None)
    assert index_name(7, long) == f"7_12_{'ä' * 15}_property"
    assert len(index_name(10**12, long).encode()) <= 63


def test_the_statement_says_what_was_chosen():
    index = PropertyIndex("7_1_a_property", "A", 'a"b', 0, with_key=True, filled_only=True)
    assert create_property_index("t_7", index).as_string(None) == (
        'CREATE INDEX IF NOT EXISTS "7_1_a_property" ON "data"."t_7" ("a""b", fid) WHERE "a""b" IS NOT NULL'
    )
    plain = replace(index, with_key=False, filled_only=False, column="a")
    assert create_property_index("t_7", plain).as_string(None).endswith('ON "data"."t_7" ("a")')
    assert drop("INDEX", "7_1_a_property").as_string(None) == 'DROP INDEX IF EXISTS "data"."7_1_a_property"'
