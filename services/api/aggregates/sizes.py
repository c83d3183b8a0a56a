"""About how large a collection is as a file of each format."""

from __future__ import annotations

from api.formats.registry import offered_exports
from api.planner.choose_plan import Reader
from api.sql.aggregates.statistics import MOST_MEASURED, select_lengths
from core.cache import CollectionCache
from core.catalog.collections import Collection
from core.errors import IsthmusError

SHARES = {
    **dict.fromkeys(("geojson", "geojsonl", "geojsonseq"), 1.0),
    **{"fgb": 0.75, "gpkg": 0.66, "parquet": 0.33, "shp": 0.28, "kml": 2.0},
}
"""Bytes for a byte of GeoJSON, as the sample data have them, within a half (2026-12-03)."""

EMPTY_BYTES = {"gpkg": 98_304, "shp": 1_000}
"""Of a file without features, where that is much."""

OF_PROPERTIES, OF_GEOMETRY, FRAME_BYTES = 0.35, 0.95, 75
"""The same of CSV, which has no names in its rows; what a feature of GeoJSON has around properties and coordinates."""

sizes: CollectionCache[None, dict[str, int]] = CollectionCache()


def export_sizes(reader: Reader, collection: Collection) -> dict[str, int]:
    """f -> about how many bytes, from the lengths of some features; nothing where that is not known."""
    if collection.source is not None or not collection.row_count:
        return {}
    number = collection.row_count
    try:
        return sizes.get(collection, None, lambda: find_sizes(reader, collection, number))
    except IsthmusError:
        return {}


def find_sizes(reader: Reader, collection: Collection, number: int) -> dict[str, int]:
    """The same, looked for now."""
    share = min(1.0, 4 * MOST_MEASURED / number)
    [(feature, properties)] = reader.database.run(select_lengths(collection, share))
    if feature is None:
        return {}
    csv = number * (OF_PROPERTIES * properties + OF_GEOMETRY * max(0, feature - properties - FRAME_BYTES))
    found = {name: number * (feature + 1) * share for name, share in SHARES.items()} | {"csv": csv}
    return {
        name: EMPTY_BYTES.get(name, 0) + round(found[name]) for name in offered_exports(collection) if name in found
    }
