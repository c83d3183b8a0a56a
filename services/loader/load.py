"""The load of one dataset: all its layers in one transaction, or nothing and a report that says why."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection as Names
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import psycopg

from core.database.connections import Connection
from core.settings import Settings
from loader import archives, catalogue
from loader.attempts import content_checksum, same_content, words_of
from loader.cage.reader import CAGES, CagedDataset
from loader.catalogue import Version
from loader.errors import CannotRead, ChangedMeanwhile, DatasetError, GeometryRefused
from loader.names import Assignment, Holder, assign_ids, table_name
from loader.overviews.prepare import Overview, prepare
from loader.progress import Event, Listener, ended, steps
from loader.read.open import LayerRef, under_plain_name
from loader.report import CollectionReport, Note, Report, describe, without_folder, write_report
from loader.scan import Dataset, scan
from loader.sidecar import SideCar, TileOptions, read_side_car
from loader.states.faults import account_of, ended_loads, explained, interruption
from loader.states.record import recorded
from loader.table import ddl, verify
from loader.table.changes import find_changes
from loader.table.cleanup import STEP, freeze
from loader.table.copy import Copied, copy_layer
from loader.table.crs import Crs, check_assumption, resolve_crs
from loader.table.ddl import Table
from loader.table.heap_order import save_blocks
from loader.table.temporal import Times, choose_times, observe_interval

STEPS = ("geometries", "indexes", "low zooms", "changes")
"""What follows the copying of a layer's rows: checks, indexes, the overview, and the comparison with the version that
is served.
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
    notes: tuple[Note, ...]


def load_dataset(job: Job) -> Report:
    """Load, or say why not. The served version changes only when everything went well.

    A file whose content is that of the newest version is not loaded again unless forced.
    Whatever goes wrong counts against the dataset, but for a database that goes away.
    Raises: DatabaseUnavailable, psycopg.Error when it does
    """
    started = datetime.now(UTC)
    job.listen(Event("start", job.dataset.path, {"because": job.because, "bytes": job.dataset.size_bytes}))
    with recorded(job.settings, job.dataset, job.listen) as listen:
        try:
            with explained(job.dataset, job.connection):
                report = attempt(replace(job, listen=listen), started)
        except DatasetError as error:
            report = failure(job, started, error)
    write_report(job.settings.data_dir, report)
    freeze(job.connection, steps(job.listen, job.dataset.path, {}, [STEP]))
    job.listen(ended(report))
    return report


def attempt(job: Job, started: datetime) -> Report:
    """The transaction. Raises: DatasetError, CannotRead for what is no plain file of the data folder"""
    if job.dataset.refusal is not None:
        raise CannotRead(job.dataset.refusal.detail, hint=job.dataset.refusal.hint)
    with job.connection.transaction():
        catalogue.lock(job.connection, lambda: job.listen(Event("wait", job.dataset.path)))
        side_car = read_side_car(job.dataset.side_car)
        if job.dataset.is_archive:
            report = archives.load_archive(job.connection, job.settings, job.dataset, side_car, job.because)
        else:
            report = load_unless_known(job, started, side_car)
        refuse_changed(job)
        report = without_folder(report, job.settings.data_dir)
        catalogue.save_report(job.connection, report, job.dataset.signature, "loaded")
    return report


def load_unless_known(job: Job, started: datetime, side_car: SideCar) -> Report:
    """Load what has rows, unless its content was loaded before. Raises: DatasetError"""
    sha256 = content_checksum(job.dataset, side_car)
    earlier = None if job.force else same_content(job.connection, job.dataset, side_car, sha256)
    if earlier is None:
        with under_plain_name(job.dataset) as dataset, CAGES.reading(dataset, job.settings) as cage:
            return load_layers(job, cage, started, sha256, side_car)
    because = f"{job.because}, with the content that was loaded before"
    return replace(earlier, because=because, started_at=started, ended_at=datetime.now(UTC))


def refuse_changed(job: Job) -> None:
    """Raises: ChangedMeanwhile when the file looks different now"""
    now = scan(job.settings.data_dir).datasets.get(job.dataset.path)
    if now is None or now.signature != job.dataset.signature:
        raise ChangedMeanwhile(f"{job.dataset.path} changed while it was read", hint="it is loaded again when it rests")


def failure(job: Job, started: datetime, error: DatasetError) -> Report:
    """The report of a failure, once stored. What was served stays, but for a file of tiles, whose bytes are gone."""
    path, now = job.dataset.path, datetime.now(UTC)
    report = Report(path, "failed", job.because, started, now, error=describe(error))
    report = without_folder(report, job.settings.data_dir)
    with job.connection.transaction():
        archives.forget(job.connection, path)
        save_failure(job.connection, report, job.dataset.signature, error)
    return report


def save_failure(connection: Connection, report: Report, signature: str, error: DatasetError) -> None:
    """Store the report of a failure, and what it counts for."""
    account = account_of(connection, report.path, signature, error)
    catalogue.save_report(connection, report, signature, "failed", **account._asdict())


def count_ended(connection: Connection, settings: Settings, listen: Listener, excused: Names[str]) -> None:
    """Count loads whose loader ended in the middle against their datasets. `excused`: those that lost the database"""
    reports: list[Report] = []
    with connection.transaction():
        for found in ended_loads(connection, excused):
            error, now = interruption(found.path), datetime.now(UTC)
            because = "another loader began to load it"
            reports.append(Report(found.path, "failed", because, found.started_at, now, error=describe(error)))
            save_failure(connection, reports[-1], found.signature, error)
    for report in reports:
        write_report(settings.data_dir, report)
        listen(ended(report))


