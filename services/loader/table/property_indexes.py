"""Indexes of properties: chosen and made after the data are served, one at a time, so that nobody waits for them.

What is left to do is in the catalogue, so a loader that is stopped goes on where it was. Tables of versions never
change after their load, and CREATE INDEX holds up no reader. An index that cannot be made is only reported.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import psycopg
from psycopg import sql

from core.database.connections import Connection
from loader.catalogue import finishes_alone
from loader.progress import Event, Listener
from loader.table import ddl
from loader.table.index_rule import Property, PropertyIndex, Statistics, choose

SERVED = """
SELECT v.version, v.table_name, v.row_count, v.columns, coalesce(c.indexed_by, %(auto)s::jsonb), i.indexes, c.id,
       c.source_path
FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
LEFT JOIN isthmus.indexed AS i USING (version)
WHERE c.withdrawn_at IS NULL AND i.asked IS DISTINCT FROM coalesce(c.indexed_by, %(auto)s::jsonb)
  AND (%(ids)s::text[] IS NULL OR c.id = ANY (%(ids)s))
ORDER BY v.version
"""
NEXT = """
SELECT v.version, v.table_name, c.id, c.source_path, i.indexes
FROM isthmus.collections AS c
JOIN isthmus.versions AS v ON v.version = c.current_version
JOIN isthmus.indexed AS i USING (version)
WHERE c.withdrawn_at IS NULL AND i.indexes @? '$[*] ? (@.seconds == null && @.problem == null)'
  AND (%(ids)s::text[] IS NULL OR c.id = ANY (%(ids)s))
ORDER BY v.row_count, v.version
LIMIT 1
"""
# Rows: one for each column. The shares are those of the commonest and of the rarest value, where all are known.
STATISTICS = """
SELECT a.attname, a.attnum, format_type(a.atttypid, NULL), s.n_distinct, s.avg_width, s.null_frac,
       s.most_common_freqs[1],
       CASE WHEN s.n_distinct = cardinality(s.most_common_freqs) THEN s.most_common_freqs[s.n_distinct::int] END,
       (
           SELECT min(own.relname) FROM pg_index AS x JOIN pg_class AS own ON own.oid = x.indexrelid
           WHERE x.indrelid = a.attrelid AND x.indkey[0] = a.attnum AND x.indpred IS NULL
             AND own.relname NOT LIKE '%%\\_property'
       )
FROM pg_attribute AS a
LEFT JOIN pg_stats AS s ON s.schemaname = 'data' AND s.tablename = %(table)s AND s.attname = a.attname
WHERE a.attrelid = %(relation)s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
# What the table takes with the indexes that every table has.
ROOM = """
SELECT pg_total_relation_size(%(relation)s::regclass) - coalesce(sum(pg_relation_size(x.indexrelid)), 0)
FROM pg_index AS x JOIN pg_class AS own ON own.oid = x.indexrelid
WHERE x.indrelid = %(relation)s::regclass AND own.relname LIKE '%%\\_property'
"""
SHARE = 0.5
"""Of the room that a table takes, what its indexes of properties may take beside it."""

UNPACKED = ("real", "double precision", "numeric")


def choose_indexes(connection: Connection, listen: Listener, ids: list[str] | None = None, *, auto: bool) -> bool:
    """Choose the indexes of each served version that has no choice yet, or whose side-car changed. True when one was.

    ids: only of these collections; auto: whether tables whose side-car says nothing get indexes
    """
    with connection.transaction():
        if not finishes_alone(connection):
            return False
        rows = connection.execute(SERVED, {"auto": json.dumps(auto), "ids": ids}).fetchall()
        for version, table, row_count, columns, indexed_by, before, id, path in rows:
            properties, room = read_table(connection, table, columns)
            chosen = choose(properties, indexed_by, version=version, rows=row_count, room_bytes=int(room * SHARE))
            save(connection, version, indexed_by, [kept_as_made(index, parse(before or [])) for index in chosen])
            for index in chosen:
                if index.problem:
                    listen(Event("indexed", path, {"collection": id, **event_values(index)}))
    return bool(rows)


def kept_as_made(index: PropertyIndex, before: Sequence[PropertyIndex]) -> PropertyIndex:
    """The index as it was made before, if it was."""
    return next((made for made in before if made.seconds is not None and made.name == index.name), index)


