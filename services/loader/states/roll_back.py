"""Going back to an earlier version of a collection, and the report that says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from core.catalog.files import KeptVersion
from core.database.connections import Connection
from core.errors import UnknownCollection, suggestion
from loader import catalogue
from loader.errors import NoSuchVersion
from loader.report import Report, parse_report


def versions_of(connection: Connection, id: str) -> list[KeptVersion]:
    """The versions of a collection that are kept, newest first."""
    rows = connection.execute(
        """
        SELECT v.version, v.loaded_at, v.row_count, v.version = c.current_version
        FROM isthmus.versions AS v JOIN isthmus.collections AS c ON c.id = v.collection_id
        WHERE v.collection_id = %s
        ORDER BY v.version DESC
        """,
        [id],
    )
    return [KeptVersion(int(row[0]), row[1], int(row[2]), bool(row[3])) for row in rows]


def roll_back(connection: Connection, id: str, version: int | None) -> tuple[int, Report | None]:
    """Serve an earlier version of a collection: the given one, or the newest before the served one. Returns its number,
    and the report of its file from now on; None where that is about a load that failed.

    The file is left alone: it is loaded again when it changes. Raises: UnknownCollection, NoSuchVersion
    """
    with connection.transaction():
        catalogue.lock(connection)
        holders = catalogue.read_holders(connection)
        if id not in holders:
            hint = suggestion(id, holders) or "`isthmus list` shows them"
            raise UnknownCollection(f"there is no collection '{id}'", hint=hint)
        versions = versions_of(connection, id)
        served = next((entry.version for entry in versions if entry.served), None)
        earlier = [entry.version for entry in versions if served is None or entry.version < served]
        chosen = version if version is not None else next(iter(earlier), None)
        if chosen is None or chosen not in [entry.version for entry in versions]:
            kept = ", ".join(str(entry.version) for entry in versions)
            raise NoSuchVersion(f"'{id}' has no such version to go back to", hint=f"kept versions: {kept or 'none'}")
        catalogue.serve(connection, id, chosen)
        return chosen, save_rolled_back(connection, holders[id].path)


def save_rolled_back(connection: Connection, path: str) -> Report | None:
    """Store that a file's collections are served as they are now."""
    row = connection.execute("SELECT report, status FROM isthmus.sources WHERE path = %s", [path]).fetchone()
    if row is None or row[1] != "loaded":
        return None
    now = datetime.now(UTC)
    changed = replace(parse_report(row[0]), status="rolled back", because="asked for by isthmus rollback")
    report = replace(catalogue.as_served(connection, changed), started_at=now, ended_at=now)
    catalogue.save_report(connection, report, None, "loaded")
    return report
