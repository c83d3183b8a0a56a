"""Shapefiles in a zip: one for each kind of geometry, since a Shapefile holds one kind."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pyarrow as pa
import pyogrio.raw
from pyogrio.errors import DataLayerError

from api.exports.job import FileJob
from api.exports.writer.ogr import measured_type
from api.exports.writer.rows import HEIGHT, NO_CODE, Rows, codes_of, kind_of
from core.errors import FormatUnsuitable

# GeoJSON's kind -> what Shapefile makes of it, which does not tell lines from multilines
FAMILIES = {
    "Point": "points",
    "MultiPoint": "multipoints",
    "LineString": "lines",
    "MultiLineString": "lines",
    "Polygon": "polygons",
    "MultiPolygon": "polygons",
}
FAMILY_KINDS = {"points": "Point", "multipoints": "MultiPoint", "lines": "LineString", "polygons": "Polygon"}
EXTRAS = {0: "", 1000: "_z", 2000: "_m", 3000: "_zm"}
TABLE = "table"
"""What the part without geometries is called: a .dbf alone."""

LOST_NUMBER = re.compile(r"Value (\S+) of field (.+) of feature \d+ not successfully written")
COMPRESSION = 1
"""Fast: it saves nearly what the slowest level saves."""


def write_shp(job: FileJob, rows: Rows) -> None:
    """A zip of Shapefiles. A single one is named as the layer, several end in their kind of geometry.

    Raises: FormatUnsuitable for geometry collections
    """
    only = FAMILIES.get(job.geometry_type or "")
    written: list[str] = []
    for batch in rows.batches():
        for family, part in parts_of(batch, rows.layout.geometry):
            name = family
            if family == TABLE and only:  # a Shapefile holds features without geometry beside others
                name = written[0] if written else only
            append(job, rows, part, name, exists=name in written)
            written += [name] if name not in written else []
    if not written:
        written = [only or TABLE]
        append(job, rows, rows.nothing(), written[0], exists=False)
    pack(job, written)


def parts_of(batch: pa.RecordBatch, geometry: str | None) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The batch by families, the one without geometries last."""
    codes = codes_of(batch, geometry)
    names = {int(code): family_of(int(code)) for code in np.unique(codes)}
    for family in sorted(set(names.values()), key=lambda name: name == TABLE):
        chosen = np.isin(codes, [code for code, name in names.items() if name == family])
        yield family, batch if chosen.all() else batch.filter(pa.array(chosen))


def family_of(code: int) -> str:
    """The family of a geometry with its coordinates, such as `points_z`. Raises: FormatUnsuitable"""
    if code == NO_CODE:
        return TABLE
    family = FAMILIES.get(kind_of(code))
    if family is None:
        hint = "ask for f=gpkg or f=parquet, or filter them out"
        raise FormatUnsuitable("a Shapefile holds no geometry collections", hint=hint, parameter="f")
    return family + EXTRAS[code // HEIGHT * HEIGHT]


def type_of(name: str) -> str | None:
    """What pyogrio calls the geometries of a family."""
    family, _, extra = name.partition("_")
    height = next(number for number, ending in EXTRAS.items() if ending.removeprefix("_") == extra)
    return measured_type(FAMILY_KINDS[family], height) if family in FAMILY_KINDS else None


def append(job: FileJob, rows: Rows, part: pa.RecordBatch, name: str, *, exists: bool) -> None:
    """Add rows to the Shapefile of a family, which is made when it is not there."""
    geometry, type = rows.layout.geometry, type_of(name)
    if type is None and geometry:
        part = part.drop_columns([geometry])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            write_part(job, part, name, geometry if type else None, exists=exists)
        except DataLayerError as error:
            if "non-finite" not in str(error):
                raise
            hint = "ask for f=gpkg or f=parquet, or filter them out"
            raise FormatUnsuitable("a Shapefile holds no coordinates but numbers", hint=hint, parameter="f") from error
    refuse_lost_numbers(caught)


def refuse_lost_numbers(caught: Sequence[warnings.WarningMessage]) -> None:
    """Raise FormatUnsuitable when GDAL said of a number that it does not fit."""
    for warning in caught:
        lost = LOST_NUMBER.search(str(warning.message))
        if lost:
            hint = "ask for f=gpkg or f=parquet, or leave the property out"
            raise FormatUnsuitable(f"a Shapefile cannot hold {lost[1]} of '{lost[2]}'", hint=hint, parameter="f")


def write_part(job: FileJob, part: pa.RecordBatch, name: str, geometry: str | None, *, exists: bool) -> None:
    """Write rows of one family by GDAL."""
    type = type_of(name)
    pyogrio.raw.write_arrow(
        pa.Table.from_batches([part]),
        str(job.path.with_name(f"{name}.{'shp' if type else 'dbf'}")),
        driver="ESRI Shapefile",
        geometry_name=geometry,
        geometry_type=type,
        crs=job.crs if type else None,
        encoding="UTF-8",
        append=exists,
    )


def pack(job: FileJob, families: Sequence[str]) -> None:
    """Put the files of the families into the zip, and delete each: there is room for it once."""
    with ZipFile(job.path, "w", ZIP_DEFLATED, compresslevel=COMPRESSION) as archive:
        for family in families:
            stem = job.layer if len(families) == 1 else f"{job.layer}_{family}"
            for file in sorted(job.path.parent.glob(f"{family}.*")):
                archive.write(file, f"{stem}{file.suffix}")
                file.unlink()
