"""Filters in real PostGIS: what plain Python finds, values at the edge of the possible, and the index."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from hypothesis import given, strategies as st

from api.cql2.check.check import check
from api.cql2.check.queryables import Queryables
from api.cql2.tree import ast
from core.catalog.collections import SELECT_COLLECTIONS, Collection, parse_catalog
from core.database.connections import connect
from core.database.sqlstates import translate
from core.errors import BadFilter, BadValue
from support.cluster import Cluster
from support.cql2 import count, found, plan
from support.cql2_trees import conditions
from support.publish import publish

COLUMNS = {
    "name": "string", "kind": "integer", "size": "number", "small": "number", "huge": "number", "open": "boolean",
    "day": "date", "seen": "datetime", "until": "datetime", "clock": "time", "tags": "json", "code": "string",
}  # fmt: skip
SELECT = r"""
SELECT n AS fid,
       CASE WHEN n % 11 <> 0
            THEN (ARRAY['alpha', 'Beta', 'a_b', 'a%b', 'a\b', '', 'Straße', 'ÉCOLE'])[1 + n % 8] END AS name,
       NULLIF(n % 9, 8)::integer AS kind, CASE WHEN n % 7 = 6 THEN NULL ELSE n / 4.0 - 10 END::double precision AS size,
       (n % 10 / 10.0)::real AS small, 10::numeric ^ 40 + n AS huge,
       CASE n % 3 WHEN 0 THEN true WHEN 1 THEN false END AS open,
       date '2024-01-01' + n % 50 AS day, timestamptz '2024-01-01Z' + n * interval '6 hours' AS seen,
       timestamptz '2024-01-03Z' + n * interval '6 hours' AS until, time '00:00' + n * interval '1 minute' AS clock,
       CASE n % 6 WHEN 0 THEN '["a", "b"]' WHEN 1 THEN '["b", "a", "a"]' WHEN 2 THEN '[1, 2.0, true, [1, 2]]'
                  WHEN 3 THEN '[]' WHEN 4 THEN '{"a": 1}' ELSE CASE WHEN n % 12 = 5 THEN 'null' END END::jsonb AS tags,
       ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid AS code,
       CASE WHEN n % 50 = 49 THEN NULL ELSE ST_Point((n * 7919) % 360 - 180, (n * 104729) % 180 - 90) END AS geom
FROM generate_series(1, 400) AS n
"""
NAMES = ("alpha", "Beta", "a_b", "a%b", "a\\b", "", "Straße", "ÉCOLE")


@dataclass(frozen=True, slots=True)
class World:
    """A reader's connection, and a collection of 400 points with a property of each type."""

    connection: psycopg.Connection
    things: Collection

    def count(self, text: str, **options: Any) -> int:
        return count(self.connection, self.things, text, **options)


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    database = cluster.clone()
    publish(database, "things", SELECT, columns=COLUMNS)
    with connect(database.reader) as connection:
        connection.autocommit = True
        rows = connection.execute(SELECT_COLLECTIONS.text).fetchall()
        yield World(connection, parse_catalog(1, rows)["things"])
    cluster.drop(database)


def row(n: int) -> dict[str, Any]:
    """The same row as SELECT makes it, in Python."""
    return {
        "name": None if n % 11 == 0 else NAMES[n % 8],
        "kind": None if n % 9 == 8 else n % 9,
        "size": None if n % 7 == 6 else Decimal(n) / 4 - 10,
        "open": {0: True, 1: False}.get(n % 3),
    }


ROWS = {n: row(n) for n in range(1, 401)}
OPERATORS = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
Truth = bool | None


