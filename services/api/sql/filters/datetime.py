"""The parameter `datetime` as SQL: features whose time meets an interval, and those without one.

Source: OGC API Features Part 1, /req/core/fc-time-response. Time kept in another kind of column is a further case of
`in_interval`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString, cast

from psycopg import sql

from api.query.items import Interval
from api.sql.relation import column_of
from core.catalog.collections import RANGES, Column

ELEMENTS = {"tstzrange": sql.SQL("timestamptz"), "tsrange": sql.SQL("timestamp"), "daterange": sql.SQL("date")}

Condition = tuple[sql.Composable, dict[str, Any]]


def in_interval(times: Sequence[Column], interval: Interval) -> Condition:
    """Features whose time meets the interval. `times`: a column of instants, or one of starts and one of ends."""
    params = {"start": interval.start, "end": interval.end}
    given = {name: value for name, value in params.items() if value is not None}
    match times:
        case [start, end]:
            ends = [*since(end, interval, open_if_null=True), *until(start, interval, open_if_null=True)]
            return sql.SQL("({})").format(sql.SQL(" AND ").join(ends)), given
        case [during] if during.sql_type in RANGES:
            return meets_range(during, interval), given
        case _:
            instant = times[0]
            ends = [*since(instant, interval), *until(instant, interval)]
            name = column_of(instant)
            return sql.SQL("({} OR {} IS NULL)").format(sql.SQL(" AND ").join(ends), name), given


def meets_range(column: Column, interval: Interval) -> sql.Composable:
    """A range meets the interval. Index: GiST on the column. A range of days holds the whole of its days."""
    kind = sql.SQL(cast("LiteralString", column.sql_type))
    element = ELEMENTS[column.sql_type or ""]
    ends = [
        sql.SQL("NULL") if end is None else sql.SQL("{}::timestamptz::{}").format(sql.Placeholder(name), element)
        for name, end in (("start", interval.start), ("end", interval.end))
    ]
    text = sql.SQL("({name} && {kind}({start}, {end}, '[]') OR {name} IS NULL)")
    return text.format(name=column_of(column), kind=kind, start=ends[0], end=ends[1])


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
