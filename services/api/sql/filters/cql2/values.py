"""Scalars: what stands on the sides of comparisons, and patterns.

Calculations are in PostgreSQL's exact numeric, so that they neither overflow nor lose digits. What has no result is
NULL: a division by zero, a root of a negative number, a power that is no real number or has more than about 304
digits.
CASEI is Unicode's full case folding as PostgreSQL 17 can do it: lower, upper and lower again, by ICU and at last by
simple mapping, so that `Straße` meets `STRASSE`, and a sigma is the same at the end of a word.
ACCENTI is `unaccent`, for letters such as ø that have no decomposition, and the removal of combining marks: those of
Latin, Greek and Cyrillic, and the points and signs of Hebrew and Arabic. It keeps the voicing marks of Japanese
(/rec/accent-insensitive-comparison/japanese-non-spacing-marks), and the vowels of Indic scripts, which are marks too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import LiteralString, cast

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.scope import SQL, Scope
from api.sql.filters.cql2.spatial import FUNCTIONS as SHAPE_FUNCTIONS, is_within, shape, shape_function
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

REAL_SMALLEST, REAL_LARGEST = Decimal("1e-37"), Decimal("3e38")
BIGINT = range(-(2**63), 2**63)

SAME_NAMES: tuple[LiteralString, ...] = ("lower", "upper", "abs", "floor", "ceil", "round")
PARTS: tuple[LiteralString, ...] = ("year", "month", "day")
FUNCTIONS: dict[str, sql.SQL] = {
    **{name: sql.SQL(f"{name}({{}})") for name in SAME_NAMES},
    **{part: sql.SQL(f"EXTRACT({part} FROM {{}})") for part in PARTS},
    **dict.fromkeys(("length", "char_length"), sql.SQL("char_length({})::numeric")),
    "trim": sql.SQL("btrim({})"),
    "sqrt": sql.SQL("(SELECT CASE WHEN v.x >= 0 THEN sqrt(v.x) END FROM (SELECT {} AS x OFFSET 0) AS v)"),
}


def text(node: Node, scope: Scope) -> SQL:
    """A text. Columns are cast, as other types than text are published as strings too."""
    match node:
        case ast.String(value):
            return scope.bind(value, "text")
        case ast.Folded(value):
            return constant(node, folded(node, text(value, scope)))
        case ast.Property(name):
            return text_of(scope.column(name))
        case _:
            return function(cast("ast.FunctionCall", node), scope)


def exact(node: Node, scope: Scope) -> SQL:
    """A number as numeric."""
    match node:
        case ast.Number(value):
            return scope.bind(value, "numeric")
        case ast.Property(name):  # a double goes through its text, as the direct cast keeps 15 digits only
            form = "{}::numeric" if scope.column(name).type == "integer" else "{}::text::numeric"
            return sql.SQL(form).format(scope.identifier(node))
        case ast.Arithmetic(op, left, right):
            return CALCULATIONS[op].format(exact(left, scope), exact(right, scope))
        case _:
            return function(cast("ast.FunctionCall", node), scope)


def instant(node: Node, scope: Scope) -> SQL:
    """A day as date, a time as timestamptz, or a time of day."""
    match node:
        case ast.String(value):
            return scope.bind(value, "time")
        case ast.Date(value):
            return scope.bind(value, "date")
        case ast.Timestamp(value):
            return scope.bind(value, "timestamptz")
        case _:
            return scope.identifier(node)


def day(node: Node, scope: Scope) -> SQL:
    """A day, or the day of a time, in UTC."""
    if isinstance(node, ast.Timestamp):
        return scope.bind(node.value.date(), "date")
    column = instant(node, scope)
    return column if scope.kind(node) == "date" else sql.SQL("({} AT TIME ZONE 'UTC')::date").format(column)


def function(node: ast.FunctionCall, scope: Scope) -> SQL:
    """The call of a function that the check let pass."""
    if node.name == "dwithin":
        return is_within(node, exact(node.args[2], scope), scope)
    if node.name in SHAPE_FUNCTIONS:
        return shape_function(node, scope)
    args = [value(arg, scope) for arg in node.args]
    if node.name == "concat":
        return concatenated(args)
    return FUNCTIONS[node.name].format(*args)


WRITERS: dict[str, Callable[[Node, Scope], SQL]] = {
    "string": text,
    "number": exact,
    "boolean": lambda node, scope: scope.condition(node, scope),
    **dict.fromkeys(("date", "datetime", "time"), instant),
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
    """A column or a literal; `inexact` when a column of doubles is among what it is compared with.

    Then a literal is bound without a type, so that PostgreSQL reads it as what the column is: 0.1 meets the 0.1 of a
    single-precision column too, which as a double it would not.
    """
    match node:
        case ast.Property():
            return scope.identifier(node)
        case ast.Number(number) if inexact and fits_real(number):
            return scope.bind(str(number))
        case ast.Number(number) if not inexact and is_whole(number):
            return scope.bind(int(number), "bigint")
        case _:
            return exact(node, scope)


def fits_real(value: int | Decimal) -> bool:
    """Whether single precision can hold about this number."""
    return value == 0 or REAL_SMALLEST < abs(value) < REAL_LARGEST


def is_whole(value: int | Decimal) -> bool:
    """Whether a number is a bigint, however it is written: beside another one the index of a column is of no use."""
    return abs(value) < BIGINT.stop and value == int(value)


def is_inexact_column(node: ast.Node, scope: Scope) -> bool:
    """Whether a node is a column that holds doubles, singles or numerics."""
    return isinstance(node, ast.Property) and scope.column(node.name).type == "number"


MOST_IN_A_ROW = 50
"""Texts that are put together in one chain; PostgreSQL takes a chain of thousands for one too deep."""


def concatenated(parts: list[SQL]) -> SQL:
    """Texts one after another, of which one or more are given."""
    while len(parts) > MOST_IN_A_ROW:
        chains = range(0, len(parts), MOST_IN_A_ROW)
        parts = [concatenated(parts[start : start + MOST_IN_A_ROW]) for start in chains]
    return sql.SQL("({})").format(sql.SQL(" || ").join(parts))


CASEI = sql.SQL('lower(upper(lower({} COLLATE "und-x-icu")) COLLATE "default")')
ACCENTI = sql.SQL(
    "normalize(regexp_replace(normalize(unaccent({}), NFD),"
    r" '[\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    r"\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    r"\ufe20-\ufe2f]', '', 'g'), NFC)"
)
# What folding makes of a piece of a pattern must not become a wildcard: unaccent turns a full-width percent into one.
ESCAPED = sql.SQL(r"replace(replace(replace({}, '\', '\\'), chr(37), '\' || chr(37)), '_', '\_')")
PIECE = re.compile(r"[%_]+|(?:\\.|[^%_\\])+", re.DOTALL)


def folded(node: Node, inner: SQL) -> SQL:
    """CASEI or ACCENTI around a text."""
    return (CASEI if isinstance(node, ast.CaseI) else ACCENTI).format(inner)


def constant(node: Node, text: SQL) -> SQL:
    """A text that is the same for every row, computed once."""
    return sql.SQL("(SELECT {})").format(text) if isinstance(ast.unfolded(node), ast.String) else text


def pattern(node: Node, scope: Scope) -> SQL:
    """A pattern. One with CASEI or ACCENTI is folded piece by piece between its wildcards."""
    if isinstance(node, ast.String):
        return scope.bind(node.value, "text")
    literal = cast("ast.String", ast.unfolded(node)).value
    pieces = [piece(node, match.group(), scope) for match in PIECE.finditer(literal)]
    return sql.SQL("(SELECT {})").format(concatenated(pieces) if pieces else scope.bind("", "text"))


def piece(node: Node, text: str, scope: Scope) -> SQL:
    """A run of wildcards as it is, or a run of characters folded."""
    if text[0] in "%_":
        return scope.bind(text, "text")
    plain = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    return ESCAPED.format(fold_all(node, scope.bind(plain, "text")))


def fold_all(node: Node, text: SQL) -> SQL:
    """Every CASEI and ACCENTI around a literal, the inner first."""
    if isinstance(node, ast.Folded):
        return folded(node, fold_all(node.value, text))
    return text
