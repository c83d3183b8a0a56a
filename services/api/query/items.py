"""What a request for features asks, as a value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar

from api.cql2.text_encoding.writer import normalised, render_text
from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.query.crs import CRS84, Crs
from api.query.near import Around
from core.bbox import BBox
from core.catalog.collections import Argument, Collection, Column, Key

T = TypeVar("T")
Value = str | int | float | bool
FeatureKey = tuple[int | str, ...]
"""The values of the collection's key that tell a feature from the others: whole numbers, or texts of other types."""
JOINT = "~"
"""Between the parts of an id that has several: a character that no URL escapes."""
Direction = Literal["next", "prev"]
CountMode = Literal["auto", "exact", "estimated", "none"]


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval in time zone UTC; None is an open end. An instant has equal ends."""

    start: datetime | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class GridBox:
    """A box in a projected system, in its units; easting first, whatever the official order of the axes."""

    srid: int
    west: float
    south: float
    east: float
    north: float


def halves(box: BBox | GridBox) -> tuple[BBox | GridBox, ...]:
    """A box, or its two halves when it crosses 180 degrees."""
    return box.halves() if isinstance(box, BBox) else (box,)


def sides(box: BBox | GridBox) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    return box.west, box.south, box.east, box.north


def srid_of(box: BBox | GridBox) -> int:
    """The system of a box."""
    return box.srid if isinstance(box, GridBox) else 4326


@dataclass(frozen=True, slots=True)
class Equals:
    """A property that must have a value."""

    column: Column
    value: Value


@dataclass(frozen=True, slots=True)
class Given:
    """An argument of a function, and its value."""

    argument: Argument
    value: Value


FEW_NODES = 50
HEAVY = frozenset({ast.AccentI, ast.Arithmetic, ast.ArrayPredicate, ast.CaseI, ast.FunctionCall, ast.Spatial})
"""Conditions a few of which may take long; others compare properties with values."""


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions that the features of a response meet, all at once."""

    box: BBox | GridBox | None = None
    interval: Interval | None = None
    equals: tuple[Equals, ...] = ()
    ids: tuple[FeatureKey, ...] | None = None
    arguments: tuple[Given, ...] = ()
    """What a function is called with."""
    text: str | None = None
    """What some string property must contain, in any case."""
    cql2: Node | None = None
    cql2_crs: Crs = CRS84
    """The system of the geometries in `cql2`."""
    heights: tuple[float, float] | None = None
    """The lowest and the highest height of the box, in the unit of the data."""
    around: Around | None = None
    """A place that the features are near to, which they are sorted by the distance from."""
    memo: dict[Hashable, Any] = field(init=False, default_factory=dict[Hashable, Any], compare=False, repr=False)
    """What was worked out of it: see `found`."""

    def found(self, key: Hashable, work_out: Callable[[], T]) -> T:
        """What `work_out` gives, called the first time only: a page asks for most of it several times."""
        if key not in self.memo:
            self.memo[key] = work_out()
        return self.memo[key]

    @property
    def traits(self) -> ast.Traits:
        """Of what it has in CQL2."""
        return self.found("traits", lambda: ast.NO_NODES if self.cql2 is None else ast.traits_of(self.cql2))

    @property
    def is_heavy(self) -> bool:
        """Whether it may take much longer than to read the features: each statement of it has
        `ISTHMUS_FILTER_TIMEOUT_S` then, and one that takes longer is the client's to change (400). Connections are set
        anew for such filters alone.
        """
        return self.text is not None or self.traits.nodes > FEW_NODES or not self.traits.kinds.isdisjoint(HEAVY)

    @property
    def is_everything(self) -> bool:
        """True when no condition is set."""
        return self is NO_FILTER or self == NO_FILTER

    @property
    def is_box_alone(self) -> bool:
        """True when there is a box and no other condition."""
        return self.box is not None and self == Filter(box=self.box)


NO_FILTER = Filter()


