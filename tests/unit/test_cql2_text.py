"""CQL2 Text: the standard's examples, what binds how, escapes, and mistakes with their positions."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from api.cql2.json_encoding.parser import parse_json
from api.cql2.json_encoding.writer import render_json
from api.cql2.text_encoding.parser import parse_text
from api.cql2.text_encoding.writer import render_text
from api.cql2.tree import ast
from core.errors import BadFilter
from support.cql2 import examples

EXAMPLES = examples()
A, B, C = (ast.Property(name) for name in "abc")
ONE, TWO = ast.Number(1), ast.Number(2)


@pytest.mark.parametrize("name", EXAMPLES)
def test_texts_of_an_example_mean_its_json(name: str):
    expected = parse_json(json.dumps(EXAMPLES[name]["json"]))
    assert EXAMPLES[name]["texts"]
    for text in EXAMPLES[name]["texts"]:
        assert parse_text(text) == expected
    assert parse_text(render_text(expected)) == expected
    assert parse_json(render_json(expected)) == expected


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a OR b AND c", ast.Or((A, ast.And((B, C))))),
        ("a AND b OR c", ast.Or((ast.And((A, B)), C))),
        ("a AND b AND c", ast.And((A, B, C))),
        ("(a AND b) AND c", ast.And((ast.And((A, B)), C))),
        ("NOT a AND b", ast.And((ast.Not(A), B))),
        ("NOT a = 1", ast.Not(ast.Comparison("=", A, ONE))),
        ("NOT a IS NULL", ast.Not(ast.IsNull(A))),
        ("a = 1 IS NULL", ast.IsNull(ast.Comparison("=", A, ONE))),
        ("a NOT IN (1) AND b", ast.And((ast.Not(ast.In(A, (ONE,))), B))),
        ("a BETWEEN 1 AND 2 AND b", ast.And((ast.Between(A, ONE, TWO), B))),
        ("a = b - c - 1", ast.Comparison("=", A, ast.Arithmetic("-", ast.Arithmetic("-", B, C), ONE))),
        ("a = b - (c - 1)", ast.Comparison("=", A, ast.Arithmetic("-", B, ast.Arithmetic("-", C, ONE)))),
        ("a = b + c ^ 2", ast.Comparison("=", A, ast.Arithmetic("+", B, ast.Arithmetic("^", C, TWO)))),
        ("a = b * c ^ 2", ast.Comparison("=", A, ast.Arithmetic("*", B, ast.Arithmetic("^", C, TWO)))),
        ("a = b div 2 % 1", ast.Comparison("=", A, ast.Arithmetic("%", ast.Arithmetic("div", B, TWO), ONE))),
        ("a = -b ^ 2", ast.Comparison("=", A, ast.Arithmetic("^", ast.Arithmetic("*", ast.Number(-1), B), TWO))),
        ("a=1-1", ast.Comparison("=", A, ast.Arithmetic("-", ONE, ONE))),
        ("a = 1 - -1", ast.Comparison("=", A, ast.Arithmetic("-", ONE, ast.Number(-1)))),
        ("a = +1", ast.Comparison("=", A, ONE)),
        ("f((1), (a) + 1)", ast.FunctionCall("f", (ast.Array((ONE,)), ast.Arithmetic("+", A, ONE)))),
        ("f(((a), b))", ast.FunctionCall("f", (ast.Array((ast.Array((A,)), B)),))),
        ("f(a AND b, ())", ast.FunctionCall("f", (ast.And((A, B)), ast.Array(())))),
        ('"a"', A),
        ("date", ast.Property("date")),
        ("sMallCaps.x:y", ast.Property("sMallCaps.x:y")),
        ('"say ""hi"""', ast.Property('say "hi"')),
        ("Straße_1 = 'x'", ast.Comparison("=", ast.Property("Straße_1"), ast.String("x"))),
        ("casei(a) like CaseI('B%')", ast.Like(ast.CaseI(A), ast.CaseI(ast.String("B%")))),
        ("T_METBY(a, b)", ast.Temporal("t_metBy", A, B)),
        ("a_containedby(a, b)", ast.ArrayPredicate("a_containedBy", A, B)),
        ("s_within(a, Point Z (1 2 3))", ast.Spatial("s_within", A, ast.Geometry("Point", (1.0, 2.0, 3.0)))),
        ("s_within(a, POINTZ(1 2 3))", ast.Spatial("s_within", A, ast.Geometry("Point", (1.0, 2.0, 3.0)))),
        ("s_within(a, POINT(1 2 3))", ast.Spatial("s_within", A, ast.Geometry("Point", (1.0, 2.0, 3.0)))),
        ("s_within(a, MULTIPOINT(1 2))", ast.Spatial("s_within", A, ast.Geometry("MultiPoint", ((1.0, 2.0),)))),
        ("s_within(a, MULTIPOINT((1 2)))", ast.Spatial("s_within", A, ast.Geometry("MultiPoint", ((1.0, 2.0),)))),
        ("s_within(a, polygon empty)", ast.Spatial("s_within", A, ast.Geometry("Polygon", ()))),
        ("a\u00a0=\u30001", ast.Comparison("=", A, ONE)),
    ],
)  # fmt: skip
def test_reads(text: str, tree: ast.Node):
    assert parse_text(text) == tree


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'Via dell''Avvento'", "Via dell'Avvento"),
        (r"'Via dell\'Avvento'", "Via dell'Avvento"),
        (r"'\a\b\t\n\v\f\r'", "\a\b\t\n\v\f\r"),
        (r"'100\% \_ \x'", r"100\% \_ \x"),
        (r"'back\\slash'", r"back\slash"),
        ("''", ""),
        ("''''", "'"),
        ("'two\nlines'", "two\nlines"),
        ("'日本 𝄞'", "日本 𝄞"),
    ],
)
def test_text_literal_and_its_escapes(literal: str, value: str):
    assert parse_text(f"a = {literal}") == ast.Comparison("=", A, ast.String(value))
    assert parse_text(render_text(ast.Comparison("=", A, ast.String(value)))).right == ast.String(value)


