"""What a walk through the pages of a collection goes along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.cql2 import Node
from api.cql2.tree.ast import And, Between, Comparison, Date, Number, Property, Timestamp
from api.query.bbox_bands import bands_key, goes_by_bands
from api.query.items import Cursor, Filter, SortKey
from core.catalog import PLACE, Collection, Key


def walk_key(collection: Collection, filter: Filter, sort: Sequence[SortKey], cursor: Cursor | None = None) -> Key:
    """What a walk goes along after the sort keys, and its cursors name: the collection's key; without sort keys, of a
    loaded table with conditions, the places on the disk: what is read one after the other is read at a tenth of the
    cost, and neighbours are together. Of a box over a table of others bands of the box (api/query/bbox_bands.py).

    cursor: a walk goes on as it began, whatever indexes were made meanwhile
    """
    if sort:
        return collection.key
    if not collection.has_blocks:
        return bands_key(collection) if goes_by_bands(collection, filter, cursor) else collection.key
    if filter.box is None and cursor is not None and cursor.key:
        return PLACE if isinstance(cursor.key[0], str) else collection.key
    return PLACE if filter.box is not None or goes_by_place(collection, filter) else collection.key


def goes_by_place(collection: Collection, filter: Filter) -> bool:
    """Whether the matches of a filter without a box are met sooner along the disk than along the key: not those of ids,
    nor of a value whose rows an index holds in the order of the key.
    """
    if filter.ids is not None or filter.is_everything:
        return False
    by_key = {column.name for column in collection.columns if column.by_key}
    return not by_key or by_key.isdisjoint(compared(filter))


def bounds(filter: Filter) -> dict[str, tuple[Node, ...]]:
    """The conditions of a filter that are the ends of a range of numbers, days or times, by their properties."""
    found: dict[str, tuple[Node, ...]] = {}
    for part in filter.cql2.args if isinstance(filter.cql2, And) else (filter.cql2,):
        match part:
            case (
                Comparison("<" | "<=" | ">" | ">=", Property(name), Number() | Date() | Timestamp())
                | Comparison("<" | "<=" | ">" | ">=", Number() | Date() | Timestamp(), Property(name))
                | Between(Property(name), Number() | Date() | Timestamp(), Number() | Date() | Timestamp())
            ):
                found[name] = (*found.get(name, ()), part)
            case _:
                pass
    return found


def compared(filter: Filter) -> Iterator[str]:
    """The properties that must have a value."""
    yield from (condition.column.name for condition in filter.equals)
    cql2 = filter.cql2
    for part in cql2.args if isinstance(cql2, And) else (cql2,):
        if isinstance(part, Comparison) and part.op == "=":
            yield from (side.name for side in (part.left, part.right) if isinstance(side, Property))
