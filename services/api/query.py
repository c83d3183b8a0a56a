"""What a request for features asks, as a value."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.bbox import BBox
from core.catalog import Column

Value = str | int | float | bool
Direction = Literal["next", "prev"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval in time zone UTC; None is an open end. An instant has equal ends."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Equals:
    """A property that must have a value."""

    column: Column
    value: Value


@dataclass(frozen=True, slots=True)
class Filter:
    """Which features of a collection are asked for. All conditions hold at once."""

    bbox_crs84: BBox | None = None
    interval: Interval | None = None
    equals: tuple[Equals, ...] = ()

    @property
    def is_everything(self) -> bool:
        """True when no condition is set."""
        return self == Filter()

    def digest(self) -> str:
        """A short text that is the same for the same filter, to bind a cursor to it."""
        box = self.bbox_crs84.as_list() if self.bbox_crs84 else None
        times = [self.interval.start, self.interval.end] if self.interval else None
        equals = sorted((condition.column.name, condition.value) for condition in self.equals)
        text = json.dumps([box, times, equals], default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the walk through a collection: the page after (`next`) or before (`prev`) a feature id."""

    direction: Direction
    fid: int


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """One page of features. `cursor` is None for the first page."""

    limit: int
    filter: Filter = Filter()
    cursor: Cursor | None = None
