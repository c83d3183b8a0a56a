"""Scalars: what stands on the sides of comparisons.

Calculations are in PostgreSQL's exact numeric, so that they neither overflow nor lose digits. What has no result is
NULL: a division by zero, a root of a negative number, a power that is no real number or has more than about 304
digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import cast

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2 import texts
from api.sql.filters.cql2.scope import SQL, Scope, concatenated
from api.sql.filters.cql2.shapes import FUNCTIONS as SHAPE_FUNCTIONS, shape, shape_function
from api.sql.relation import text_of

CALCULATIONS: dict[str, sql.SQL] = {
    "+": sql.SQL("({} + {})"),
    "-": sql.SQL("({} - {})"),
    "*": sql.SQL("({} * {})"),
    "/": sql.SQL("({} / NULLIF({}, 0))"),
    "div": sql.SQL("div({}, NULLIF({}, 0))"),
    "%": sql.SQL("mod({}, NULLIF({}, 0))"),
    # OFFSET 0 keeps the operands from being written into the expression several times over
    "^": sql.SQL(
        "(SELECT CASE WHEN v.b = 0 AND v.e < 0 THEN NULL WHEN v.b = 0 THEN power(v.b, v.e)"
        " WHEN v.b < 0 AND v.e <> trunc(v.e) THEN NULL WHEN abs(v.e * ln(abs(v.b))) > 700 THEN NULL"
        " ELSE power(v.b, v.e) END FROM (SELECT {} AS b, {} AS e OFFSET 0) AS v)"
    ),
}
SQRT = sql.SQL("(SELECT CASE WHEN v.x >= 0 THEN sqrt(v.x) END FROM (SELECT {} AS x OFFSET 0) AS v)")

REAL_SMALLEST, REAL_LARGEST = Decimal("1e-37"), Decimal("3e38")
BIGINT = range(-(2**63), 2**63)

FUNCTIONS: dict[str, sql.SQL] = {
    "lower": sql.SQL("lower({})"),
    "upper": sql.SQL("upper({})"),
    "trim": sql.SQL("btrim({})"),
    "length": sql.SQL("char_length({})::numeric"),
    "char_length": sql.SQL("char_length({})::numeric"),
    "abs": sql.SQL("abs({})"),
    "floor": sql.SQL("floor({})"),
    "ceil": sql.SQL("ceil({})"),
    "round": sql.SQL("round({})"),
    "sqrt": SQRT,
    "year": sql.SQL("EXTRACT(YEAR FROM {})"),
    "month": sql.SQL("EXTRACT(MONTH FROM {})"),
    "day": sql.SQL("EXTRACT(DAY FROM {})"),
}


def text(node: Node, scope: Scope) -> SQL:
    """A text. Columns are cast, as other types than text are published as strings too."""
    match node:
        case ast.String(value):
            return scope.bind(value, "text")
        case ast.CaseI(value) | ast.AccentI(value):
            return texts.constant(node, texts.folded(node, text(value, scope)))
        case ast.Property(name):
            return text_of(scope.column(name))
        case _:
            return function(cast("ast.FunctionCall", node), scope)


def exact(node: Node, scope: Scope) -> SQL:
    """A number as numeric."""
    match node:
        case ast.Number(value):
            return bound_number(value, scope)
        case ast.Property(name):
            return exact_column(name, scope)
        case ast.Arithmetic(op, left, right):
            return CALCULATIONS[op].format(exact(left, scope), exact(right, scope))
        case _:
            return function(cast("ast.FunctionCall", node), scope)


def instant(node: Node, scope: Scope) -> SQL:
    """A day as date, or a time as timestamptz."""
    match node:
        case ast.Date(value):
            return scope.bind(value, "date")
        case ast.Timestamp(value):
            return scope.bind(value, "timestamptz")
        case _:
            return scope.identifier(cast("ast.Property", node).name)


def day(node: Node, scope: Scope) -> SQL:
    """A day, or the day of a time, in UTC."""
    if isinstance(node, ast.Timestamp):
        return scope.bind(node.value.date(), "date")
    column = instant(node, scope)
    return column if scope.kind(node) == "date" else sql.SQL("({} AT TIME ZONE 'UTC')::date").format(column)


def boolean(node: Node, scope: Scope) -> SQL:
    """A boolean."""
    return scope.condition(node, scope)


def time_of_day(node: Node, scope: Scope) -> SQL:
    """A time of day."""
    if isinstance(node, ast.String):
        return scope.bind(node.value, "time")
    return scope.identifier(cast("ast.Property", node).name)


def function(node: ast.FunctionCall, scope: Scope) -> SQL:
    """The call of a function that the check let pass."""
    if node.name in SHAPE_FUNCTIONS:
        return shape_function(node, scope)
    args = [value(arg, scope) for arg in node.args]
    if node.name == "concat":
        return concatenated(args)
    return FUNCTIONS[node.name].format(*args)


Writer = Callable[[Node, Scope], SQL]
WRITERS: dict[str, Writer] = {
    "string": text,
    "number": exact,
    "boolean": boolean,
    "date": instant,
    "datetime": instant,
    "time": time_of_day,
    "geometry": shape,
}


def value(node: Node, scope: Scope) -> SQL:
    """Any scalar or geometry by itself."""
    return WRITERS[scope.kind(node)](node, scope)


def comparable(nodes: Sequence[Node], scope: Scope) -> list[SQL]:
    """Scalars that are compared with each other. Of days and times together, the days are compared."""
    kinds = {scope.kind(node) for node in nodes}
    if kinds == {"number"}:
        return comparable_numbers(nodes, scope)
    if kinds == {"date", "datetime"}:
        return [day(node, scope) for node in nodes]
    wanted = "time" if "time" in kinds else scope.kind(nodes[0])
    return [WRITERS[wanted](node, scope) for node in nodes]


def comparable_numbers(nodes: Sequence[Node], scope: Scope) -> list[SQL]:
    """Numbers of which the first is compared with each other one: columns as they are unless something is calculated.

    A literal that takes its type from a column of doubles needs that column on the other side of every comparison. Two
    columns are compared digit by digit, as they are shown: PostgreSQL would compare them as doubles, in which the 0.1
    of a real is another number than the 0.1 of a double.
    """
    inexact = [is_inexact_column(node, scope) for node in nodes]
    several = any(inexact) and len({node.name for node in nodes if isinstance(node, ast.Property)}) > 1
    taken_from_column = inexact[0] or (len(nodes) == 2 and inexact[1])
    plain = all(isinstance(node, ast.Number | ast.Property) for node in nodes) and not overflows(nodes, inexact)
    if not plain or several or (any(inexact) and not taken_from_column):
        return [exact(node, scope) for node in nodes]
    return [plain_number(node, scope, inexact=taken_from_column) for node in nodes]


def overflows(nodes: Sequence[Node], inexact: Sequence[bool]) -> bool:
    """Whether a list has a number beyond single precision, as which PostgreSQL might read it beside such a column."""
    literals = [node.value for node in nodes if isinstance(node, ast.Number)]
    return len(nodes) > 2 and any(inexact) and not all(map(fits_real, literals))


def plain_number(node: Node, scope: Scope, *, inexact: bool) -> SQL:
    """A column or a literal; `inexact` when a column of doubles is among what it is compared with."""
    match node:
        case ast.Property(name):
            return scope.identifier(name)
        case ast.Number(number) if inexact:
            return beside_column(number, scope)
        case ast.Number(number) if is_whole(number):
            return scope.bind(int(number), "bigint")
        case _:
            return exact(node, scope)


def bound_number(value: float | Decimal, scope: Scope) -> SQL:
    """A literal number by itself."""
    return scope.bind(value, "numeric")


def beside_column(value: int | Decimal, scope: Scope) -> SQL:
    """A literal number that is compared with a column of type `number`.

    It is bound without a type, so that PostgreSQL reads it as what the column is: 0.1 then meets the 0.1 of a
    single-precision column too, which as a double it would not.
    """
    if fits_real(value):
        return scope.bind(str(value))
    return scope.bind(value, "numeric")


def fits_real(value: int | Decimal) -> bool:
    """Whether single precision can hold about this number."""
    return value == 0 or REAL_SMALLEST < abs(value) < REAL_LARGEST


def is_whole(value: int | Decimal) -> bool:
    """Whether a number is a bigint, however it is written: beside another one the index of a column is of no use."""
    return abs(value) < BIGINT.stop and value == int(value)


def exact_column(name: str, scope: Scope) -> SQL:
    """A column as numeric. A double goes through its text, as the direct cast keeps 15 digits only."""
    cast = "{}::numeric" if scope.column(name).type == "integer" else "{}::text::numeric"
    return sql.SQL(cast).format(scope.identifier(name))


def is_inexact_column(node: ast.Node, scope: Scope) -> bool:
    """Whether a node is a column that holds doubles, singles or numerics."""
    return isinstance(node, ast.Property) and scope.column(node.name).type == "number"
