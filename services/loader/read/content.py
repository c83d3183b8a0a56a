"""What the content of a file is by its first bytes, what a Shapefile lacks, and what is said of what cannot be read.

A file that begins as something else than its ending says is not given to GDAL at all.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyogrio.errors

from loader.errors import CannotRead, UnknownCrs
from loader.kinds import Kind
from loader.scan import Dataset

FAILURES = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    pyogrio.errors.FeatureError,
    pyogrio.errors.GeometryError,
    pyogrio.errors.FieldError,
    pyogrio.errors.CRSError,
    pa.ArrowException,
    OSError,
    EOFError,
    zlib.error,
    zipfile.BadZipFile,
    ValueError,
    IndexError,  # pyogrio's word for a file in which GDAL finds no layer
)
BOM = rb"(?:\xef\xbb\xbf)?"
PROLOGUE = BOM + rb"(?>(?:<!--.*?-->|<[?!](?!--)[^>]*>|\s)*)"
ROOT = re.compile(PROLOGUE + rb"<([\w:.-]+)", re.DOTALL)
JSON = re.compile(BOM + rb"[\s\x1e]*(?:(?:loadGeoJSON|jsonp)\(\s*)?\{")
BEGINS: dict[Kind, re.Pattern[bytes]] = {
    "gpkg": re.compile(rb"SQLite format 3\0"),
    "geojson": JSON,
    "geojsonseq": JSON,
    "topojson": JSON,
    "gml": re.compile(PROLOGUE + rb"<(?!(?:\w+:)?(?:gpx|kml|OGRVRT|OGRWFS)\b)[\w:]|\xff\xfe<\0|\xfe\xff\0<", re.DOTALL),
    "mapinfo": re.compile(rb"\s*(?:!table\b|version\s+\d)", re.IGNORECASE),
    "dxf": re.compile(rb"(?:\s*999\s*?\n[^\n]*\n)*\s*0\s*?\n\s*SECTION\b"),
    "sheets": re.compile(rb"PK\x03\x04"),
    "shp": re.compile(rb"\0\0\x27\x0a"),
    "fgb": re.compile(rb"fgb"),
    "kml": re.compile(PROLOGUE + rb"<(?!(?:\w+:)?gpx\b)|PK\x03\x04|\xff\xfe<\0|\xfe\xff\0<", re.DOTALL),
    "gpx": re.compile(rb"(?!" + PROLOGUE + rb"<(?:\w+:)?kml\b)" + BOM + rb"\s*<.*?(?<=<)(?:\w+:)?gpx\b", re.DOTALL),
    "csv": re.compile(
        rb"(?!SQLite format 3\0|fgb\x03|\0\0\x27\x0a|PK\x03\x04|\x1e|\x1f\x8b|\x89PNG|\xff\xd8\xff|%PDF-|"
        + rb"\xd0\xcf\x11\xe0|"
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
    "topojson": "TopoJSON",
    "gml": "GML",
    "mapinfo": "MapInfo table",
    "dxf": "DXF of text",
    "sheets": "spreadsheet without a password",
    "csv": "CSV",
    "gdb": "file geodatabase",
}

HEAD_BYTES = 65_536
LINKED_CRS = re.compile(
    rb'"crs"\s*:\s*\{[^{}]*(?:"properties"\s*:\s*\{[^{}]*\}[^{}]*)?"type"\s*:\s*"(?:link|url)"', re.I
)

DELETED = ord("*")
INDEX_HEADER_BYTES, RECORD_HEADER_BYTES, WORD_BYTES = 100, 8, 2
"""Of a Shapefile, which counts lengths and places of geometries in words."""

NOT_OURS = "not recognized as being in a supported file format"
"""GDAL's word for what none of its drivers takes."""

ENDING_SAYS = (
    "is the copy complete? A file is read as its ending says: save it in that format, or give it its own ending"
)


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


def refuse_cut_off(dataset: Dataset) -> None:
    """Raises: CannotRead for XML that ends before its first element does, of which GDAL gives what was there"""
    with dataset.main.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(-min(HEAD_BYTES, dataset.main.stat().st_size), os.SEEK_END)
        tail = file.read().rstrip()
    root = ROOT.match(head)
    if root and not tail.endswith(b"/>") and not re.search(rb"</" + re.escape(root[1]) + rb"\s*>", tail):
        raise CannotRead(
            f"{dataset.path} ends before its last element does", hint="is the copy complete? Copy it again"
        )


def refuse_without_values(dataset: Dataset) -> None:
    """Raises: CannotRead for a MIF without the file of its properties"""
    if dataset.main.suffix.lower() == ".mif" and all(file.suffix.lower() != ".mid" for file in dataset.files):
        raise CannotRead(f"{dataset.path} has no .mid beside it", hint="copy both files")


def refuse_incomplete(dataset: Dataset) -> None:
    """Raises: CannotRead for a Shapefile without one of its parts, or whose geometries are fewer than its index says"""
    parts = {file.suffix.lower(): file for file in dataset.files}
    for needed in (".dbf", ".shx"):
        if needed not in parts:
            raise CannotRead(
                f"{dataset.path} has no {needed} beside it", hint="copy all files of the Shapefile, or zip them"
            )
    if indexed_bytes(parts[".shx"]) > dataset.main.stat().st_size:
        raise CannotRead(f"{dataset.path} ends before its index does", hint="is the copy complete? Copy it again")


def indexed_bytes(index: Path) -> int:
    """Where the last geometry of an index ends. Raises: OSError"""
    words = np.fromfile(index, ">i4", offset=INDEX_HEADER_BYTES).astype(np.int64)
    places, lengths = words[: len(words) // 2 * 2].reshape(-1, 2).T
    return int((places + lengths).max(initial=0)) * WORD_BYTES + RECORD_HEADER_BYTES


def deleted_rows(dbf: Path) -> int:
    """How many rows of a dBASE file are marked as deleted. Cost: a byte of each row. Raises: OSError, ValueError"""
    data = np.memmap(dbf, np.uint8, "r")
    [rows] = data[4:8].view("<u4")
    start, width = data[8:12].view("<u2")
    return int(np.count_nonzero(data[start::width][:rows] == DELETED))


@contextmanager
def readable(dataset: Dataset) -> Generator[None]:
    """Turn whatever GDAL raises inside into CannotRead."""
    try:
        yield
    except FAILURES as error:
        if NOT_OURS in str(error):
            what = of_another_format(dataset.kind)
            raise CannotRead(f"{dataset.path} cannot be read: {what}", hint=ENDING_SAYS) from error
        if isinstance(error, pyogrio.errors.CRSError):
            message = f"{dataset.path}: its coordinate reference system cannot be read ({first_line(error)})"
            raise UnknownCrs(
                message, hint="remove the .prj beside it, and write the code into NAME.toml: crs = …"
            ) from error
        what = first_line(error).replace(f"'{dataset.main}'", "it is").replace(str(dataset.main), dataset.path)
        raise CannotRead(f"{dataset.path} cannot be read: {what}", hint=hint_for(error)) from error


def first_line(error: BaseException) -> str:
    """GDAL's message without its advice to programmers."""
    lines = str(error).splitlines() or [type(error).__name__]
    return lines[0].split("; It might help")[0]


def hint_for(error: BaseException) -> str:
    """What the owner of the file can do."""
    if "ermission denied" in str(error):
        return "let the loader's user read it: chmod a+r"
    if isinstance(error, UnicodeDecodeError):
        return "the names of its columns are no UTF-8: save the file in UTF-8"
    return "is the copy complete, and does the file open in QGIS or ogrinfo? Then copy it again"
