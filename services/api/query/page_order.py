"""The order of the features of a page, without `sortby`: the key that a walk through the pages goes along.

=============================  =======================================================================================
nothing is asked for           the key of the collection
a loaded table, conditions     the heap: neighbours are together, and what is read in its order costs a tenth
 by value of an indexed key    the key, as an index has the rows of that value in its order
a table of others, a bbox      strips of the bbox, each from west to east: the index of boxes finds neighbours, and
                               others may move their rows in the heap
other conditions               the key
=============================  =======================================================================================

An order depends on the filter and the collection alone, so pages of any limit and offset are parts of one list. A
cursor tells which order its walk began in, so that an index that was made meanwhile changes nothing. What has no
geometry, which every bbox finds, comes behind the last strip. Narrow ranges of a property have an order of their own
(`planner/choose_order.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.cql2.tree.geometry import all_positions
from api.query.crs import CRS84, Crs
from api.query.items import Cursor, Filter, GridBox, SortKey, srid_of
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.collections import HEAP_ORDER, Collection, Key, KeyPart
from core.catalog.heap_blocks import Sides
from core.errors import BadBBox

STRIPS = 16
"""Strips of a bbox. An index of boxes is read on all pages that what is looked for crosses: in a strip a sixteenth.
With 8 pages of large boxes took a tenth longer, with 32 no less. Doubled: walks that began before meet features twice
or never.
"""

LARGE_PART = 8
"""A bbox that covers one in so many parts of the extent is a large part of it: rows that meet more conditions are found
sooner along the key. Doubled: boxes of a twelfth of the extent with a rare condition read the table along its key.
"""

strip_keys: CollectionCache[None, Key] = CollectionCache()


def order_key(collection: Collection, filter: Filter, sort: Sequence[SortKey], cursor: Cursor | None = None) -> Key:
    """The key that a walk goes along behind the sort keys, and that its cursors name.

    cursor: a walk goes on as it began
    """
    if sort:
        return collection.key
    if not collection.has_blocks:
        return strip_key(collection) if goes_by_strips(collection, filter, cursor) else collection.key
    if filter.box is None and cursor is not None and cursor.key:
        return HEAP_ORDER if isinstance(cursor.key[0], str) else collection.key
    return HEAP_ORDER if filter.box is not None or goes_by_heap(collection, filter) else collection.key


def goes_by_heap(collection: Collection, filter: Filter) -> bool:
    """Whether the matches of a filter without a bbox come sooner along the heap than along the key: not those of
    ids, nor of a value whose rows an index holds in the order of the key.
    """
    if filter.ids is not None or filter.is_everything:
        return False
    by_key = {column.name for column in collection.columns if column.by_key}
    return not by_key or by_key.isdisjoint(compared(filter))


def compared(filter: Filter) -> Iterator[str]:
    """The properties that must have a value."""
    yield from (condition.column.name for condition in filter.equals)
    for part in conjuncts(filter.cql2):
        if isinstance(part, ast.Comparison) and part.op == "=":
            yield from (side.name for side in (part.left, part.right) if isinstance(side, ast.Property))


def conjuncts(node: Node | None) -> Sequence[Node | None]:
    """The conditions that all have to hold."""
    return node.args if isinstance(node, ast.And) else (node,)


def bounds(filter: Filter) -> dict[str, tuple[Node, ...]]:
    """The conditions of a filter that are the ends of a range of numbers, days or times, by their properties."""
    found: dict[str, tuple[Node, ...]] = {}
    for part in conjuncts(filter.cql2):
        match part:
            case ast.Comparison("<" | "<=" | ">" | ">=", ast.Property(name), end) | ast.Comparison(
                "<" | "<=" | ">" | ">=", end, ast.Property(name)
            ):
                ends = [end]
            case ast.Between(ast.Property(name), low, high):
                ends = [low, high]
            case _:
                continue
        if all(isinstance(end, ast.Number | ast.Date | ast.Timestamp) for end in ends):
            found[name] = (*found.get(name, ()), part)
    return found


def goes_by_strips(collection: Collection, filter: Filter, cursor: Cursor | None = None) -> bool:
    """Whether a walk without sort keys goes by strips: of a bbox that has an area, and holds a part of the table.

    cursor: a walk goes on as it began, whatever was learnt of the table meanwhile
    """
    source, key = collection.source, collection.key
    if source is None or not (source.is_indexed and key.parts and key.unique):
        return False
    box = bbox_of(filter)
    if box is None or filter.ids is not None or not (box.west < box.east and box.south < box.north):
        return False
    if not can_be_projected(collection, box):
        return False
    if cursor is not None and cursor.key:
        return len(cursor.key) == len(strip_key(collection).parts)
    return (source.is_large or not collection.null_geometries) and is_part(collection, filter, box)


def strip_key(collection: Collection) -> Key:
    """The key of such a walk: the number of the strip, the western end as far as it is in the bbox, and the key."""

    def make() -> Key:
        strip = KeyPart(collection.free_column("strip"), "int4")
        west = KeyPart(collection.free_column("west"), "float8", "text")
        return Key((strip, west, *collection.key.parts), is_id=False)

    return strip_keys.get(collection, None, make)


def has_strips(collection: Collection, key: Key) -> bool:
    """Whether a walk goes along strips."""
    return len(key.parts) > len(collection.key.parts)


def is_behind_strips(cursor: Cursor) -> bool:
    """Whether the place of a cursor is among features without geometry."""
    return int(cursor.key[0]) > STRIPS


def is_native(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a bbox is one in the table's own numbers."""
    return srid_of(box) == collection.srid


