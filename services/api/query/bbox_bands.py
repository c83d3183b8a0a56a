"""The order of the features of a box over a table of others: by bands of the box, in each from west to east.

In the order of the key the matches of a box lie anywhere, so that all of them would be read for a page, and others may
move their rows on the disk. In this order a page finds neighbours by the index of boxes. It depends on the box and on
the feature alone: pages of any limit and offset are parts of one list. What has no geometry, which every box finds,
comes behind the last band.
"""

from __future__ import annotations

from api.cql2 import Node
from api.query.crs import CRS84, Crs
from api.query.filter_extent import areas_met
from api.query.items import Cursor, Filter, GridBox, srid_of
from core.bbox import BBox
from core.catalog import Collection, Key, KeyPart, remembered
from core.errors import BadBBox

BANDS = 16
"""A part of a box is looked for in all pages of an index that it crosses: in a band these are a sixteenth. With 8 bands
pages of large boxes took a tenth longer, with 32 no less.
"""

LARGE_PART = 8
"""A box that covers one in so many parts of the extent is a large part of it. There rows that meet more conditions are
found sooner along the key.
"""


def goes_by_bands(collection: Collection, filter: Filter, cursor: Cursor | None = None) -> bool:
    """Whether a walk without sort keys goes by bands: in a box that has an area, and holds a part of the table.

    cursor: a walk goes on as it began, whatever was learnt of the table meanwhile
    """
    source, key = collection.source, collection.key
    if source is None or not (source.is_indexed and key.parts and key.unique):
        return False
    box = box_of(filter)
    if box is None or filter.ids is not None or not (box.west < box.east and box.south < box.north):
        return False
    if not has_frame(collection, box):
        return False
    if cursor is not None and cursor.key:
        return len(cursor.key) == len(bands_key(collection).parts)
    return (source.is_large or not collection.null_geometries) and is_part(collection, filter, box)


def box_of(filter: Filter) -> BBox | GridBox | None:
    """The box of a filter, or the one around a shape in CQL2; None without either."""
    node = filter.cql2
    if filter.box is not None or node is None:
        return filter.box
    return filter.found("around", lambda: box_around(node, filter.cql2_crs))


def box_around(node: Node, crs: Crs) -> BBox | GridBox | None:
    """The box around a shape that all matches of a filter in CQL2 meet; None where nobody knows, or it takes two. Of a
    table in a system that nobody named the numbers need not be degrees.
    """
    areas = areas_met(node, crs)
    if len(areas) != 1:
        return None
    if crs.srid != CRS84.srid:
        return GridBox(crs.srid, *areas[0])
    try:
        return BBox(*areas[0])
    except BadBBox:
        return None


def comes_from_nowhere(cursor: Cursor) -> bool:
    """Whether the place of a cursor is behind the last band."""
    return int(cursor.key[0]) > BANDS


def is_native(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a box is one in the table's own numbers."""
    return srid_of(box) == collection.srid


def has_frame(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a box is one in the table's own numbers, or PostGIS can tell what is around its image there."""
    if is_native(collection, box):
        return True
    if collection.source is None or collection.source.is_geography or not collection.srid:
        return False
    return isinstance(box, BBox) and box.west <= box.east


def is_part(collection: Collection, filter: Filter, box: BBox | GridBox) -> bool:
    """Whether a box is a part of where the features lie, as far as is known; a small one, where more is asked for."""
    native, degrees = collection.storage_bbox, collection.bbox_crs84
    extent = native if is_native(collection, box) else degrees and degrees.as_list()
    if extent is None:
        return False
    west, south, east, north = extent
    if filter.is_box_alone:
        return box.west > west or box.south > south or box.east < east or box.north < north
    return (box.east - box.west) * (box.north - box.south) * LARGE_PART < (east - west) * (north - south)


def bands_key(collection: Collection) -> Key:
    """What such a walk goes along: the number of the band, the western end as far as it is in the box, and the key."""

    def work_out() -> Key:
        band = KeyPart(collection.free_column("band"), "int4")
        west = KeyPart(collection.free_column("west"), "float8", "text")
        return Key((band, west, *collection.key.parts), is_id=False)

    return remembered(collection, "bands", work_out)
