"""Finds groups of features, or refuses to where that would take too long."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from api.aggregates.breaks import bounds_for, shares_for
from api.planner.choose_plan import Reader
from api.query.aggregates import AggregateQuery, ByClass, Grouping, as_collection
from api.query.items import ItemsQuery
from api.query.page import Page
from api.query.source_errors import reading
from api.sql.aggregates.groups import select_groups, select_values
from core.catalog.collections import Collection
from core.errors import FilterTooSlow, QueryTooSlow, TooExpensive

VALUE_COST, SORT_COST = 0.01, 0.05
"""What a value costs that is worked out of a row, and one that rows are sorted by, in the units of PostgreSQL's
planner. Doubled: what takes three seconds is refused.
"""

SORTED = ("percentile", "distinct")
MOST_NAMED = 5
"""Properties with an index that an error names."""


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a page. `rows`: their values, in the order of `query.columns`.

    sizes:    how many features each has
    matched:  how many features the filter matches
    number:   how many groups there are, on all pages
    features: how many features these have
    """

    query: AggregateQuery
    rows: tuple[list[Any], ...]
    sizes: tuple[int, ...]
    matched: int
    number: int
    features: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What an aggregate may take: seconds, and cost in the units of PostgreSQL's planner."""

    timeout_s: float
    cost: float = inf


def find_groups(reader: Reader, collection: Collection, query: AggregateQuery, budget: Budget) -> Groups:
    """The groups of a page, with the bounds of classes in `query`.

    Raises: TooExpensive before a query that would take too long, and where one does; what the database says
    """
    if budget.cost < inf:
        check_cost(reader, collection, query, budget)
    try:
        with reading(collection, filter=query.filter):
            query = replace(
                query, groupings=tuple(bounded(reader, collection, query, one, budget) for one in query.groupings)
            )
            having_of = as_collection(collection, query.columns)
            statement = select_groups(collection, query, having_of)
            found = reader.database.run(statement, timeout_s=budget.timeout_s)
    except (QueryTooSlow, FilterTooSlow) as error:
        raise too_expensive(collection, f"it took more than {budget.timeout_s:g} s") from error
    if not found:
        return Groups(query, (), (), count_matches(reader, collection, query), 0, 0)
    _, _, matched, number, features = found[0]
    return Groups(
        query, tuple(json.loads(row[0]) for row in found), tuple(row[1] for row in found), matched, number, features
    )


def count_matches(reader: Reader, collection: Collection, query: AggregateQuery) -> int:
    """How many features the filter matches, where no group tells."""
    asked = ItemsQuery(limit=1, filter=query.filter, count="exact", hits_only=True)
    return reader.counts.of_page(collection, asked, Page((), None, None)).exact or 0


def bounded(
    reader: Reader, collection: Collection, query: AggregateQuery, grouping: Grouping, budget: Budget
) -> Grouping:
    """The grouping with the bounds of its classes. Cost: reads every match, and sorts them but for `hist`"""
    if not isinstance(grouping, ByClass):
        return grouping
    shares = shares_for(grouping.classes, grouping.number)
    statement = select_values(collection, query, grouping, shares)
    [(values,)] = reader.database.run(statement, timeout_s=budget.timeout_s)
    return replace(grouping, bounds=bounds_for(grouping.classes, grouping.number, values))


def check_cost(reader: Reader, collection: Collection, query: AggregateQuery, budget: Budget) -> None:
    """Raises: TooExpensive where the planner expects that all matches take too long to be read and worked out. Cost: a
    plan, unless it is cached
    """
    estimate = reader.counts.estimate(collection, query.filter)
    values = len(query.groupings) + len(query.measures)
    sorts = sum(measure.function in SORTED for measure in query.measures)
    sorts += sum(isinstance(grouping, ByClass) for grouping in query.groupings)
    cost = estimate.cost + estimate.matches * (values * VALUE_COST + sorts * SORT_COST)
    if cost > budget.cost:
        times = cost / budget.cost
        raise too_expensive(collection, f"it would take {times:.1f} times what this server lets one cost")


def too_expensive(collection: Collection, why: str) -> TooExpensive:
    """The error, with what would help."""
    indexed = [column.name for column in collection.columns if column.is_filled or column.by_key][:MOST_NAMED]
    by_index = f" or filter by {', '.join(indexed)}, which have an index" if indexed else ""
    hint = f"ask for a smaller bbox{by_index}; /facets answers from a sample; ISTHMUS_AGGREGATE_COST on the server"
    return TooExpensive(
        f"too many features of '{collection.id}' for an aggregate: {why}", hint=f"{hint} raises the limit"
    )
