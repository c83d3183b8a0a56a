"""The columns that `datetime` asks in a relation, chosen as the loader chooses them in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.catalog import RANGES, Column
from core.times import end_names

Times = tuple[str | None, str | None]
"""The names of the column of instants or starts, and of the one of ends."""


def choose_times(columns: Sequence[Column], named: Sequence[str]) -> Times:
    """The columns that a comment names, else the first candidates."""
    temporal = {column.name: column for column in columns if is_temporal(column)}
    if named and all(name in temporal for name in named):
        return named[0], named[1] if len(named) > 1 else None
    return next(candidates(list(temporal.values())), (None, None))


def is_temporal(column: Column) -> bool:
    """Whether a column holds times, or ranges of them."""
    return column.type in ("datetime", "date") or column.sql_type in RANGES


def candidates(temporal: Sequence[Column]) -> Iterator[Times]:
    """Ranges, pairs whose names say so, then columns with date and time, then dates, in the order of the relation."""
    yield from ((column.name, None) for column in temporal if column.sql_type in RANGES)
    instants = [column for column in temporal if column.sql_type not in RANGES]
    by_name = {column.name.lower(): column.name for column in instants}
    for column in instants:
        for end in end_names(column.name):
            if end in by_name:
                yield column.name, by_name[end]
    for wanted in ("datetime", "date"):
        yield from ((column.name, None) for column in instants if column.type == wanted)
