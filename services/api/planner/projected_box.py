"""The frame of a box: itself where it is one in the numbers of the table, else what is around its image there."""

from __future__ import annotations

from api.query.bbox_bands import is_native
from api.query.items import GridBox
from api.sql.features.bbox_strips import select_frame
from core.bbox import BBox
from core.cache import Cache
from core.catalog import Collection, remembered
from core.db import Database

KEPT = 1000
"""Frames of a collection: a walk asks for the same one on each page."""


def frame_of(database: Database, collection: Collection, box: BBox | GridBox | None) -> BBox | GridBox | None:
    """The frame of a box for which there is one (`has_frame`); None where nothing of it is in the table's system.
    Cost: a query, unless it is remembered
    """
    if box is None or is_native(collection, box):
        return box
    known = remembered(collection, "frames", lambda: Cache[BBox | GridBox, GridBox](KEPT))
    found = known.get(box)
    if found is not None:
        return found
    [numbers] = database.run(select_frame(collection, box), one_plan=True)
    if collection.srid is None or None in numbers:
        return None
    return known.put(box, GridBox(collection.srid, *numbers))
