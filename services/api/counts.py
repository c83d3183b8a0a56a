"""How many features a filter matches: known, counted, estimated or left unsaid, and the answer says which."""

from __future__ import annotations

from dataclasses import dataclass

from api.query import CountMode, Filter
from api.sql.items import select_count, select_estimate
from core.catalog import Collection
from core.db import Database


@dataclass(frozen=True, slots=True)
class Count:
    """A number of matches. `exact` None: it was not counted; `estimate` None: it was not estimated."""

    exact: int | None = None
    estimate: int | None = None


def count_matches(database: Database, collection: Collection, filter: Filter, mode: CountMode, most_rows: int) -> Count:
    """The number of features that match.

    `auto` counts when the planner expects at most `most_rows` matches, and gives its estimate when it expects more.
    Without a filter the number is known from the load, whatever the mode; nobody knows that of a source.
    """
    if mode == "none":
        return Count()
    known = collection.row_count
    if filter.is_everything and known is not None:
        return Count(exact=known)
    if mode == "estimated" or (mode == "auto" and (known is None or known > most_rows)):
        [(plan,)] = database.run(select_estimate(collection, filter))
        expected = int(plan[0]["Plan"]["Plan Rows"])
        if mode == "estimated" or expected > most_rows:
            return Count(estimate=expected)
    [(exact,)] = database.run(select_count(collection, filter))
    return Count(exact=exact)
