"""Properties of both encodings over generated trees, and over text that is no filter at all."""

from __future__ import annotations

import json
from math import cos, sin
from random import Random

import pytest
from hypothesis import given, strategies as st

from api.cql2.check.check import parse_filter
from api.cql2.json_encoding.parser import parse_json
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.text_encoding.writer import normalised, render_text
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.conditions import filter_condition
from core.catalog.collections import Collection
from core.errors import BadFilter
from support.cql2 import examples
from support.cql2_trees import conditions

EXAMPLES = [text for example in examples().values() for text in example["texts"]]
WORDS = "a = <> ( ) AND NOT 1 , IN IS NULL - ^ POINT DATE INTERVAL CASEI LIKE BETWEEN div TRUE EMPTY Z BBOX"
FRAGMENTS = [*WORDS.split(), "'x'", "'..'", '"b"', "(1 2)", "S_INTERSECTS", "A_EQUALS", "T_AFTER"]
MEMBERS = ["op", "args", "property", "date", "interval", "bbox", "type", "coordinates"]
OPS = ["and", "=", "in", "s_within", "t_after", "casei", "f"]


@given(conditions(3))
def test_text_of_a_tree_reads_as_the_same_tree(tree: Node):
    text = render_text(tree)
    assert parse_text(text) == tree
    assert render_text(parse_text(text)) == text


@given(conditions(3))
def test_json_of_a_tree_reads_as_the_same_tree(tree: Node):
    assert parse_json(render_json(tree)) == tree


@given(conditions(2))
def test_text_and_json_carry_the_same_digits(tree: Node):
    assert render_text(parse_json(render_json(tree))) == render_text(tree)


@given(conditions(3))
def test_normal_form_is_a_filter_and_its_own_normal_form(tree: Node):
    normal = normalised(tree)
    assert normalised(normal) == normal
    assert parse_text(render_text(normal)) == normal


@given(st.lists(conditions(2), min_size=2, max_size=4), st.randoms(), st.sampled_from([ast.And, ast.Or]))
def test_order_and_repetition_of_conditions_do_not_count(
    trees: list[Node], random: Random, kind: type[ast.And] | type[ast.Or]
):
    mixed = [*trees, random.choice(trees)]
    random.shuffle(mixed)
    assert normalised(kind(tuple(mixed))) == normalised(kind(tuple(trees)))
    assert normalised(kind((kind(tuple(trees[:2])), *trees[2:], trees[0]))) == normalised(kind(tuple(trees)))


def refuses_or_reads(text: str) -> None:
    """Nothing but BadFilter may come out of the parsers."""
    for parse in (parse_text, parse_json):
        try:
            assert isinstance(parse(text), Node)
        except BadFilter as error:
            assert error.parameter == "filter"


@given(st.text() | st.text(alphabet="()'\"\\=<>,.+-*/%^ aA1eE0NOTAD[]{}:", max_size=60))
def test_any_text_is_read_or_refused(text: str):
    refuses_or_reads(text)


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(" ".join))
def test_any_order_of_words_is_read_or_refused(text: str):
    refuses_or_reads(text)


@given(st.sampled_from(EXAMPLES), st.data())
def test_damaged_example_is_read_or_refused(text: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    refuses_or_reads(text[:start] + data.draw(st.text(max_size=3)) + text[end:])


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(MEMBERS), inner)
        | st.fixed_dictionaries({"op": st.sampled_from(OPS), "args": inner})
    ),
    max_leaves=12,
)


@given(values)
def test_any_json_is_read_or_refused(value: object):
    refuses_or_reads(json.dumps(value))


HOSTILE = {
    "parentheses": "(" * 2000 + "a = 1" + ")" * 2000,
    "open parentheses": "(" * 60_000,
    "not": "NOT " * 10_000 + "a",
    "minus": "a = " + "-" * 10_000 + "1",
    "calls": "f(" * 5000,
    "sums": "a = 1" + "+1" * 20_000,
    "powers": "a = 1" + "^1" * 20_000,
    "json arrays": "[" * 30_000,
    "json objects": '{"op":"not","args":[' * 3000,
    "json tree": '{"op":"not","args":[' * 1000 + "true" + "]}" * 1000,
    "digits": "a = " + "9" * 50_000,
    "quotes": "a = " + "'" * 50_001,
    "backslashes": "a = '" + "\\" * 50_001,
    "length": "a = '" + "x" * 70_000 + "'",
    "exponent": "a = 1e999999999999",
    "commas": "a IN (" + "1," * 30_000,
    "brackets in a list": "f(" + "(1)," * 10_000 + "1)",
    "nodes": "a IN (" + "1," * 20_000 + "1)",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("parse", [parse_text, parse_json])
def test_hostile_text_is_refused(parse, text: str):
    with pytest.raises(BadFilter) as caught:
        parse(text)
    assert len(caught.value.detail) < 300


def test_long_but_honest_filters_are_read():
    parse_text(" OR ".join(f"name = '{number}'" for number in range(2000)))
    parse_text(f"id IN ({', '.join(map(str, range(5000)))})")
    parse_text(f"S_WITHIN(geometry, LINESTRING({', '.join(f'{n} {n}' for n in range(5000))}))")
    parse_text("(" * 59 + "a = 1" + ")" * 59)


def test_area_of_many_corners_is_read_as_json():
    ring = [[round(24 + cos(turn / 3000), 6), round(60 + sin(turn / 3000), 6)] for turn in range(19_999)]
    area = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    text = json.dumps({"op": "s_intersects", "args": [{"property": "geometry"}, area]})
    assert len(render_text(parse_json(text))) > 300_000
    with pytest.raises(BadFilter, match="has 600000 characters"):
        parse_json(text.ljust(600_000))
    with pytest.raises(BadFilter, match="has 70000 characters"):
        parse_text("a = 1".ljust(70_000))


def test_deepest_filters_are_read_checked_and_written_within_pythons_stack(roads: Collection):
    calls = "lower(" * 57 + "name" + ")" * 57 + " = 'x'"
    logic = "(NOT (" * 28 + "lanes + (lanes) = 2" + "))" * 28
    for text in (calls, logic):
        tree = parse_filter(text, "cql2-text", roads)
        again = parse_filter(render_json(tree), "cql2-json", roads)
        assert render_text(again) == render_text(tree)
        assert filter_condition(again, roads)[1] == filter_condition(tree, roads)[1]