def holds(node: ast.Node, values: dict[str, Any]) -> Truth:
    """A condition in plain Python, by the truth tables of clause 6.2."""
    match node:
        case ast.And(args):
            return every(holds(arg, values) for arg in args)
        case ast.Or(args):
            return some(holds(arg, values) for arg in args)
        case ast.Not(arg):
            truth = holds(arg, values)
            return None if truth is None else not truth
        case ast.IsNull(value):
            return amount(value, values) is None
        case ast.Comparison(op, left, right):
            return compared(op, amount(left, values), amount(right, values))
        case ast.Between(value, low, high):
            value, low, high = (amount(part, values) for part in (value, low, high))
            return every([compared(">=", value, low), compared("<=", value, high)])
        case ast.In(value, items):
            return some(compared("=", amount(value, values), amount(item, values)) for item in items)
        case ast.Like(value, ast.String(pattern)):
            text = amount(value, values)
            return None if text is None else re.fullmatch(regex(pattern), text, re.DOTALL) is not None
        case _:
            return amount(node, values)


def every(truths: Iterable[Truth]) -> Truth:
    """AND."""
    known = set(truths)
    return False if False in known else None if None in known else True


def some(truths: Iterable[Truth]) -> Truth:
    """OR."""
    known = set(truths)
    return True if True in known else None if None in known else False


def regex(pattern: str) -> str:
    """The regular expression of a LIKE pattern."""
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join({"%": ".*", "_": "."}.get(piece, re.escape(piece[-1])) for piece in pieces)


def compared(op: str, left: Any, right: Any) -> Truth:
    """Two values compared; strings by code points, as in C.UTF-8."""
    if left is None or right is None:
        return None
    return OPERATORS[op](left, right)


def amount(node: ast.Node, values: dict[str, Any]) -> Any:
    """A scalar in plain Python; None is NULL."""
    match node:
        case ast.Property(name):
            return values[name]
        case ast.String(value) | ast.Number(value) | ast.Boolean(value):
            return value
        case ast.Arithmetic(op, left, right):
            left, right = amount(left, values), amount(right, values)
            return None if left is None or right is None else calculated(op, Decimal(left), Decimal(right))
    raise AssertionError(node)


def calculated(op: str, left: Decimal, right: Decimal) -> Decimal | None:
    """Arithmetic in plain Python."""
    if op in ("/", "div", "%") and right == 0:
        return None
    if op == "div":
        return Decimal(int(left / right))
    if op == "%":
        return left - right * int(left / right)
    return {"+": left + right, "-": left - right, "*": left * right, "/": right and left / right}[op]


quarters = st.integers(-200, 200).map(lambda number: ast.Number(Decimal(number) / 4))
wholes = st.builds(ast.Number, st.integers(-5, 12))
words = st.builds(ast.String, st.sampled_from([*NAMES, "b", "Z", "strasse"]))
number_columns = st.sampled_from(["kind", "size"]).map(ast.Property)
plain_numbers = quarters | wholes | number_columns
calculations = st.builds(ast.Arithmetic, st.sampled_from(["+", "-", "*", "div", "%"]), plain_numbers, plain_numbers)
all_numbers = (
    plain_numbers | calculations | st.builds(ast.Arithmetic, st.sampled_from(["+", "-"]), calculations, plain_numbers)
)
all_texts = words | st.just(ast.Property("name"))
booleans = st.builds(ast.Boolean, st.booleans()) | st.just(ast.Property("open"))
operators = st.sampled_from(ast.COMPARISON_OPS)
wildcards = st.lists(st.sampled_from(["a", "b", "%", "_", r"\%", r"\_", r"\\", "ß", ""]), max_size=5).map("".join)
simple = st.one_of(
    st.builds(ast.Comparison, operators, all_numbers, all_numbers),
    st.builds(ast.Comparison, operators, all_texts, all_texts),
    st.builds(ast.Comparison, operators, booleans, booleans),
    st.builds(ast.Between, all_numbers, all_numbers, all_numbers),
    st.builds(ast.In, all_numbers, st.lists(all_numbers, min_size=1, max_size=4).map(tuple)),
    st.builds(ast.In, all_texts, st.lists(all_texts, min_size=1, max_size=4).map(tuple)),
    st.builds(ast.Like, all_texts, st.builds(ast.String, wildcards)),
    st.builds(ast.IsNull, all_numbers | all_texts | booleans),
    booleans,
)
filters = st.recursive(
    simple,
    lambda part: (
        st.builds(ast.And, st.lists(part, min_size=2, max_size=3).map(tuple))
        | st.builds(ast.Or, st.lists(part, min_size=2, max_size=3).map(tuple))
        | st.builds(ast.Not, part)
    ),
    max_leaves=6,
)


