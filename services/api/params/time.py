"""The parameter `datetime` (RFC 3339, OGC API Features Part 1, 7.15.4)."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from api.cql2.tree.ast import Date
from api.cql2.tree.literals import parse_instant
from api.query.items import Interval
from core.errors import BadParameter


def parse_interval(text: str) -> Interval:
    """An instant, or `start/end` where an end is open when it is empty or `..` (RFC 3339, or a date alone).

    A date alone is the whole day.
    """
    parts = text.split("/")
    if len(parts) > 2 or all(part in ("", "..") for part in parts):
        raise bad_datetime(text)
    start = parse_end(parts[0], text, day_end=False)
    end = parse_end(parts[-1], text, day_end=True)
    if start and end and start > end:
        raise BadParameter(
            f"datetime '{text}' ends before it starts", hint="the order is start/end", parameter="datetime"
        )
    return Interval(start, end)


def parse_end(part: str, whole: str, *, day_end: bool) -> datetime | None:
    """One end of an interval in UTC, which a time without a zone is taken to be in; None when it is open."""
    if part in ("", ".."):
        return None
    try:
        instant = parse_instant(part, zone_needed=False)
        if not isinstance(instant, Date):
            return instant.value
        day = datetime.combine(instant.value, time(tzinfo=UTC))
        return day + timedelta(days=1, microseconds=-1) if day_end else day
    except (ValueError, OverflowError) as error:
        raise bad_datetime(whole) from error


def bad_datetime(text: str) -> BadParameter:
    """The error for a `datetime` that is neither an instant nor an interval."""
    hint = "write 2024-05-01, 2024-05-01T12:00:00Z, 2024-01-01/2024-12-31 or 2024-01-01/.."
    return BadParameter(f"datetime is '{text}'", hint=hint, parameter="datetime")
