"""Outlines of filters: what has the same one has the same text, and its values are those that are bound."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, strategies as st

from api.cql2.check.check import parse_filter
from api.params.values import equals
from api.query.items import Filter, Interval
from api.sql.filters.filter import MOST_NODES, filter_shape, where, where_clause
from core.bbox import BBox
from core.catalog.collections import Collection, Column

OPS = st.sampled_from(["=", "<>", "<", ">", "<=", ">="])
NUMBERS = st.sampled_from(["§", "-§", "§.5", "0.§", "§.0", "1e3§", "1e-2§", "99999999999§999999999"])
TEXTS = st.sampled_from(["'a§'", "'%§_'", "'§'"])
SIDES = {"lanes": NUMBERS, "wide": NUMBERS, "name": TEXTS}


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """A predicate in which each § stands for a digit."""
    name = draw(st.sampled_from(list(SIDES)))
    one, other = draw(SIDES[name]), draw(SIDES[name])
    forms = [f"{name} {{}} {one}", f"{one} {{}} {name}", f"{name} BETWEEN {one} AND {other}", f"{one} {{}} {other}"]
    more = [
        "lanes {} wide",
        "wide {} lanes",
        f"wide BETWEEN lanes AND {draw(NUMBERS)}",
        "name LIKE 'a§%'",
        "name IS NULL",
    ]
    return draw(st.sampled_from([*forms, *more, "open = TRUE", "open"])).format(draw(OPS))


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    both = st.tuples(inner, st.sampled_from(["AND", "OR"]), inner).map(lambda parts: f"({' '.join(parts)})")
    return both | inner.map(lambda text: f"NOT ({text})")


TREES = st.recursive(comparisons(), joined, max_leaves=6)


@pytest.fixture
def paths(roads: Collection) -> Collection:
    """Roads with a column of doubles, and one of booleans."""
    return replace(roads, columns=(*roads.columns, Column("wide", "wide", "number"), Column("open", "open", "boolean")))


def text_and_values(collection: Collection, filter: Filter) -> tuple[str, dict[str, str]]:
    """The conditions, and what is bound as PostgreSQL reads it."""
    conditions, values = where(collection, filter)
    return where_clause(conditions).as_string(None), {name: str(value) for name, value in values.items()}


@given(TREES, st.randoms())
def test_filters_of_one_outline_differ_in_values_alone(paths: Collection, tree: str, random: Random):
    made = ["".join(str(random.randrange(1, 9)) if c == "§" else c for c in tree) for _ in range(2)]
    first, second = (Filter(cql2=parse_filter(text, "cql2-text", paths)) for text in made)
    one, other = filter_shape(paths, first), filter_shape(paths, second)
    assert (one is None) == (other is None)
    if one is None or other is None:
        return
    assert one[0] == other[0]
    (text, values), (other_text, other_values) = text_and_values(paths, first), text_and_values(paths, second)
    assert text == other_text
    assert (one[1], other[1]) == (values, other_values)


@given(TREES, TREES)
def test_filters_of_different_texts_have_different_outlines(paths: Collection, one: str, other: str):
    filters = [Filter(cql2=parse_filter(text.replace("§", "1"), "cql2-text", paths)) for text in (one, other)]
    shapes = [filter_shape(paths, some) for some in filters]
    if None not in shapes and shapes[0][0] == shapes[1][0]:  # type: ignore[index]
        assert text_and_values(paths, filters[0])[0] == text_and_values(paths, filters[1])[0]


@pytest.mark.parametrize(
    "text",
    [
        "lanes = 99999999999999999999", "lanes = 2.0", "wide = 1e99", "lanes + 1 = 2", "opened = DATE('2024-05-01')",
        "lanes IN (1, 2)", "CASEI(name) = CASEI('x')", "S_INTERSECTS(geom, POINT(1 2))", "length(name) = 3",
        " AND ".join(["lanes IS NULL"] * MOST_NODES),
    ],
)  # fmt: skip
def test_what_is_bound_in_a_way_of_its_own_has_no_shape(paths: Collection, text: str):
    assert filter_shape(paths, Filter(cql2=parse_filter(text, "cql2-text", paths))) is None


def test_box_and_properties_are_in_it(paths: Collection):
    column = {column.name: column for column in paths.columns}
    filter = Filter(box=BBox(170, 1, -170, 2), equals=(equals(column["lanes"], "+7"), equals(column["open"], "true")))
    found = filter_shape(paths, filter)
    assert found is not None
    _, values = text_and_values(paths, filter)
    assert {name: str(value) for name, value in found[1].items()} == values
    assert (values["equal0"], values["equal1"]) == ("7", "true")
    assert filter_shape(paths, replace(filter, box=BBox(1, 1, 2, 2)))[0] != found[0]  # type: ignore[index]


@pytest.mark.parametrize(
    "filter", [Filter(text="a"), Filter(ids=((1,),)), Filter(interval=Interval(datetime(2024, 1, 1, tzinfo=UTC), None))]
)
def test_other_conditions_have_none(paths: Collection, filter: Filter):
    assert filter_shape(paths, filter) is None


def test_decimals_are_bound_as_they_are_written(paths: Collection):
    [value] = filter_shape(paths, Filter(cql2=parse_filter("wide < 0.10", "cql2-text", paths)))[1].values()  # type: ignore[index]
    assert Decimal(value) == Decimal("0.10")