@given(filters)
def test_filter_in_sql_finds_the_rows_that_plain_python_finds(world: World, tree: ast.Node):
    checked = check(tree, Queryables.of(world.things))
    assert found(world.connection, world.things, checked) == [n for n, values in ROWS.items() if holds(tree, values)]


@given(conditions(2))
def test_any_tree_runs_or_is_a_mistake_of_the_client(world: World, tree: ast.Node):
    renamed = with_columns(tree)
    try:
        found(world.connection, world.things, check(renamed, Queryables.of(world.things)))
    except BadFilter:
        pass
    except psycopg.Error as error:
        assert isinstance(translate(error), BadValue)


def with_columns(node: ast.Node) -> ast.Node:
    """The tree with its properties named as columns of the collection, whatever they were."""
    if isinstance(node, ast.Property):
        names = [*COLUMNS, "geometry"]
        return ast.Property(names[sum(map(ord, node.name)) % len(names)])
    changes: dict[str, Any] = {}
    for name in node.__dataclass_fields__:
        value = getattr(node, name)
        if isinstance(value, ast.Node):
            changes[name] = with_columns(value)
        elif isinstance(value, tuple) and any(isinstance(part, ast.Node) for part in value):
            changes[name] = tuple(map(with_columns, value))
    return replace(node, **changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kind / 0 = 1 OR kind div 0 = 1 OR kind % 0 = 1", 0),
        ("kind / 0 IS NULL", 400),
        ("size / (kind - kind) IS NULL", 400),
        ("7 / 2 = 3.5 AND 7 div 2 = 3 AND -7 div 2 = -3 AND -7 % 2 = -1", 400),
        ("2 ^ 0.5 > 1.41 AND 2 ^ 10 = 1024 AND 2 ^ -1 = 0.5", 400),
        ("0 ^ -1 IS NULL AND (-8) ^ 0.5 IS NULL AND 10 ^ 400 IS NULL AND 0 ^ 0 = 1", 400),
        ("(kind ^ 200) ^ 200 IS NULL OR kind IN (0, 1)", 400),
        ("sqrt(kind - 5) IS NULL", 268),
        ("9223372036854775807 + kind > 9223372036854775807", 312),
        ("kind * 9223372036854775807 * 9223372036854775807 >= 0", 356),
        ("kind < 1e300 AND kind > -1e300", 356),
        ("kind = 99999999999999999999999999", 0),
        ("kind IN (1, 99999999999999999999999999)", 45),
        ("small = 0.1", 40),
        ("small IN (0.1, 0.2)", 80),
        ("small BETWEEN 0.1 AND 0.2", 80),
        ("small IN (0.1, 1e300, 1e-300)", 40),
        ("small + 0 = 0.1", 40),
        ("small = 1e300 OR small < 1e-300", 40),
        ("size = 0.5 OR size = 1e-300", 1),
        ("size * 4 = 2", 1),
        ("huge = 10000000000000000000000000000000000000007", 1),
        ("huge > 1e40 AND huge - 10000000000000000000000000000000000000000 <= 5", 5),
        ("abs(size) < 1 AND round(0.5) = 1 AND floor(-0.5) = -1 AND ceil(0.5) = 1", 6),
        ("length(name) = 0", 46),
        ("char_length(concat(name, name)) = 12", None),
        ("upper(trim(concat(' ', name, ' '))) = 'BETA'", None),
        ("CASEI(name) = CASEI('STRASSE')", None),
        ("CASEI(name) LIKE CASEI('%SS%')", None),
        ("ACCENTI(name) = ACCENTI('E\u0301COLE')", None),
        ("ACCENTI('\u0623\u064e\u062d\u0652\u0645\u064e\u062f') = ACCENTI('\u0627\u062d\u0645\u062f')", 400),
        ("ACCENTI('\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd') = ACCENTI('\u05e9\u05dc\u05d5\u05dd')", 400),
        ("ACCENTI('\u0441\u043b\u043e\u0484\u0432\u043e') = ACCENTI('\u0441\u043b\u043e\u0432\u043e')", 400),
        ("ACCENTI('\u306f\u3058\u3081') = ACCENTI('\u306f\u3057\u3081')", 0),
        ("ACCENTI('\u0939\u093f\u0928\u094d\u0926\u0940') = ACCENTI('\u0939\u0928\u0926')", 0),
        ("ACCENTI(name) LIKE ACCENTI('＿％')", 0),
        (r"CASEI(name) LIKE CASEI('A\%B')", None),
        (r"ACCENTI(CASEI(name)) LIKE ACCENTI(CASEI('\\\\A\\\\'))", 0),
        ("ACCENTI(name) BETWEEN ACCENTI('E') AND ACCENTI('F')", None),
        ("code = '00000000-0000-0000-0000-000000000007'", 1),
        ("code LIKE '%0000000001_'", 10),
        ("code = 'no uuid'", 0),
        ("clock >= '06:00' AND clock < '06:05:00'", 5),
        ("day = DATE('2024-01-02')", 8),
        ("day = TIMESTAMP('2024-01-02T12:00:00Z')", 8),
        ("seen = DATE('2024-01-02')", 4),
        ("seen <= DATE('2024-01-02')", 7),
        ("seen < DATE('2024-01-02')", 3),
        ("seen IN (DATE('2024-01-02'), TIMESTAMP('2024-01-03T06:00:00Z'))", 5),
        ("NOT seen IN (DATE('2024-01-02'), TIMESTAMP('2024-01-03T06:00:00Z'))", 395),
        ("seen BETWEEN DATE('2024-01-02') AND TIMESTAMP('2024-01-03T06:00:00Z')", 6),
        ("tags IS NULL", 66),
        ("day = seen", None),
        ("year(seen) = 2024 AND month(seen) = 1 AND day(seen) = 2", 4),
        ("T_INTERSECTS(seen, DATE('2024-01-02'))", 4),
        ("T_AFTER(seen, DATE('2024-01-02'))", 393),
        ("T_BEFORE(seen, DATE('2024-01-02'))", 3),
        ("T_INTERSECTS(day, TIMESTAMP('2024-01-02T12:00:00Z'))", 8),
        ("T_EQUALS(day, INTERVAL('2024-01-02', '2024-01-02'))", 8),
        ("T_DURING(INTERVAL(seen, until), INTERVAL('2024-01-01', '2024-01-03'))", 3),
        ("T_MEETS(INTERVAL(seen, until), INTERVAL('2024-01-03T06:00:00Z', '..'))", 1),
        ("T_DISJOINT(INTERVAL(seen, until), INTERVAL('..', '2024-01-01T12:00:00Z'))", 398),
        ("T_EQUALS(INTERVAL('..', '..'), INTERVAL('..', '..'))", 400),
        ("INTERVAL(seen, '..') IS NULL", 0),
        ("A_EQUALS(tags, ('a', 'b'))", 133),
        ("A_CONTAINS(tags, ('b'))", 133),
        ("A_CONTAINEDBY(tags, ('a', 'b', 'c'))", 200),
        ("A_OVERLAPS(tags, ('z', 1))", 67),
        ("A_CONTAINS(tags, (2, TRUE, (1, 2)))", 67),
        ("A_EQUALS(tags, ())", 67),
        ("NOT A_OVERLAPS(tags, ('a'))", 134),
        ("A_CONTAINS((name, kind, open, seen, geometry, size), (name))", None),
        ("A_CONTAINS(tags, (DATE('2024-01-01'), TIMESTAMP('2024-01-01T00:00:00Z')))", 0),
        ("A_CONTAINS(tags, (POINT(1 2), BBOX(1,2,3,4)))", 0),
        (f"A_OVERLAPS(tags, ({', '.join(map(str, range(1, 500)))}))", 67),
        ("A_CONTAINS((TIMESTAMP('2024-01-02T00:00:00Z'), 1), (seen))", 1),
        ("A_EQUALS((INTERVAL(seen, until)), (INTERVAL('2024-01-02T00:00:00Z', '2024-01-04T00:00:00Z')))", 1),
        ("A_CONTAINS((INTERVAL(day, '..')), (INTERVAL('2024-01-02', '..')))", 8),
        ("A_OVERLAPS((INTERVAL('2024-01-01', '..')), (INTERVAL('2024-01-01', '2024-01-02')))", 0),
        ("(name = 'x') IS NULL", 36),
        ("open", 133),
        ("NOT open", 134),
        ("open = TRUE OR open <> TRUE", 267),
        ("geometry IS NULL", 8),
        ("NOT S_INTERSECTS(geometry, POINT(0 0)) OR S_INTERSECTS(geometry, POINT(0 0))", 392),
        ("s_distance(geometry, POINT(0 0)) < 1000000", None),
        ("s_area(geometry) = 0 AND s_length(geometry) = 0 AND s_length(LINESTRING(0 0, 1 0)) > 111000", 392),
        ("S_EQUALS(s_centroid(geometry), geometry)", 392),
        ("POINT(1 2) IS NULL OR INTERVAL('..', '..') IS NULL", 0),
    ],
)  # fmt: skip
def test_finds(world: World, text: str, expected: int | None):
    number = world.count(text)
    assert number == expected if expected is not None else number > 0


