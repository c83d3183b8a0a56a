"""A look along the key before a table is read for a page: of matches that nobody can foresee there may be many."""

from __future__ import annotations

from typing import NamedTuple

from api.cql2 import is_plain
from api.planner.table_scan import Reckoned
from api.query.items import BY_PLANNER, Filter, ItemsQuery, Plan
from core.catalog import Collection

TRIAL_SHARE = 1 / 16
"""What a look along the key may cost of what finding all matches costs: so much more, where it was in vain."""


class WalkCost(NamedTuple):
    """What the planner reckons for reading a relation in the order of its key: until the first row, and for each."""

    start: float
    row: float


def is_worth_trying(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a page may be full after a part of the key though the planner does not expect it."""
    if query.sort or query.offset or not collection.key.unique or query.filter.arguments:
        return False
    return query.filter.box is None and query.filter.ids is None and not is_foreseen(query.filter)


def is_foreseen(filter: Filter) -> bool:
    """Whether what PostgreSQL knows of each column tells how many rows match."""
    return filter.text is None and (filter.cql2 is None or is_plain(filter.cql2))


def plan_trial(query: ItemsQuery, reckoned: Reckoned, walk: WalkCost) -> Plan:
    """The walk along a part of the key; the planner's way where that costs too much to be tried."""
    walked = int((reckoned.cost * TRIAL_SHARE - walk.start) / walk.row) if walk.row else 0
    return Plan("walk", walked=walked) if walked > query.limit else BY_PLANNER
