"""What each property of a collection holds: how many features have it, how many values there are, from where to where,
the most frequent ones, and a histogram.

Counted where that costs little; else estimated from what PostgreSQL's ANALYZE found, which costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from api.aggregates.facets import BARS, facet, seconds_of, shown_bound
from api.aggregates.find import Budget, find_groups
from api.planner.choose_plan import Reader
from api.query.aggregates import COUNT, NUMBERS, TIMES, AggregateQuery, ByValue, GroupOrder, Measure
from api.query.items import NO_FILTER
from api.sql.aggregates.statistics import select_statistics
from core.cache import CollectionCache
from core.catalog.collections import Collection, Column, ColumnType
from core.errors import IsthmusError

COUNTED_COST = 5_000.0
"""What it may cost to read all rows once for each property, in the units of PostgreSQL's planner."""

MOST_COUNTED = 40
"""Properties whose values are counted: of more a few queries each would take long in a small table too."""

SHOWN = 5
FEW = 20
"""Numbers with so many values are shown by their values too: they are likely codes."""

COMPARED: tuple[ColumnType, ...] = (*NUMBERS, *TIMES, "string", "boolean")
TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Bar:
    """A class of a histogram, and how many features are in it."""

    start: Any
    end: Any
    count: int


@dataclass(frozen=True, slots=True)
class PropertyProfile:
    """What a property holds. None, and nothing: it is not known, or has no meaning for its type.

    filled:  features that have a value
    ends:    the least and the largest value
    values:  the most frequent ones, and how many features have each
    """

    column: Column
    filled: int | None = None
    distinct: int | None = None
    ends: tuple[Any, Any] | None = None
    values: tuple[tuple[Any, int], ...] = ()
    bars: tuple[Bar, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """What the properties of a collection hold. `features`: how many there are; `is_estimated`: nobody counted"""

    properties: tuple[PropertyProfile, ...]
    features: int
    is_estimated: bool


profiles: CollectionCache[None, Profile] = CollectionCache()
"""Of loaded data, which do not change."""


def profile(reader: Reader, collection: Collection) -> Profile | None:
    """What the properties hold; None where that is not known, and would take long to find out."""
    if collection.needs_arguments or not collection.columns:
        return None
    if collection.source is None:
        return profiles.get(collection, None, lambda: find_profile(reader, collection))
    try:
        return find_profile(reader, collection)
    except IsthmusError:
        return None


def find_profile(reader: Reader, collection: Collection) -> Profile:
    """The same, looked for now. Raises: as `find_groups`"""
    estimate = reader.counts.estimate(collection, NO_FILTER)
    number = len(collection.columns)
    if number <= MOST_COUNTED and estimate.cost * (number + 1) <= COUNTED_COST:
        return counted(reader, collection)
    features = estimate.matches if collection.row_count is None else collection.row_count
    source = collection.source
    is_table = source is None or (source.oid != 0 and source.like is None and source.after is None)
    rows = reader.database.run(select_statistics(collection)) if is_table else []
    found = {row[0]: row[1:] for row in rows}
    # a table's own names are those of the properties; the loader's columns may have others
    names = [column.column if source is None else column.name for column in collection.columns]
    properties = tuple(
        from_statistics(column, features, found[name]) if name in found else PropertyProfile(column)
        for column, name in zip(collection.columns, names, strict=True)
    )
    return Profile(properties, features, is_estimated=True)


def counted(reader: Reader, collection: Collection) -> Profile:
    """The profile by counting."""
    measures = [COUNT]
    for column in collection.columns:
        measures.append(Measure("count", column))
        measures += [Measure("distinct", column)] if column.type in COMPARED else []
    query = AggregateQuery(NO_FILTER, (), tuple(measures))
    groups = find_groups(reader, collection, query, Budget(TIMEOUT_S))
    numbers = dict(zip(measures, groups.rows[0], strict=True))
    properties = tuple(of_property(reader, collection, column, numbers) for column in collection.columns)
    return Profile(properties, numbers[COUNT], is_estimated=False)


def of_property(
    reader: Reader, collection: Collection, column: Column, numbers: Mapping[Measure, Any]
) -> PropertyProfile:
    """The profile of a property whose values are counted."""
    filled, distinct = numbers[Measure("count", column)], numbers.get(Measure("distinct", column))
    if column.type not in COMPARED:
        return PropertyProfile(column, filled)
    found = facet(reader, collection, NO_FILTER, column, SHOWN, Budget(TIMEOUT_S))
    values: tuple[tuple[Any, int], ...] = ()
    if "values" in found:
        values = tuple((one["value"], one["count"]) for one in found["values"])
        return PropertyProfile(column, filled, distinct, values=values)
    bars = tuple(Bar(one["from"], one["to"], one["count"]) for one in found["histogram"])
    ends = None if found["min"] is None else (found["min"], found["max"])
    if distinct and distinct <= FEW:
        values = top_values(reader, collection, column)
    return PropertyProfile(column, filled, distinct, ends, values, bars)


def top_values(reader: Reader, collection: Collection, column: Column) -> tuple[tuple[Any, int], ...]:
    """The most frequent values of a property."""
    order = (GroupOrder("m0", descending=True),)
    query = AggregateQuery(NO_FILTER, (ByValue(column),), (COUNT,), order=order, limit=SHOWN + 1)
    rows = find_groups(reader, collection, query, Budget(TIMEOUT_S)).rows
    return tuple((value, count) for value, count in rows if value is not None)[:SHOWN]


def from_statistics(column: Column, features: int, row: Sequence[Any]) -> PropertyProfile:
    """The profile of a property as ANALYZE tells it. `row`: as `select_statistics` has it, without the name"""
    null_share, different, common, shares, bounds = row
    filled = round(features * (1 - null_share))
    if column.type not in COMPARED:
        return PropertyProfile(column, filled)
    distinct = round(different if different >= 0 else -different * features)
    frequent: list[tuple[str, float]] = list(zip(common or (), shares or (), strict=True))
    values = tuple((value_of(column, text), round(share * features)) for text, share in frequent[:SHOWN])
    if column.type not in (*NUMBERS, *TIMES):
        return PropertyProfile(column, filled, distinct, values=values)
    places = [(place_of(column, text), share * features) for text, share in frequent]
    rest = filled - sum(count for _, count in places)
    edges = [place for place in (place_of(column, text) for text in bounds or ()) if isfinite(place)]
    bars = histogram([(place, count) for place, count in places if isfinite(place)], edges, max(0.0, rest))
    shown = tuple(Bar(shown_bound(column, start), shown_bound(column, end), round(count)) for start, end, count in bars)
    ends = (shown[0].start, shown[-1].end) if shown else None
    is_code = distinct <= FEW or bool(frequent)
    return PropertyProfile(column, filled, distinct, ends, values if is_code else (), shown)


def histogram(
    frequent: Sequence[tuple[float, float]], edges: Sequence[float], rest: float
) -> list[tuple[float, float, float]]:
    """Classes of one width as (start, end, features).

    frequent: values with how many have each; edges: ascending, between as many of the `rest` each
    """
    places = [place for place, _ in frequent] + list(edges)
    if not places:
        return []
    low, high = min(places), max(places)
    width = high / BARS - low / BARS
    if not width > 0:
        return [(low, high, sum(count for _, count in frequent) + rest)]
    counts = [0.0] * BARS
    for place, count in frequent:
        counts[min(BARS - 1, int((place - low) / width))] += count
    each = rest / max(1, len(edges) - 1)
    for start, end in zip(edges, edges[1:], strict=False):
        first, last = (min(BARS - 1, int((place - low) / width)) for place in (start, end))
        for number in range(first, last + 1):
            inside = min(end, low + width * (number + 1)) - max(start, low + width * number)
            counts[number] += each * (inside / (end - start) if end > start else 1)
    return [(low + width * number, low + width * (number + 1), count) for number, count in enumerate(counts)]


def place_of(column: Column, text: str) -> float:
    """A value that PostgreSQL wrote as a number, times in seconds since 1970; not finite: it has none."""
    if column.type in TIMES:
        return seconds_of(text if "+" in text or column.type == "date" else f"{text}+00")
    return float(text)


def value_of(column: Column, text: str) -> Any:
    """A value that PostgreSQL wrote, as JSON has it."""
    match column.type:
        case "boolean":
            return text == "t"
        case "integer" if text.lstrip("-").isdecimal():
            return int(text)
        case "number" if isfinite(float(text)):
            return float(text)
        case _:
            return text
