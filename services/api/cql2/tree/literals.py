"""Numbers, days and instants from the texts that both encodings write them in. Every mistake is a ValueError."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

from api.cql2.tree.ast import Date, Place, Timestamp

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


def number_text(number: float | Decimal) -> str:
    """The text that `parse_number` reads; the shortest one of a float."""
    return str(number)


def check_text(text: str) -> str:
    """The text itself, when PostgreSQL can hold it."""
    if "\0" in text:
        raise ValueError("a text has the character U+0000")
    if SURROGATE.search(text):
        raise ValueError("a text has half of a surrogate pair")
    return text