@pytest.mark.parametrize(
    ("literal", "value", "kind"),
    [
        ("9007199254740993", 9007199254740993, int),
        ("0.1", Decimal("0.1"), Decimal),
        ("1.", Decimal(1), Decimal),
        (".5", Decimal("0.5"), Decimal),
        ("6.02E+23", Decimal("6.02E+23"), Decimal),
        ("-1e-3", Decimal("-0.001"), Decimal),
        ("0.1234567890123456789012345678901234567890", Decimal("0.1234567890123456789012345678901234567890"), Decimal),
    ],
)
def test_numbers_stay_exact(literal: str, value: object, kind: type):
    number = parse_text(f"a = {literal}").right.value
    assert number == value
    assert isinstance(number, kind)
    assert parse_json(render_json(parse_text(f"a = {literal}"))).right.value == value


MISTAKES = {
    "": "the filter is empty",
    "a =": "expected a property, a value or a condition, at position 3: a =⟨here⟩",
    "a = 1 b": "expected AND, OR or the end, at position 6: a = 1 ⟨here⟩b",
    "a = 1 AND": "expected a property, a value or a condition, at position 9: a = 1 AND⟨here⟩",
    "1 + 1": "expected a condition, at position 0: ⟨here⟩1 + 1",
    "'text'": "expected a condition, at position 0: ⟨here⟩'text'",
    "a == 1": "expected a property, a value or a condition, at position 3: a =⟨here⟩= 1",
    "a != 1": "the character '!' has no meaning here, at position 2: a ⟨here⟩!= 1",
    "a = b = c": "expected a value to compare, at position 0: ⟨here⟩a = b = c",
    "NOT NOT a": "NOT follows NOT, at position 4: NOT ⟨here⟩NOT a",
    "a = 'x": "a text is not closed, at position 4: a = ⟨here⟩'x",
    'a = "x': "a quoted name is not closed, at position 4: a = ⟨here⟩\"x",
    'a = ""': "a quoted name is empty, at position 4: a = ⟨here⟩\"\"",
    "a = 15X": "a number goes on as a word, at position 6: a = 15⟨here⟩X",
    "a = 2 ^ 3 ^ 2": "a power of a power needs parentheses, at position 10: a = 2 ^ 3 ⟨here⟩^ 2",
    "a = 'x' + 1": "expected a number, at position 4: a = ⟨here⟩'x' + 1",
    "a = --1": "expected a number after the sign, at position 5: a = -⟨here⟩-1",
    "a IN ()": "the list is empty, at position 5: a IN ⟨here⟩()",
    "a IN 1": "expected '(', at position 5: a IN ⟨here⟩1",
    "a IS 1": "expected NULL, at position 5: a IS ⟨here⟩1",
    "a LIKE b": "expected a pattern in single quotes, at position 7: a LIKE ⟨here⟩b",
    "a BETWEEN 1 OR 2": "expected AND, at position 12: a BETWEEN 1 ⟨here⟩OR 2",
    "and + 1 = 1": "AND does not belong here, at position 0: ⟨here⟩and + 1 = 1",
    "(a = 1": "expected ')', at position 6: (a = 1⟨here⟩",
    "a = 1)": "expected AND, OR or the end, at position 5: a = 1⟨here⟩)",
    "DATE('2022-02-30') = a": "'2022-02-30' is no day of the calendar, at position 5: DATE(⟨here⟩'2022-02-30') = a",
    "DATE(a) = a": "DATE takes a text in single quotes, at position 5: DATE(⟨here⟩a) = a",
    "a = DATE('x', 'y')": "DATE takes one argument, not 2, at position 4",
    "a > TIMESTAMP('2022-01-01')": "'2022-01-01' is no time such as 2024-05-01T12:00:00Z, at position 14",
    "a > TIMESTAMP('2022-01-01T00:00:00')": "is no time such as 2024-05-01T12:00:00Z, at position 14",
    "a > TIMESTAMP('2022-01-01T25:00:00Z')": "is no time of the calendar, at position 14",
    "T_AFTER(a)": "T_AFTER takes 2 arguments, not 1, at position 0: ⟨here⟩T_AFTER(a)",
    "T_AFTER(a, INTERVAL('2022'))": "'2022' is no time such as",
    "CASEI(a, b) = 'x'": "CASEI takes one argument, not 2, at position 0",
    "S_WITHIN(a, 1)": "expected a geometry, at position 12",
    "S_WITHIN(a, POINT(1))": "expected a number, at position 19",
    "S_WITHIN(a, POINT M (1 2 3))": "expected ')'",
    "S_WITHIN(a, LINESTRING(1 2))": "a line of a LineString has 1 of at least 2 positions, at position 12",
    "S_WITHIN(a, POLYGON((0 0, 1 0, 1 1, 0 1)))": "a ring of a Polygon does not end where it begins, at position 12",
    "S_WITHIN(a, LINESTRING(1 2, 3 4 5))": "positions with and without height are mixed, at position 12",
    "S_WITHIN(a, GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2))))": "expected a geometry such as POINT(24.9 60.2)",
    "S_WITHIN(a, BBOX(1,2,3))": "a box has four or six numbers, not 3, at position 12",
    "S_WITHIN(a, POINT(1e999 0))": "1e999 is beyond the numbers that a double can hold, at position 18",
    "A_EQUALS(a, 'x')": "expected a list such as ('a', 'b'), at position 12",
    "a = 1e-400": "1e-400 is beyond the numbers that a double can hold, at position 4",
    "a = 'x\0'": "a text has the character U+0000, at position 4",
    "a = 'x' -- comment": "expected a number",
    "a = 1; DROP TABLE x": "the character ';' has no meaning here, at position 5",
}  # fmt: skip


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_is_named_with_its_position(text: str):
    with pytest.raises(BadFilter) as caught:
        parse_text(text)
    assert MISTAKES[text] in caught.value.detail
    assert (caught.value.code, caught.value.parameter) == ("filter-invalid", "filter")


