"""CQL2 as values: one frozen class for each kind of node. Meaning is in check.py and api.sql.filters.cql2.

Source: OGC 21-065r2, annex B (BNF) and annex C (JSON Schema).
Every node carries `at`, the place it was read from: an offset into the text, or a JSON pointer. It says where a
mistake is and takes no part in comparison, so that a tree read from text equals the same tree read from JSON.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Literal, LiteralString, NamedTuple, cast

from core.errors import BadFilter

Place = int | str | None
GeometryType = Literal["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
Position = tuple[float, ...]
Coordinates = tuple["float | Coordinates", ...]

SPATIAL_OPS: tuple[LiteralString, ...] = (
    "s_contains", "s_crosses", "s_disjoint", "s_equals", "s_intersects", "s_overlaps", "s_touches", "s_within",
)  # fmt: skip
MEETING_OPS = ("s_disjoint", "s_intersects")
"""Spatial operators that look for one place that two geometries have in common."""
INSTANT_OPS = ("t_after", "t_before", "t_disjoint", "t_equals", "t_intersects")
"""Temporal operators that take instants and intervals."""
INTERVAL_OPS = (
    "t_contains", "t_during", "t_finishedBy", "t_finishes", "t_meets", "t_metBy", "t_overlappedBy", "t_overlaps",
    "t_startedBy", "t_starts",
)  # fmt: skip
"""Temporal operators between two intervals."""
TEMPORAL_OPS = INSTANT_OPS + INTERVAL_OPS
ARRAY_OPS = ("a_containedBy", "a_contains", "a_equals", "a_overlaps")
COMPARISON_OPS: tuple[LiteralString, ...] = ("=", "<>", "<", ">", "<=", ">=")
ARITHMETIC_OPS = ("+", "-", "*", "/", "%", "div", "^")
LEVELS: dict[str, int] = {
    "Point": 0, "LineString": 1, "MultiPoint": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3,
}  # fmt: skip
"""Geometry type -> how many lists its positions lie in."""


@dataclass(frozen=True, slots=True)
class Node:
    """What every node has."""

    at: Place = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class String(Node):
    """A text without U+0000 and lone surrogates, which PostgreSQL could not hold."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number as it was written: whole ones as int, others as exact decimals. Its magnitude fits a double."""

    value: int | Decimal


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True, slots=True)
class Date(Node):
    """A day without a time zone."""

    value: date


@dataclass(frozen=True, slots=True)
class Timestamp(Node):
    """An instant, in UTC."""

    value: datetime


@dataclass(frozen=True, slots=True)
class Geometry(Node):
    """A geometry as GeoJSON nests it: type and positions of two or three numbers. Empty without positions."""

    type: GeometryType
    coordinates: Coordinates


@dataclass(frozen=True, slots=True)
class GeometryCollection(Node):
    """Geometries, none of them a collection."""

    geometries: tuple[Geometry, ...]


@dataclass(frozen=True, slots=True)
class BBox(Node):
    """Four numbers, or six with heights: lower corner, upper corner. In degrees, west > east crosses 180 degrees."""

    numbers: tuple[float, ...]

    @property
    def corners(self) -> tuple[Position, Position]:
        """The lower and the upper one, without heights."""
        half = len(self.numbers) // 2
        return self.numbers[:2], self.numbers[half : half + 2]


@dataclass(frozen=True, slots=True)
class Property(Node):
    """The value of a queryable."""

    name: str


@dataclass(frozen=True, slots=True)
class FunctionCall(Node):
    """A call of a function that is no part of CQL2 itself."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class TimeInterval(Node):
    """A time from start to end, both included. An end is a Date, Timestamp, Property or Function; None is open."""

    start: Node | None
    end: Node | None


@dataclass(frozen=True, slots=True)
class Array(Node):
    """A set of values."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Folded(Node):
    """A text of which something does not count."""

    value: Node


class CaseI(Folded):
    """A text without regard to case."""


class AccentI(Folded):
    """A text without regard to accents."""


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """An operator between two operands."""

    op: str
    left: Node
    right: Node


class Arithmetic(Binary):
    """A calculation. A minus before an operand is a multiplication by -1, as in the standard's examples."""


@dataclass(frozen=True, slots=True)
class Junction(Node):
    """Two or more conditions."""

    args: tuple[Node, ...]


class And(Junction):
    """All of two or more conditions."""


class Or(Junction):
    """Any of two or more conditions."""


@dataclass(frozen=True, slots=True)
class Not(Node):
    """The opposite; NULL stays NULL."""

    arg: Node


class Comparison(Binary):
    """Two scalars compared."""


