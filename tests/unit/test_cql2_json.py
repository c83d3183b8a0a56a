"""CQL2 JSON: the standard's schema, and mistakes with their JSON pointers."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from api.cql2.json_encoding.parser import parse_json
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.tree import ast
from core.errors import BadFilter
from support.cql2 import DATA, examples, predicates

SCHEMA = json.loads((DATA / "cql2.schema.json").read_text(encoding="utf-8"))
ON_A = '{"op": "%s", "args": [{"property": "a"}, %s]}'
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("name", examples())
def test_json_of_an_example_is_that_of_the_standard(name: str):
    value = json.loads(render_json(parse_text(examples()[name]["texts"][0])))
    assert value == examples()[name]["json"]


def test_json_of_a_predicate_keeps_to_the_schema():
    # The time that jsonschema takes doubles with each level of this schema: two operations at most.
    written = {render_json(parse_text(text)) for _, _, text, _ in predicates()}
    simple = sorted(text for text in written if text.count('"op"') <= 2)[::4]
    assert len(simple) > 40
    for text in simple:
        VALIDATOR.validate(json.loads(text))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (ON_A % ('S_Within', '{"bbox": [1, 2, 3, 4]}'), "S_WITHIN(a, BBOX(1,2,3,4))"),
        ('{"op": "isnull", "args": [{"property": "a"}]}', "a IS NULL"),
        ('{"property": "a"}', "a"),
        ('{"op": "=", "args": [{"property": "a", "title": "x"}, 1], "comment": "ignored"}', "a = 1"),
        (ON_A % ('t_after', '{"interval": ["..", {"op": "f", "args": []}]}'), "T_AFTER(a, INTERVAL('..', f()))"),
        (ON_A % ('s_within', '{"type": "Point", "coordinates": [1, 2, 3, 4]}'), "S_WITHIN(a, POINT(1 2 3))"),
        (ON_A % ('s_within', '{"type": "Polygon", "coordinates": []}'), "S_WITHIN(a, POLYGON EMPTY)"),
        (ON_A % ('in', '[9007199254740993, 0.10]'), "a IN (9007199254740993, 0.10)"),
        (ON_A % ('in', '[]'), "FALSE AND a IS NULL"),
        ("true", "TRUE"),
    ],
)  # fmt: skip
def test_reads(text: str, tree: str):
    assert parse_json(text) == parse_text(tree)


MISTAKES = {
    "": "the filter is no JSON: Expecting value, at position 0",
    "a = 1": "the filter is no JSON: Expecting value, at position 0",
    "{": "the filter is no JSON",
    "[]": "expected a condition, at the root",
    "1": "expected a condition, at the root",
    "null": "null is no value of CQL2, at the root",
    "{}": "an object is no operation, property, time or geometry, at the root",
    '{"op": "and"}': "'and' has no args, at the root",
    '{"op": 1, "args": []}': "expected a text, at /op",
    '{"op": "and", "args": [true]}': "'and' takes two or more conditions, at /args",
    '{"op": "or", "args": [true, 1]}': "expected a condition, at /args/1",
    '{"op": "not", "args": [true, true]}': "expected 1 elements, not 2, at /args",
    '{"op": "not", "args": true}': "expected a list, at /args",
    '{"op": "=", "args": [1, 2, 3]}': "expected 2 elements, not 3, at /args",
    '{"op": "=", "args": [[1], 1]}': "expected a value to compare, at /args/0",
    '{"op": "=", "args": [1, {"bbox": [1,2,3,4]}]}': "expected a value to compare, at /args/1",
    '{"op": "+", "args": [1, 2]}': "expected a condition, at the root",
    '{"op": "=", "args": [{"op": "+", "args": ["a", 1]}, 1]}': "expected a number, at /args/0/args/0",
    ON_A % ('like', '{"property": "b"}'): "expected a pattern, at /args/1",
    ON_A % ('in', '1'): "expected a list, at /args/1",
    ON_A % ('in', '[null]'): "null is no value of CQL2, at /args/1/0",
    '{"op": "isNull", "args": [[1]]}': "a list is never null, at /args/0",
    '{"op": "=", "args": [{"date": "2022-02-30"}, 1]}': "'2022-02-30' is no day of the calendar, at /args/0",
    '{"op": "=", "args": [{"date": 1}, 1]}': "expected a text, at /args/0/date",
    '{"op": "=", "args": [{"timestamp": "2022-01-01"}, 1]}': "is no time such as 2024-05-01T12:00:00Z, at /args/0",
    ON_A % ('t_after', '{"interval": ["x", ".."]}'): "'x' is no time such as",
    ON_A % ('t_after', '{"interval": [".."]}'): "expected 2 elements, not 1",
    ON_A % ('t_after', '{"interval": ["..", 1]}'): "expected a day or a time, at /args/1/interval/1",
    ON_A % ('s_within', '{"type": "Circle"}'): "a geometry has no type of Point",
    ON_A % ('s_within', '{"type": "Point", "coordinates": [1]}'): "fewer than two numbers, at /args/1",
    ON_A % ('s_within', '{"type": "Point", "coordinates": [true, 1]}'): "a coordinate is no number",
    ON_A % ('s_within', '{"type": "Point"}'): "coordinates are no list where one is needed",
    ON_A % ('s_within', '{"bbox": [1, 2]}'): "a box has four or six numbers, not 2, at /args/1",
    ON_A % ('a_equals', '"x"'): "expected a list, at /args/1",
    '{"op": "=", "args": [{"property": 1}, 1]}': "expected a text, at /args/0/property",
    '{"op": "=", "args": [{"property": "a"}, NaN]}': "NaN is no JSON",
    '{"op": "=", "args": [{"property": "a"}, 1e999]}': "1e999 is beyond the numbers that a double can hold",
    '{"op": "=", "args": [{"property": "a"}, "\\u0000"]}': "a text has the character U+0000, at /args/1",
    '{"op": "=", "args": [{"property": "a"}, "\\ud800"]}': "a text has half of a surrogate pair, at /args/1",
    '{"op": "pg_sleep(1)", "args": []}': "'pg_sleep(1)' is no operator and no name of a function, at /op",
    '{"op": "AND x", "args": []}': "'AND x' is no operator and no name of a function, at /op",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_is_named_with_its_pointer(text: str):
    with pytest.raises(BadFilter) as caught:
        parse_json(text)
    assert MISTAKES[text] in caught.value.detail
    assert caught.value.parameter == "filter"


def test_place_takes_no_part_in_comparison():
    node = parse_json('{"op": "not", "args": [{"property": "a"}]}')
    assert isinstance(node, ast.Not)
    assert (node.at, node.arg.at) == ("", "/args/0")
    assert node == parse_text("NOT a")


def test_schema_is_the_file_that_the_readme_names():
    assert "cql2.schema.json" in (Path(DATA) / "README.md").read_text(encoding="utf-8")
