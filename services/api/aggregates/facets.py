"""Facets: for each of some properties its most frequent values, or a histogram, with how many features have them.

Each counts what the other conditions of the filter leave, so that a choice in one list shows what the others have. What
would take too long is estimated from some pages of the table, and says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from api.aggregates.find import Budget, Groups, find_groups
from api.planner.choose_plan import Reader
from api.query.aggregates import COUNT, NUMBERS, TIMES, AggregateQuery, ByClass, ByValue, GroupOrder, Measure, without
from api.query.items import NO_FILTER, Filter
from api.sql.aggregates.groups import MOST_SAMPLED
from core.catalog.collections import Collection, Column

FACET_COST = 5_000.0
"""What it may cost to read the rows of a facet, in the units of PostgreSQL's planner, about 170,000 points: what costs
more is estimated from as large a part of the table. Doubled: twelve facets of millions of features take two seconds.
"""

BARS = 20
"""Classes of a histogram."""


def facet(
    reader: Reader, collection: Collection, filter: Filter, column: Column, size: int, budget: Budget
) -> dict[str, Any]:
    """The facet of a property. Raises: as `find_groups`"""
    own = without(filter, column.name, collection)
    part = sample_of(reader, collection, own)
    find = _Finder(reader, collection, own, part, budget)
    found = find.histogram(column) if column.type in (*NUMBERS, *TIMES) else find.values(column, size)
    told = {} if part is None else {"approximate": True, "of": float(f"{part:.2g}")}
    return {"property": column.name, "type": column.type, **found, **told}


def sample_of(reader: Reader, collection: Collection, filter: Filter) -> float | None:
    """Which part of the rows is read for a facet; None: all. No index finds rows in a part of a table."""
    cost = reader.counts.estimate(collection, filter).cost
    if cost <= FACET_COST:
        return None
    whole = reader.counts.estimate(collection, replace(NO_FILTER, arguments=filter.arguments))
    if collection.source is None or collection.source.sampled is not None:
        return FACET_COST / max(cost, whole.cost)
    return MOST_SAMPLED / whole.matches if whole.matches > MOST_SAMPLED else None


class _Finder:
    """Finds what a facet shows, in all rows or in a part of them, from which numbers are estimated then."""

    def __init__(
        self, reader: Reader, collection: Collection, filter: Filter, part: float | None, budget: Budget
    ) -> None:
        self._reader, self._collection, self._budget = reader, collection, budget
        self._query = AggregateQuery(filter, (), (COUNT,), sample=part)

    def values(self, column: Column, size: int) -> dict[str, Any]:
        """The most frequent values, and how many features have others, or none."""
        query = replace(self._query, groupings=(ByValue(column),), order=(GroupOrder("m0", descending=True),))
        found = self._find(replace(query, limit=size + 1))
        counts = [(value, count) for value, count in found.rows if value is not None][:size]
        missing = self._missing(found, column)
        distinct = found.number - bool(missing)
        others = distinct - len(counts)
        rest = {"count": self._all(found.matched - missing - sum(count for _, count in counts))}
        told = rest if self._query.sample else {"values": others, **rest}  # a part of the rows has not all values
        return {
            "values": [{"value": value, "count": self._all(count)} for value, count in counts],
            **({"other": told} if others > 0 else {}),
            "missing": self._all(missing),
        }

    def histogram(self, column: Column) -> dict[str, Any]:
        """The least and the largest value, and classes of one width, those without features too."""
        found = self._find(replace(self._query, groupings=(ByClass(column, "hist", BARS),)))
        bounds = next(one.bounds for one in found.query.groupings if isinstance(one, ByClass))
        shown = [shown_bound(column, bound) for bound in bounds]
        counts = [0] * max(0, len(bounds) - 1)
        missing = 0
        for start, _, count in found.rows:
            if start is None:
                missing = count
            else:
                place = seconds_of(start) if column.type in TIMES else start
                counts[nearest(bounds[:-1], place)] += count
        bars = [
            {"from": start, "to": end, "count": self._all(count)}
            for start, end, count in zip(shown, shown[1:], counts, strict=False)
        ]
        ends = {"min": shown[0], "max": shown[-1]} if shown else {"min": None, "max": None}
        return {**ends, "histogram": bars, "missing": self._all(missing)}

    def _find(self, query: AggregateQuery) -> Groups:
        return find_groups(self._reader, self._collection, query, self._budget)

    def _missing(self, found: Groups, column: Column) -> int:
        """How many features have no value."""
        for value, count in found.rows:
            if value is None:
                return count
        if found.number == len(found.rows):
            return 0
        [[every, filled]] = self._find(replace(self._query, measures=(COUNT, Measure("count", column)))).rows
        return every - filled

    def _all(self, count: int) -> int:
        """How many there are of what was counted in the sample."""
        return count if self._query.sample is None else round(count / self._query.sample)


def nearest(places: tuple[float, ...], wanted: float) -> int:
    """The number of the place that is nearest."""
    return min(range(len(places)), key=lambda number: abs(places[number] - wanted))


def shown_bound(column: Column, bound: float) -> float | str | None:
    """A bound as it is shown; None for a time that Python does not know."""
    if column.type not in TIMES:
        return round(bound) if column.type == "integer" and bound == round(bound) else bound
    try:
        moment = datetime.fromtimestamp(bound, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.date().isoformat() if column.type == "date" else moment.isoformat()


def seconds_of(moment: str) -> float:
    """A time that PostgreSQL wrote, in seconds since 1970. One that Python does not know is before all others."""
    try:
        return datetime.fromisoformat(moment).timestamp()
    except (OverflowError, ValueError):
        return float("-inf")
