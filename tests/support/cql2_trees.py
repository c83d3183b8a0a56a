"""Hypothesis strategies for CQL2 trees of every kind, as deep as they are asked for."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal

from hypothesis import strategies as st

from api.cql2.text_encoding.writer import KEYWORDS
from api.cql2.tree import ast
from api.cql2.tree.ast import LEVELS, Node

Trees = st.SearchStrategy[Node]

characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
strings = st.text(characters | st.sampled_from("'\\%_\"\n"), max_size=12)
names = st.text(characters, min_size=1, max_size=8) | st.sampled_from(["name", "eo:cloud.cover", "and", "DATE"])
function_names = st.from_regex(r"[A-Za-z_:][A-Za-z0-9_:.]{0,6}", fullmatch=True).filter(
    lambda name: name.upper() not in KEYWORDS
)
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: number == 0 or Decimal("1e-300") < abs(number) < Decimal("1e300")
)
instants = st.builds(ast.Date, st.dates()) | st.builds(
    ast.Timestamp,
    st.datetimes().map(lambda moment: moment.replace(tzinfo=UTC)),
)
coordinates = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def geometries(draw: st.DrawFn, kinds: tuple[str, ...] = tuple(LEVELS)) -> ast.Geometry:
    """A geometry of any type, flat or with heights, perhaps empty."""
    kind = draw(st.sampled_from(kinds))
    position = st.tuples(*[coordinates] * draw(st.sampled_from([2, 3])))
    if draw(st.integers(0, 9)) == 0:
        return ast.Geometry(kind, ())
    line = st.lists(position, min_size=2, max_size=4).map(tuple)
    ring = st.lists(position, min_size=3, max_size=4).map(lambda points: (*points, points[0]))
    shapes = {
        "Point": position,
        "LineString": line,
        "MultiPoint": st.lists(position, min_size=1, max_size=3).map(tuple),
        "Polygon": st.lists(ring, min_size=1, max_size=2).map(tuple),
        "MultiLineString": st.lists(line, min_size=1, max_size=2).map(tuple),
        "MultiPolygon": st.lists(st.lists(ring, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple),
    }
    return ast.Geometry(kind, draw(shapes[kind]))


@st.composite
def boxes(draw: st.DrawFn) -> ast.BBox:
    """A box of four or six numbers."""
    return ast.BBox(draw(st.tuples(*[coordinates] * draw(st.sampled_from([4, 6])))))


literals = (
    st.builds(ast.String, strings) | st.builds(ast.Number, numbers) | st.builds(ast.Boolean, st.booleans()) | instants
)
properties = st.builds(ast.Property, names)
literal_shapes = (
    geometries() | boxes() | st.builds(ast.GeometryCollection, st.lists(geometries(), max_size=3).map(tuple))
)


def functions(depth: int) -> Trees:
    """Calls with arguments of every kind."""
    return st.builds(ast.FunctionCall, function_names, st.lists(elements(depth - 1), max_size=3).map(tuple))


def references(depth: int) -> Trees:
    """Properties and calls."""
    return properties | functions(depth) if depth > 0 else properties


def texts(depth: int) -> Trees:
    """Texts, with or without CASEI and ACCENTI."""
    plain = st.builds(ast.String, strings) | references(depth)
    if depth <= 0:
        return plain
    return plain | st.builds(ast.CaseI, texts(depth - 1)) | st.builds(ast.AccentI, texts(depth - 1))


def patterns(depth: int) -> Trees:
    """Literal patterns."""
    plain = st.builds(ast.String, strings)
    return plain | st.builds(ast.CaseI, plain) | st.builds(ast.AccentI, st.builds(ast.CaseI, plain))


def calculations(depth: int) -> Trees:
    """Numbers and what is calculated of them."""
    plain = st.builds(ast.Number, numbers) | references(depth)
    if depth <= 0:
        return plain
    part = calculations(depth - 1)
    return plain | st.builds(ast.Arithmetic, st.sampled_from(ast.ARITHMETIC_OPS), part, part)


def scalars(depth: int) -> Trees:
    """What can be compared."""
    return literals | texts(depth) | calculations(depth)


def intervals(depth: int) -> Trees:
    """Intervals with ends of every kind."""
    end = st.none() | instants | references(depth - 1)
    return st.builds(ast.TimeInterval, end, end)


def arrays(depth: int) -> Trees:
    """Lists, also of lists and of conditions."""
    return st.builds(ast.Array, st.lists(elements(depth - 1), max_size=3).map(tuple))


def elements(depth: int) -> Trees:
    """What a list or a call may hold."""
    if depth <= 0:
        return literals | properties | literal_shapes
    return scalars(depth) | literal_shapes | intervals(depth) | arrays(depth) | conditions(depth)


def predicates(depth: int) -> Trees:
    """Predicates of every kind."""
    scalar, shape = scalars(depth - 1), literal_shapes | references(depth - 1)
    time = instants | intervals(depth - 1) | references(depth - 1) | st.builds(ast.String, strings)
    lists = arrays(depth - 1) | references(depth - 1)
    nullable = scalar | literal_shapes | intervals(depth - 1)
    return st.one_of(
        st.builds(ast.Comparison, st.sampled_from(ast.COMPARISON_OPS), scalar, scalar),
        st.builds(ast.Like, texts(depth - 1), patterns(depth)),
        st.builds(ast.Between, scalar, scalar, scalar),
        st.builds(ast.In, scalar, st.lists(scalar, min_size=1, max_size=3).map(tuple)),
        st.builds(ast.IsNull, nullable | conditions(depth - 1) if depth > 1 else nullable),
        st.builds(ast.Spatial, st.sampled_from(ast.SPATIAL_OPS), shape, shape),
        st.builds(ast.Temporal, st.sampled_from(ast.TEMPORAL_OPS), time, time),
        st.builds(ast.ArrayPredicate, st.sampled_from(ast.ARRAY_OPS), lists, lists),
    )


def conditions(depth: int) -> Trees:
    """Filters: predicates joined in every way."""
    single = predicates(depth) | st.builds(ast.Boolean, st.booleans()) | references(depth)
    if depth <= 0:
        return single
    part = st.deferred(lambda: conditions(depth - 1))
    several = st.lists(part, min_size=2, max_size=3).map(tuple)
    return single | st.builds(ast.And, several) | st.builds(ast.Or, several) | st.builds(ast.Not, part)
