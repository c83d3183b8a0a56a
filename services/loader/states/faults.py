"""Loads that end otherwise than by a verdict about the file: crashes, hangs, mistakes of ours, full disks.

They count against the dataset, never against the loop: it is tried again some times, behind the others, and then set
aside until it changes. A database that goes away is nobody's fault, nor is a full disk, after which there is another
attempt.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Collection as Names, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import psycopg

from core.database.connections import Connection
from core.errors import DatabaseUnavailable, IsthmusError
from loader.errors import (
    CannotRead,
    DataFolderUnavailable,
    DatasetError,
    DiskFull,
    LoadBroken,
    LoaderEnded,
    ReaderEnded,
)
from loader.scan import Dataset

log = logging.getLogger(__name__)

PAUSES_S = (3.0, 15.0)
"""Before the second and the third attempt. After that there is none."""

ROOM_AGAIN_S = 30.0
"""How long a full disk is left alone."""

COUNTED = (ReaderEnded, LoadBroken, LoaderEnded)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
MEMORY = "is there memory for it? It is tried again, three times at most, and when it changes"
MISTAKE = "the loader's log has the details; it is tried again, three times at most, and when it changes"
MAKE_ROOM = "make room: it is tried again by itself"

ENDED = """
DELETE FROM isthmus.loading AS l
WHERE NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.pid = l.process AND a.backend_start = l.process_start)
RETURNING path, signature, started_at
"""


class Account(NamedTuple):
    """What the catalogue holds against a dataset: how many faults, and when it is tried again (None: not at all)."""

    faults: int = 0
    retry_at: datetime | None = None


class Interrupted(NamedTuple):
    """A load that its loader did not end."""

    path: str
    signature: str
    started_at: datetime


@contextmanager
def explained(dataset: Dataset, connection: Connection) -> Generator[None]:
    """Turn whatever goes wrong inside into a DatasetError; a database that goes away stays what it is."""
    try:
        yield
    except Exception as error:
        if is_outage(error, connection):
            raise
        found = explanation(error, dataset)
        if found is error:
            raise
        raise found from error


def is_outage(error: BaseException, connection: Connection) -> bool:
    """Whether the database went away, or became one that cannot be written to."""
    if isinstance(error, DatabaseUnavailable | psycopg.errors.ReadOnlySqlTransaction):
        return True
    return isinstance(error, psycopg.Error) and connection.closed


def explanation(error: Exception, dataset: Dataset) -> DatasetError:
    """What an error of a load says of the dataset."""
    if is_full(error):
        where = "of the database" if isinstance(error, psycopg.Error) else "of the loader's temporary files"
        return DiskFull(f"the disk {where} is full", hint=MAKE_ROOM)
    if isinstance(error, DatasetError):
        return error
    if isinstance(error, MemoryError | psycopg.errors.OutOfMemory):
        return LoadBroken(f"{dataset.path} needs more memory than there is", hint=MEMORY)
    if isinstance(error, psycopg.Error):
        said = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, psycopg.OperationalError) and not isinstance(error, psycopg.errors.ProgramLimitExceeded):
            return LoadBroken(f"PostgreSQL gave {dataset.path} up: {said}", hint=MEMORY)
        return CannotRead(f"PostgreSQL refuses the data: {said}")
    log.error("%s cannot be loaded", dataset.path, exc_info=error)
    return LoadBroken(f"{dataset.path} met a mistake of Isthmus ({type(error).__name__})", hint=MISTAKE)


def is_full(error: BaseException | None) -> bool:
    """Whether an error comes from a disk without room."""
    while error is not None:
        if isinstance(error, psycopg.errors.DiskFull) or (isinstance(error, OSError) and error.errno in NO_ROOM):
            return True
        error = error.__cause__
    return False


def account_of(connection: Connection, path: str, signature: str, error: IsthmusError) -> Account:
    """What is held against a dataset from now on, because of how its load ended."""
    row = connection.execute(
        "SELECT faults FROM isthmus.sources WHERE path = %s AND signature = %s AND status = 'failed'", [path, signature]
    ).fetchone()
    earlier = int(row[0]) if row else 0
    if isinstance(error, DiskFull):
        return Account(earlier, after(ROOM_AGAIN_S))
    if not isinstance(error, COUNTED):
        return Account()
    return Account(earlier + 1, after(PAUSES_S[earlier]) if earlier < len(PAUSES_S) else None)


def after(seconds: float) -> datetime:
    """That many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


def ended_loads(connection: Connection, excused: Names[str]) -> Iterator[Interrupted]:
    """Loads whose loader ended in the middle, once: but for the `excused`, whose connection was lost."""
    for row in connection.execute(ENDED).fetchall():
        found = Interrupted(*row)
        if found.path not in excused:
            yield found


def interruption(path: str) -> LoaderEnded:
    """What is said of a dataset whose loader ended."""
    return LoaderEnded(f"the loader ended while it loaded {path}", hint=MEMORY)


@contextmanager
def survived(connection: Connection, tell: Callable[[Exception], None]) -> Generator[None]:
    """Let nothing that goes wrong inside end the loader: the log gets it, and `tell`.

    Raises: DataFolderUnavailable, and what the database raises when it goes away
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, DataFolderUnavailable) or is_outage(error, connection):
            raise
        log.exception("the loader goes on after a mistake")
        tell(error)
