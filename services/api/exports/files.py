"""Exports as files: planned from a request, written once, cached in the spool for ranges and for the next request."""

from __future__ import annotations

import errno
import hashlib
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from api.exports.job import FileColumn, FileFormat, FileJob, run_writer, storage_full
from api.exports.spool import Spool, SpooledFile
from api.http.slots import Slots
from api.query.crs import CRS84
from api.query.items import ItemsQuery
from api.sql.features.exports import copy_wire
from core.catalog.collections import Collection
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import FileNotWritten, FormatUnsuitable, StorageFull, TooManyExports
from core.settings import Settings

log = logging.getLogger("isthmus.api")

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system says when it has no room."""

FILE_VERSION = 2
"""Rises when what is in files changes, so that none of an older Isthmus is sent."""

WAIT_S = 60.0
LOOK_EVERY_S = 0.1
LIVE_S = 10.0
"""How old the file of a source may be that is sent again, such as range by range."""

MB = 1_000_000
NEEDS_GEOMETRY: dict[FileFormat, str] = {"fgb": "FlatGeobuf", "kml": "KML"}
EXTENSIONS: dict[FileFormat, str] = {"shp": "zip"}
LEAST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file that a request is to get."""

    format: FileFormat
    collection: Collection
    query: ItemsQuery
    statement: Statement

    @property
    def key(self) -> str:
        """A digest that is equal for requests that get the same file."""
        of_data = [FILE_VERSION, self.format, self.collection.id, self.collection.title, self.collection.revision]
        of_query = [self.query.presentation.crs.uri, self.statement.as_text(), sorted(self.statement.params.items())]
        return hashlib.sha256(repr([*of_data, *of_query]).encode()).hexdigest()[:32]

    @property
    def name(self) -> str:
        """The name of the file in the spool."""
        return f"{self.key}.{self.format}"


def plan_file(format: FileFormat, collection: Collection, query: ItemsQuery) -> FilePlan:
    """The file that a request is to get. Easting or longitude comes first, as formats say or their readers expect.

    Raises: FormatUnsuitable
    """
    shown = query.presentation
    has_geometry = collection.has_geometry and shown.geometry
    if format in NEEDS_GEOMETRY and not has_geometry:
        hint = "ask for f=csv, f=gpkg, f=parquet or f=shp"
        raise FormatUnsuitable(f"{NEEDS_GEOMETRY[format]} needs geometries", hint=hint, parameter="f")
    if not (collection.key.is_id or has_geometry or (collection.columns if shown.columns is None else shown.columns)):
        raise FormatUnsuitable("no column is left to write", hint="name some properties", parameter="properties")
    query = replace(query, presentation=replace(shown, crs=replace(shown.crs, northing_first=False)))
    statement = copy_wire(collection, query, parquet=format == "parquet", empties=format != "kml")
    return FilePlan(format, collection, query, statement)


class FileExports:
    """Makes files, each once, and finds those that were made."""

    def __init__(self, settings: Settings, database: Database, slots: Slots) -> None:
        """Nothing is made or deleted before the first request for a file. `slots`: of all exports"""
        folder = Path(settings.spool_dir) if settings.spool_dir else settings.data_dir / "var" / "spool"
        self._spool = Spool(folder.absolute(), settings.spool_mb * MB, settings.workers)
        self._settings = settings
        self._database = database
        self._slots = slots

    def find(self, plan: FilePlan) -> SpooledFile | None:
        """The file when it was made already; of a source, whose data change unseen, only when it was made just now."""
        found = self._spool.find(plan.name)
        if found is None or plan.collection.source is None or time.time() - found.made_at < LIVE_S:
            return found
        found.close()
        return None

    def open(self, plan: FilePlan) -> SpooledFile:
        """The file; one request makes it, others that want the same wait for it.

        It is made to its end when the client leaves meanwhile: one that tries again finds it.
        Raises: TooManyExports, FileTooLarge, StorageFull; as `run_writer`
        """
        try:
            return self._find_or_wait(plan)
        except StorageFull as error:
            log.warning("%s: %s; the client is told to try again", self._spool.folder, error.detail)
            raise

    def _find_or_wait(self, plan: FilePlan) -> SpooledFile:
        found = self.find(plan)
        if found is not None:
            return found
        deadline = time.monotonic() + WAIT_S
        with self._slots.one():
            while time.monotonic() < deadline:
                found = self._make_or_find(plan)
                if found is not None:
                    return found
                time.sleep(LOOK_EVERY_S)
        raise TooManyExports("other files are made at the moment", hint="try again in a minute")

    def _make_or_find(self, plan: FilePlan) -> SpooledFile | None:
        """The file, written here unless somebody else did; None while somebody else is at it."""
        try:
            with self._spool.claim(plan.name) as folder:
                found = self.find(plan)
                if folder is None or found is not None:
                    return found
                job = self._job(plan, folder)
                run_writer(job, self._check)
                found = self._spool.publish(job.path, plan.name)
            self._spool.make_room()
        except OSError as error:
            if error.errno in FULL:
                raise storage_full() from error
            raise FileNotWritten("the server cannot write files", hint="is ISTHMUS_SPOOL_DIR writable?") from error
        return found

    def _job(self, plan: FilePlan, folder: Path) -> FileJob:
        """The job of the writer. Raises: DatabaseUnavailable"""
        collection, shown = plan.collection, plan.query.presentation
        columns = collection.columns if shown.columns is None else shown.columns
        kind = (collection.geometry_type or "Geometry") if collection.has_geometry and shown.geometry else None
        self._spool.make_room()
        room_bytes = self._spool.room_bytes()
        most_bytes = max(min(self._settings.spool_file_mb, self._settings.spool_mb) * MB, LEAST_BYTES)
        return FileJob(
            format=plan.format,
            path=folder / f"made.{EXTENSIONS.get(plan.format, plan.format)}",
            layer=collection.id,
            title=collection.title,
            statement=self._database.render(plan.statement),
            id=("integer" if collection.key.is_integer else "text") if collection.key.is_id else None,
            unique=collection.key.unique,
            columns=tuple(FileColumn(column.name, column.type) for column in columns),
            geometry_type=kind,
            crs=authority_code(plan),
            sorted=bool(plan.query.sort),
            most_bytes=min(most_bytes, max(room_bytes, LEAST_BYTES)),
            short_of_room=room_bytes < most_bytes,
            timeout_s=self._settings.export_timeout_s,
            settings=self._settings,
        )

    def _check(self) -> None:
        """Whether the writer may go on. Raises: StorageFull"""
        self._spool.make_room()
        if self._spool.room_bytes() <= 0:
            raise storage_full()


def authority_code(plan: FilePlan) -> str | None:
    """The system of the file, if it is known. GeoPackage and its like know longitude before latitude as EPSG:4326."""
    if plan.collection.srid == 0:
        return None
    crs = plan.query.presentation.crs
    return "OGC:CRS84" if plan.format == "parquet" and crs.uri == CRS84.uri else f"EPSG:{crs.srid}"
