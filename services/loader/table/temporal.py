"""Which columns hold the time of a feature: one of instants, or one of starts and one of ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from core.database.connections import Connection
from core.errors import suggestion
from core.times import end_names
from loader.errors import BadSideCar
from loader.report import Note
from loader.table.columns import TableColumn
from loader.table.ddl import Table


@dataclass(frozen=True, slots=True)
class Times:
    """The columns that `datetime` filters by: `start` holds instants, or with `end`, either may be null, for open."""

    start: TableColumn
    end: TableColumn | None = None

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """One column, or two."""
        return (self.start,) if self.end is None else (self.start, self.end)


def choose_times(
    connection: Connection, table: Table, named: Sequence[str] | None
) -> tuple[Times | None, tuple[Note, ...]]:
    """The columns that the side-car names, else the first of the candidates that holds anything.

    Raises: BadSideCar for a name that is no column of times
    """
    if named is not None:
        times = named_times(table.columns, named)
    else:
        found = list(candidates(table.columns))
        filled = (times for times in found if len(found) == 1 or holds_any(connection, table, times))
        times = next(filled, next(iter(found), None))
    return times, tuple(reversed_note(connection, table, times)) if times is not None else ()


def named_times(columns: Sequence[TableColumn], names: Sequence[str]) -> Times | None:
    """The columns of the given names; None for no names at all. Raises: BadSideCar"""
    known = {column.name: column for column in columns if column.storage.type in ("datetime", "date")}
    for name in names:
        if name not in known:
            hint = suggestion(name, known) or f"columns of times: {', '.join(known) or 'none'}"
            raise BadSideCar(f"the side-car's 'time' names '{name}', which is no column of dates or times", hint=hint)
    return Times(*(known[name] for name in names)) if names else None


def candidates(columns: Sequence[TableColumn]) -> Iterator[Times]:
    """Pairs whose names say so, then columns with date and time, then dates, each in the order of the table."""
    temporal = [column for column in columns if column.storage.type in ("datetime", "date")]
    by_name = {column.name.lower(): column for column in temporal}
    for column in temporal:
        ends = (by_name[name] for name in end_names(column.name) if name in by_name)
        end = next(ends, None)
        if end is not None:
            yield Times(column, end)
    for wanted in ("datetime", "date"):
        yield from (Times(column) for column in temporal if column.storage.type == wanted)


def holds_any(connection: Connection, table: Table, times: Times) -> bool:
    """Whether any feature has such a time. Cost: reads until the first, the whole table when there is none."""
    present = sql.SQL(" OR ").join(
        sql.SQL("{} IS NOT NULL").format(sql.Identifier(column.column)) for column in times.columns
    )
    text = sql.SQL("SELECT EXISTS (SELECT 1 FROM {} WHERE {})").format(table.identifier, present)
    row = connection.execute(text).fetchone()
    return bool(row and row[0])


def reversed_note(connection: Connection, table: Table, times: Times) -> Iterator[Note]:
    """A warning when some features end before they start: `datetime` finds them by neither end."""
    if times.end is None:
        return
    start, end = (sql.Identifier(column.column) for column in times.columns)
    text = sql.SQL("SELECT count(*), min(fid) FROM {} WHERE {} > {}").format(table.identifier, start, end)
    row: Any = connection.execute(text).fetchone()
    if row[0]:
        message = f"{row[0]} features end before they start (feature {row[1]} the first)"
        names = f"'{times.start.name}' and '{times.end.name}'"
        yield Note("warning", "time-reversed", message, f"look at {names}, or name other columns in the side-car")


def observe_interval(connection: Connection, table: Table, times: Times) -> tuple[datetime | None, datetime | None]:
    """First and last time, UTC where none is named; (None, None) when there is none.

    An end is None, open, when some feature's is: null beside another end, or beyond the years that Python's datetime
    holds (before 1, from 9999-12-31 on), as in "until further notice". Instants of those years are passed over.
    """
    text = sql.SQL("""
SELECT min({start}::timestamptz) FILTER (WHERE {start} >= '0001-01-02' AND {start} < '9999-12-31'),
       max({end}::timestamptz) FILTER (WHERE {end} >= '0001-01-02' AND {end} < '9999-12-31'),
       coalesce(bool_or({start} IS NULL AND {end} IS NOT NULL OR {start} < '0001-01-02'), false),
       coalesce(bool_or({end} IS NULL AND {start} IS NOT NULL OR {end} >= '9999-12-31'), false)
FROM {table}
""")
    start, end = sql.Identifier(times.start.column), sql.Identifier(times.columns[-1].column)
    text = text.format(start=start, end=end, table=table.identifier)
    first, last, open_start, open_end = connection.execute(text).fetchall()[0]
    if times.end is None:
        return first, last
    return None if open_start else first, None if open_end else last
