"""Where a new version of a collection differs from the one that is served: tiles of other places stay as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from core.catalog.versions import Change, parse_changes
from core.database.connections import Connection
from loader.table.ddl import SCHEMA, Table

MOST_ROWS = 50_000
"""Beyond so many rows that differ, all is taken for changed."""

CELLS = 24
"""Changes are gathered in a grid of so many cells each way."""

HASH_JOIN = ("SET LOCAL work_mem = '128MB'", "SET LOCAL enable_mergejoin = off")
"""In memory. The planner takes LIMIT for a reason to walk along both keys, which lie all over the tables."""

AS_BEFORE = ("SET LOCAL work_mem TO DEFAULT", "SET LOCAL enable_mergejoin TO DEFAULT")

MOST_CHANGES = 16
MOST_AREAS = 1500
"""Of all changes that are stored with a version: some 60 KB in the catalogue."""


@dataclass(frozen=True, slots=True)
class Before:
    """The version that a collection is served in. `checksum`: of what it was made of"""

    version: int
    stamp: int
    table: str
    full_zoom: int
    changes: tuple[Change, ...]
    checksum: str


def find_changes(
    connection: Connection, table: Table, id: str, tiling: Mapping[str, Any] | None, *, checksum: str
) -> tuple[Change, ...] | None:
    """The changes that led to a filled table, the newest first; None when it differs everywhere, or there is no other.

    Everywhere too where it was made of the same: who has that loaded again wants what a new release makes of it.
    Cost: one pass over both tables, where they have the same columns.
    """
    before = read_before(connection, id) if table.shape is not None else None
    if before is None or before.checksum == checksum:
        return None
    if column_types(connection, before.table, table) != column_types(connection, table.name, table):
        return None
    for setting in HASH_JOIN:
        connection.execute(setting)
    found = connection.execute(select_changes(table, before.table)).fetchall()
    for setting in AS_BEFORE:
        connection.execute(setting)
    if sum(row[0] for row in found) > MOST_ROWS:
        return None
    areas = tuple((row[1], row[2], row[3], row[4]) for row in found if row[1] is not None)
    full_zoom = max(before.full_zoom, full_zoom_of(tiling))
    elsewhere = any(row[5] for row in found)
    return newest([Change(before.version, before.stamp, full_zoom, areas, elsewhere), *before.changes])


def read_before(connection: Connection, id: str) -> Before | None:
    """The version that is served, or was before its file was removed."""
    row = connection.execute(
        """
        SELECT v.version, (extract(epoch FROM v.loaded_at) * 1000000)::bigint, v.table_name, v.tiling, v.changes,
               v.checksum
        FROM isthmus.collections AS c
        JOIN isthmus.versions AS v ON v.version = c.current_version
        WHERE c.id = %s
        """,
        [id],
    ).fetchone()
    if row is None:
        return None
    version, stamp, name, tiling, changes, checksum = row
    return Before(version, stamp, name, full_zoom_of(tiling), parse_changes(changes), checksum)


def full_zoom_of(tiling: Mapping[str, Any] | None) -> int:
    """The zoom from which on tiles are made from all features."""
    return tiling["full_zoom"] if tiling else 0


def column_types(connection: Connection, name: str, table: Table) -> list[tuple[str, str]] | None:
    """The types of a table's columns that a version publishes; None when there is no such table."""
    rows = connection.execute(
        """
        SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
        WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped AND attname = ANY (%s)
        ORDER BY array_position(%s, attname::text)
        """,
        [sql.Identifier(SCHEMA, name).as_string(connection), compared_columns(table), compared_columns(table)],
    ).fetchall()
    return [(column, kind) for column, kind in rows] or None


def compared_columns(table: Table) -> list[str]:
    """The columns that make a feature."""
    return ["fid", *(column.column for column in table.columns), "geom"]


def select_changes(table: Table, before: str) -> sql.Composed:
    """What differs between two tables of the same columns, bit by bit.

    Rows: (features, west, south, east, north in EPSG:3857 or NULL, whether some have no place there), one for each cell
    """
    text = sql.SQL("""
WITH changed AS MATERIALIZED (  -- the place before and the place now
    SELECT ST_Envelope(o.geom_3857) AS before, ST_Envelope(n.geom_3857) AS now,
           (NOT ST_IsEmpty(o.geom) AND o.geom_3857 IS NULL) IS TRUE
           OR (NOT ST_IsEmpty(n.geom) AND n.geom_3857 IS NULL) IS TRUE AS elsewhere
    FROM {before} AS o FULL JOIN {now} AS n ON n.fid = o.fid
    WHERE record_image_ne(ROW({old_columns}), ROW({new_columns}))
    LIMIT {limit}
), places AS (
    SELECT before AS shape, elsewhere, 1 AS features FROM changed
    UNION ALL SELECT now, false, 0 FROM changed WHERE now IS NOT NULL
), whole AS (
    SELECT ST_XMin(e) AS west, ST_YMin(e) AS south,
           greatest(ST_XMax(e) - ST_XMin(e), ST_YMax(e) - ST_YMin(e), 1) / {cells} AS size
    FROM (SELECT ST_Extent(shape) AS e FROM places) AS all_places
)
SELECT sum(features), floor(min(ST_XMin(shape))), floor(min(ST_YMin(shape))),
       ceil(max(ST_XMax(shape))), ceil(max(ST_YMax(shape))), bool_or(elsewhere)
FROM places, whole
GROUP BY floor((ST_XMin(shape) - west) / size), floor((ST_YMin(shape) - south) / size)
""")
    return text.format(
        before=sql.Identifier(SCHEMA, before),
        now=table.identifier,
        old_columns=column_list("o", table),
        new_columns=column_list("n", table),
        limit=sql.Literal(MOST_ROWS + 1),
        cells=sql.Literal(CELLS),
    )


def column_list(alias: str, table: Table) -> sql.Composable:
    """The columns that make a feature, of one of the tables."""
    return sql.SQL(", ").join(sql.Identifier(alias, column) for column in compared_columns(table))


def newest(changes: list[Change]) -> tuple[Change, ...]:
    """The newest changes, as many as are stored with a version."""
    chosen: list[Change] = []
    areas = 0
    for change in changes[:MOST_CHANGES]:
        areas += len(change.areas)
        if areas > MOST_AREAS:
            break
        chosen.append(change)
    return tuple(chosen)
