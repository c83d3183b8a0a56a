"""The job of a process that writes one file: the statement for PostgreSQL, and the file to make of its rows.

The only thing that the API's workers and `api.exports.writer` share, so that no worker imports GDAL or Arrow.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from core.catalog.collections import ColumnType, KeyType
from core.settings import Settings

FileFormat = Literal["fgb", "gpkg", "parquet", "shp", "kml"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
TOO_LARGE_HINT = "ask for f=csv or f=geojsonl, which have no limit, or for fewer features or properties"


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A property in the file."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class FileJob:
    """One file. `statement` is a COPY of sql/files.py with its values written in; its columns are, in this order,
    the id, `columns`, and with geometry its WKB in hexadecimal and, for GeoParquet, its four bounds.

    id: what the ids are; None when features have none, and no column
    unique: no two features have the same id
    geometry_type: GeoJSON's name, 'Geometry' for mixed ones, None without geometry
    crs: an authority and a code, such as EPSG:3067; None when nobody knows. Easting comes first whatever that says
    """

    format: FileFormat
    path: Path
    layer: str
    title: str
    statement: str
    id: KeyType | None
    unique: bool
    columns: tuple[FileColumn, ...]
    geometry_type: str | None
    crs: str | None
    sorted: bool
    most_bytes: int
    timeout_s: int
    settings: Settings

    @property
    def has_fids(self) -> bool:
        """Whether the ids can be those of a table of GDAL: different whole numbers."""
        return self.id == "integer" and self.unique

    def to_json(self) -> str:
        """One line for the writer's standard input. It holds the password, so it goes nowhere else."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> FileJob:
        """The job of such a line."""
        members: dict[str, Any] = json.loads(text)
        settings: dict[str, Any] = members["settings"]
        settings |= {name: Path(settings[name]) for name in ("data_dir", "secrets_dir")}
        members |= {
            "settings": Settings(**settings),
            "columns": tuple(FileColumn(**column) for column in members["columns"]),
            "path": Path(members["path"]),
        }
        return cls(**members)
