"""How the rows of a page are found, as a value: the planner chooses it, and `sql` writes the statement that it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from api.query.items import GridBox

PlanKind = Literal["postgresql", "matches", "walk", "ctid_ranges", "bbox_strips"]


class CtidRange(NamedTuple):
    """Rows of a table from `begin` to before `end`, as PostgreSQL writes their places: `(page,row)`.

    is_inside: all of them are in the box
    """

    begin: str
    end: str
    is_inside: bool


class StripRange(NamedTuple):
    """A part of one of a box's strips: its features that begin at an easting from `begin` to before `end`.

    west, south, east, north: where they are looked for
    """

    strip: int
    begin: float
    end: float
    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True, slots=True)
class Plan:
    """How the rows of a page are found.

    kind: postgresql:  as PostgreSQL's planner thinks best
          matches:     every match is read and sorted, and can be counted
          walk:        only so many rows along the key are looked at, so the page may end too early
          ctid_ranges: some ranges of the heap are read, in its order
          bbox_strips: some parts of the box are looked through, one after the other
    """

    kind: PlanKind = "postgresql"
    walked: int = 0
    """How many rows a walk looks at."""
    counts: bool = False
    """Whether the number of matches is a result too."""
    ranges: tuple[CtidRange, ...] = ()
    """The ranges of the heap, in the order in which they are read."""
    is_sure: bool = True
    """Whether there are no more matches than it looks at when there are too few for the page."""
    edge: tuple[CtidRange, ...] = ()
    inside: int = 0
    """Where `ctid_ranges` counts too: the ranges in which matches are counted, and how many there are elsewhere."""
    matched: int | None = None
    """The number of matches, where it is known without counting."""
    strips: tuple[StripRange, ...] = ()
    """The parts of the box, in the order in which they are looked through."""
    projected: GridBox | None = None
    """The box around the image of the bbox in the numbers of the table, where it is not one in these."""


BY_POSTGRESQL = Plan()


class Estimate(NamedTuple):
    """What PostgreSQL's planner expects: how many matches there are, and what reading all of them costs."""

    matches: int
    cost: float
