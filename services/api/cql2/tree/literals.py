"""The literals of a filter, and how large and deep a filter may be.

What a text means as a number, a day or a time is the same in both encodings and in parameters; each mistake there is a
ValueError. Limits are checked without recursion, so that no filter exhausts the stack.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

from api.cql2.tree.ast import Arithmetic, Array, Date, Node, Number, Place, Timestamp, children, mistake

MAX_LENGTH = 65_536
"""Characters of a filter that is text."""
MAX_LENGTH_JSON = 500_000
"""Characters of one that is JSON, which takes a tenth of the time to read: areas of 20,000 corners."""
MAX_DEPTH = 60
"""Levels of a tree, and of parentheses. PostgreSQL and Python both manage several times as many."""
MAX_NODES = 10_000
"""Nodes of a tree. PostgreSQL takes 65,535 parameters in a statement."""

MOST_PAIRS = 2000
"""Elements of one list times those of another, which are all compared: about 0.2 ms for each feature."""

MOST_DIGITS = 2000
"""A product of that many digits takes about 0.1 ms for each feature."""

COLUMN_DIGITS, POWER_DIGITS = 40, 700
"""Estimates: doubles have 17 digits, powers end at about 304 before the point, with as many behind it."""

JSON_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A text without an end runs to the end: looked for anew from each of its quotes, 60 KB would take 7 seconds."""
JSON_DEPTH = 2 * MAX_DEPTH + 8
"""A node of the tree takes two levels of JSON, an object and its `args`; the coordinates of a geometry a few more."""

MAX_DIGITS = 400
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2})?)?"
)

WHOLE = re.compile(r"[+-]?[0-9]+")
SURROGATE = re.compile("[\ud800-\udfff]")
END_OF_DAY = re.compile(r"24:00(:00(\.0+)?)?")
LEAP = "60"
"""The leap second, which RFC 3339 has and Python has not."""


def parse_number(text: str) -> int | Decimal:
    """A number exactly as it is written. One that no double can hold is refused, as PostgreSQL would fail over it."""
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number has more than {MAX_DIGITS} characters")
    number = Decimal(text)
    if not math.isfinite(float(number)) or (number != 0 and float(number) == 0):
        raise ValueError(f"{text} is beyond the numbers that a double can hold")
    return int(text) if WHOLE.fullmatch(text) else number


def parse_date(text: str) -> date:
    """`2024-05-01`."""
    if not DAY.fullmatch(text):
        raise ValueError(f"'{text}' is no date such as 2024-05-01")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"'{text}' is no day of the calendar") from error


def parse_timestamp(text: str, *, zone_needed: bool = True) -> datetime:
    """`2024-05-01T12:00:00Z`, with a fraction (to the microsecond) or an offset if need be; in UTC.

    zone_needed: whether a text without `Z` or an offset is refused, or else taken as UTC
    """
    match = INSTANT.fullmatch(text)
    if match is None or (zone_needed and not (match[6] or match[7])):
        raise ValueError(f"'{text}' is no time such as 2024-05-01T12:00:00Z")
    day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = match.groups()
    try:
        offset = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
        zone = timezone(-offset if sign == "-" else offset)
        whole = datetime.fromisoformat(f"{day}T{hour}:{minute}:{'59' if second == LEAP else second}")
        microsecond = int((fraction or "0")[:6].ljust(6, "0"))
        moment = whole.replace(microsecond=microsecond, tzinfo=zone).astimezone(UTC)
        return moment if second != LEAP else after_leap(moment)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"'{text}' is no time of the calendar") from error


def after_leap(moment: datetime) -> datetime:
    """A leap second, given as the second before it: the first second of the next day. Raises: ValueError elsewhere"""
    if (moment.hour, moment.minute) != (23, 59):
        raise ValueError("a leap second is the last one of a day in UTC")
    return moment + timedelta(seconds=1)


def parse_instant(text: str, at: Place = None, *, zone_needed: bool = True) -> Date | Timestamp:
    """A day or a time, as it looks."""
    if DAY.fullmatch(text):
        return Date(parse_date(text), at=at)
    return Timestamp(parse_timestamp(text, zone_needed=zone_needed), at=at)


def parse_time(text: str) -> str:
    """`12:30:00`, a time of day as PostgreSQL reads it. It knows the end of a day too, where Python does not."""
    if END_OF_DAY.fullmatch(text):
        return "24:00:00"
    try:
        return time.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ValueError(f"'{text}' is no time of day such as 12:30:00") from error


def instant_text(instant: Date | Timestamp) -> str:
    """The text that `parse_instant` reads."""
    if isinstance(instant, Date):
        return instant.value.isoformat()
    return instant.value.replace(tzinfo=None).isoformat() + "Z"


def check_text(text: str) -> str:
    """The text itself, when PostgreSQL can hold it."""
    if "\0" in text:
        raise ValueError("a text has the character U+0000")
    if SURROGATE.search(text):
        raise ValueError("a text has half of a surrogate pair")
    return text


def check_length(text: str, most: int = MAX_LENGTH) -> None:
    """Raises: BadFilter"""
    if len(text) > most:
        hint = f"at most {most} are read" + (f", {MAX_LENGTH_JSON} of CQL2 JSON" if most < MAX_LENGTH_JSON else "")
        raise mistake(f"the filter has {len(text)} characters", hint=f"{hint}; an area may have fewer corners")


def check_json_depth(text: str) -> None:
    """Count the brackets before the JSON parser recurses into them. Raises: BadFilter"""
    depth = 0
    for match in JSON_BRACKETS.finditer(text):
        bracket = match.group()
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > JSON_DEPTH:
            raise mistake(f"the filter is nested more than {JSON_DEPTH} levels deep", match.start())


def check_tree(root: Node) -> None:
    """Raises: BadFilter for a tree that is too deep or has too many nodes"""
    level, depth, count = [root], 0, 0
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > MAX_DEPTH:
            raise mistake(f"the filter is nested more than {MAX_DEPTH} levels deep", level[0].at)
        if count > MAX_NODES:
            raise mistake(f"the filter has more than {MAX_NODES} parts", level[0].at)
        level = [child for node in level for child in children(node)]


def check_pairs(left: Node, right: Node) -> None:
    """Raises: BadFilter for two lists in the filter that have too many elements to compare each with each"""
    if isinstance(left, Array) and isinstance(right, Array) and len(left.items) * len(right.items) > MOST_PAIRS:
        sizes = f"two lists of {len(left.items)} and {len(right.items)} elements"
        hint = f"the product of their sizes may be {MOST_PAIRS}; IN compares a value with a list at less cost"
        raise mistake(f"{sizes} take too long to compare", right.at, hint=hint)


def check_digits(node: Arithmetic) -> None:
    """Raises: BadFilter when the result may have too many digits"""
    if digits(node) > MOST_DIGITS:
        hint = "multiply fewer numbers, or compare each with its own limit"
        raise mistake(f"'{node.op}' may have a result of more than {MOST_DIGITS} digits", node.at, hint=hint)


def digits(node: Node) -> int:
    """The most digits of a number, about."""
    match node:
        case Number(value):
            return len(f"{value:f}")
        case Arithmetic(op, left, right):
            parts = digits(left), digits(right)
            return {"^": POWER_DIGITS, "*": sum(parts), "/": sum(parts)}.get(op, max(parts) + 1)
        case _:
            return COLUMN_DIGITS
