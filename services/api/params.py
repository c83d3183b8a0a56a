"""Query parameters to values. Every mistake is a BadParameter or UnknownParameter that names the parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection as Names
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from werkzeug.datastructures import MultiDict

from api.cursor import parse_cursor
from api.query import Equals, Filter, Interval, ItemsQuery, Value
from core.bbox import parse_bbox
from core.catalog import Collection, Column, ColumnType
from core.errors import BadParameter, UnknownParameter, suggestion

Args = MultiDict[str, str]

ITEMS_PARAMETERS = ("f", "limit", "bbox", "datetime", "cursor")
"""Parameters of a page of features beside the queryables; a property of one of these names cannot be asked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many features a page has when the request does not say, and at most."""

    default: int
    largest: int


def reject_unknown(args: Args, known: Names[str]) -> None:
    """Raise UnknownParameter for the first parameter that is not known, BadParameter for one given twice."""
    for name in args:
        if name not in known:
            listed = f"known here: {', '.join(known)}" if known else "this resource takes no parameters"
            hint = suggestion(name, known) or listed
            raise UnknownParameter(f"there is no parameter '{name}'", hint=hint, parameter=name)
        if len(args.getlist(name)) > 1:
            raise BadParameter(f"'{name}' is given more than once", hint="give it once", parameter=name)


def items_query(args: Args, collection: Collection, limits: Limits) -> ItemsQuery:
    """The page that a request asks for.

    Raises: UnknownParameter, BadParameter, BadBBox, BadCursor
    """
    queryables = {column.name: column for column in queryable_columns(collection)}
    reject_unknown(args, [*ITEMS_PARAMETERS, *queryables])
    filter = Filter(
        bbox_crs84=parse_bbox(args["bbox"]) if "bbox" in args else None,
        interval=parse_interval(args["datetime"]) if "datetime" in args else None,
        equals=tuple(equals(queryables[name], args[name]) for name in args if name in queryables),
    )
    return ItemsQuery(
        limit=parse_limit(args["limit"], limits) if "limit" in args else limits.default,
        filter=filter,
        cursor=parse_cursor(args["cursor"], filter, collection) if "cursor" in args else None,
    )


def queryable_columns(collection: Collection) -> list[Column]:
    """The columns that are query parameters: simple values whose names no other parameter has."""
    simple = [column for column in collection.columns if column.type not in ("json", "binary")]
    return [column for column in simple if column.name not in ITEMS_PARAMETERS]


def parse_limit(text: str, limits: Limits) -> int:
    """A number of features from 1. More than the largest page is answered with the largest page (Part 1, 7.15.2)."""
    try:
        limit = int(text)
    except ValueError:
        limit = 0
    if limit < 1:
        raise BadParameter(
            f"limit is '{text}'", hint=f"it takes a whole number from 1 to {limits.largest}", parameter="limit"
        )
    return min(limit, limits.largest)


def parse_interval(text: str) -> Interval:
    """An instant, or `start/end` where an end is open when it is empty or `..` (RFC 3339, or a date alone).

    A date alone is the whole day.
    """
    parts = text.split("/")
    if len(parts) > 2 or all(part in ("", "..") for part in parts):
        raise bad_datetime(text)
    start = parse_instant(parts[0], text, day_end=False)
    end = parse_instant(parts[-1], text, day_end=True)
    if start and end and start > end:
        raise BadParameter(
            f"datetime '{text}' ends before it starts", hint="the order is start/end", parameter="datetime"
        )
    return Interval(start, end)


def parse_instant(part: str, whole: str, *, day_end: bool) -> datetime | None:
    """One end of an interval in UTC; None when it is open."""
    if part in ("", ".."):
        return None
    try:
        if len(part) == len("2024-01-01"):
            day = datetime.combine(date.fromisoformat(part), time(tzinfo=UTC))
            return day + timedelta(days=1, microseconds=-1) if day_end else day
        instant = datetime.fromisoformat(part)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_datetime(whole) from error


def bad_datetime(text: str) -> BadParameter:
    """The error for a `datetime` that is neither an instant nor an interval."""
    hint = "write 2024-05-01, 2024-05-01T12:00:00Z, 2024-01-01/2024-12-31 or 2024-01-01/.."
    return BadParameter(f"datetime is '{text}'", hint=hint, parameter="datetime")


def equals(column: Column, text: str) -> Equals:
    """The condition that a column equals a value. Raises: BadParameter when the value is not of the column's type."""
    parse, example = VALUE_PARSERS[column.type]
    try:
        return Equals(column, parse(text))
    except (ValueError, OverflowError) as error:
        raise BadParameter(
            f"'{text}' is no {column.type}", hint=f"'{column.name}' takes {example}", parameter=column.name
        ) from error


def parse_integer(text: str) -> int:
    """A whole number that fits a bigint."""
    number = int(text)
    if not -(2**63) <= number < 2**63:
        raise ValueError(text)
    return number


def parse_number(text: str) -> float:
    """A finite number."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def parse_boolean(text: str) -> bool:
    """`true` or `false`."""
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def parse_text(text: str) -> str:
    """Any text that PostgreSQL can hold, which is all without U+0000."""
    if "\0" in text:
        raise ValueError(text)
    return text


# column type -> parser, what to write
VALUE_PARSERS: dict[ColumnType, tuple[Callable[[str], Value], str]] = {
    "integer": (parse_integer, "a whole number, such as 42"),
    "number": (parse_number, "a number, such as 4.2"),
    "boolean": (parse_boolean, "true or false"),
    "string": (parse_text, "a text"),
    "date": (lambda text: date.fromisoformat(text).isoformat(), "a date, such as 2024-05-01"),
    "datetime": (lambda text: datetime.fromisoformat(text).isoformat(), "a time, such as 2024-05-01T12:00:00Z"),
    "time": (lambda text: time.fromisoformat(text).isoformat(), "a time of day, such as 12:00:00"),
}
