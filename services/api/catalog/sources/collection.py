"""What collections of relations and of functions have in common: the comment that describes them, such as `COMMENT ON
VIEW wells IS 'Wells in use. @key gid @srid 3067'`, and where on Earth their geometries lie at least.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import sql

from api.catalog.sources.columns import PropertyColumn, choose_times
from api.catalog.sources.geometry_columns import GeometryColumn, geometry_items, is_in_degrees, mercator, shown
from api.catalog.sources.model import Systems
from core.bbox import BBox
from core.catalog.collections import Collection

EVERYWHERE = BBox(-180, -90, 180, 90)
MARGIN_DEG = 1.0

NAME = r'(?:"[^"\n]*"|[^\s,"]+)'
NAMES = rf"{NAME}(?:[ \t]*,[ \t]*{NAME})*"
TAG = re.compile(
    rf"(?<!\S)@(?:(?P<omit>omit)\b|title[ \t]+(?P<title>[^\n]*)|(?P<tag>key|time|srid)[ \t]+(?P<names>{NAMES}))"
)
"""What a comment says to Isthmus."""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment, apart.

    key:   names of the columns that tell rows apart; srid: the system of coordinates that have none
    time:  the column that `datetime` asks, or a start and an end
    omit:  the relation is not published
    """

    description: str | None = None
    title: str | None = None
    key: tuple[str, ...] = ()
    srid: int | None = None
    time: tuple[str, ...] = ()
    omit: bool = False


def parse_comment(text: str | None) -> Comment:
    """A comment. `@title` goes to the end of its line; names that hold spaces or commas have double quotes."""
    found: dict[str, str] = {}

    def take(match: re.Match[str]) -> str:
        name = match["tag"] or ("omit" if match["omit"] else "title")
        found.setdefault(name, match["names"] or match["title"] or "")
        return ""

    description = " ".join(TAG.sub(take, text or "").split())
    srid = found.get("srid", "")
    return Comment(
        description=description or None,
        title=found.get("title", "").strip() or None,
        key=names(found.get("key", "")),
        srid=int(srid) if re.fullmatch(r"[0-9]{1,6}", srid) else None,
        time=names(found.get("time", ""))[:2],
        omit="omit" in found,
    )


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, some in quotes; a sentence may end behind them."""
    return tuple(name[1:-1] if name[0] == '"' else name.rstrip(".;") for name in re.findall(NAME, text))


def new_collection(  # noqa: PLR0913
    name: str,
    comment: Comment,
    reads: Sequence[PropertyColumn],
    geometry: GeometryColumn | None,
    systems: Systems,
    now: datetime,
) -> Collection:
    """A collection without id, key, source and extents, of features that may lack their geometries."""
    system = systems.get(geometry.srid) if geometry else None
    start, end = choose_times([read.column for read in reads], comment.time)
    return Collection(
        id="",
        title=comment.title or name,
        description=comment.description,
        attribution=None,
        source_path=name,
        version=0,
        table=name,
        row_count=None,
        srid=geometry.srid if geometry else None,
        srs_authority=system.authority if system else None,
        srs_text=system.text if system else None,
        geometry_type=geometry.geometry_type if geometry else None,
        null_geometries=1 if geometry else 0,
        bbox_crs84=None,
        storage_bbox=None,
        temporal_column=start,
        temporal_end_column=end,
        interval=None,
        columns=tuple(read.column for read in reads),
        loaded_at=now,
        changed_at=now,
        cache_control=None,
    )


def select_items(reads: Sequence[PropertyColumn], geometry: GeometryColumn | None) -> list[sql.Composable]:
    """The items of SELECT for properties and geometry."""
    return [*(read.item for read in reads), *(geometry_items(geometry) if geometry else [])]


def geometry_members(geometry: GeometryColumn | None, systems: Systems, extent: BBox | None) -> dict[str, Any]:
    """The members of a source that its geometry decides. `extent`: where geometries were seen"""
    if geometry is None:
        return {}
    return {
        "shown": shown(geometry),
        "mercator": mercator(geometry, systems),
        "domain_crs84": domain(geometry.srid, systems, extent),
        "limits": systems[geometry.srid].limits if geometry.srid in systems else None,
        "is_geography": geometry.is_geography,
    }


def definition(oid: int, text: str, rest: object) -> str:
    """A digest of what a cursor depends on: a relation or function, how it is read, and its key or arguments."""
    return hashlib.sha256(repr((oid, text, rest)).encode()).hexdigest()[:12]


def domain(srid: int, systems: Systems, extent: BBox | None) -> BBox | None:
    """Where the system is made for and, a little wider, where geometries were seen. None: anywhere."""
    if srid == 0 or is_in_degrees(srid, systems):
        return EVERYWHERE
    made_for, seen = area_of_use(srid, systems), extent and wider(extent)
    if made_for is None or seen is None:
        return made_for or seen
    west, south, east, north = zip(made_for.as_list(), seen.as_list(), strict=True)
    return BBox(min(west), min(south), max(east), max(north))


def area_of_use(srid: int, systems: Systems) -> BBox | None:
    """Where a system is made for, as far as PostGIS knows; one across 180 degrees is taken as unknown."""
    system = systems.get(srid)
    if system is None or None in (system.west, system.south, system.east, system.north):
        return None
    west, south, east, north = (float(side or 0) for side in (system.west, system.south, system.east, system.north))
    return BBox(west, south, east, north) if west < east else None


def wider(box: BBox) -> BBox:
    """A box with a margin, within the degrees."""
    if box.west > box.east:
        return EVERYWHERE
    west, south = max(box.west - MARGIN_DEG, -180), max(box.south - MARGIN_DEG, -90)
    return BBox(west, south, min(box.east + MARGIN_DEG, 180), min(box.north + MARGIN_DEG, 90))