@dataclass(frozen=True, slots=True)
class SortKey:
    """A property to sort by. Features without a value come last, in both directions."""

    column: Column
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the walk through a collection: the page after (`next`) or before (`prev`) a feature.

    `place` holds the feature's sort values as PostgreSQL writes them, in the order of the sort keys. `skip`: rows that
    have the same key, which only a key that is not unique needs; without a key, rows before the place.
    """

    direction: Direction
    key: FeatureKey
    place: tuple[str | None, ...] = ()
    skip: int = 0


RFC_7946, JSON_FG, JSON_FG_PLUS = PROFILES = ("rfc7946", "jsonfg", "jsonfg-plus")
"""Profiles that some format of the features follows: conventions beside the media type (RFC 6906). The last one has a
geometry in CRS84 beside each place, for readers of GeoJSON.
"""


@dataclass(frozen=True, slots=True)
class Presentation:
    """How features are written. `columns` None: all properties; `precision` None: what suits the CRS."""

    crs: Crs = CRS84
    columns: tuple[Column, ...] | None = None
    geometry: bool = True
    precision: int | None = None
    zoom: int | None = None
    """Geometries are simplified to what this zoom of WebMercatorQuad can show."""
    profiles: tuple[str, ...] = ()
    """Profiles that the client would like, those first that it names first."""
    fg: str = ""
    """The profile of JSON-FG that features are written by; none for plain GeoJSON."""
    xy: bool = False
    """In CSV, points as two columns, longitude or easting first."""
    brief: bool = False
    """Long texts are cut, for people."""

    def columns_of(self, collection: Collection) -> tuple[Column, ...]:
        """The properties to write."""
        return collection.columns if self.columns is None else self.columns


AS_STORED = Presentation()
KEY_ALONE = Presentation(columns=(), geometry=False)
"""Of which nothing is written but the key: a page of it tells how many features another one has, and its cursors."""


@dataclass(frozen=True, slots=True)
class ItemsQuery:
    """One page of features. `cursor` is None for a page that begins at `offset`."""

    limit: int
    filter: Filter = NO_FILTER
    sort: tuple[SortKey, ...] = ()
    cursor: Cursor | None = None
    offset: int = 0
    presentation: Presentation = AS_STORED
    count: CountMode = "auto"
    hits_only: bool = False

    def is_counted(self, key: Key) -> bool:
        """Whether a place in this walk is a number of rows, as nothing tells them apart in this order."""
        return not key.unique and (bool(self.sort) or not key.parts)

    @property
    def has_values(self) -> bool:
        """Whether values that the client gave are in the statement."""
        return self.cursor is not None or not self.filter.is_everything

    @property
    def backwards(self) -> bool:
        """Whether the page is fetched from its end."""
        return self.cursor is not None and self.cursor.direction == "prev"


@dataclass(frozen=True, slots=True)
class TileQuery:
    """Which features of a collection a tile shows, and which of their properties. `columns` None: all.

    everything: low zooms leave out nothing either, as far as a tile has room
    """

    filter: Filter = NO_FILTER
    columns: tuple[Column, ...] | None = None
    everything: bool = False

    @property
    def is_unconditional(self) -> bool:
        """True when a tile is to be as its zoom shows it: no feature is left out by a condition, nor asked for."""
        return self.filter.is_everything and not self.everything

    @property
    def key(self) -> str:
        """A text that is the same for the same query, however it is written; nothing for all features as they are."""
        if self == WHOLE_TILE:
            return ""
        names = None if self.columns is None else [column.name for column in self.columns]
        filter = replace(self.filter, cql2=normalised(self.filter.cql2)) if self.filter.cql2 else self.filter
        return fingerprint([*parts_of(filter), names, self.everything])[:40]


WHOLE_TILE = TileQuery()


def digest(filter: Filter, sort: tuple[SortKey, ...]) -> str:
    """A short text that is the same for the same filter and order, to bind a cursor to them."""
    if filter is NO_FILTER:
        return digest_of_order(sort)
    return filter.found(("digest", sort), lambda: work_out_digest(filter, sort))


@lru_cache(maxsize=1000)
def digest_of_order(sort: tuple[SortKey, ...]) -> str:
    """The digest of no filter and an order."""
    return work_out_digest(NO_FILTER, sort)


def work_out_digest(filter: Filter, sort: tuple[SortKey, ...]) -> str:
    """The digest of a filter and an order: a part of SHA-256 of their canonical form."""
    order = [[key.column.name, key.descending] for key in sort]
    given = [[given.argument.name, given.value] for given in filter.arguments]
    parts = [*parts_of(filter), order, *([given] if given else [])]
    return fingerprint(parts)[:12]


def parts_of(filter: Filter) -> list[Any]:
    """What a filter consists of but for arguments, in a form of its own: its CQL2 as text, its values in order."""
    box = filter.box and [type(filter.box).__name__, repr(filter.box)]
    times = filter.interval and [filter.interval.start, filter.interval.end]
    equals: list[Any] = sorted([condition.column.name, condition.value] for condition in filter.equals)
    cql2 = filter.cql2 and [render_text(filter.cql2), filter.cql2_crs.uri if filter.traits.has_geometry else CRS84.uri]
    heights = [filter.heights] if filter.heights else []
    near = [repr(filter.around)] if filter.around else []
    return [box, times, equals, filter.ids, filter.text, cql2, *heights, *near]


def fingerprint(parts: list[Any]) -> str:
    """SHA-256 of values as JSON."""
    return hashlib.sha256(to_canonical(parts).encode()).hexdigest()


to_canonical = json.JSONEncoder(default=str).encode
