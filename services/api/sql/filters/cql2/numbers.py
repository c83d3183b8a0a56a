"""Calculations, in PostgreSQL's exact numeric so that they neither overflow nor lose digits.

What has no result is NULL: a division by zero, a root of a negative number, a power that is no real number or has more
than about 304 digits.
"""

from __future__ import annotations

from decimal import Decimal

from psycopg import sql

from api.cql2.tree import ast
from api.sql.filters.cql2.scope import SQL, Scope

OPERATORS: dict[str, sql.SQL] = {
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


def number(value: float | Decimal, scope: Scope) -> SQL:
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
