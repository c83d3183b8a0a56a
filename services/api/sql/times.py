"""The parameter `datetime` as SQL: features whose time meets an interval, and those without one.

Source: OGC API Features Part 1, /req/core/fc-time-response. Time kept in another kind of column is a further case of
`in_interval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import sql

from api.query import Interval
from api.sql.relation import column_of
from core.catalog import Column

Condition = tuple[sql.Composable, dict[str, Any]]


def in_interval(times: Sequence[Column], interval: Interval) -> Condition:
    """Features whose time meets the interval. `times`: a column of instants, or one of starts and one of ends."""
    params = {"start": interval.start, "end": interval.end}
    given = {name: value for name, value in params.items() if value is not None}
    match times:
        case [start, end]:
            ends = [*since(end, interval, open_if_null=True), *until(start, interval, open_if_null=True)]
            return sql.SQL("({})").format(sql.SQL(" AND ").join(ends)), given
        case _:
            instant = times[0]
            ends = [*since(instant, interval), *until(instant, interval)]
            name = column_of(instant)
            return sql.SQL("({} OR {} IS NULL)").format(sql.SQL(" AND ").join(ends), name), given


def since(column: Column, interval: Interval, *, open_if_null: bool = False) -> list[sql.Composable]:
    """The column is not before the interval's start; nothing when that is open."""
    return [compare(column, sql.SQL(">="), "start", open_if_null)] if interval.start is not None else []


def until(column: Column, interval: Interval, *, open_if_null: bool = False) -> list[sql.Composable]:
    """The column is not after the interval's end; nothing when that is open."""
    return [compare(column, sql.SQL("<="), "end", open_if_null)] if interval.end is not None else []


def compare(column: Column, operator: sql.SQL, place: str, open_if_null: bool) -> sql.Composable:
    """A column beside an end of the interval. A date is its whole day, so the end counts as its day there."""
    cast = sql.SQL("date" if column.type == "date" else "timestamptz")
    name = column_of(column)
    text = sql.SQL("{} {} {}::timestamptz::{}").format(name, operator, sql.Placeholder(place), cast)
    return sql.SQL("({} OR {} IS NULL)").format(text, name) if open_if_null else text
