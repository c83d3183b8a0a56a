"""How many features a filter matches: known, counted, estimated or left unsaid, and the answer says which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import NamedTuple

from api.planner import costs
from api.planner.loaded_table import BoxInBlocks, find_box, ranges_of
from api.query.items import Filter, ItemsQuery, digest
from api.query.page import Page
from api.query.plan import Estimate
from api.query.source_errors import reading
from api.sql.features.items import select_count, select_count_plan
from api.sql.features.pages import select_count_in_ranges
from core.cache import Cache
from core.catalog.collections import Collection
from core.database.connections import Database
from core.errors import FilterTooSlow

COST_AND_ROWS = re.compile(r"\(cost=[\d.]+\.\.([\d.]+) rows=(\d+) width=\d+\)$")

CACHED = 1000
"""Numbers of matches, and estimates, of all collections."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of matches. `exact` None: it was not counted; `estimate` None: it was not estimated."""

    exact: int | None = None
    estimate: int | None = None


class Key(NamedTuple):
    """What a number is cached by."""

    collection: str
    revision: int | str
    filter: str


class Counts:
    """Counts matches. Safe for threads.

    What was found is cached, so that a walk through many pages counts once; not of a source, whose data may change.
    """

    def __init__(self, database: Database, most_cost: int) -> None:
        """`most_cost`: what a count that nobody asks for may cost, in the units of PostgreSQL's planner."""
        self._database = database
        self._most_cost = most_cost
        self._known = Cache[Key, Count](CACHED)
        self._estimates = Cache[Key, Estimate](CACHED)

    def of_page(self, collection: Collection, query: ItemsQuery, found: Page) -> Count:
        """The number of features that match the filter of a page.

        `auto` tells it exactly when it costs nothing or little, else as the planner expects it. When only the number
        is wanted, it is exact.
        """
        if query.count == "none":
            return Count()
        if query.filter.is_everything and collection.row_count is not None:
            return Count(exact=collection.row_count)
        if query.count == "estimated":
            return Count(estimate=self.estimate(collection, query.filter).matches)
        if found.matched is not None:
            return self._keep(self._key(collection, query.filter), Count(exact=found.matched))
        if query.hits_only or query.count == "exact":
            return seen_whole(query, found) or self._exact(collection, query.filter)
        return seen_whole(query, found) or self._auto(collection, query.filter)

    def of_filter(self, collection: Collection, filter: Filter) -> Count:
        """The number of features that a filter matches, as a page that asks for none tells it."""
        if filter.is_everything and collection.row_count is not None:
            return Count(exact=collection.row_count)
        return self._auto(collection, filter)

    def most_rows(self, collection: Collection, query: ItemsQuery) -> float:
        """How many rows may be looked at to count the matches of a page: none (-1) when they are known."""
        if query.count == "estimated" or self._recall(self._key(collection, query.filter)) is not None:
            return -1
        return inf if query.count == "exact" else self._most_cost / costs.BOX_TEST_COST

    def _auto(self, collection: Collection, filter: Filter) -> Count:
        """The count, or the estimate when counting would cost too much."""
        key = self._key(collection, filter)
        known = self._recall(key)
        if known is not None:
            return known
        if is_small(collection):
            return self._in_time(collection, filter)
        if filter.is_box_alone and (box := find_box(self._database, collection, filter)):
            return self._keep(key, self._in_blocks(collection, filter, box, self._most_cost))
        estimate, cost = self.estimate(collection, filter)
        return self._in_time(collection, filter) if cost <= self._most_cost else Count(estimate=estimate)

    def _in_time(self, collection: Collection, filter: Filter) -> Count:
        """The count; the estimate when the page has left no time for it."""
        try:
            return self._exact(collection, filter)
        except FilterTooSlow:
            return Count(estimate=self.estimate(collection, filter).matches)

    def _exact(self, collection: Collection, filter: Filter) -> Count:
        """The count. Cost: reads every match, unless it is cached."""
        key = self._key(collection, filter)
        known = self._recall(key)
        if known is not None and known.exact is not None:
            return known
        if filter.is_box_alone and (box := find_box(self._database, collection, filter)):
            return self._keep(key, self._in_blocks(collection, filter, box, inf))
        with reading(collection, has_values=not filter.is_everything, filter=filter):
            [(exact,)] = self._database.run(select_count(collection, filter), timeout_s=self._timeout_of(filter))
        return self._keep(key, Count(exact=exact))

    def _in_blocks(self, collection: Collection, filter: Filter, box: BoxInBlocks, most_cost: float) -> Count:
        """The count of a bbox, or the estimate: only blocks on the edge of the bbox have to be read."""
        hits = box.hits
        known, rest = box.count(hits, most_cost / costs.BOX_TEST_COST)
        if rest.rows.sum() * costs.BOX_TEST_COST > most_cost:
            return Count(estimate=round(float(hits.expected.sum())))
        edge = ranges_of(rest, box.blocks.pages)
        [(counted,)] = self._database.run(select_count_in_ranges(collection, filter, edge)) if edge else [(0,)]
        return Count(exact=known + counted)

    def estimate(self, collection: Collection, filter: Filter) -> Estimate:
        """What PostgreSQL's planner expects of a filter. Cost: a plan, unless it is cached"""
        key = Key(collection.id, revision_now(collection), digest(filter, ()))
        known = self._estimates.get(key)
        if known is not None:
            return known
        with reading(collection, has_values=not filter.is_everything, filter=filter):
            statement, timeout_s = select_count_plan(collection, filter), self._timeout_of(filter)
            # PostgreSQL plans what it explains for the values in any case
            lines = self._database.run(statement, timeout_s=timeout_s, one_plan=None)
        return self._estimates.put(key, parse_plan(lines[0][0]))

    def _timeout_of(self, filter: Filter) -> float | None:
        return self._database.filter_timeout_s if filter.is_heavy else None

    def _key(self, collection: Collection, filter: Filter) -> Key | None:
        return None if collection.source else Key(collection.id, collection.revision, digest(filter, ()))

    def _recall(self, key: Key | None) -> Count | None:
        return None if key is None else self._known.get(key)

    def _keep(self, key: Key | None, count: Count) -> Count:
        return count if key is None else self._known.put(key, count)


def is_small(collection: Collection) -> bool:
    """Whether matches are counted without a plan first, which takes as long."""
    return collection.row_count is not None and collection.row_count <= costs.UNCOUNTED_ROWS


def parse_plan(line: str) -> Estimate:
    """What the first line of a plan says: `Seq Scan on data.places_1 t  (cost=0.00..14.00 rows=1000 width=0)`."""
    cost, matches = COST_AND_ROWS.findall(line)[-1]
    return Estimate(int(matches), float(cost))


def revision_now(collection: Collection) -> int | str:
    """The version of the data; of a source, whose data have none, another one every few seconds."""
    return (
        collection.revision if collection.source is None else f"{collection.revision} {monotonic() // costs.ESTIMATE_S}"
    )


def seen_whole(query: ItemsQuery, found: Page) -> Count | None:
    """The count when the page shows it: it holds all that is left after its offset."""
    if query.hits_only or query.cursor is not None or found.next is not None:
        return None
    if query.offset and not found.number:
        return None
    return Count(exact=query.offset + found.number)