def load_layers(job: Job, cage: CagedDataset, started: datetime, sha256: str, side_car: SideCar) -> Report:
    """Load every layer, serve the new versions, withdraw the layers that the file no longer has."""
    path = job.dataset.path
    refs = cage.layers()
    assignments = assign_ids(path, [ref.name for ref in refs], catalogue.read_holders(job.connection))
    job.listen(Event("layers", path, {"ids": [assignment.id for assignment in assignments]}))
    collections: list[CollectionReport] = []
    notes = [*side_car.notes, *(note for assignment in assignments for note in name_taken_notes(assignment))]
    for ref, assignment in zip(refs, assignments, strict=True):
        report, layer_notes = load_layer(job, cage, ref, assignment, side_car.of_layer(ref.name), sha256)
        collections.append(report)
        notes += [replace(note, collection=assignment.id) for note in layer_notes]
    for id in catalogue.withdraw(job.connection, path, keep=[assignment.id for assignment in assignments]):
        notes.append(Note("warning", "layer-gone", "the file no longer has this layer: withdrawn", collection=id))
    return Report(
        path=path,
        status="loaded",
        because=job.because,
        started_at=started,
        ended_at=datetime.now(UTC),
        size_bytes=job.dataset.size_bytes,
        sha256=sha256,
        collections=tuple(collections),
        notes=tuple(notes),
    )


def name_taken_notes(assignment: Assignment) -> list[Note]:
    """The note that a collection could not have the name one would expect."""
    if assignment.id == assignment.wanted:
        return []
    message = f"the name '{assignment.wanted}' is taken, so the collection is '{assignment.id}'"
    return [Note("warning", "name-taken", message, "rename the file or layer for another name", assignment.id)]


def load_layer(
    job: Job, cage: CagedDataset, ref: LayerRef, assignment: Assignment, side_car: SideCar, sha256: str
) -> tuple[CollectionReport, tuple[Note, ...]]:
    """Load one layer as a new version of its collection."""
    clock = time.perf_counter()
    version = catalogue.next_version(job.connection)
    name = table_name(assignment.id, version)
    try:
        with job.connection.transaction():
            copied, crs, notes = read_layer(job, cage, ref, name, side_car)
    except GeometryRefused:
        copied, crs, notes = read_layer(job, cage, ref, name, side_car, padding=True)
    copied = replace(copied, table=replace(copied.table, version=version))
    begin = steps(job.listen, job.dataset.path, {"layer": ref.name}, STEPS)
    filled = finish(job.connection, copied, crs, side_car, begin)
    holder = Holder(job.dataset.path, ref.name)
    catalogue.save_collection(job.connection, assignment.id, holder, words_of(job.dataset, ref.name, side_car))
    begin("changes")
    changes = find_changes(job.connection, filled.table, assignment.id, filled.tiling, checksum=sha256)
    row = replace(version_row(job.connection, filled, version, assignment.id, sha256), changes=changes)
    catalogue.save_version(job.connection, row)
    seconds = time.perf_counter() - clock
    return collection_report(row, ref, crs, seconds), (*notes, *filled.notes)


def read_layer(
    job: Job, cage: CagedDataset, ref: LayerRef, name: str, side_car: SideCar, *, padding: bool = False
) -> tuple[Copied, Crs | None, tuple[Note, ...]]:
    """The rows of a layer in the table `name`, their CRS, and the notes of the reader. Raises: as `copy_layer`"""
    layer = cage.open(ref)

    def tell(rows: int) -> None:
        job.listen(Event("rows", job.dataset.path, {"layer": ref.name, "rows": rows, "of": layer.row_count}))

    crs = resolve_crs(job.connection, layer.crs, side_car.crs) if layer.shape else None
    srid = crs.srid if crs else None
    return copy_layer(job.connection, name, layer, srid, tell, padding=padding), crs, layer.notes


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
    placeless = verify.drop_placeless(connection, table, found) if found else None
    if placeless is not None:
        found = verify.observe_geometries(connection, table)
        notes.append(placeless)
    if found is not None and crs is not None:
        assumed = check_assumption(crs, found.extent)
        notes += [note for note in (assumed, *verify.geometry_notes(connection, table, found)) if note]
    begin("indexes")
    notes += add_key(connection, table)
    times, time_notes = choose_times(connection, table, side_car.time)
    indexes = ddl.create_indexes(table, times.columns if times else ())
    for statement in (*indexes, ddl.analyze(table.identifier)):
        connection.execute(statement)
    save_blocks(connection, table, copied.rows)
    begin("low zooms")
    tiles = prepare(connection, table, found, side_car.tiles or TileOptions()) if found else Overview(None)
    return Filled(table, copied.rows, found, times, tiles.tiling, (*notes, *time_notes, *tiles.notes))


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
    )


def collection_report(row: Version, ref: LayerRef, crs: Crs | None, seconds: float) -> CollectionReport:
    """What the report says of a new version."""
    return CollectionReport(
        id=row.collection_id,
        layer=ref.name,
        version=row.version,
        rows=row.row_count,
        geometry_type=row.geometry_type,
        srid=row.srid,
        crs_from=crs.source if crs else None,
        bbox_crs84=row.bbox,
        columns=row.columns,
        temporal_column=row.temporal_column,
        temporal_end_column=row.temporal_end_column,
        seconds=round(seconds, 3),
        rows_per_second=round(row.row_count / seconds) if seconds else 0,
    )
