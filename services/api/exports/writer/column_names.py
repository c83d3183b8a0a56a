"""The names that columns have in a file: unique as the format counts names, and as long as it takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape

from api.exports.job import FileJob

GEOMETRY_NAMES = {"gpkg": "geom"}
BOUNDS = ("xmin", "ymin", "xmax", "ymax")
DBF_NAME_BYTES = 10
LONG_NAME = "the_geometry"
"""Longer than any name of a property in a Shapefile, so that it is none."""

ANY_LENGTH = 1_000_000

NO_TABLE = re.compile(r"[!-/:-@\[-^`{-~]|gpkg|sqlite_", re.IGNORECASE)
"""How no table of a GeoPackage may begin: GDAL and SQLite refuse it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a file: id, properties, geometry when there is one, and bounds of it in GeoParquet.

    bbox: the name of the struct that GeoParquet keeps the bounds in
    """

    id: str | None
    columns: tuple[str, ...]
    geometry: str | None
    bounds: tuple[str, ...] = ()
    bbox: str = ""


def layout_of(job: FileJob) -> Layout:
    """The layout of a job's file."""
    names = [column.name for column in job.columns]
    short = job.format == "shp"
    columns = tuple(unique_names(names, DBF_NAME_BYTES if short else ANY_LENGTH))
    if job.format == "kml":  # GDAL 3.12 writes names into its XML as they are
        columns = tuple(escape(name, {'"': "&quot;"}) for name in columns)
    # properties keep their names, what is ours steps aside
    taken = {name.lower() for name in columns}
    id = free(id_name(job), taken) if job.id else None
    if job.geometry_type is None:
        return Layout(id, columns, None)
    geometry = LONG_NAME if short else free(GEOMETRY_NAMES.get(job.format, "geometry"), taken)
    if job.format != "parquet":
        return Layout(id, columns, geometry)
    return Layout(id, columns, geometry, tuple(free(name, taken) for name in BOUNDS), free("bbox", taken))


def table_name(name: str) -> str:
    """The name of a table of a GeoPackage."""
    return f"_{name}" if NO_TABLE.match(name) else name


def id_name(job: FileJob) -> str:
    """The name of the ids. GDAL reads the ids of KML's placemarks as `id`, which it numbers by itself."""
    return "fid" if job.format == "kml" or (job.format == "gpkg" and job.has_fids) else "id"


def free(name: str, taken: Iterable[str]) -> str:
    """The name, with underscores put before it until nobody has it."""
    while name in taken:
        name = f"_{name}"
    return name


def unique_names(names: Iterable[str], most_bytes: int) -> list[str]:
    """The names cut to a length in UTF-8, and numbered where two are equal but for the case of letters."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        candidate, number = cut(name, most_bytes), 1
        while candidate.lower() in taken:
            number += 1
            candidate = cut(name, most_bytes - len(f"_{number}")) + f"_{number}"
        taken.add(candidate.lower())
        found.append(candidate)
    return found


def cut(name: str, most_bytes: int) -> str:
    """As much of a name as fits, whole characters only."""
    return name.encode()[:most_bytes].decode(errors="ignore")
