"""The load of one dataset: all its layers in one transaction, or nothing and a report that says why."""

from __future__ import annotations

import hashlib
from collections.abc import Collection as Names, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from core.database.connections import Connection
from core.settings import Settings
from loader import archives, catalogue
from loader.cage.reader import CAGES, CagedDataset
from loader.catalogue import Version, Words
from loader.chunks import LayerRef
from loader.errors import CannotRead, ChangedMeanwhile, DatasetError
from loader.fill import Job, LoadedLayer, copy_one, finish_one
from loader.kinds import styles_beside
from loader.names import Assignment, Holder, assign_ids, default_title, table_name
from loader.progress import Event, Listener, ended, steps
from loader.read.files import under_plain_name
from loader.report import CollectionReport, Note, Report, describe, without_folder, write_report
from loader.scan import Dataset, checksum, scan
from loader.sidecar import UNKNOWN_KEY, SideCar, read_side_car
from loader.states.faults import account_of, ended_loads, explained, interruption
from loader.states.record import recorded
from loader.table import ddl
from loader.table.cleanup import STEP, freeze
from loader.table.crs import Crs


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
    """Load what has not been loaded. Raises: DatasetError, CannotRead for what is no plain file of the data folder"""
    if job.dataset.refusal is not None:
        raise CannotRead(job.dataset.refusal.detail, hint=job.dataset.refusal.hint)
    side_car = read_side_car(job.dataset.side_car)
    if job.dataset.is_archive:
        with job.connection.transaction():
            lock(job)
            report = archives.load_archive(job.connection, job.settings, job.dataset, side_car, job.because)
            return saved(job, report)
    sha256 = content_checksum(job.dataset, side_car)
    with catalogue.one_at_a_time(job.connection, job.dataset.path, lambda: waits(job)):
        return load_known(job, started, sha256, side_car) or load_anew(job, started, sha256, side_car)


def lock(job: Job) -> None:
    """Wait until no other loader changes the catalogue."""
    catalogue.lock(job.connection, lambda: waits(job))


def waits(job: Job) -> None:
    """Tell that another loader is waited for."""
    job.listen(Event("wait", job.dataset.path))


def saved(job: Job, report: Report) -> Report:
    """The report, once stored: the last step of the transaction. Raises: ChangedMeanwhile"""
    refuse_changed(job)
    report = without_folder(report, job.settings.data_dir)
    catalogue.save_report(job.connection, report, job.dataset.signature, "loaded")
    return report


def load_known(job: Job, started: datetime, sha256: str, side_car: SideCar) -> Report | None:
    """The report of a content that was loaded before, and is served from now on; None of another."""
    if job.force:
        return None
    with job.connection.transaction():
        lock(job)
        earlier = same_content(job.connection, job.dataset, side_car, sha256)
        if earlier is None:
            return None
        because = f"{job.because}, with the content that was loaded before"
        return saved(job, replace(earlier, because=because, started_at=started, ended_at=datetime.now(UTC)))


def content_checksum(dataset: Dataset, side_car: SideCar) -> str:
    """What a version is made of: the files, and what the side-car says about how to load them. Raises: CannotRead"""
    try:
        files = checksum(dataset)
    except OSError as error:
        raise CannotRead(
            f"{dataset.path} cannot be read: {error.strerror}", hint="let the loader's user read it: chmod a+r"
        ) from error
    settings = side_car.data_settings()
    return hashlib.sha256(f"{files}{settings}".encode()).hexdigest() if settings else files


def same_content(connection: Connection, dataset: Dataset, side_car: SideCar, sha256: str) -> Report | None:
    """The report of a dataset whose content is loaded already; None for a new content.

    Its collections are shown again if they were gone, with the words that the side-car has now.
    """
    known = catalogue.newest_checksums(connection, dataset.path)
    ids = [id for id, checksum in known.items() if checksum == sha256]
    earlier = catalogue.last_loaded_report(connection, dataset.path)
    if not ids or earlier is None:
        return None
    was_away = catalogue.restore(connection, ids)
    layers = {id: holder.layer for id, holder in catalogue.read_holders(connection).items()}
    words = {id: words_of(dataset, layers[id], side_car.of_layer(layers[id])) for id in ids}
    described = [id for id in ids if catalogue.describe(connection, id, words[id])]
    earlier = catalogue.as_served(connection, earlier)
    notes = (*side_car.notes, *(note for note in earlier.notes if note.code != UNKNOWN_KEY))
    return replace(earlier, status="restored" if was_away else "described" if described else "unchanged", notes=notes)


