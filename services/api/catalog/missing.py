"""What is said of a collection that is not there: its file may be under way, or may have failed."""

from __future__ import annotations

from core.catalog.files import FileState, parse_file, select_file_of
from core.database.connections import Database
from core.errors import DatabaseUnavailable, UnknownCollection


def why_missing(database: Database, id: str, plain: UnknownCollection, *, shows_files: bool) -> UnknownCollection:
    """The error about a collection that is missing; `plain` where no file would give it, or nobody knows.

    shows_files: whether it may name the file, and say why that could not be loaded
    """
    if "\0" in id:  # which PostgreSQL has no text with
        return plain
    try:
        rows = database.run(select_file_of(id))
    except DatabaseUnavailable:  # also a catalogue of an older loader
        return plain
    file = parse_file(rows[0]) if rows else None
    if file is None or file.state == "served":
        return plain
    if shows_files:
        detail, hint = told_of(file, id)
    else:
        detail, hint = in_general(file, id)
    return UnknownCollection(detail, hint=hint, retry_after_s=file.retry_after_s)


def told_of(file: FileState, id: str) -> tuple[str, str]:
    """What is said of a collection, by the state of its file."""
    soon = f"try again in {file.retry_after_s} s; /files shows how far it is"
    if file.state == "loading":
        return f"'{id}' is not served yet: {file.path} is loading ({file.progress})", soon
    if file.state == "queued":
        return f"'{id}' is not served yet: {file.path} is queued, and {file.detail}", soon
    more = f"; `isthmus report '{file.path}'` and /files say more"
    if file.state == "not read":
        what = f"there is no collection '{id}': {file.path} is not read, since {file.detail}"
        return what, f"{file.hint}{more}" if file.hint else more.removeprefix("; ")
    what = f"was set aside after {file.faults} attempts" if file.state == "set aside" else "could not be loaded"
    hint = file.hint or "it is tried again when it changes"
    return f"'{id}' is not served: {file.path} {what}: {file.detail}", f"{hint}{more}"


def in_general(file: FileState, id: str) -> tuple[str, str]:
    """The same without what the operator does not show."""
    if file.retry_after_s is not None:
        how_far = "" if file.percent is None else f" ({file.percent} %)"
        return f"'{id}' is not served yet: it is loading{how_far}", f"try again in {file.retry_after_s} s"
    return f"'{id}' is not served: its file could not be loaded", "the operator is told why by `isthmus report`"
