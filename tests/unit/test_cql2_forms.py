"""Forms of filters: what is read by a form that is known is what is read without one, errors too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from api.cql2.check import parsed_templates
from api.cql2.check.check import check
from api.cql2.check.parsed_templates import LONGEST, MOST, MOST_PIECES, Forms
from api.cql2.check.queryables import Queryables
from api.cql2.text_encoding.parser import parse_text
from api.cql2.tree.ast import Node
from core.catalog import Collection, Column
from core.errors import BadFilter

PROPERTIES = st.sampled_from(["name", "lanes", "wide", "open", "opened", "at", '"we""ird"', "tags", "none", "geom"])
OPS = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
NUMBERS = ["1", "0", "-2", "- 3", "+4", "3.50", ".5e3", "1e999", "99999999999999999999", "5x"]
TEXTS = ["'a'", "'it''s'", "'10:00'", "'24:00'", "'2024-05-01'", "'x\\\\'", "''", "'%a_\\%'", "'\0'", "'not closed"]
LITERALS = st.sampled_from([*NUMBERS, *TEXTS])
PREDICATES = [
    "{} {op} §", "§ {op} {}", "{}{op}§", "{} BETWEEN § AND §", "{} IN (§, §,§)", "{} LIKE §", "{} ILIKE §", "§ {op} §",
    "CASEI({}) = casei(§)", "ACCENTI({}) NOT LIKE ACCENTI(§)", "{} + § > §", "-{} > §", "{} IS NULL", "{}", "{} = TRUE",
    "S_INTERSECTS({}, POINT(§ §))", "T_AFTER({}, DATE(§))", "A_CONTAINS({}, (§, §))", "length({}) = §",
    "{} {op} S_DISTANCE(geom, BBOX(§, §, §, §))", "{} {op} {}", "§",
]  # fmt: skip


@st.composite
def predicates(draw: st.DrawFn) -> str:
    """A condition, right or wrong, in which each § stands for a literal."""
    text = draw(st.sampled_from(PREDICATES))
    names = [draw(PROPERTIES) for _ in range(2)]
    return text.format(*names, op=draw(OPS))


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, st.sampled_from([" AND ", " or ", ") AND ("]), inner).map(
        lambda parts: f"({''.join(parts)})"
    )
    return both | inner.map(lambda text: f"NOT ({text})")


FILTERS = st.recursive(predicates(), joined, max_leaves=4)
WORDS = "§ name lanes = ( ) AND NOT , IN - + ' \" . e1 LIKE div"
ANYTHING = st.lists(st.sampled_from(WORDS.split())).map("".join)


@pytest.fixture
def queryables(roads: Collection) -> Queryables:
    """Those of a collection with a column of each type that values are compared with."""
    more = [Column("wide", "wide", "number"), Column("open", "open", "boolean"), Column("at", "at", "time")]
    return Queryables.of(replace(roads, columns=(*roads.columns, *more)))


def outcome(read: Callable[[str], Node], text: str) -> object:
    """The tree, or what is wrong and where."""
    try:
        return read(text)
    except BadFilter as error:
        return error.detail, error.hint


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(FILTERS | ANYTHING, st.data())
def test_forms_change_nothing(queryables: Queryables, template: str, data: st.DataObject):
    known = Forms(queryables)
    for _ in range(3):
        first, *others = template.split("§")
        text = first + "".join(data.draw(LITERALS) + other for other in others)
        assert outcome(known.read, text) == outcome(lambda text: check(parse_text(text), queryables), text)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("lanes < 3 AND name = 'a'", "lanes < -3 AND name = 'it''s'"),
        ("NOT (lanes IN (1, 2.5) OR wide BETWEEN 1 AND 2)", "NOT (lanes IN (3, 4) OR wide BETWEEN .5 AND 1e3)"),
        ("name LIKE 'a%' AND name IS NOT NULL", "name LIKE '%b' AND name IS NOT NULL"),
        ("casei(name) = casei('A') AND open = TRUE", "casei(name) = casei('B') AND open = TRUE"),
    ],
)
def test_second_filter_of_a_form_is_not_read_again(queryables: Queryables, monkeypatch, first: str, second: str):
    known, expected = Forms(queryables), check(parse_text(second), queryables)
    known.read(first)
    if "-3" in second:
        known.read(first.replace("3", "-3"))  # a sign is a part of the form
    monkeypatch.setattr(parsed_templates, "parse_text", lambda _: pytest.fail("it is read again"))
    assert known.read(second) == expected


@pytest.mark.parametrize("text", ["at > '10:00'", "opened > '2024-05-01'", "lanes + 1 > 2", "open = 1", "tags = 'a'"])
def test_literals_that_are_written_anew_or_looked_at_have_no_form(queryables: Queryables, monkeypatch, text: str):
    known = Forms(queryables)
    before, read = outcome(known.read, text), []
    monkeypatch.setattr(parsed_templates, "parse_text", lambda text: (read.append(text), parse_text(text))[1])
    assert outcome(known.read, text) == before
    assert read == [text]


def test_large_filters_and_many_forms_are_not_remembered(queryables: Queryables, monkeypatch):
    known = Forms(queryables)
    known.read("lanes = 1")
    large = [f"name = '{'a' * LONGEST}'", f"lanes IN ({', '.join(['1'] * MOST_PIECES)})"]
    for number in range(MOST - 1):
        known.read(f"lanes = 1{' ' * number} ")
    for text in large:
        known.read(text)
    read: list[str] = []
    monkeypatch.setattr(parsed_templates, "parse_text", lambda text: (read.append(text), parse_text(text))[1])
    for text in ("lanes = 2", *large, "lanes > 1", "lanes = 2", "lanes > 2"):
        known.read(text)
    assert read == [*large, "lanes > 1", "lanes = 2"]