def load_anew(job: Job, started: datetime, sha256: str, side_car: SideCar) -> Report:
    """Load every layer, and serve the new versions. Others change the catalogue meanwhile, but not at the end."""
    with job.connection.transaction():
        with under_plain_name(job.dataset) as dataset, CAGES.reading(dataset, job.settings) as cage:
            copies = [
                copy_one(job, cage, ref, id, side_car.of_layer(ref.name))
                for ref, id in named_layers(job, cage, side_car)
            ]
        layers = [finish_one(job, one, side_car.of_layer(one.ref.name), sha256) for one in copies]
        lock(job)
        return saved(job, publish(job, started, sha256, side_car, layers))


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


def named_layers(job: Job, cage: CagedDataset, side_car: SideCar) -> list[tuple[LayerRef, str]]:
    """The layers of a dataset with the collections that they are to become, if the names stay free."""
    refs = cage.layers()
    assignments = assign_layers(job, [ref.name for ref in refs], side_car)
    ids = [assignment.id for assignment in assignments]
    job.listen(Event("layers", job.dataset.path, {"ids": ids}))
    return list(zip(refs, ids, strict=True))


def assign_layers(job: Job, names: Sequence[str], side_car: SideCar) -> list[Assignment]:
    """The ids of a dataset's layers, by what the catalogue holds now and the side-car asks for."""
    asked = {name: side_car.of_layer(name).id for name in names}
    return assign_ids(job.dataset.path, names, catalogue.read_holders(job.connection), asked)


def publish(job: Job, started: datetime, sha256: str, side_car: SideCar, layers: Sequence[LoadedLayer]) -> Report:
    """Serve the new versions, and withdraw the layers that the file no longer has. The catalogue is locked."""
    path = job.dataset.path
    assignments = assign_layers(job, [layer.ref.name for layer in layers], side_car)
    collections: list[CollectionReport] = []
    notes = [*side_car.notes, *(note for assignment in assignments for note in name_taken_notes(assignment))]
    for name in styles_beside(job.dataset.main):
        notes.append(Note("info", "styles-left-out", f"the style in {name} is not kept: maps draw it in their own"))
    for layer, assignment in zip(layers, assignments, strict=True):
        collections.append(serve(job, layer, assignment.id, side_car.of_layer(layer.ref.name)))
        notes += [replace(note, collection=assignment.id) for note in layer.notes]
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


def serve(job: Job, layer: LoadedLayer, id: str, side_car: SideCar) -> CollectionReport:
    """Serve the new version of a layer from the end of the transaction on. Should its collection have another name, or
    another version, than when the table was filled, nobody knows where it differs from that.
    """
    row = layer.row
    holder = Holder(job.dataset.path, layer.ref.name)
    catalogue.save_collection(job.connection, id, holder, words_of(job.dataset, layer.ref.name, side_car))
    if id != row.collection_id:
        name = table_name(id, row.version)
        job.connection.execute(ddl.rename(row.table_name, name))
        row = replace(row, collection_id=id, table_name=name, changes=None)
    if row.changes and row.changes[0].version != catalogue.current_version(job.connection, id):
        row = replace(row, changes=None)
    catalogue.save_version(job.connection, row)
    return collection_report(row, layer.ref, layer.crs, layer.seconds)


def name_taken_notes(assignment: Assignment) -> list[Note]:
    """The note that a collection could not have the name one would expect."""
    if assignment.id == assignment.wanted:
        return []
    message = f"the name '{assignment.wanted}' is taken, so the collection is '{assignment.id}'"
    return [Note("warning", "name-taken", message, "rename the file or layer for another name", assignment.id)]


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


def words_of(dataset: Dataset, layer: str, side_car: SideCar) -> Words:
    """What is said of the collection of a layer: the side-car's words, or a title made of its name."""
    title = side_car.title or default_title(layer or dataset.stem)
    index = list(side_car.index) if isinstance(side_car.index, tuple) else side_car.index
    keywords = list(side_car.keywords or ())
    return Words(
        title, side_car.description, side_car.attribution, side_car.cache_control, index, keywords, side_car.license
    )
