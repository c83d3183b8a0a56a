"""Scalars: what stands on the sides of comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2 import numbers, texts
from api.sql.filters.cql2.scope import SQL, Scope, concatenated
from api.sql.filters.cql2.shapes import FUNCTIONS as SHAPE_FUNCTIONS, shape, shape_function
from api.sql.relation import text_of

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
    "sqrt": numbers.SQRT,
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
            return numbers.number(value, scope)
        case ast.Property(name):
            return numbers.exact_column(name, scope)
        case ast.Arithmetic(op, left, right):
            return numbers.OPERATORS[op].format(exact(left, scope), exact(right, scope))
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
    inexact = [numbers.is_inexact_column(node, scope) for node in nodes]
    several = any(inexact) and len({node.name for node in nodes if isinstance(node, ast.Property)}) > 1
    taken_from_column = inexact[0] or (len(nodes) == 2 and inexact[1])
    plain = all(isinstance(node, ast.Number | ast.Property) for node in nodes) and not overflows(nodes, inexact)
    if not plain or several or (any(inexact) and not taken_from_column):
        return [exact(node, scope) for node in nodes]
    return [plain_number(node, scope, inexact=taken_from_column) for node in nodes]


def overflows(nodes: Sequence[Node], inexact: Sequence[bool]) -> bool:
    """Whether a list has a number beyond single precision, as which PostgreSQL might read it beside such a column."""
    literals = [node.value for node in nodes if isinstance(node, ast.Number)]
    return len(nodes) > 2 and any(inexact) and not all(map(numbers.fits_real, literals))


def plain_number(node: Node, scope: Scope, *, inexact: bool) -> SQL:
    """A column or a literal; `inexact` when a column of doubles is among what it is compared with."""
    match node:
        case ast.Property(name):
            return scope.identifier(name)
        case ast.Number(number) if inexact:
            return numbers.beside_column(number, scope)
        case ast.Number(number) if numbers.is_whole(number):
            return scope.bind(int(number), "bigint")
        case _:
            return exact(node, scope)
