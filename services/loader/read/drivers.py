"""The driver of GDAL that belongs to the ending of a file: it has no other while it opens one.

GDAL believes the content and not the ending, and pyogrio has no way to name a driver. But GDAL's drivers can be put
back and left out again at any time, which takes 2 ms.
"""

from __future__ import annotations

import pyogrio
from pyogrio._ogr import _register_drivers  # pyright: ignore[reportPrivateUsage]

from loader.kinds import Kind
from loader.read.gdal_limits import LEFT_OUT

DRIVERS: dict[Kind, tuple[str, ...]] = {
    "gpkg": ("GPKG",),
    "geojson": ("GeoJSON", "GeoJSONSeq", "JSONFG", "TopoJSON"),
    "geojsonseq": ("GeoJSON", "GeoJSONSeq"),
    "topojson": ("TopoJSON",),
    "shp": ("ESRI Shapefile",),
    "fgb": ("FlatGeobuf",),
    "kml": ("LIBKML",),
    "gpx": ("GPX",),
    "gml": ("GML",),
    "mapinfo": ("MapInfo File",),
    "dxf": ("DXF",),
    "gdb": ("OpenFileGDB",),
}
"""Of each kind that GDAL reads. JSON is told apart by what it holds."""

ALL = frozenset(name for names in DRIVERS.values() for name in names)


def only_drivers_of(kind: Kind) -> None:
    """Leave GDAL with the drivers of a kind, for all files that are opened from now on in this process."""
    others = sorted(ALL - set(DRIVERS[kind]))
    pyogrio.set_gdal_config_options({"GDAL_SKIP": ",".join([LEFT_OUT, *others])})
    _register_drivers()