@dataclass(frozen=True, slots=True)
class Like(Node):
    r"""A text compared with a pattern: `%` any characters, `_` one, `\` takes the next one as it is."""

    value: Node
    pattern: Node


@dataclass(frozen=True, slots=True)
class Between(Node):
    """A scalar in a range, both ends included."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In(Node):
    """A scalar that equals one of a list, which has one or more."""

    value: Node
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class IsNull(Node):
    """A value that is missing."""

    value: Node


class Spatial(Binary):
    """One of SPATIAL_OPS between two geometries."""


class Temporal(Binary):
    """One of TEMPORAL_OPS between two times."""


class ArrayPredicate(Binary):
    """One of ARRAY_OPS between two arrays, which are sets: neither order nor repetition counts."""


PREDICATES = (And, Or, Not, Comparison, Like, Between, In, IsNull, Spatial, Temporal, ArrayPredicate)
CONDITIONS = (*PREDICATES, Boolean, Property, FunctionCall)
"""What may be a filter, or a part of AND, OR and NOT."""
SCALARS = (String, Number, Boolean, Date, Timestamp, Property, FunctionCall, Arithmetic, CaseI, AccentI)
NUMBERS = (Number, Property, FunctionCall, Arithmetic)
TEXTS = (String, Property, FunctionCall, CaseI, AccentI)
GEOMETRIES = (Geometry, GeometryCollection, BBox, Property, FunctionCall)
TIMES = (Date, Timestamp, TimeInterval, Property, FunctionCall, String)
ARRAYS = (Array, Property, FunctionCall)
LITERALS = (String, Number, Boolean, Date, Timestamp)
SHAPES = frozenset({Geometry, GeometryCollection, BBox})
LEAVES = frozenset({*LITERALS, Geometry, BBox, Property})
"""Kinds of nodes without any below them: most nodes are such."""


class Traits(NamedTuple):
    """What kinds of nodes a tree has, and how many nodes."""

    kinds: frozenset[type[Node]]
    nodes: int

    @property
    def has_geometry(self) -> bool:
        """Whether a geometry is written in it, so that its system matters."""
        return not self.kinds.isdisjoint(SHAPES)


NO_NODES = Traits(frozenset(), 0)


def traits_of(root: Node) -> Traits:
    """Found without recursion."""
    pending, kinds, nodes = [root], set[type[Node]](), 0
    while pending:
        node = pending.pop()
        nodes += 1
        kinds.add(type(node))
        pending.extend(children(node))
    return Traits(frozenset(kinds), nodes)


def unfolded(node: Node) -> Node:
    """A text or a pattern without what folds it."""
    while isinstance(node, Folded):
        node = node.value
    return node


def children(node: Node) -> Sequence[Node]:
    """The nodes directly below a node, in order."""
    if type(node) in LEAVES:
        return ()
    found: list[Node] = []
    for name in members(type(node)):
        value: object = getattr(node, name)
        if isinstance(value, Node):
            found.append(value)
        elif isinstance(value, tuple):
            found += [part for part in cast("tuple[object, ...]", value) if isinstance(part, Node)]
    return found


@cache
def members(kind: type[Node]) -> tuple[str, ...]:
    """The names of what a node of a kind holds beside its place."""
    return tuple(member.name for member in fields(kind) if member.compare)


AROUND = 20
"""Characters of the filter that an error shows on each side of the mistake."""


def mistake(what: str, at: Place = None, text: str | None = None, *, hint: str | None = None) -> BadFilter:
    """The error `what, at position 12`, where positions count characters from 0; JSON has places such as `/args/0`.

    text: of the filter, of which what is around the place is shown, with a mark where it is
    """
    if isinstance(at, int):
        what = f"{what}, at position {at}{'' if text is None else f': {marked(text, at)}'}"
    elif at is not None:
        what = f"{what}, at {at or 'the root'}"
    return BadFilter(what, hint=hint, parameter="filter")


def marked(text: str, at: int) -> str:
    """What is around a place, and a mark where it is."""
    before, after = text[max(0, at - AROUND) : at], text[at : at + AROUND]
    start, end = "…" if at > AROUND else "", "…" if len(text) > at + AROUND else ""
    return f"{start}{before}⟨here⟩{after}{end}".replace("\n", " ")


@contextmanager
def mistakes_at(at: Place, text: str | None = None, *, hint: str | None = None) -> Generator[None]:
    """Around what raises a ValueError for a mistake at a place. The others: as of `mistake`. Raises: BadFilter"""
    try:
        yield
    except ValueError as error:
        raise mistake(str(error), at, text, hint=hint) from error
