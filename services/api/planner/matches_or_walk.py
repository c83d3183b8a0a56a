"""How the rows of a page are found. PostgreSQL is told which index to go by where it cannot know.

A page of features in a box, in order of their key, can be found through the box's index, reading every match and
sorting them, or along the key, until enough rows of the box were met. The planner chooses well while the keys have
nothing to do with the places. In a file where they have, as in most, the features of a box can be the last along the
key, and the walk reads the whole table. So few matches are read and sorted, which counts them at no cost, and for many
the walk is tried over some rows only.
"""

from __future__ import annotations

from api.planner.selectivity import Density
from api.query.bbox_bands import has_frame
from api.query.items import BY_PLANNER, GridBox, ItemsQuery, Plan, halves
from core.bbox import BBox
from core.catalog import Collection

WALK_MARGIN = 2
"""How many times the rows that a walk should need by the share of the box are looked at before it is given up."""

LEAST_WALKED = 500

WORTH_WALKING = 2
"""How many matches there must be for each row of the walk. One more match costs 0.3 µs to 1.1 µs, as they lie together
or apart on the disk, one more row along the key 0.15 to 2 µs (1 M points)."""


COUNTED = 2000
"""So many matches are counted while they are read, if nobody asks: that takes 1 µs for each."""


def plan_page(query: ItemsQuery, share: float, rows: float) -> Plan:
    """The way to the rows of a page with a box: what reading the matches costs, against what a walk costs.

    share: of the features, of which there are `rows`, that are in the box
    """
    wanted, matches = query.limit + 1, share * rows
    if matches**2 <= WORTH_WALKING * rows * wanted:
        is_counted = query.count == "exact" or (query.count == "auto" and matches <= COUNTED)
        return Plan("matches", counts=query.cursor is None and is_counted)
    if query.sort or not query.filter.is_box_alone:
        return BY_PLANNER
    return Plan("walk", walked=int(max(LEAST_WALKED, WALK_MARGIN * wanted / share)))


def can_be_planned(collection: Collection, query: ItemsQuery) -> bool:
    """Whether a sample tells how many features are in the box of a query."""
    box = query.filter.box
    if box is None or query.offset or (collection.source is not None and collection.source.sampled is None):
        return False
    return has_frame(collection, box)


def share_of(density: Density, frame: BBox | GridBox) -> float:
    """The share of the features that is in a box in the numbers of the table."""
    return sum(density.share(*sides(half)) for half in halves(frame))


def sides(box: BBox | GridBox) -> tuple[float, float, float, float]:
    """West, south, east, north."""
    return box.west, box.south, box.east, box.north
