"""The kinds of files that are read: by their endings, with the files that belong to them."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path, PurePath
from typing import Literal, TypeVar

Kind = Literal[
    "gpkg",
    "geojson",
    "geojsonseq",
    "topojson",
    "zip",
    "shp",
    "fgb",
    "parquet",
    "kml",
    "gpx",
    "gml",
    "mapinfo",
    "dxf",
    "csv",
    "sheets",
    "gdb",
    "pmtiles",
    "mbtiles",
]

KIND_OF_SUFFIX: dict[str, Kind] = {
    ".gpkg": "gpkg",
    ".geojson": "geojson",
    ".json": "geojson",
    ".geojsonl": "geojsonseq",
    ".geojsons": "geojsonseq",
    ".geojsonseq": "geojsonseq",
    ".topojson": "topojson",
    ".zip": "zip",
    ".shp": "shp",
    ".fgb": "fgb",
    ".parquet": "parquet",
    ".geoparquet": "parquet",
    ".kml": "kml",
    ".kmz": "kml",
    ".gpx": "gpx",
    ".gml": "gml",
    ".tab": "mapinfo",
    ".mif": "mapinfo",
    ".dxf": "dxf",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "sheets",
    ".ods": "sheets",
    ".gdb": "gdb",
    ".pmtiles": "pmtiles",
    ".mbtiles": "mbtiles",
}
PACKED = ".gz"
TEXTS: frozenset[Kind] = frozenset({"geojson", "geojsonseq", "topojson", "kml", "gpx", "gml", "dxf", "csv"})
"""Formats of text in one file, which may be packed."""

# Files that belong to a dataset and are no dataset themselves. SQLite's `-shm` is left out: reading changes it.
SIDE_SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "shp": (".shx", ".dbf", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qpj", ".shp.xml"),
    "csv": (".csvt", ".prj"),
    "gml": (".xsd",),
    "mapinfo": (".dat", ".map", ".id", ".ind", ".dbf", ".mid"),
}
GEOJSON = re.compile(
    rb'"type"\s*:\s*"(FeatureCollection|Feature|GeometryCollection|(Multi)?(Point|LineString|Polygon))"'
)
TOPOJSON = re.compile(rb'"type"\s*:\s*"Topology"')

STYLE_SUFFIXES = (".qml", ".sld", ".lyrx")
AnyPath = TypeVar("AnyPath", bound=PurePath)


def unpacked(path: AnyPath) -> AnyPath:
    """The path without the ending that says that a file is packed."""
    return path.with_suffix("") if path.suffix.lower() == PACKED else path


def kind_of(path: PurePath) -> Kind | None:
    """The kind of a file by its ending; None for what is not read."""
    kind = KIND_OF_SUFFIX.get(unpacked(path).suffix.lower())
    return None if path.suffix.lower() == PACKED and kind not in TEXTS else kind


def kind_of_json(path: Path) -> Kind | None:
    """What the first 64 KB of a `.json` name a type of: GeoJSON or TopoJSON; None for neither."""
    try:
        with gzip.open(path) if path.suffix.lower() == PACKED else path.open("rb") as file:
            head = file.read(65536)
    except (OSError, EOFError, zlib.error):
        return None
    if TOPOJSON.search(head):
        return "topojson"
    return "geojson" if GEOJSON.search(head) else None


def styles_beside(main: Path) -> list[str]:
    """The names of files that say how QGIS or ArcGIS draw a dataset, which nobody reads here."""
    stem = unpacked(main)
    return [path.name for suffix in STYLE_SUFFIXES if (path := stem.with_suffix(suffix)).exists()]
