"""The files of the data folder and the state that each is in, as the catalogue's view `file_states` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from psycopg import sql

from core.database.statement import Statement

State = Literal["loading", "queued", "failed", "set aside", "not read", "served"]
STATES: tuple[State, ...] = get_args(State)
"""In the order of lists: what is under way first, then what needs somebody."""

UNDER_WAY = ("loading", "queued")
LIKELY = ("loading", "queued", "failed", "set aside", "served", "not read")
"""The order in which files of one name are told of where a collection of that name is missing."""

QUEUED = "it is loaded when it has stopped changing and the files before it are done"
LATER_S, SOON_S, LATEST_S = 5, 2, 60
"""When it is worth asking again: of a file whose progress is unknown, at the earliest, at the latest."""


@dataclass(frozen=True, slots=True)
class KeptVersion:
    """A version that can be served, and whether it is."""

    version: int
    loaded_at: datetime
    row_count: int
    served: bool


@dataclass(frozen=True, slots=True)
class ServedCollection:
    """A collection that a file gives. `version`: the served one; None, and no versions, for a file of tiles."""

    id: str
    title: str
    version: int | None
    versions: tuple[KeptVersion, ...]

    @property
    def earlier(self) -> KeptVersion | None:
        """The version that `isthmus rollback` would serve."""
        older = [kept for kept in self.versions if self.version is not None and kept.version < self.version]
        return next(iter(older), None)

    @property
    def is_rolled_back(self) -> bool:
        """Whether an older version than the newest is served."""
        return bool(self.versions) and not self.versions[0].served


@dataclass(frozen=True, slots=True)
class FileState:
    """A file, its state, and what there is to say of it.

    since:     the state, in UTC
    percent:   of the load; `rows` of `of_rows` of the layer are copied; None where nobody knows
    faults:    how often its load ended by a crash, a hang or a mistake of ours; `retry_at`: when it is tried again
    because:   why it was acted upon last
    """

    path: str
    kind: str
    size_bytes: int | None
    state: State
    since: datetime
    detail: str | None
    hint: str | None
    layer: str | None
    rows: int | None
    of_rows: int | None
    step: str | None
    percent: int | None
    faults: int
    retry_at: datetime | None
    because: str | None
    notes: tuple[Mapping[str, Any], ...]
    collections: tuple[ServedCollection, ...]

    @property
    def seconds(self) -> int:
        """How long it has been in its state."""
        return max(0, round((datetime.now(UTC) - self.since).total_seconds()))

    @property
    def progress(self) -> str:
        """What is known of a load under way: percent, rows, step, seconds."""
        rows = None if self.rows is None else f"{self.rows:,}{f' of {self.of_rows:,}' if self.of_rows else ''} rows"
        parts = [None if self.percent is None else f"{self.percent} %", self.step or rows, f"since {self.seconds} s"]
        return ", ".join(part for part in parts if part)

    @property
    def retry_after_s(self) -> int | None:
        """When it is worth asking for its collections again; None for a state that stays."""
        if self.state not in UNDER_WAY:
            return None
        if not self.percent:
            return LATER_S
        return min(LATEST_S, max(SOON_S, round(self.seconds * (100 - self.percent) / self.percent)))


COLUMNS = sql.SQL(
    "path, kind, size_bytes, state, since, detail, hint, layer, row_count, of_rows, step, percent, faults, retry_at,"
    " report -> 'error', report ->> 'because', report -> 'notes', collections"
)
ORDER = sql.SQL('array_position({}::text[], state), path COLLATE "C"')

# Rows: up to `limit` behind the first `offset`, those under way first, then in order of path. Columns: as `parse_file`
FILES = sql.SQL("""
SELECT {columns} FROM isthmus.file_states
WHERE %(state)s::text IS NULL OR state = %(state)s
ORDER BY {order}
LIMIT %(limit)s OFFSET %(offset)s
""").format(columns=COLUMNS, order=ORDER.format(sql.Literal(list(STATES))))

FILE = sql.SQL("SELECT {} FROM isthmus.file_states WHERE path = %(path)s").format(COLUMNS)

# Rows: (state, number of files)
COUNTS = Statement(sql.SQL("SELECT state, count(*) FROM isthmus.file_states GROUP BY state"))

# Rows: the file that would give a collection of the id, if there is one
OF_COLLECTION = sql.SQL("""
SELECT {columns} FROM isthmus.file_states
WHERE path IN (
    SELECT path FROM isthmus.files WHERE ids @> ARRAY[%(id)s::text]
    UNION SELECT path FROM isthmus.loading WHERE %(id)s::text = ANY (ids)
    UNION SELECT source_path FROM isthmus.collections WHERE id = %(id)s::text
)
ORDER BY {order}
LIMIT 1
""").format(columns=COLUMNS, order=ORDER.format(sql.Literal(list(LIKELY))))


def select_files(*, state: str | None = None, limit: int, offset: int = 0) -> Statement:
    """Some files, of one state or of all."""
    return Statement(FILES, {"state": state, "limit": limit, "offset": offset})


def select_file(path: str) -> Statement:
    """The file of a path."""
    return Statement(FILE, {"path": path})


def select_file_of(id: str) -> Statement:
    """The file that a collection of this id would come from."""
    return Statement(OF_COLLECTION, {"id": id})


def parse_file(row: Sequence[Any]) -> FileState:
    """A row of these statements as a value. What there is to say of a failure stands in the report."""
    *head, error, because, notes, collections = row
    found = FileState(
        *head, because=because, notes=tuple(notes or ()), collections=tuple(map(parse_served, collections or ()))
    )
    if found.state in ("failed", "set aside"):
        return replace(found, detail=error["message"], hint=error["hint"])
    return replace(found, detail=QUEUED) if found.state == "queued" else found


def parse_served(values: Mapping[str, Any]) -> ServedCollection:
    """A collection from what the view says of it."""
    versions = (
        KeptVersion(one["version"], datetime.fromisoformat(one["loaded_at"]), one["rows"], one["served"])
        for one in values["versions"] or ()
    )
    return ServedCollection(values["id"], values["title"], values["version"], tuple(versions))