def test_long_filter_is_shown_around_the_mistake():
    with pytest.raises(BadFilter) as caught:
        parse_text("name = 'one' OR name = 'two' OR name = OR name = 'three' OR name = 'four'")
    assert caught.value.detail == (
        "OR does not belong here, at position 39: …e = 'two' OR name = ⟨here⟩OR name = 'three' OR…"
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a != 1", "not equal is <>"),
        (r"a = 'C:\'", r"a backslash before a quote takes the quote into the text; write \\ for a backslash"),
        ("or * 1 = 1", 'a property of this name stands in double quotes: "or"'),
        ("a = 12ab", "texts stand in single quotes"),
    ],
)
def test_hint_says_what_to_write(text: str, hint: str):
    with pytest.raises(BadFilter) as caught:
        parse_text(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("a=1 and  not(b<>2)or c", "(a = 1 AND (NOT b <> 2)) OR c"),
        ('"a" is not null', "NOT a IS NULL"),
        ('"Date" in (\'x\',casei(\'y\'))', "\"Date\" IN ('x', CASEI('y'))"),
        ("a = (b+1)*2-(3-(4-5))", "a = (b + 1) * 2 - (3 - (4 - 5))"),
        ("a = (2^3)^2", "a = (2 ^ 3) ^ 2"),
        ("ilike NOT ILIKE 'x%'", "NOT CASEI(ilike) LIKE CASEI('x%')"),
        ("s_intersects(a,bbox(1,2,3,4))", "S_INTERSECTS(a, BBOX(1.0, 2.0, 3.0, 4.0))"),
        ("s_within(a,multipoint(1 2,3 4))", "S_WITHIN(a, MULTIPOINT ((1.0 2.0), (3.0 4.0)))"),
        ("t_before(interval('..',b),date('2022-01-01'))", "T_BEFORE(INTERVAL('..', b), DATE('2022-01-01'))"),
        ("a=timestamp('2022-01-01T01:00:00.5+01:00')", "a = TIMESTAMP('2022-01-01T00:00:00.500000Z')"),
        ("a_overlaps(a,('x',(1,2),()))", "A_OVERLAPS(a, ('x', (1, 2), ()))"),
    ],
)  # fmt: skip
def test_canonical_text(text: str, canonical: str):
    assert render_text(parse_text(text)) == canonical
