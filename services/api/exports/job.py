"""The job of a process that writes one file: the statement for PostgreSQL, and the file to make of its rows; and that
process, started and watched.

The only thing that the API's workers and `api.exports.writer` share, so that no worker imports GDAL or Arrow.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import psycopg

from core.catalog.collections import ColumnType, KeyType
from core.errors import FileNotWritten, FileTooLarge, StorageFull, error_of
from core.settings import Settings

FileFormat = Literal["fgb", "gpkg", "parquet", "shp", "kml"]
FILE_FORMATS: tuple[FileFormat, ...] = get_args(FileFormat)
OUT_OF_MEMORY = "the file takes more memory than a writer may have"
BLOCK_BYTES = 65_536
CHECK_EVERY_S = 0.2
SERVICES = Path(__file__).parents[2]


def file_too_large(detail: str) -> FileTooLarge:
    """The error of a file that cannot be made so large."""
    hint = "ask for f=csv or f=geojsonl, which have no limit, or for fewer features or properties"
    return FileTooLarge(detail, hint=hint, parameter="f")


LATER_S = 60
"""When to ask again for a file that there was no room for: somebody has to make room."""


def storage_full() -> StorageFull:
    """The error of a file that there is no room for now; its hint has a way out for the client and for the operator."""
    hint = (
        "try again later, or ask for f=csv or f=geojsonl, which need no room; operator: free the disk of"
        " ISTHMUS_SPOOL_DIR, or raise ISTHMUS_SPOOL_MB if it is too low"
    )
    return StorageFull("the disk or the folder for files is full", hint=hint, retry_after_s=LATER_S)


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A property in the file."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class FileJob:
    """One file. `statement` is a COPY of sql/features/file_exports.py with its values written in; its columns are, in
    this order, the id, `columns`, and with geometry its WKB in hexadecimal and, for GeoParquet, its four bounds.

    id: what the ids are; None when features have none, and no column
    unique: no two features have the same id
    geometry_type: GeoJSON's name, 'Geometry' for mixed ones, None without geometry
    crs: an authority and a code, such as EPSG:3067; None when nobody knows. Easting comes first whatever that says
    short_of_room: what is left on the disk or in the spool, and no setting for one file, says how large it may be
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
    short_of_room: bool
    timeout_s: int
    settings: Settings

    @property
    def has_fids(self) -> bool:
        """Whether the ids can be those of a table of GDAL: different whole numbers."""
        return self.id == "integer" and self.unique

    @property
    def is_full(self) -> bool:
        """Whether a file cannot grow, by its limit or by the disk's, which GDAL's KML driver does not notice."""
        sizes = [path.stat().st_size for path in self.path.parent.iterdir()]
        return max(sizes, default=0) >= self.most_bytes - BLOCK_BYTES or self.free_bytes < BLOCK_BYTES

    @property
    def free_bytes(self) -> int:
        """What is free on the disk of the file."""
        return shutil.disk_usage(self.path.parent).free

    @property
    def lacks_room(self) -> bool:
        """Whether it is for want of room when the file cannot grow."""
        return self.short_of_room or self.free_bytes < BLOCK_BYTES

    def too_large(self) -> FileTooLarge | StorageFull:
        """The error of a file that cannot grow: beyond its own limit, or beyond what there is room for."""
        if self.lacks_room:
            return storage_full()
        return file_too_large(f"the file would be larger than {self.most_bytes // 1_000_000} MB")

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


def run_writer(job: FileJob, check: Callable[[], None]) -> None:
    """Have the file of a job written. `check` is called a few times a second; when it raises, the writer is ended.

    Raises: FormatUnsuitable, FileTooLarge, StorageFull, FileNotWritten, what the database says, psycopg.Error; what
        `check` raises
    """
    command = [sys.executable, "-m", "api.exports.writer"]
    with subprocess.Popen(  # noqa: S603  nothing of the request is in the command
        command, cwd=SERVICES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            response = exchange(process, job, check)
        finally:
            process.kill()
    if response is None and process.returncode == -signal.SIGABRT:
        raise file_too_large(OUT_OF_MEMORY)
    if response is None:
        raise FileNotWritten("the file could not be written", hint="the server's log says why")
    detail = response.get("detail") or ""
    if "sqlstate" in response:
        raise psycopg.errors.lookup(response["sqlstate"] or "XX000")(detail)
    if "code" in response:
        raise error_of(str(response["code"]), detail, hint=response["hint"], parameter=response["parameter"])


def exchange(process: subprocess.Popen[str], job: FileJob, check: Callable[[], None]) -> dict[str, str | None] | None:
    """The response of the writer to its job; None when it ended without one.

    Its standard input stays open meanwhile: when this worker is killed, it closes and the writer ends too.
    """
    if process.stdin is None or process.stdout is None:
        raise ValueError(process.args)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(f"{job.to_json()}\n")
        process.stdin.flush()
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CHECK_EVERY_S)
            text = process.stdout.read()
            return json.loads(text) if text else None
        check()
