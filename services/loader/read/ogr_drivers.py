"""Which drivers GDAL has here, and what a file of each kind begins with.

GDAL believes the content and not the ending: text that says OGRVRTDataSource, saved as `.geojson`, would open any file
of the machine, and WFS or a link in `crs` would call out. So this process has the drivers of the formats that are read
and no way to the network, and what begins as something else than its ending says is not given to GDAL at all.
"""

from __future__ import annotations

import re
import sys

from core.settings import tell_libraries
from loader.errors import CannotRead
from loader.scan import Kind

LEFT_OUT = (
    "ADBC,AIVector,AVCBin,AVCE00,AmigoCloud,CSW,Carto,DGN,DXF,EDIGEO,EEDA,ESRIJSON,Elasticsearch,"
    "GDALG,GML,GPSBabel,GTFS,GeoRSS,HTTP,Idrisi,JML,LVBAG,MBTiles,MEM,MVT,MapInfo File,MapML,"
    "MiraMonVector,NGW,OAPIF,ODS,OGCAPI,OGR_GMT,OGR_PDS,OGR_VRT,OSM,PCIDSK,PDF,PDS4,PGDUMP,"
    "PLSCENES,PMTiles,S57,SQLite,SXF,Selafin,VDV,VFK,VICAR,WAsP,WFS,XLSX"
)
"""The drivers of the pinned pyogrio that are not needed."""

LIMITS = {
    "GDAL_SKIP": LEFT_OUT,
    "GDAL_HTTP_PROXY": "none://none.invalid",  # no scheme of a proxy: curl gives up before it asks for an address
    "GDAL_HTTPS_PROXY": "none://none.invalid",
    "no_proxy": "none.invalid",  # no host is an exception
    "PROJ_NETWORK": "OFF",
}

BOM = rb"(?:\xef\xbb\xbf)?"
PROLOGUE = BOM + rb"(?>(?:<!--.*?-->|<[?!](?!--)[^>]*>|\s)*)"
JSON = re.compile(BOM + rb"[\s\x1e]*(?:(?:loadGeoJSON|jsonp)\(\s*)?\{")
BEGINS: dict[Kind, re.Pattern[bytes]] = {
    "gpkg": re.compile(rb"SQLite format 3\0"),
    "geojson": JSON,
    "geojsonseq": JSON,
    "shp": re.compile(rb"\0\0\x27\x0a"),
    "fgb": re.compile(rb"fgb"),
    "kml": re.compile(PROLOGUE + rb"<(?!(?:\w+:)?gpx\b)|PK\x03\x04|\xff\xfe<\0|\xfe\xff\0<", re.DOTALL),
    "gpx": re.compile(rb"(?!" + PROLOGUE + rb"<(?:\w+:)?kml\b)" + BOM + rb"\s*<.*?(?<=<)(?:\w+:)?gpx\b", re.DOTALL),
    "csv": re.compile(
        rb"(?!SQLite format 3\0|fgb\x03|\0\0\x27\x0a|PK\x03\x04|\x1e|"
        + BOM
        + rb'\s*(?:<[?!]|<(?:\w+:)?(?:kml|gpx|OGRVRT)|\{\s*"type"))'
    ),
}
"""How files of each kind begin."""

NAMES: dict[Kind, str] = {
    "gpkg": "GeoPackage",
    "geojson": "GeoJSON",
    "geojsonseq": "GeoJSON",
    "shp": "Shapefile",
    "fgb": "FlatGeobuf",
    "kml": "KML",
    "gpx": "GPX",
    "csv": "CSV",
    "gdb": "file geodatabase",
}

HEAD_BYTES = 65_536
LINKED_CRS = re.compile(
    rb'"crs"\s*:\s*\{[^{}]*(?:"properties"\s*:\s*\{[^{}]*\}[^{}]*)?"type"\s*:\s*"(?:link|url)"', re.I
)


ENDING_SAYS = (
    "is the copy complete? A file is read as its ending says: save it in that format, or give it its own ending"
)


def limit_gdal() -> None:
    """Give GDAL the drivers that are needed, and no network. Raises: RuntimeError where pyogrio, by whose import GDAL
    reads this, is imported already
    """
    if "pyogrio" in sys.modules:
        raise RuntimeError("pyogrio is imported already: GDAL has all its drivers")
    tell_libraries(LIMITS)


def refuse_foreign(name: str, kind: Kind, head: bytes) -> None:
    """Raises: CannotRead for a file that begins otherwise than files of its kind, or whose CRS is elsewhere"""
    if kind in BEGINS and not BEGINS[kind].match(head):
        raise CannotRead(f"{name} cannot be read: {of_another_format(kind)}", hint=ENDING_SAYS)
    if kind == "geojson" and LINKED_CRS.search(head):
        raise CannotRead(
            f"{name} cannot be read: its CRS is a link, and links are not followed",
            hint='name it: "crs": {"type": "name", "properties": {"name": "EPSG:3067"}}',
        )


def of_another_format(kind: Kind) -> str:
    """That the content is of another format than the ending says."""
    return f"what it holds is no {NAMES.get(kind, kind)}"
