"""What follows a change: the stable views for QGIS and psql, the tables of versions that are not kept, and VACUUM.

Views and tables need locks that a long reader holds off, so they are no part of the swap: each is tried for a moment
and, when someone reads, left for the next round. What is left to do is found by comparing the catalogue with what is
there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import psycopg
from psycopg import sql

from core.database.connections import Connection
from loader.catalogue import lock
from loader.table import ddl
from loader.table.ddl import SCHEMA

PATIENCE = "200ms"
"""How long to wait for a lock. A waiting DROP also holds up the readers that come after it."""

VIEWS_TO_MAKE = """
SELECT c.id, v.table_name, v.srid IS NOT NULL, v.columns
FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
LEFT JOIN pg_class AS view ON view.relname = c.id AND view.relnamespace = 'published'::regnamespace
WHERE c.withdrawn_at IS NULL AND obj_description(view.oid, 'pg_class') IS DISTINCT FROM v.table_name
ORDER BY c.id
"""
VIEWS_TO_DROP = """
SELECT view.relname
FROM pg_class AS view
LEFT JOIN isthmus.collections AS c ON c.id = view.relname AND c.withdrawn_at IS NULL
WHERE view.relnamespace = 'published'::regnamespace AND view.relkind = 'v' AND c.id IS NULL
"""
# The served version is kept, and of the others the newest, until `keep` are together. A version is still read when a
# replica has a statement that may not see the version after it: no lock on the primary shows it. A drop of its table
# would end the statement, or keep the replica waiting for it. (`xmin`: the oldest it needs, by hot_standby_feedback.)
VERSIONS_TO_DROP = """
SELECT version, table_name, tile_table, EXISTS (
    SELECT FROM pg_replication_slots AS replica WHERE replica.active AND age(replica.xmin) >= replaced_since
)
FROM (
    SELECT v.version, v.table_name, v.tiling ->> 'table' AS tile_table,
           age(lead(v.xmin) OVER (PARTITION BY v.collection_id ORDER BY v.version)) AS replaced_since,
           row_number() OVER (
               PARTITION BY v.collection_id
               ORDER BY (v.version = c.current_version) IS NOT TRUE, v.version DESC
           ) AS place
    FROM isthmus.versions AS v
    JOIN isthmus.collections AS c ON c.id = v.collection_id
) AS numbered
WHERE place > %s
"""

# Those of versions that were looked at since: a side-car can take back its word.
INDEXES_TO_DROP = """
SELECT own.relname
FROM isthmus.indexed AS i
JOIN isthmus.versions AS v USING (version)
JOIN pg_class AS t ON t.relname = v.table_name AND t.relnamespace = 'data'::regnamespace
JOIN pg_index AS x ON x.indrelid = t.oid
JOIN pg_class AS own ON own.oid = x.indexrelid AND own.relname LIKE '%\\_property'
WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(i.indexes) AS wanted WHERE wanted ->> 'name' = own.relname)
"""

# Tables that a statement filled, and no COPY that freezes its rows. Without VACUUM the first reader of each page writes
# down that everyone sees its rows, and a tile of a low zoom takes a third longer.
UNFROZEN = """
SELECT relname FROM pg_class
WHERE relnamespace = %s::regnamespace AND relkind = 'r' AND relpages > 0 AND relallvisible = 0
ORDER BY relname
"""
STEP = "freeze"
"""What the progress calls it."""

# To give back the empty pages at the end takes a lock that replicas would hold against who reads there already.
VACUUM = sql.SQL("VACUUM (FREEZE, SKIP_LOCKED, TRUNCATE FALSE) {}")


def clean_up(connection: Connection, keep_versions: int) -> bool:
    """Bring views and tables in line with the catalogue. False when someone's reading left something for later."""
    with connection.transaction():
        lock(connection)
        done = attempt_each(connection, [*views_to_make(connection), *views_to_drop(connection)])
        done = drop_versions(connection, keep_versions) and done
        return drop_indexes(connection) and done


def views_to_make(connection: Connection) -> Iterator[Iterable[sql.Composed]]:
    """Statements that point the view of each served collection at its current table."""
    for id, table, has_geometry, columns in connection.execute(VIEWS_TO_MAKE).fetchall():
        names = ["fid", *(column["column"] for column in columns), *(["geom"] if has_geometry else [])]
        yield ddl.create_view(id, table, names)


def views_to_drop(connection: Connection) -> Iterator[Iterable[sql.Composed]]:
    """Statements that drop the views of withdrawn collections."""
    yield from ([ddl.drop("VIEW", name)] for (name,) in connection.execute(VIEWS_TO_DROP).fetchall())


def drop_versions(connection: Connection, keep: int) -> bool:
    """Drop the tables that are not kept, with their rows in the catalogue. False when one is still read."""
    rows = connection.execute(VERSIONS_TO_DROP, [keep]).fetchall()
    unread = [row for row in rows if not row[-1]]
    done = attempt_each(connection, (statements_of_drop(version, tables) for version, *tables, _ in unread))
    return done and len(unread) == len(rows)


def statements_of_drop(version: int, tables: Iterable[str | None]) -> Iterator[sql.Composed]:
    """Statements that drop the tables of a version, and its row."""
    yield from (ddl.drop("TABLE", table) for table in tables if table)
    yield sql.SQL("DELETE FROM isthmus.versions WHERE version = {}").format(sql.Literal(version))


def drop_indexes(connection: Connection) -> bool:
    """Drop the indexes of properties that are no longer wanted."""
    names = connection.execute(INDEXES_TO_DROP).fetchall()
    return attempt_each(connection, ([ddl.drop("INDEX", name)] for (name,) in names))


def attempt_each(connection: Connection, groups: Iterable[Iterable[sql.Composed]]) -> bool:
    """Whether all groups of statements were run; each is attempted."""
    return min([attempt(connection, statements) for statements in groups], default=True)


def attempt(connection: Connection, statements: Iterable[sql.Composed]) -> bool:
    """Run statements as one, unless someone else's lock is in the way for longer than PATIENCE.

    A view that still shows an old table (its own change was put off) keeps that table as well.
    """
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(PATIENCE)))
            for statement in statements:
                connection.execute(statement)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.DependentObjectsStillExist):
        return False
    return True


def freeze(connection: Connection, begin: Callable[[str], None]) -> None:
    """Freeze the rows of UNFROZEN tables, outside of a transaction. A table of which that fails is left to autovacuum.

    begin: hears that STEP begins. Cost: 0.15 s a million rows
    Raises: psycopg.OperationalError when the database goes away
    """
    for (name,) in connection.execute(UNFROZEN, [SCHEMA]).fetchall():
        begin(STEP)
        try:
            connection.execute(VACUUM.format(sql.Identifier(SCHEMA, name)))
        except psycopg.OperationalError:
            if connection.closed:
                raise
