"""Filters checked against a collection: names, functions and types, and what is taken from clients as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.cql2.check.check import parse_filter
from api.cql2.check.queryables import functions_document
from api.cql2.text_encoding.writer import render_text
from core.catalog.collections import Collection, Column, ColumnType
from core.errors import BadFilter

TYPES: tuple[ColumnType, ...] = (
    "integer", "number", "boolean", "string", "date", "datetime", "time", "json", "binary",
)  # fmt: skip


@pytest.fixture
def places(roads: Collection) -> Collection:
    """A collection with a property of each type, `p_integer` and so on, and a geometry."""
    return replace(roads, id="places", columns=tuple(Column(f"p_{kind}", f"c_{kind}", kind) for kind in TYPES))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("p_boolean = 1", "p_boolean = TRUE"),
        ("0 <> p_boolean", "FALSE <> p_boolean"),
        ("p_boolean IN (1, false)", "p_boolean IN (TRUE, FALSE)"),
        ("p_boolean", "p_boolean"),
        ("p_datetime > '2024-05-01T12:00:00Z'", "p_datetime > TIMESTAMP('2024-05-01T12:00:00Z')"),
        ("p_datetime > '2024-05-01T14:00:00+02:00'", "p_datetime > TIMESTAMP('2024-05-01T12:00:00Z')"),
        ("p_datetime > '2024/05/01 12:00:00'", "p_datetime > TIMESTAMP('2024-05-01T12:00:00Z')"),
        ("p_datetime = '2024-05-01'", "p_datetime = DATE('2024-05-01')"),
        ("'2024/05/01' < p_date", "DATE('2024-05-01') < p_date"),
        ("p_date BETWEEN '2024-05-01' AND '2024-05-31'", "p_date BETWEEN DATE('2024-05-01') AND DATE('2024-05-31')"),
        ("p_date = p_datetime", "p_date = p_datetime"),
        ("T_AFTER(p_date, '2024-05-01')", "T_AFTER(p_date, DATE('2024-05-01'))"),
        ("p_time = '12:30'", "p_time = '12:30:00'"),
        ("p_integer = 1.5", "p_integer = 1.5"),
        ("p_integer < p_number", "p_integer < p_number"),
        ("S_INTERSECTS(geom, POINT(1 2))", "S_INTERSECTS(geometry, POINT (1.0 2.0))"),
        ("geometry IS NULL OR p_json IS NULL",) * 2,
        ("A_CONTAINS(p_json, ('a', 1))", "A_CONTAINS(p_json, ('a', 1))"),
        ("Upper(p_string) = 'X'", "upper(p_string) = 'X'"),
        ("CONCAT(p_string, ' ', p_string, '!') LIKE '%x'", "concat(p_string, ' ', p_string, '!') LIKE '%x'"),
        ("year(p_date) - 1 = month(p_datetime)", "year(p_date) - 1 = month(p_datetime)"),
        ("abs((p_integer - 5)) = floor(((p_number)))", "abs(p_integer - 5) = floor(p_number)"),
        ("s_distance(geom, POINT(1 2)) < 1000", "s_distance(geometry, POINT (1.0 2.0)) < 1000"),
    ],
)  # fmt: skip
def test_takes(places: Collection, text: str, canonical: str):
    tree = parse_filter(text, "cql2-text", places)
    assert render_text(tree) == canonical
    assert parse_filter(canonical, "cql2-text", places) == tree


MISTAKES = {
    "p_strin = 'x'": "places has no property 'p_strin', at position 0",
    "p_binary IS NULL": "'p_binary' holds bytes, which no filter can ask for, at position 0",
    "p_string = 5": "'p_string' is a string, 5 is a number, at position 11",
    "5 = p_string": "'p_string' is a string, 5 is a number, at position 0",
    "p_integer = 'x'": "'p_integer' is a number, 'x' is a string, at position 12",
    "p_string = p_integer": "'p_string' is a string, 'p_integer' is a number, at position 11",
    "p_boolean = 2": "'p_boolean' is a boolean, 2 is a number, at position 12",
    "p_integer = TRUE": "'p_integer' is a number, TRUE is a boolean, at position 12",
    "p_integer IN (1, 'x')": "'p_integer' is a number, 'x' is a string, at position 17",
    "p_string BETWEEN 1 AND 2": "'p_string' is a string, 1 is a number, at position 17",
    "p_date = 'yesterday'": "'yesterday' is no time such as 2024-05-01T12:00:00Z, at position 9",
    "p_time = '25:00'": "'25:00' is no time of day such as 12:30:00, at position 9",
    "p_json = 'x'": "'p_json' is a list or object (JSON) where a value that can be compared is needed, at position 0",
    "geometry = 'x'": "'geometry' is a geometry where a value that can be compared is needed, at position 0",
    "p_integer LIKE '1%'": "'p_integer' is a number where a text is needed, at position 0",
    r"p_string LIKE 'x\\'": "the pattern ends with a backslash that escapes nothing, at position 14",
    "p_string LIKE CASEI(p_string)": "a pattern is a text in single quotes, at position 14",
    "CASEI(p_integer) = 'x'": "'p_integer' is a number where a text is needed, at position 6",
    "p_string + 1 = 2": "'p_string' is a string where a number is needed, at position 0",
    "p_string": "'p_string' is a string where a condition is needed, at position 0",
    "p_boolean AND p_integer": "'p_integer' is a number where a condition is needed, at position 14",
    "lower(p_string)": "lower(p_string) is a string where a condition is needed, at position 0",
    "S_WITHIN(p_string, POINT(1 2))": "'p_string' is a string where a geometry is needed, at position 9",
    "T_AFTER(p_string, DATE('2024-05-01'))": "is a string where a day, a time or an interval is needed, at position 8",
    "T_DURING(p_date, INTERVAL('2024-05-01', '..'))": "'p_date' is no interval, and T_DURING takes two of them, at",
    "T_AFTER(p_date, INTERVAL('2024-05-02', '2024-05-01'))": "ends before it starts, at position 16",
    "T_AFTER(p_date, INTERVAL('2024-05-01T02:00:00Z', '2024-05-01T01:00:00Z'))": "ends before it starts, at",
    "T_AFTER(p_date, INTERVAL(p_string, '..'))": "'p_string' is a string where a day or a time is needed, at",
    "A_CONTAINS(p_string, ('a'))": "'p_string' is a string where a list is needed, at position 11",
    "pg_sleep(10) = 1": "there is no function 'pg_sleep', at position 0",
    "lower(p_string, 'x') = 'x'": "lower takes 1, not 2 arguments, at position 0",
    "concat('x') = 'x'": "concat takes 2 or more, not 1 arguments, at position 0",
    "lower(1) = 'x'": "1 is a number where a string is needed, at position 6",
    "year(p_string) = 1": "'p_string' is a string where a date is needed, at position 5",
    "(p_string = 1) IS NULL": "'p_string' is a string, 1 is a number, at position 12",
    "A_EQUALS(p_json, (nope))": "places has no property 'nope', at position 18",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_misfit_names_both_sides_and_the_position(places: Collection, text: str):
    with pytest.raises(BadFilter) as caught:
        parse_filter(text, "cql2-text", places)
    assert MISTAKES[text] in caught.value.detail


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("p_strin = 'x'", "perhaps you meant 'p_string'"),
        ("geometri IS NULL", "perhaps you meant 'geometry'"),
        ("zzz = 1", "/collections/places/queryables lists the names"),
        ("lenght(p_string) = 1", "perhaps you meant 'length'"),
        ("S_INTERSECT(geometry, POINT(1 2))", "perhaps you meant 's_intersects'"),
        ("A_CONTAIN(p_string, ('x'))", "perhaps you meant 'a_contains'"),
        ("CASEL(p_string) = 'x'", "perhaps you meant 'casei'"),
        ("T_DURING(p_date, p_date)", "T_INTERSECTS takes instants too; INTERVAL(start, end) makes one"),
    ],
)
def test_hint_names_the_nearest(places: Collection, text: str, hint: str):
    with pytest.raises(BadFilter) as caught:
        parse_filter(text, "cql2-text", places)
    assert caught.value.hint == hint


def test_place_in_json_is_a_pointer(places: Collection):
    text = '{"op": "and", "args": [true, {"op": "=", "args": [{"property": "p_string"}, 5]}]}'
    with pytest.raises(BadFilter, match="'p_string' is a string, 5 is a number, at /args/1/args/1"):
        parse_filter(text, "cql2-json", places)


def test_geometry_takes_the_first_free_name(roads: Collection):
    named = replace(roads, columns=(Column("geometry", "geometry", "string"), Column("geom", "geom_", "string")))
    tree = parse_filter("_geometry IS NULL AND geometry = 'x' AND geom = 'y'", "cql2-text", named)
    assert render_text(tree) == "_geometry IS NULL AND geometry = 'x' AND geom = 'y'"


def test_plain_table_has_no_geometry_to_name(roads: Collection):
    with pytest.raises(BadFilter, match="roads has no property 'geom'"):
        parse_filter("geom IS NULL", "cql2-text", replace(roads, srid=None))


def test_list_of_functions_has_the_members_of_the_standard():
    documents = {document["name"]: document for document in functions_document()["functions"]}
    assert documents["year"]["args"] == [{"type": ["datetime"]}]
    assert documents["length"]["returns"] == ["integer"]
    kinds = {"string", "number", "integer", "datetime", "geometry", "boolean"}
    for document in documents.values():
        assert set(document) == {"name", "description", "args", "arguments", "returns"}
        assert {kind for arg in document["args"] for kind in arg["type"]} | set(document["returns"]) <= kinds


def test_case_and_accents_are_left_out_once(places: Collection):
    once = "casei(accenti(p_string)) = 'x'"
    for text in (once, "CASEI(CASEI(ACCENTI(p_string))) = 'x'", "CASEI(ACCENTI(CASEI(ACCENTI(p_string)))) = 'x'"):
        tree = parse_filter(text, "cql2-text", places)
        assert render_text(tree).lower().count("casei") == 1
        assert render_text(tree).lower().count("accenti") == 1


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("p_number * p_number * p_number * p_integer > 1", True),
        ("p_number ^ 2 * p_number ^ 3 > 1", True),
        (" * ".join(["p_number"] * 50) + " > 1", True),
        (" + ".join(["p_number ^ 50"] * 30) + " > 1", True),
        (" * ".join(["p_number ^ 50"] * 3) + " > 1", False),
        (" * ".join(["p_number"] * 51) + " > 1", False),
        (" / ".join(["1e300"] * 8) + " > 1", False),
        ("p_integer * " + "9" * 300 + " * 1e-300 > 1", True),
    ],
)
def test_calculation_has_a_bounded_number_of_digits(places: Collection, text: str, taken: bool):
    """Numbers are exact: a chain of products would take a second for a thousand features."""
    if taken:
        parse_filter(text, "cql2-text", places)
        return
    with pytest.raises(BadFilter, match="more than 2000 digits"):
        parse_filter(text, "cql2-text", places)
