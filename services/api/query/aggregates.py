"""What a request for groups of features asks, as a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.query.items import Filter
from core.catalog.collections import Collection, Column, ColumnType, Key

Unit = Literal["year", "quarter", "month", "week", "day", "hour", "minute"]
UNITS: dict[Unit, ColumnType] = {
    **dict.fromkeys(("year", "quarter", "month", "week", "day"), "date"),
    **dict.fromkeys(("hour", "minute"), "datetime"),
}
"""Units of time that times are cut to in UTC, and what is shown of one: its first day, or its first moment."""

Classes = Literal["hist", "quantile", "jenks"]
Grid = Literal["square", "geohash"]

NUMBERS: tuple[ColumnType, ...] = ("integer", "number")
TIMES: tuple[ColumnType, ...] = ("date", "datetime")


@dataclass(frozen=True, slots=True)
class ByValue:
    """Groups of one value of a property each."""

    column: Column


@dataclass(frozen=True, slots=True)
class ByUnit:
    """Groups of one unit of time each."""

    column: Column
    unit: Unit


@dataclass(frozen=True, slots=True)
class ByClass:
    """Groups of a class of numbers or times each. `bounds`: from the lowest to the highest, one more than classes; of
    times seconds since 1970. A value on a bound is in the upper class, but for the last; no bounds: no value at all.
    """

    column: Column
    classes: Classes
    number: int
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class ByCell:
    """Groups of what lies in one cell of a grid: a tile of WebMercatorQuad, or a geohash. `level`: its zoom, or its
    number of characters. A feature is where its centroid is.
    """

    grid: Grid
    level: int


Grouping: TypeAlias = ByValue | ByUnit | ByClass | ByCell


@dataclass(frozen=True, slots=True)
class Measure:
    """An aggregate of a group. `share`: of a percentile, from 0 to 1."""

    function: str
    column: Column | None = None
    share: float | None = None

    @property
    def type(self) -> ColumnType:
        """What its values are; boxes and points are lists of numbers."""
        if self.function in ("count", "distinct"):
            return "integer"
        if self.column is None:
            return "json"
        if self.function in ("min", "max", "sum") or (self.function == "percentile" and self.column.type in TIMES):
            return self.column.type
        return "number"


COUNT = Measure("count")


@dataclass(frozen=True, slots=True)
class GroupColumn:
    """A column of the answer. `alias`: its name in SQL."""

    name: str
    type: ColumnType
    alias: str


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """A column of the answer that groups are sorted by."""

    alias: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """Groups of the features that a filter matches. Without `groupings` all are one group.

    sample: of the pages of a table (0 to 1) those that are read; None: all
    """

    filter: Filter
    groupings: tuple[Grouping, ...]
    measures: tuple[Measure, ...]
    having: Node | None = None
    order: tuple[GroupOrder, ...] = ()
    limit: int = 1000
    offset: int = 0
    sample: float | None = None

    @property
    def columns(self) -> tuple[GroupColumn, ...]:
        """The columns of the answer: of what groups are made by, then of what is worked out of each."""
        return columns_of(self.groupings, self.measures)


def columns_of(groupings: tuple[Grouping, ...], measures: tuple[Measure, ...]) -> tuple[GroupColumn, ...]:
    """The columns of an answer. A name that another one has already gets an underscore behind it."""
    found: list[GroupColumn] = []
    taken: set[str] = set()

    def add(name: str, type: ColumnType, alias: str) -> None:
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(GroupColumn(name, type, alias))

    for number, grouping in enumerate(groupings):
        for name, type, end in parts_of(grouping):
            add(name, type, f"k{number}{end}")
    for number, measure in enumerate(measures):
        add(name_of(measure), measure.type, f"m{number}")
    return tuple(found)


def parts_of(grouping: Grouping) -> Iterator[tuple[str, ColumnType, str]]:
    """The columns of a grouping: name, type, and the end of its alias."""
    match grouping:
        case ByValue(column):
            yield column.name, column.type, ""
        case ByUnit(column, unit):
            yield f"{column.name}_{unit}", UNITS[unit], ""
        case ByClass(column):
            type: ColumnType = "datetime" if column.type in TIMES else "number"
            yield f"{column.name}_from", type, "from"
            yield f"{column.name}_to", type, "to"
        case ByCell():
            yield "cell", "string", ""


def name_of(measure: Measure) -> str:
    """`count`, `sum_population`, `p90_height`."""
    function = measure.function if measure.share is None else f"p{round(measure.share * 100)}"
    return function if measure.column is None else f"{function}_{measure.column.name}"


def as_collection(collection: Collection, columns: tuple[GroupColumn, ...]) -> Collection:
    """Groups as if they were the features of a collection, which `having` is a filter of."""
    own = tuple(Column(column.name, column.alias, column.type) for column in columns)
    nothing = Key((), is_id=False)
    return replace(collection, columns=own, srid=None, source=None, key=nothing, temporal_column=None)


def without(filter: Filter, name: str, collection: Collection) -> Filter:
    """The filter without the conditions that are about one property alone, for the facet of that property: a parameter
    of its name, `datetime` where it is the time, and what CQL2 joins to all else by AND.
    """
    is_time = any(column.name == name for column in collection.times)
    return replace(
        filter,
        equals=tuple(one for one in filter.equals if one.column.name != name),
        interval=None if is_time else filter.interval,
        cql2=filter.cql2 and conjunction([part for part in conjuncts(filter.cql2) if names_in(part) != {name}]),
    )


def conjuncts(node: Node) -> list[Node]:
    """The conditions that AND joins."""
    if not isinstance(node, ast.And):
        return [node]
    return [part for arg in node.args for part in conjuncts(arg)]


def conjunction(parts: list[Node]) -> Node | None:
    """All of some conditions; None without any."""
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else ast.And(tuple(parts))


def names_in(root: Node) -> set[str]:
    """The properties that a filter names. Found without recursion."""
    pending, names = [root], set[str]()
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Property):
            names.add(node.name)
        pending.extend(ast.children(node))
    return names
