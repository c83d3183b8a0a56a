"""What the loader found out about a version, as the catalogue has it: what it prepared for its tiles, in which table,
and where it differs from the versions before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

FIRST, LAST = "isthmus_first", "isthmus_last"
"""Columns of a tile table: the zooms of WebMercatorQuad that show a row. Points are shown by all beyond the first."""

LEVEL, COLUMN, ROW = "isthmus_level", "isthmus_column", "isthmus_row"
"""The tile that a part of a large geometry was cut to, 0/0/0 for all that is whole: a tile shows parts around it."""

MERGED = "isthmus_merged"
"""How many small polygons a square stands for. Squares have no fid."""

CORNERS = "isthmus_corners"
"""Column of a version's own table of lines or polygons: how many corners a row's geometry has, points 1."""

LARGE = "isthmus_large"
"""Column of a version's own table that an earlier release loaded: whether the tile table has a row's in parts."""

OUR_COLUMNS = frozenset({FIRST, LAST, LEVEL, COLUMN, ROW, MERGED, CORNERS, LARGE})

Kind = Literal["points", "lines", "polygons"]
KINDS: tuple[Kind, ...] = ("points", "lines", "polygons")
"""By their dimension."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """What was prepared for tiles, in EPSG:3857.

    kinds:       what the features are, in the order of KINDS; a mixture has several
    full_zoom:   the zoom of WebMercatorQuad from which on tiles hold everything; below it, rows of the tile table alone
    table:       in schema data: (the columns above, fid, geom_3857, properties)
    properties:  published names of those that the table has
    whole_world: whether every feature has its place in EPSG:3857, so that other sets can be made from it too
    rank:        published name of the column that makes features important; None: their size, or chance
    has_large:   whether from the full zoom on large geometries come from the tile table, in parts
    large:       which are: of these kinds those of more corners; nothing: the table has a column of them
    made_later:  whether the version was served before, when its tiles of low zooms were made from the table
    prepared_at: of a table of somebody else's, whose data may have changed since: when; None: of a version of ours
    """

    kinds: tuple[Kind, ...]
    full_zoom: int
    table: str
    properties: tuple[str, ...]
    whole_world: bool = True
    rank: str | None = None
    has_large: bool = False
    large: tuple[tuple[Kind, int], ...] = ()
    made_later: bool = False
    prepared_at: str | None = None

    @property
    def only_points(self) -> bool:
        """Whether rows of the tile table have no other of the columns above but the first."""
        return self.kinds == ("points",)

    @property
    def has_squares(self) -> bool:
        """Whether small polygons are shown as squares."""
        return "polygons" in self.kinds


FIELDS = frozenset(field.name for field in fields(Tiling))


def parse_tiling(prepared: Mapping[str, Any] | None) -> Tiling | None:
    """What a version's column `tiling` says; None where every tile is made from the table itself.

    What an earlier release prepared has no kinds, and is left: the file is to be loaded again.
    """
    if prepared is None or not has_kinds(prepared):
        return None
    values: dict[str, Any] = {name: value for name, value in prepared.items() if name in FIELDS}
    values["kinds"] = tuple(prepared.get("kinds") or [prepared["kind"]])
    values["properties"] = tuple(prepared["properties"])
    values["large"] = tuple((kind, most) for kind, most in prepared.get("large", ()))
    return Tiling(**values)


def has_kinds(prepared: Mapping[str, Any]) -> bool:
    """Whether it says what the features are, which was one `kind` before there were mixtures."""
    return not prepared.keys().isdisjoint({"kinds", "kind"})


Area = tuple[float, float, float, float]
"""A box in EPSG:3857: west, south, east, north."""


@dataclass(frozen=True, slots=True)
class Change:
    """What separates a version from the one before it.

    version:   the version before
    stamp:     when that was loaded, in microseconds since 1970
    full_zoom: the zoom of WebMercatorQuad from which on a tile holds what lies in it, in both versions; below it,
               what is shown in one place depends on others
    areas:     the boxes around what changed
    elsewhere: whether something changed that has no place in EPSG:3857
    """

    version: int
    stamp: int
    full_zoom: int
    areas: tuple[Area, ...]
    elsewhere: bool = False

    def as_json(self) -> dict[str, Any]:
        """As the catalogue has it."""
        return asdict(self)


def parse_changes(found: Sequence[Mapping[str, Any]] | None) -> tuple[Change, ...]:
    """What a version's column `changes` says, the newest first; nothing when it differs everywhere."""
    return tuple(map(parse_change, found or ()))


def parse_change(found: Mapping[str, Any]) -> Change:
    """The value that `as_json` was made of."""
    areas: list[Area] = [(west, south, east, north) for west, south, east, north in found["areas"]]
    return Change(found["version"], found["stamp"], found["full_zoom"], tuple(areas), found["elsewhere"])