@pytest.mark.parametrize(
    "text",
    [
        "S_INTERSECTS(geom, BBOX(10,10,12,12))",
        "S_INTERSECTS(geom, BBOX(179,0,-179,2))",
        "S_WITHIN(geom, BBOX(10,10,12,12))",
        "S_INTERSECTS(POINT(1 2), geom)",
        "S_EQUALS(geom, POINT(1 2))",
    ],
)
def test_spatial_filter_goes_by_the_spatial_index(world: World, text: str):
    steps = plan(world.connection, world.things, text)
    assert f"{world.things.table}_geom_idx" in steps
    assert "Seq Scan" not in steps


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("S_INTERSECTS(geom, POINT(1e9 1e9))", {"srid_in": 25832}),
        ("S_WITHIN(geom, BBOX(-1e200, -1e200, 1e200, 1e200))", {"srid_in": 25832}),
    ],
)
def test_what_postgresql_refuses_is_a_mistake_of_the_client(world: World, text: str, options: dict[str, Any]):
    with pytest.raises(psycopg.Error) as caught:
        world.count(text, **options)
    assert isinstance(translate(caught.value), BadValue)


@pytest.mark.parametrize(
    "evil",
    [
        "' OR 1=1 --",
        "'; DROP TABLE data.things_1; --",
        "%s",
        "%(c0)s",
        "%%",
        "{0}",
        "\\'; SELECT 1; --",
        "$1",
        "\u2019 OR 1=1",
    ],
)
def test_injected_text_is_only_a_text(world: World, evil: str):
    quoted = "'" + evil.replace("\\", "\\\\").replace("'", "''") + "'"
    for text in (f"name = {quoted}", f"name IN ({quoted}, 'x')", f"CASEI(name) = CASEI({quoted})", f"code = {quoted}",
                 f"A_CONTAINS(tags, ({quoted}))", f"lower(concat('x', {quoted})) = {quoted}"):  # fmt: skip
        assert world.count(text) == 0
    assert world.count(f"name LIKE {quoted} AND FALSE") == 0
    for attempt in (f'"{evil}" = 1', f"{evil} = 1", f"name = {evil}"):
        with pytest.raises(BadFilter):
            world.count(attempt)
    assert world.count("TRUE") == 400
