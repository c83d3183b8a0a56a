"""Overviews of what is served already, made one at a time: low zooms are made from the table meanwhile.

What is left to do is in the catalogue, so a loader that is stopped goes on where it was. An overview is served in one
step, with the counts of its tiles, and tiles that it changes get other keys (api/tiles/keys.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.catalog.versions import Change, parse_changes
from core.database.connections import Connection
from loader import catalogue
from loader.overviews.prepare import Overview, prepare
from loader.progress import Event, Listener, steps
from loader.report import Note, write_report
from loader.sidecar import TileOptions
from loader.table.cleanup import STEP, freeze
from loader.table.columns import BYTES, HUGE, INTEGER, TEXT, Storage, TableColumn
from loader.table.ddl import Table
from loader.table.verify import GeometrySummary

MOST_ATTEMPTS = 12
"""After so many that ended the loader, or were ended with it, low zooms stay without an overview."""

STEPS = ("low zooms", STEP)

NEXT = """
SELECT v.version, v.table_name, v.srid, v.geometry_type, v.columns, v.to_prepare, v.changes, v.row_count, c.id,
       c.source_path
FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
WHERE c.withdrawn_at IS NULL AND v.to_prepare IS NOT NULL AND (%(ids)s::text[] IS NULL OR c.id = ANY (%(ids)s))
ORDER BY v.row_count, v.version
LIMIT 1
"""
# Rows: the ids of collections whose overview is to be made.
WAITING = """
SELECT c.id FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
WHERE v.to_prepare IS NOT NULL
"""

STORED: Mapping[str, Storage] = {"integer": INTEGER, "number": HUGE, "binary": BYTES}
"""By the type of a property: of a table that is filled already nothing but that is asked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an overview is made by, beside the table. `attempts`: how often that began"""

    invalid: int
    unprojected: int
    rank: str | None = None
    properties: Sequence[str] | None = None
    attempts: int = 0

    @property
    def options(self) -> TileOptions:
        """What the side-car said of tiles."""
        return TileOptions(self.rank, None if self.properties is None else tuple(self.properties))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version whose overview is to be made."""

    table: Table
    version: int
    found: GeometrySummary
    wish: Wish
    changes: tuple[Change, ...] | None
    rows: int
    id: str
    path: str


def wish_of(found: GeometrySummary, options: TileOptions) -> dict[str, Any]:
    """The Wish of a table as the catalogue has it."""
    return asdict(Wish(found.invalid_count, found.unprojected_count, options.rank, options.properties))


def make_next_overview(
    connection: Connection, data_dir: Path, listen: Listener, ids: Sequence[str] | None = None
) -> bool:
    """Make the next overview, of the smallest table first. False when there is none to be made.

    ids: only of these collections; connection: one that commits by itself
    Raises: psycopg.OperationalError when the database goes away
    """
    waiting = begin_next(connection, ids)
    if waiting is None:
        return False
    begin = steps(listen, waiting.path, {"collection": waiting.id, "rows": waiting.rows}, STEPS)
    start = time.perf_counter()
    made = make(connection, data_dir, waiting, begin)
    if made is None:
        return False
    freeze(connection, begin)
    values = {"collection": waiting.id, "full_zoom": (made.tiling or {}).get("full_zoom")}
    problem = next((note.message for note in made.notes if note.level == "warning"), None)
    seconds = round(time.perf_counter() - start, 3)
    listen(Event("prepared", waiting.path, {**values, "problem": problem, "seconds": seconds}))
    return True


def begin_next(connection: Connection, ids: Sequence[str] | None) -> Waiting | None:
    """What is to be made next, with the attempt counted; None where nothing is, or another loader is at it."""
    with connection.transaction():
        if not catalogue.finishes_alone(connection):
            return None
        row = connection.execute(NEXT, {"ids": None if ids is None else list(ids)}).fetchone()
        if row is None:
            return None
        waiting = parse_waiting(row)
        wish = replace(waiting.wish, attempts=waiting.wish.attempts + 1)
        catalogue.save_wish(connection, waiting.version, asdict(wish))
    return replace(waiting, wish=wish)


def make(connection: Connection, data_dir: Path, waiting: Waiting, begin: Callable[[str], None]) -> Overview | None:
    """The overview, once it is served and the report tells of it. None when another loader makes one meanwhile."""
    with connection.transaction():
        if not catalogue.finishes_alone(connection):
            return None
        begin(STEPS[0])
        if waiting.wish.attempts > MOST_ATTEMPTS:
            made = Overview(None, (GIVEN_UP,))
        else:
            made = prepare(connection, waiting.table, waiting.found, waiting.wish.options)
        tiling = {**made.tiling, "made_later": True} if made.tiling else made.tiling
        changes = changes_with(waiting.changes, (tiling or {}).get("full_zoom", 0))
        catalogue.save_tiling(connection, waiting.version, tiling, changes)
        notes = [replace(note, collection=waiting.id) for note in made.notes]
        report = catalogue.add_notes(connection, waiting.path, waiting.version, notes)
    if report is not None:
        write_report(data_dir, report)
    return made


GIVEN_UP = Note(
    "warning",
    "tiles-not-prepared",
    f"tiles of low zooms could not be prepared: the loader ended {MOST_ATTEMPTS} times meanwhile",
    "is there enough memory? `isthmus load --force` tries again",
)


def changes_with(changes: tuple[Change, ...] | None, full_zoom: int) -> tuple[Change, ...] | None:
    """The changes of a version whose overview serves the zooms below one: there what is shown depends on others."""
    if not changes:
        return changes
    return (replace(changes[0], full_zoom=max(changes[0].full_zoom, full_zoom)), *changes[1:])


def parse_waiting(row: Sequence[Any]) -> Waiting:
    """A row of NEXT."""
    version, name, srid, geometry_type, columns, wish, changes, rows, id, path = row
    wanted = Wish(**wish)
    stored = [
        TableColumn(place, column["name"], column["column"], STORED.get(column["type"], TEXT))
        for place, column in enumerate(columns)
    ]
    found = GeometrySummary(geometry_type, None, None, 0, 0, wanted.invalid, wanted.unprojected, rows)
    known = None if changes is None else parse_changes(changes)
    return Waiting(Table(name, tuple(stored), None, srid, version), version, found, wanted, known, rows, id, path)


def waiting_ids(connection: Connection) -> frozenset[str]:
    """The collections whose overview is to be made."""
    return frozenset(row[0] for row in connection.execute(WAITING))
