"""How many features a filter matches: known, counted, or left unsaid when counting would cost too much."""

from __future__ import annotations

from api.query import Filter
from api.sql.items import select_count, select_estimate
from core.catalog import Collection
from core.db import Database


def number_matched(database: Database, collection: Collection, filter: Filter, most_rows: int) -> int | None:
    """The exact number of matches, or None when the planner expects to read more than `most_rows` rows for it."""
    if filter.is_everything:
        return collection.row_count
    if collection.row_count > most_rows:
        [(plan,)] = database.run(select_estimate(collection, filter))
        if plan[0]["Plan"]["Plan Rows"] > most_rows:
            return None
    [(count,)] = database.run(select_count(collection, filter))
    return count
