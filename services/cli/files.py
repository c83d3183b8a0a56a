"""The files of the data folder and their states, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from cli.show import note_text, table, versions_json
from core.catalog.files import STATES, FileState, ServedCollection, parse_file, select_file, select_files
from core.database.connections import Connection
from core.settings import Settings
from loader.errors import DataFolderUnavailable
from loader.report import Note
from loader.scan import scan
from loader.states.record import FolderRecord

MOST = 1_000_000
PROGRESS = ("percent", "rows", "of_rows", "layer", "step", "seconds")


def look(connection: Connection, settings: Settings) -> None:
    """Look at the data folder, as the loader does each second: none need be at work."""
    with suppress(DataFolderUnavailable):
        FolderRecord().save(connection, settings, scan(settings.data_dir))


def read_states(connection: Connection) -> list[FileState]:
    """Every file, those under way first."""
    statement = select_files(limit=MOST)
    return [parse_file(row) for row in connection.execute(statement.text, statement.params)]


def read_state(connection: Connection, path: str) -> FileState | None:
    """The file of a path; None where it is not in the folder."""
    statement = select_file(path)
    row = connection.execute(statement.text, statement.params).fetchone()
    return parse_file(row) if row else None


def summary(file: FileState) -> str:
    """What there is to say of a file, in a line."""
    if file.state == "loading":
        return file.progress
    if file.state == "served":
        return ", ".join(map(collection_text, file.collections))
    return " ".join((file.detail or "").split())


def collection_text(collection: ServedCollection) -> str:
    """A collection and the version that is served."""
    if collection.version is None:
        return collection.id
    back = ", rolled back" if collection.is_rolled_back else ""
    return f"{collection.id} (version {collection.version}{back})"


def table_text(files: Iterable[FileState]) -> str:
    """A table of files and their states."""
    return table([[file.state, printable(file.path), summary(file)] for file in files], ["STATE", "FILE", "WHAT"])


def printable(path: str) -> str:
    """A path without what a terminal would take for a command."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in path)


def states_text(files: Sequence[FileState]) -> str:
    """How many files there are in each state, and a paragraph for each file."""
    if not files:
        return "no files yet: copy a spatial file into the data folder"
    counts = ((sum(file.state == state for file in files), state) for state in STATES)
    first = ", ".join(f"{count:,} {state}" for count, state in counts if count)
    return "\n\n".join([first, *("\n".join(state_lines(file, reported=False)) for file in files)])


def state_lines(file: FileState, *, reported: bool) -> Iterator[str]:
    """The lines of a file: its state, why, what to do, what was noted, how to go back.

    reported: whether its last report was shown, which says all of a load that is over
    """
    is_over = file.state in ("served", "failed", "set aside")
    if not (reported and is_over):
        yield f"{printable(file.path)}: {file.state} ({summary(file)})"
        yield from (f"  {line}" for line in (file.hint or "").splitlines())
        yield from (f"  {line}" for note in file.notes for line in note_text(Note(**note)).splitlines())
    if file.state == "set aside":
        yield f"  set aside after {file.faults} attempts; tried again when it changes, or by isthmus load"
    elif file.retry_at:
        yield f"  tried again at {file.retry_at:%H:%M:%S} UTC"
    for collection in file.collections:
        yield from version_lines(collection)


def version_lines(collection: ServedCollection) -> Iterator[str]:
    """The versions of a collection that could be served instead."""
    for kept in collection.versions:
        if not kept.served:
            command = f"isthmus rollback {collection.id} --to {kept.version}"
            yield f"  {collection.id}: version {kept.version} is kept ({kept.row_count:,} rows); to serve it: {command}"


def file_json(file: FileState) -> dict[str, Any]:
    """A file as JSON values."""
    return {
        **{name: getattr(file, name) for name in ("path", "state", "kind", "size_bytes")},
        "since": file.since.isoformat(),
        **({name: getattr(file, name) for name in PROGRESS} if file.state == "loading" else {}),
        **{name: getattr(file, name) for name in ("detail", "hint", "faults")},
        "retry_at": file.retry_at and file.retry_at.isoformat(),
        "notes": list(file.notes),
        "collections": [collection_json(collection) for collection in file.collections],
    }


def collection_json(collection: ServedCollection) -> dict[str, Any]:
    """A collection of a file as JSON values."""
    return {"id": collection.id, "version": collection.version, "versions": versions_json(collection.versions)}
