"""Whose fault it is that a filter takes long over a source whose features nobody has counted: functions, slow views.

A filter over what is read at once is at fault itself. A source that takes long without any filter is given the time of
every statement.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from math import inf

from api.query.filter_timeout import OF_A_FEATURE_S, Undecided
from api.query.items import Filter
from api.query.source_errors import reading
from api.sql.features.items import select_count
from core.db import Database
from core.errors import QueryTooSlow
from core.spent import spent

LOOK_S = 1.0
"""What reading the whole source may take for the filter to be at fault."""


@contextmanager
def time_for(database: Database, undecided: Undecided) -> Generator[None]:
    """While the request is answered once more, with what the source needs by itself. Raises: FilterTooSlow"""
    most_s = time_of(database, undecided)
    if most_s <= undecided.had_s:
        raise undecided.told from undecided.__cause__
    spent.patience_s = spent.db_s + most_s
    try:
        yield
    finally:
        spent.patience_s = None


def time_of(database: Database, undecided: Undecided) -> float:
    """What a filter over the source may take, by how many features there are; inf where reading them takes long."""
    everything = Filter(arguments=undecided.filter.arguments)
    try:
        with reading(undecided.collection):
            [(number,)] = database.run(select_count(undecided.collection, everything), timeout_s=LOOK_S)
    except QueryTooSlow:
        return inf
    return OF_A_FEATURE_S * number
