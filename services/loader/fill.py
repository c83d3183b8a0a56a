"""A layer in the table of a new version: copied, checked, keyed, indexed, and described for the catalogue. Nobody sees
it before it is published.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from core.database.connections import Connection
from core.settings import Settings
from loader import catalogue
from loader.cage.reader import CagedDataset
from loader.catalogue import Version
from loader.chunks import LayerRef
from loader.errors import CannotRead, GeometryRefused
from loader.names import table_name
from loader.overviews.later import wish_of
from loader.overviews.prepare import Overview, check_options, is_light, prepare
from loader.progress import Event, Listener, steps
from loader.report import Note
from loader.scan import Dataset
from loader.sidecar import SideCar, TileOptions
from loader.table import ddl, verify
from loader.table.changes import find_changes
from loader.table.copy import Copied, copy_layer
from loader.table.crs import Crs, assumption_note, drop_beyond_degrees, resolve_crs
from loader.table.ddl import Table
from loader.table.heap_order import save_blocks
from loader.table.temporal import Times, choose_times, observe_interval

STEPS = ("geometries", "indexes", "low zooms", "changes")
"""What follows the copying of a layer's rows: checks, indexes, the overview of a small table, and the comparison with
the version that is served.
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What the loading of one dataset needs. `connection` commits by itself outside of transactions."""

    connection: Connection
    settings: Settings
    dataset: Dataset
    because: str
    listen: Listener
    force: bool = False


@dataclass(frozen=True, slots=True)
class Filled:
    """A table with its rows, and what is known about it."""

    table: Table
    rows: int
    geometries: verify.GeometrySummary | None
    times: Times | None
    tiling: dict[str, Any] | None
    to_prepare: dict[str, Any] | None
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class LayerCopy:
    """A layer whose rows are in a table. `id`: of the collection that it is to become"""

    ref: LayerRef
    id: str
    version: int
    copied: Copied
    crs: Crs | None
    notes: tuple[Note, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class LoadedLayer:
    """A layer that can be served. `row`: what the catalogue gets"""

    ref: LayerRef
    row: Version
    crs: Crs | None
    notes: tuple[Note, ...]
    seconds: float


def copy_one(job: Job, cage: CagedDataset, ref: LayerRef, id: str, side_car: SideCar) -> LayerCopy:
    """The rows of one layer in the table of a new version."""
    clock = time.perf_counter()
    version = catalogue.next_version(job.connection)
    name = table_name(id, version)
    try:
        with job.connection.transaction():
            copied, crs, notes = read_layer(job, cage, ref, name, side_car)
    except GeometryRefused:
        copied, crs, notes = read_layer(job, cage, ref, name, side_car, padding=True)
    copied = replace(copied, table=replace(copied.table, version=version))
    return LayerCopy(ref, id, version, copied, crs, notes, time.perf_counter() - clock)


def finish_one(job: Job, one: LayerCopy, side_car: SideCar, sha256: str) -> LoadedLayer:
    """A layer that can be served."""
    clock = time.perf_counter()
    begin = steps(job.listen, job.dataset.path, {"layer": one.ref.name}, STEPS)
    filled = finish(job.connection, one.copied, one.crs, side_car, begin)
    begin("changes")
    changes = None
    if catalogue.current_version(job.connection, one.id) is not None:
        changes = find_changes(job.connection, filled.table, one.id, filled.tiling, checksum=sha256)
    row = replace(version_row(job.connection, filled, one.version, one.id, sha256), changes=changes)
    seconds = one.seconds + time.perf_counter() - clock
    return LoadedLayer(one.ref, row, one.crs, (*one.notes, *filled.notes), seconds)


def read_layer(
    job: Job, cage: CagedDataset, ref: LayerRef, name: str, side_car: SideCar, *, padding: bool = False
) -> tuple[Copied, Crs | None, tuple[Note, ...]]:
    """The rows of a layer in the table `name`, their CRS, and the notes of the reader. Raises: as `copy_layer`"""
    layer = cage.open(replace(ref, **side_car.reading()))

    def tell(rows: int) -> None:
        job.listen(Event("rows", job.dataset.path, {"layer": ref.name, "rows": rows, "of": layer.row_count}))

    crs = resolve_crs(job.connection, layer.crs, side_car.crs) if layer.shape else None
    srid = crs.srid if crs else None
    return copy_layer(job.connection, name, layer, srid, tell, padding=padding), crs, tuple(layer.notes)


def finish(
    connection: Connection, copied: Copied, crs: Crs | None, side_car: SideCar, begin: Callable[[str], None]
) -> Filled:
    """Check, key, index and describe the filled table. `begin`: hears which of STEPS begins

    Raises: CannotRead, UnknownCrs, BadSideCar
    """
    table = copied.table
    begin("geometries")
    if verify.count_rows(connection, table) != copied.rows:
        raise CannotRead(f"{copied.rows} rows were sent, and not all arrived", hint="load again; report it if it stays")
    found = verify.observe_geometries(connection, table) if table.shape else None
    notes = [*copied.notes]
    if found is not None and crs is not None:
        dropped = drop_beyond_degrees(connection, table, crs, found.extent)
        placeless = verify.drop_placeless(connection, table, found)
        if dropped or placeless:
            found = verify.observe_geometries(connection, table)
        said = (dropped, placeless, assumption_note(crs), *verify.geometry_notes(connection, table, found))
        notes += [note for note in said if note]
    begin("indexes")
    notes += add_key(connection, table)
    times, time_notes = choose_times(connection, table, side_car.time)
    indexes = ddl.create_indexes(table, times.columns if times else ())
    for statement in (*indexes, ddl.analyze(table.identifier)):
        connection.execute(statement)
    save_blocks(connection, table, copied.rows)
    tiles, wish = prepare_or_wish(connection, replace(copied, table=table), found, side_car.tiles, begin)
    return Filled(table, copied.rows, found, times, tiles.tiling, wish, (*notes, *time_notes, *tiles.notes))


def prepare_or_wish(
    connection: Connection,
    copied: Copied,
    found: verify.GeometrySummary | None,
    named: TileOptions | None,
    begin: Callable[[str], None],
) -> tuple[Overview, dict[str, Any] | None]:
    """The overview of a table, or what it is made by once the table is served. Raises: BadSideCar"""
    options = named or TileOptions()
    if found is None:
        return Overview(None), None
    if not found.present_count:
        return Overview({}), None
    if not is_light(connection, copied.table, copied.rows):
        check_options(copied.table, options)
        return Overview(None), wish_of(found, options)
    begin("low zooms")
    return prepare(connection, copied.table, found, options), None


def add_key(connection: Connection, table: Table) -> list[Note]:
    """The primary key, after numbering the rows anew when the file's ids are not unique."""
    try:
        with connection.transaction():
            connection.execute(ddl.add_key(table))
    except psycopg.errors.UniqueViolation:
        connection.execute(ddl.renumber(table))
        connection.execute(ddl.add_key(table))
        message = "the file has ids that occur twice: features are numbered from 1 in the order of the file"
        return [Note("warning", "ids-not-unique", message)]
    return []


def version_row(connection: Connection, filled: Filled, version: int, id: str, sha256: str) -> Version:
    """The catalogue's row of a filled table."""
    times = filled.times
    start, end = observe_interval(connection, filled.table, times) if times else (None, None)
    found = filled.geometries
    return Version(
        version=version,
        collection_id=id,
        table_name=filled.table.name,
        checksum=sha256,
        row_count=filled.rows,
        srid=filled.table.srid if filled.table.shape else None,
        geometry_type=found.type if found else None,
        null_geometries=found.null_count if found else 0,
        bbox=found.bbox_crs84 if found else None,
        storage_bbox=list(found.extent) if found and found.extent else None,
        temporal_column=times.start.name if times else None,
        temporal_end_column=times.end.name if times and times.end else None,
        interval_start=start,
        interval_end=end,
        columns=[column.as_json() for column in filled.table.columns],
        tiling=filled.tiling,
        to_prepare=filled.to_prepare,
    )