def can_be_projected(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a bbox is one in the table's own numbers, or PostGIS can tell what is around its image there."""
    if is_native(collection, box):
        return True
    if collection.source is None or collection.source.is_geography or not collection.srid:
        return False
    return isinstance(box, BBox) and box.west <= box.east


def is_part(collection: Collection, filter: Filter, box: BBox | GridBox) -> bool:
    """Whether a bbox is a part of where features are, as far as is known; a small one, where more is asked for."""
    native, degrees = collection.storage_bbox, collection.bbox_crs84
    extent = native if is_native(collection, box) else degrees and degrees.as_list()
    if extent is None:
        return False
    west, south, east, north = extent
    if filter.is_box_alone:
        return box.west > west or box.south > south or box.east < east or box.north < north
    return (box.east - box.west) * (box.north - box.south) * LARGE_PART < (east - west) * (north - south)


def bbox_of(filter: Filter) -> BBox | GridBox | None:
    """The bbox of a filter, or the one around a shape in CQL2; None without either."""
    node = filter.cql2
    if filter.box is not None or node is None:
        return filter.box
    return filter.found("bbox", lambda: bbox_around(node, filter.cql2_crs))


def bbox_around(node: Node, crs: Crs) -> BBox | GridBox | None:
    """The bbox around a shape that all matches of a filter in CQL2 meet; None where nobody knows, or it takes two. Of a
    table in a system that nobody named the numbers need not be degrees.
    """
    areas = extents_of(node, crs)
    if len(areas) != 1:
        return None
    if crs.srid != CRS84.srid:
        return GridBox(crs.srid, *areas[0])
    try:
        return BBox(*areas[0])
    except BadBBox:
        return None


def extents_of(node: Node | None, crs: Crs) -> Sequence[Sides]:
    """Boxes of which each match meets one, in the system of the literals, easting first; none where nobody knows."""
    for part in conjuncts(node):
        if isinstance(part, ast.Spatial) and part.op != "s_disjoint":
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(one, ast.Property) and (areas := tuple(boxes_around(other, crs))):
                    return areas
    return ()


def boxes_around(node: Node, crs: Crs) -> Iterator[Sides]:
    """The boxes around a literal: two of one across 180 degrees."""
    if isinstance(node, ast.BBox):
        positions: list[Sequence[float]] = [*node.corners]
    elif isinstance(node, ast.Geometry | ast.GeometryCollection):
        positions = list(all_positions(node))
    else:
        return
    if not positions:
        return
    x, y = (1, 0) if crs.northing_first else (0, 1)
    easts, norths = [position[x] for position in positions], [position[y] for position in positions]
    if isinstance(node, ast.BBox) and easts[0] > easts[1]:
        yield easts[0], min(norths), 180.0, max(norths)
        yield -180.0, min(norths), easts[1], max(norths)
    else:
        yield min(easts), min(norths), max(easts), max(norths)
