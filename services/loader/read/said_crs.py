"""What a file says of its coordinate reference system where GDAL makes nothing of it, or takes degrees for granted."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import PurePosixPath

import pyogrio.raw

from loader.read.content import FAILURES, HEAD_BYTES
from loader.read.files import open_bytes
from loader.read.times import literal
from loader.scan import Dataset
from loader.table.crs import DRAWING, unreadable

NAMED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*"properties"\s*:\s*\{[^{}]*"name"\s*:\s*"([^"]+)"')
NULL_CRS = re.compile(rb'"crs"\s*:\s*null\b')
DEGREES = re.compile(r"4326|4979|CRS:?84|WGS ?84", re.IGNORECASE)
UNDEFINED = re.compile(r'undefined|LOCAL_CS\["Undefined', re.IGNORECASE)
"""How programs write that a GeoPackage has no system; GDAL numbers it 99999."""

SRS_NAME = re.compile(rb'srsName\s*=\s*["\']([^"\']+)["\']')


def said_crs(dataset: Dataset, path: str, layer: str, found: str | None) -> str | None:
    """The CRS that GDAL found; None where the file names none, and a mark of it where its name cannot be read."""
    if dataset.kind in ("geojson", "geojsonseq"):
        return of_geojson(path, found)
    if found is not None:
        return found
    if dataset.kind == "dxf":
        return DRAWING
    name = ""
    with suppress(*FAILURES, KeyError):
        name = {"shp": of_shapefile, "gml": of_gml, "gpkg": of_geopackage}.get(dataset.kind, of_none)(path, layer)
    return unreadable(name) if name else None


def of_geojson(path: str, found: str | None) -> str | None:
    """GDAL takes WGS 84 for a name that it does not know. Without a name it is what RFC 7946 says."""
    with open_bytes(path) as file:
        head = file.read(HEAD_BYTES)
    if NULL_CRS.search(head):
        return None
    name = NAMED_CRS.search(head)
    if (
        name is None
        or found not in (None, "EPSG:4326", "OGC:CRS84")
        or DEGREES.search(name[1].decode("utf-8", "replace"))
    ):
        return found
    return unreadable(name[1].decode("utf-8", "replace"))


def of_shapefile(path: str, _: str) -> str:
    """The beginning of the `.prj` beside it."""
    with open_bytes(str(PurePosixPath(path).with_suffix(".prj"))) as file:
        return file.read(HEAD_BYTES).decode("utf-8", "replace").strip(" \0\r\n\t")


def of_gml(path: str, _: str) -> str:
    """The first `srsName`."""
    with open_bytes(path) as file:
        name = SRS_NAME.search(file.read(HEAD_BYTES))
    return name[1].decode("utf-8", "replace") if name else ""


def of_geopackage(path: str, layer: str) -> str:
    """The number of the system, where it is one: programs number also what is undefined."""
    text = (
        "SELECT g.srs_id, s.definition FROM gpkg_geometry_columns AS g LEFT JOIN gpkg_spatial_ref_sys AS s "  # noqa: S608
        f"ON s.srs_id = g.srs_id WHERE g.table_name = {literal(layer)}"
    )
    with pyogrio.raw.open_arrow(path, sql=text, use_pyarrow=True) as (_, reader):
        found = [(batch.column("srs_id")[0].as_py(), batch.column("definition")[0].as_py()) for batch in reader]
    [(number, definition)] = found or [(0, None)]
    is_defined = number not in (0, -1) and not UNDEFINED.match(str(definition or "lost"))
    return f"srs_id {number}" if is_defined else ""


def of_none(_: str, __: str) -> str:
    """Nothing: the format has no other word for it."""
    return ""
