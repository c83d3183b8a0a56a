"""Files of tiles in the data folder as values, and the statement that reads them from the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

from psycopg import sql

from core.bbox import BBox
from core.database.statement import Statement
from core.errors import TilesDamaged

ArchiveFormat = Literal["pmtiles", "mbtiles", "function"]
MVT = "application/vnd.mapbox-vector-tile"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file of tiles is, as it was when it was looked at. All such files are in Web Mercator.

    zooms:  the first and the last one that has tiles
    center: longitude and latitude in degrees, and a zoom
    layers: as in TileJSON; nothing for pictures, or where the file does not say
    """

    format: ArchiveFormat
    media_type: str
    zooms: tuple[int, int]
    bbox_crs84: BBox
    center: tuple[float, float, int]
    layers: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TileArchive:
    """A file of tiles that is served as a collection which has tiles only.

    source_path: of the file, below the data folder
    size_bytes, mtime_ns: of the file that was looked at
    """

    id: str
    source_path: str
    title: str
    description: str | None
    attribution: str | None
    cache_control: str | None
    size_bytes: int
    mtime_ns: int
    facts: Facts
    changed_at: datetime
    keywords: tuple[str, ...] = field(default=(), kw_only=True)
    license: str | None = field(default=None, kw_only=True)

    @property
    def needs_arguments(self) -> bool:
        """Whether its tiles cannot be asked for without parameters."""
        return False

    @property
    def is_vector(self) -> bool:
        """Whether its tiles hold features, and not pictures."""
        return self.facts.media_type == MVT


# Rows: one for each archive, in order of id. Order of columns: the fields of TileArchive.
SELECT_ARCHIVES = Statement(
    sql.SQL("""
SELECT id, source_path, title, description, attribution, cache_control, size_bytes, mtime_ns, facts, changed_at,
       keywords, license
FROM isthmus.tile_archives
ORDER BY id COLLATE "C"
""")
)


def facts_json(facts: Facts) -> dict[str, Any]:
    """Facts as the catalogue keeps them."""
    return {
        "format": facts.format,
        "media_type": facts.media_type,
        "zooms": list(facts.zooms),
        "bbox": facts.bbox_crs84.as_list(),
        "center": list(facts.center),
        "layers": [dict(layer) for layer in facts.layers],
    }


def parse_facts(values: Mapping[str, Any]) -> Facts:
    """Facts as the catalogue keeps them."""
    first, last = values["zooms"]
    longitude, latitude, zoom = values["center"]
    return Facts(
        format=values["format"],
        media_type=values["media_type"],
        zooms=(first, last),
        bbox_crs84=BBox(*values["bbox"]),
        center=(longitude, latitude, zoom),
        layers=tuple(values["layers"]),
    )


def parse_archives(rows: Sequence[Sequence[Any]]) -> dict[str, TileArchive]:
    """The rows of SELECT_ARCHIVES by id."""
    return {
        row[0]: TileArchive(
            *row[:-4], facts=parse_facts(row[-4]), changed_at=row[-3], keywords=tuple(row[-2]), license=row[-1]
        )
        for row in rows
    }


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The metadata of a file, a JSON object. Raises: TilesDamaged"""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TilesDamaged(f"its metadata are no JSON: {error}") from error
    if not isinstance(found, dict):
        raise TilesDamaged("its metadata are no JSON object")
    return cast("dict[str, Any]", found)
