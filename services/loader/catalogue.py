"""The catalogue as the loader reads and writes it: each function is one statement or two, and the caller's transaction
makes them one step.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Literal, cast

import psycopg
from psycopg import sql

from core.catalog.versions import Change
from core.database.connections import Connection, connect
from core.settings import Settings
from loader.names import Holder
from loader.report import CollectionReport, Note, Report, parse_report
from loader.sql.migrate import migrate

LOADER_LOCK = 4_207_850
"""Key of the advisory lock under which one loader at a time changes the catalogue."""

LOCK_AGAIN_S = 0.05
"""Between two attempts at that lock."""

FINISHING_LOCK = 4_207_851
"""Key of the advisory lock under which one loader at a time makes indexes of properties, and overviews."""

PATH_LOCKS = 4_207_853
"""Half of the key of those that keep two loaders from one file."""

Status = Literal["loaded", "failed", "removed"]


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of a file: how it looked when it was last acted upon, and how that ended.

    retry_due: whether it is to be tried again as it is
    """

    signature: str
    status: Status
    retry_due: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """A row of isthmus.versions before it is written. The fields are its columns."""

    version: int
    collection_id: str
    table_name: str
    checksum: str
    row_count: int
    srid: int | None
    geometry_type: str | None
    null_geometries: int
    bbox: list[float] | None
    storage_bbox: list[float] | None
    temporal_column: str | None
    temporal_end_column: str | None
    interval_start: datetime | None
    interval_end: datetime | None
    columns: list[dict[str, str]]
    tiling: dict[str, Any] | None
    changes: tuple[Change, ...] | None = None
    to_prepare: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a collection beside its data."""

    title: str
    description: str | None = None
    attribution: str | None = None
    cache_control: str | None = None
    indexed_by: bool | list[str] | None = None
    """Which properties get an index: those that it helps, none, or these; None: as the setting says."""

    keywords: list[str] = field(default_factory=list[str])
    license: str | None = None

    def as_params(self) -> dict[str, Any]:
        """As parameters of a statement."""
        return {**asdict(self), "indexed_by": json_or_null(self.indexed_by)}


def open_catalogue(settings: Settings) -> Connection:
    """A connection that commits by itself, to a catalogue that is there and up to date. Raises: DatabaseUnavailable"""
    connection = connect(settings)
    try:
        connection.autocommit = True
        migrate(connection)
    except psycopg.Error:
        connection.close()
        raise
    return connection


def lock(connection: Connection, waiting: Callable[[], None] | None = None) -> None:
    """Wait until no other loader is at work; freed with the transaction. `waiting` is called now and then meanwhile."""
    while connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOADER_LOCK]).fetchone() != (True,):
        if waiting is not None:
            waiting()
        time.sleep(LOCK_AGAIN_S)


@contextmanager
def one_at_a_time(connection: Connection, path: str, waiting: Callable[[], None]) -> Generator[None]:
    """Around the load of a file, which no other loader loads meanwhile. `waiting` is called now and then."""
    key = [PATH_LOCKS, zlib.crc32(path.encode()) - 2**31]
    while connection.execute("SELECT pg_try_advisory_lock(%s, %s)", key).fetchone() != (True,):
        waiting()
        time.sleep(LOCK_AGAIN_S)
    try:
        yield
    finally:
        with suppress(psycopg.Error):  # a connection that is lost holds none
            connection.execute("SELECT pg_advisory_unlock(%s, %s)", key)


def finishes_alone(connection: Connection) -> bool:
    """Whether no other loader makes indexes or overviews; then none begins until the transaction ends."""
    [(alone,)] = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [FINISHING_LOCK]).fetchall()
    return bool(alone)


def read_known(connection: Connection) -> dict[str, Known]:
    """Every file the catalogue knows, by path."""
    rows = connection.execute("""
        SELECT path, signature, status, coalesce(retry_at <= now() AND status = 'failed', false) FROM isthmus.sources
        """)
    return {path: Known(*known) for path, *known in rows}


def read_holders(connection: Connection) -> dict[str, Holder]:
    """Who has which collection id."""
    rows = connection.execute("""
        SELECT id, source_path, layer, withdrawn_at IS NOT NULL FROM isthmus.collections
        UNION ALL SELECT id, source_path, '', false FROM isthmus.tile_archives
        """)
    return {id: Holder(path, layer, withdrawn) for id, path, layer, withdrawn in rows}


def newest_checksums(connection: Connection, path: str) -> dict[str, str]:
    """The checksum of the newest version of each collection of a file, by collection id."""
    rows = connection.execute(
        """
        SELECT DISTINCT ON (v.collection_id) v.collection_id, v.checksum
        FROM isthmus.versions AS v
        JOIN isthmus.collections AS c ON c.id = v.collection_id
        WHERE c.source_path = %s
        ORDER BY v.collection_id, v.version DESC
        """,
        [path],
    )
    return {row[0]: row[1] for row in rows}


def next_version(connection: Connection) -> int:
    """A number for a new version; numbers of loads that fail are lost."""
    rows = connection.execute("SELECT nextval(pg_get_serial_sequence('isthmus.versions', 'version'))")
    return int(rows.fetchall()[0][0])


def save_collection(connection: Connection, id: str, holder: Holder, words: Words) -> None:
    """Make a collection, or give an old one its new file and words. One that the layer had under another id, which its
    side-car changed, is withdrawn.
    """
    connection.execute(
        """
        UPDATE isthmus.collections
        SET layer = layer || ' (as ' || id || ')', withdrawn_at = coalesce(withdrawn_at, now())
        WHERE source_path = %s AND layer = %s AND id <> %s
        """,
        [holder.path, holder.layer, id],
    )
    connection.execute(
        """
        INSERT INTO isthmus.collections (id, source_path, layer, title, description, attribution, cache_control,
            indexed_by, keywords, license)
        VALUES (%(id)s, %(path)s, %(layer)s, %(title)s, %(description)s, %(attribution)s, %(cache_control)s,
            %(indexed_by)s, %(keywords)s, %(license)s)
        ON CONFLICT (id) DO UPDATE SET title = excluded.title, description = excluded.description,
            attribution = excluded.attribution, cache_control = excluded.cache_control,
            indexed_by = excluded.indexed_by, keywords = excluded.keywords, license = excluded.license,
            source_path = excluded.source_path, layer = excluded.layer
        """,
        {"id": id, "path": holder.path, "layer": holder.layer, **words.as_params()},
    )


def describe(connection: Connection, id: str, words: Words) -> bool:
    """Give a collection new words. False when they are the ones it has."""
    row = connection.execute(
        """
        SELECT title, description, attribution, cache_control, indexed_by, keywords, license
        FROM isthmus.collections WHERE id = %s
        """,
        [id],
    ).fetchone()
    if row is None or Words(*row) == words:  # the statement's trigger would raise the generation for nothing
        return False
    connection.execute(
        """
        UPDATE isthmus.collections SET title = %(title)s, description = %(description)s, attribution = %(attribution)s,
            cache_control = %(cache_control)s, indexed_by = %(indexed_by)s, keywords = %(keywords)s,
            license = %(license)s, changed_at = now()
        WHERE id = %(id)s
        """,
        {"id": id, **words.as_params()},
    )
    return True


def current_version(connection: Connection, id: str) -> int | None:
    """The version that a collection is served in, or was."""
    row = connection.execute("SELECT current_version FROM isthmus.collections WHERE id = %s", [id]).fetchone()
    return row[0] if row else None


def save_version(connection: Connection, version: Version) -> None:
    """Write a version and serve it from the end of the transaction on."""
    names = [field.name for field in fields(Version)]
    text = sql.SQL("INSERT INTO isthmus.versions ({}) OVERRIDING SYSTEM VALUE VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join(map(sql.Placeholder, names))
    )
    as_json = {
        "columns": json.dumps(version.columns),
        "tiling": json_or_null(version.tiling),
        "changes": changes_json(version.changes),
        "to_prepare": json_or_null(version.to_prepare),
    }
    connection.execute(text, {**{name: getattr(version, name) for name in names}, **as_json})
    serve(connection, version.collection_id, version.version)


def changes_json(changes: Sequence[Change] | None) -> str | None:
    """Changes as a version has them."""
    return json_or_null(None if changes is None else [change.as_json() for change in changes])


def save_wish(connection: Connection, version: int, wish: dict[str, Any]) -> None:
    """Write down by what the overview of a version is to be made."""
    connection.execute("UPDATE isthmus.versions SET to_prepare = %s WHERE version = %s", [json.dumps(wish), version])


def save_tiling(
    connection: Connection, version: int, tiling: dict[str, Any] | None, changes: Sequence[Change] | None
) -> None:
    """Serve the overview of a version from the end of the transaction on."""
    connection.execute(
        "UPDATE isthmus.versions SET tiling = %s, changes = %s, to_prepare = NULL WHERE version = %s",
        [json_or_null(tiling), changes_json(changes), version],
    )
    connection.execute("UPDATE isthmus.generation SET number = number + 1")


def json_or_null(value: Any) -> str | None:
    """JSON for a column that may be NULL."""
    return None if value is None else json.dumps(value)


def serve(connection: Connection, id: str, version: int) -> None:
    """Serve a version of a collection."""
    connection.execute(
        "UPDATE isthmus.collections SET current_version = %s, withdrawn_at = NULL, changed_at = now() WHERE id = %s",
        [version, id],
    )


def withdraw(connection: Connection, path: str, keep: Sequence[str] = ()) -> list[str]:
    """Stop serving the collections of a file, except those to keep; returns their ids. The versions stay."""
    rows = connection.execute(
        "SELECT id FROM isthmus.collections WHERE source_path = %s AND withdrawn_at IS NULL AND NOT id = ANY (%s)",
        [path, list(keep)],
    )
    ids = sorted(row[0] for row in rows)
    if ids:
        connection.execute("UPDATE isthmus.collections SET withdrawn_at = now() WHERE id = ANY (%s)", [ids])
    return ids


def restore(connection: Connection, ids: Sequence[str]) -> bool:
    """Serve withdrawn collections again. False when none of them was."""
    withdrawn = connection.execute(
        "SELECT id FROM isthmus.collections WHERE id = ANY (%s) AND withdrawn_at IS NOT NULL", [list(ids)]
    ).fetchall()
    if withdrawn:  # the statement's trigger would raise the generation for nothing
        connection.execute(
            "UPDATE isthmus.collections SET withdrawn_at = NULL WHERE id = ANY (%s)", [[row[0] for row in withdrawn]]
        )
    return bool(withdrawn)


def json_text(value: Any) -> str:
    """JSON that jsonb takes: no NaN, no infinities, no NUL."""
    return json.dumps(storable(value), ensure_ascii=False, allow_nan=False, default=str)


def storable(value: Any) -> Any:
    """The value without what jsonb refuses: NUL in text, numbers that are not finite (null instead)."""
    if isinstance(value, str):
        return value.replace("\0", "").encode(errors="replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {storable(str(key)): storable(item) for key, item in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in cast("list[Any]", value)]
    return value


def save_report(
    connection: Connection,
    report: Report,
    signature: str | None,
    status: Status,
    *,
    faults: int = 0,
    retry_at: datetime | None = None,
) -> None:
    """Remember how a file looked and what became of it, and add a line to the history.

    `signature` None leaves the stored one (a file that is gone). `faults`: how many are held against it;
    `retry_at`: when it is tried again as it is
    """
    text = json_text(report.as_json())
    connection.execute(
        """
        INSERT INTO isthmus.sources (path, signature, status, report, faults, retry_at, seen_at)
        VALUES (%(path)s, coalesce(%(signature)s, ''), %(status)s, %(report)s, %(faults)s, %(retry_at)s, now())
        ON CONFLICT (path) DO UPDATE SET signature = coalesce(%(signature)s, sources.signature),
            status = excluded.status, report = excluded.report, faults = excluded.faults, retry_at = excluded.retry_at,
            seen_at = now()
        """,
        {
            **{"path": report.path, "signature": signature, "status": status, "report": text},
            **{"faults": faults, "retry_at": retry_at},
        },
    )
    connection.execute(
        "INSERT INTO isthmus.loads (path, status, report, started_at, ended_at) VALUES (%s, %s, %s, %s, %s)",
        [report.path, report.status, text, report.started_at, report.ended_at],
    )


def add_notes(connection: Connection, path: str, version: int, notes: Sequence[Note]) -> Report | None:
    """Add notes to the report of the load that made a version; the last report of its file, if it is that one."""
    params = {
        "path": path,
        "notes": json_text([asdict(note) for note in notes]),
        "made": json.dumps({"collections": [{"version": version}]}),
    }
    connection.execute(
        "UPDATE isthmus.loads SET report = jsonb_set(report, '{notes}', report -> 'notes' || %(notes)s::jsonb)"
        " WHERE path = %(path)s AND status = 'loaded' AND report @> %(made)s::jsonb",
        params,
    )
    row = connection.execute(
        "UPDATE isthmus.sources SET report = jsonb_set(report, '{notes}', report -> 'notes' || %(notes)s::jsonb)"
        " WHERE path = %(path)s AND report @> %(made)s::jsonb RETURNING report",
        params,
    ).fetchone()
    return parse_report(row[0]) if row else None


def last_loaded_report(connection: Connection, path: str) -> Report | None:
    """The report of the last load of a file that went well."""
    row = connection.execute(
        "SELECT report FROM isthmus.loads WHERE path = %s AND status = 'loaded' ORDER BY load DESC LIMIT 1", [path]
    ).fetchone()
    return parse_report(row[0]) if row else None


def read_report(connection: Connection, path: str) -> Any:
    """The last report of a file as JSON values, or None."""
    row = connection.execute("SELECT report FROM isthmus.sources WHERE path = %s", [path]).fetchone()
    return row[0] if row else None


def as_served(connection: Connection, report: Report) -> Report:
    """The report with each collection, and what was noted of it, as it is of the version that is served."""
    served = {part.id: served_part(connection, report.path, part) for part in report.collections}
    changed = {id: found for id, found in served.items() if found is not None}
    if not changed:
        return report
    kept = [note for note in report.notes if note.collection not in changed]
    return replace(
        report,
        collections=tuple(changed[part.id][0] if part.id in changed else part for part in report.collections),
        notes=(*kept, *(note for _, notes in changed.values() for note in notes)),
    )


def served_part(
    connection: Connection, path: str, part: CollectionReport
) -> tuple[CollectionReport, tuple[Note, ...]] | None:
    """What the load of the served version said of a collection, where that is another version than reported."""
    row = connection.execute(
        """
        SELECT l.report, c.current_version
        FROM isthmus.loads AS l, isthmus.collections AS c
        WHERE c.id = %(id)s AND c.current_version <> %(version)s AND l.path = %(path)s AND l.status = 'loaded'
            AND l.report -> 'collections' @> jsonb_build_array(jsonb_build_object(
                'id', c.id, 'version', c.current_version))
        ORDER BY l.load DESC LIMIT 1
        """,
        {"id": part.id, "version": part.version, "path": path},
    ).fetchone()
    if row is None:
        return None
    then = parse_report(row[0])
    [found] = [one for one in then.collections if one.id == part.id and one.version == row[1]]
    return found, tuple(note for note in then.notes if note.collection == part.id)
