"""The order of the features of a box over a table of others: by bands of the box, in each from west to east.

In the order of the key the matches of a box lie anywhere, so that all of them would be read for a page, and others may
move their rows on the disk. In this order a page finds neighbours by the index of boxes. It depends on the box and on
the feature alone: pages of any limit and offset are parts of one list.
"""

from __future__ import annotations

from api.query import Cursor, Filter, GridBox, srid_of
from core.bbox import BBox
from core.catalog import Collection, Key, KeyPart, remembered

BANDS = 8
"""A part of a box is looked for in all pages of an index that it crosses: in a band these are an eighth."""

LARGE_PART = 8
"""A box that covers one in so many parts of the extent is a large part of it."""


def goes_by_bands(collection: Collection, filter: Filter, cursor: Cursor | None = None) -> bool:
    """Whether a walk without sort keys goes by bands: in a box that has an area in the table's own numbers, and is a
    small part of it. In a large part enough is met along the key.

    cursor: a walk goes on as it began, whatever was learnt of the table meanwhile
    """
    source, key, box = collection.source, collection.key, filter.box
    if source is None or not (source.is_indexed and key.is_id and key.unique):
        return False
    if box is None or filter.ids is not None or srid_of(box) != collection.srid:
        return False
    if not (box.west < box.east and box.south < box.north):
        return False
    if cursor is not None and cursor.key:
        return len(cursor.key) == len(bands_key(collection).parts)
    return not collection.null_geometries and is_small(collection, box)


def is_small(collection: Collection, box: BBox | GridBox) -> bool:
    """Whether a box is a small part of where the features lie, as far as is known."""
    if collection.storage_bbox is None:
        return False
    west, south, east, north = collection.storage_bbox
    return (box.east - box.west) * (box.north - box.south) * LARGE_PART < (east - west) * (north - south)


def bands_key(collection: Collection) -> Key:
    """What such a walk goes along: the number of the band, the western end as far as it is in the box, and the key."""

    def work_out() -> Key:
        band = KeyPart(collection.free_column("band"), "int4")
        west = KeyPart(collection.free_column("west"), "float8", "text")
        return Key((band, west, *collection.key.parts), is_id=False)

    return remembered(collection, "bands", work_out)