def read_table(connection: Connection, table: str, columns: Sequence[dict[str, str]]) -> tuple[list[Property], int]:
    """The properties of a table with their statistics, and how much room it takes without their indexes, in bytes."""
    params = {"table": table, "relation": sql.Identifier(ddl.SCHEMA, table).as_string(connection)}
    found = {row[0]: row for row in connection.execute(STATISTICS, params)}
    [(room,)] = connection.execute(ROOM, params).fetchall()
    [(rows,)] = connection.execute("SELECT reltuples FROM pg_class WHERE oid = %(relation)s::regclass", params)
    properties = [parse_property(column, found[column["column"]], rows) for column in columns]
    return properties, int(room)


def parse_property(column: dict[str, str], row: Sequence[Any], rows: float) -> Property:
    """A property of the catalogue with its row of STATISTICS."""
    _, number, sql_type, distinct, width, nulls, commonest, rarest, index = row
    known = None
    if distinct is not None:
        distinct = distinct if distinct >= 0 else -distinct * rows
        known = Statistics(distinct, width, nulls, commonest or 0.0, rarest or 0.0)
    packed = sql_type not in UNPACKED
    return Property(column["name"], column["column"], column["type"], number, known, packed, index)


def make_next(connection: Connection, listen: Listener, ids: list[str] | None = None) -> bool:
    """Make the next index, of the smallest table first. False when there is none to be made.

    ids: only of these collections. Raises: psycopg.OperationalError when the database goes away
    """
    with connection.transaction():
        if not finishes_alone(connection):
            return False
        row = connection.execute(NEXT, {"ids": ids}).fetchone()
        if row is None:
            return False
        version, table, id, path, values = row
        indexes = parse(values)
        place = next(number for number, index in enumerate(indexes) if index.is_open)
        said = {"collection": id, "property": indexes[place].property_name, "number": place + 1, "of": len(indexes)}
        listen(Event("index", path, said))
        indexes[place] = made = make(connection, table, indexes[place])
        connection.execute("UPDATE isthmus.indexed SET indexes = %s WHERE version = %s", [render(indexes), version])
        if not any(index.is_open for index in indexes):  # once for all: whoever reads the catalogue reads it anew
            connection.execute("UPDATE isthmus.generation SET number = number + 1")
    listen(Event("indexed", path, {**said, **event_values(made)}))
    return True


def make(connection: Connection, table: str, index: PropertyIndex) -> PropertyIndex:
    """The index once it is made, with what it took; or with the problem that kept it from being made."""
    start = time.perf_counter()
    try:
        with connection.transaction():
            connection.execute(ddl.create_property_index(table, index))
    except psycopg.Error as error:
        if connection.closed or (error.sqlstate or "57P").startswith("57P"):  # the database is stopped, or was
            raise
        return replace(index, size_bytes=0, problem=problem_of(error))
    seconds = round(time.perf_counter() - start, 3)
    size_bytes, is_filled = connection.execute(ddl.select_index_state(table, index)).fetchall()[0]
    return replace(index, size_bytes=size_bytes, is_filled=is_filled, seconds=seconds)


def problem_of(error: psycopg.Error) -> str:
    """The problem that kept an index from being made, as a sentence."""
    if isinstance(error, psycopg.errors.ProgramLimitExceeded):
        return "a value is too long for an index"
    return str(error).splitlines()[0]


def event_values(index: PropertyIndex) -> dict[str, Any]:
    """The values of the event about an index that was made, or could not be."""
    return {
        "property": index.property_name,
        "bytes": index.size_bytes or None,
        "seconds": index.seconds,
        "problem": index.problem,
    }


def make_all(connection: Connection, listen: Listener, ids: list[str], *, auto: bool) -> None:
    """Choose and make the indexes of some collections, and leave the others alone."""
    choose_indexes(connection, listen, ids, auto=auto)
    while make_next(connection, listen, ids):
        pass


def read_indexes(connection: Connection, version: int) -> list[PropertyIndex]:
    """The indexes of a version, made or not."""
    row = connection.execute("SELECT indexes FROM isthmus.indexed WHERE version = %s", [version]).fetchone()
    return parse(row[0]) if row else []


def save(connection: Connection, version: int, indexed_by: Any, indexes: Sequence[PropertyIndex]) -> None:
    """Store what was chosen."""
    connection.execute(
        "INSERT INTO isthmus.indexed (version, asked, indexes) VALUES (%s, %s, %s)"
        " ON CONFLICT (version) DO UPDATE SET asked = excluded.asked, indexes = excluded.indexes",
        [version, json.dumps(indexed_by), render(indexes)],
    )


def render(indexes: Sequence[PropertyIndex]) -> str:
    """Indexes as the catalogue has them."""
    return json.dumps([asdict(index) for index in indexes])


def parse(values: Sequence[dict[str, Any]]) -> list[PropertyIndex]:
    """Indexes from what the catalogue has."""
    return [PropertyIndex(**value) for value in values]
