"""Which properties of a table get an index: by its statistics, or as the side-car says. Pure: values in, values out.

The bounds are for the disk: an index helps some requests, and takes room whether they come or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import suggestion

FEWEST_ROWS = 10_000
"""A smaller table is read in a few milliseconds."""

MOST_INDEXES = 16
WIDEST_BYTES = 64
"""Longer texts are prose or addresses of pages, which nobody compares with a whole text, and take much room."""

COMMON_SHARE = 0.2
"""A value that more than a fifth of the rows have is found at once along the key."""

COMMON_ROWS = 1000
"""Of a value that more rows have, the index holds them in the order of the key: no page needs all of them sorted."""

ORDERED = frozenset({"integer", "number", "string", "date", "datetime", "time"})
"""Types whose values are found by comparison. A boolean has two of them, JSON and bytes are compared by nobody."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What ANALYZE found out about a column.

    distinct:  how many values it has
    null_share, commonest_share, rarest_share: of all rows; the last is 0 where some values are not known by name
    """

    distinct: float
    width_bytes: int
    null_share: float = 0.0
    commonest_share: float = 0.0
    rarest_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Property:
    """A property that may get an index. `statistics` None: there are none.

    number:     its place in the table, for a name that is like no other
    packed:     whether PostgreSQL stores equal values once (not of floats, whose zeros differ)
    index:      the one that it has from its load, as times have
    """

    name: str
    column: str
    type: str
    number: int
    statistics: Statistics | None
    packed: bool = True
    index: str | None = None


@dataclass(frozen=True, slots=True)
class PropertyIndex:
    """An index that is to be made, and how that ended. Without `seconds` and `problem` it is yet to be made.

    with_key:    the key stands behind the value, so that the rows of a value lie in the order of pages
    filled_only: rows without a value are left out
    is_filled:   it is made, and every row has a value
    size_bytes:  as estimated, and when it is made, as it is
    commonest_share: of the rows that have the most frequent value
    """

    name: str
    property_name: str
    column: str
    size_bytes: int
    with_key: bool = False
    filled_only: bool = False
    is_filled: bool = False
    commonest_share: float = 1.0
    seconds: float | None = None
    problem: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it is yet to be made."""
        return self.seconds is None and self.problem is None


def choose(
    properties: Sequence[Property], indexed_by: Any, *, version: int, rows: int, room_bytes: int
) -> list[PropertyIndex]:
    """The indexes of a version's table, in the order of their making.

    indexed_by: what the side-car says: False: none; True: those that help, the cheapest first, within the bounds; a
                list of names: these, whatever they cost. One that cannot be made is there too, with its problem.
    """
    if indexed_by is False:
        return []
    if indexed_by is not True:
        return [index_by_name(name, properties, version, rows) for name in indexed_by]
    if rows < FEWEST_ROWS:
        return []
    helping = (index_of(property, version, rows) for property in properties if helps(property))
    return list(affordable(sorted(helping, key=lambda index: index.size_bytes), room_bytes))


def affordable(indexes: Iterable[PropertyIndex], room_bytes: int) -> Iterator[PropertyIndex]:
    """The first ones that have room together."""
    taken = 0
    for index, _ in zip(indexes, range(MOST_INDEXES), strict=False):
        taken += index.size_bytes
        if taken > room_bytes:
            return
        yield index


def index_by_name(name: str, properties: Sequence[Property], version: int, rows: int) -> PropertyIndex:
    """The index of a property that the side-car names, or why there is none."""
    found = next((property for property in properties if property.name == name), None)
    if found is None:
        near = suggestion(name, [property.name for property in properties])
        return impossible(name, f"there is no such property{f': {near}' if near else ''}")
    if found.type in ("json", "binary"):
        return impossible(name, f"a property of type {found.type} has no order")
    return index_of(found, version, rows)


def impossible(name: str, problem: str) -> PropertyIndex:
    """An index that cannot be."""
    return PropertyIndex("", name, "", 0, problem=problem)


def helps(property: Property) -> bool:
    """Whether some request would find its rows by an index much sooner than along the key."""
    known = property.statistics
    if property.index is not None:
        return True
    if property.type not in ORDERED or known is None or known.distinct == 0:
        return False
    if property.type == "string" and known.width_bytes > WIDEST_BYTES:
        return False
    return known.rarest_share < COMMON_SHARE


def index_of(property: Property, version: int, rows: int) -> PropertyIndex:
    """The index of a property, in the form that suits its values, or the one that it has."""
    if property.index is not None:
        return PropertyIndex(property.index, property.name, property.column, 0)
    known = property.statistics or Statistics(rows, 8)
    with_key = known.commonest_share * rows > COMMON_ROWS
    filled_only = known.null_share > COMMON_SHARE
    size_bytes = estimated_bytes(property, known, rows, with_key=with_key, filled_only=filled_only)
    name = index_name(version, property)
    return PropertyIndex(
        name,
        property.name,
        property.column,
        size_bytes,
        with_key,
        filled_only,
        commonest_share=round(known.commonest_share, 4),
    )


def index_name(version: int, property: Property) -> str:
    """A name that nothing else has: PostgreSQL's own for indexes end with `_idx` and `_pkey`, tables with digits."""
    words = property.column.encode()[:30].decode(errors="ignore")
    return f"{version}_{property.number}_{words}_property"


def estimated_bytes(property: Property, known: Statistics, rows: int, *, with_key: bool, filled_only: bool) -> int:
    """About what the index takes: 12 bytes and the values for an entry, pages 9/10 full.

    Of 1 M rows: an integer 21 MB, with the key 31, equal ones stored once 7.
    """
    filled = rows * (1 - known.null_share if filled_only else 1)
    entry = 12 + -(-known.width_bytes // 8) * 8 + (8 if with_key else 0)  # whole words of eight bytes
    if property.packed and not with_key and known.distinct < filled / 2:
        return int((6 * filled + entry * known.distinct) / 0.9)
    return int(entry * filled / 0.9)
