"""The SQL floor: the least that a server over PostgreSQL has to do for an ask, on the plain tables, fetched by psycopg.

No count, and no order but where the ask has one. What this thread does counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from bench.peers.asks import Ask, Deep, Everything, Feature, Items, VectorTile, Walk
from bench.peers.clock import Processes
from bench.peers.data import SCHEMA, TABLES, Access

PAGE = sql.SQL(
    """SELECT '{{"type":"Feature","id":' || fid || ',"geometry":' || ST_AsGeoJSON(geom, 7) || ',"properties":' ||"""
    """ row_to_json((SELECT p FROM (SELECT {columns}) AS p))::text || '}}' FROM {table} AS t {condition}"""
)
"""The texts of features."""

TILE = sql.SQL(
    "SELECT ST_AsMVT(f, 'x', 4096, 'g', 'fid') FROM (SELECT fid, {columns}, ST_AsMVTGeom(ST_Transform(geom, 3857), e,"
    " 4096, 64) AS g FROM {table} AS t, ST_TileEnvelope(%(z)s, %(x)s, %(y)s) AS e WHERE geom && ST_Transform("
    "ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625), 4326)) AS f"
)
"""A tile of everything that there is, from the table as it was loaded."""


@dataclass(slots=True)
class Floor:
    """PostgreSQL alone."""

    connection: psycopg.Connection
    processes: Processes
    name: str = "SQL"
    version: str = ""
    python: bool = False
    own_thread: bool = True

    def perform(self, ask: Ask) -> bytes:
        """The features as one GeoJSON, or a tile."""
        statement, params = statement_for(ask)
        rows = self.connection.execute(statement, params, binary=isinstance(ask, VectorTile)).fetchall()
        if isinstance(ask, VectorTile):
            return rows[0][0]
        features = ",".join(row[0] for row in rows)
        return (features if isinstance(ask, Feature) else f'{{"features":[{features}]}}').encode()

    def matching(self, ask: Items, ids: list[int]) -> int:
        """How many features of some ids are such as the ask is for, whatever its limit leaves out."""
        parts, params = parts_for(ask)
        statement = sql.SQL("SELECT count(*) FROM {} AS t WHERE {}").format(
            sql.Identifier(SCHEMA, ask.collection), sql.SQL(" AND ").join([*parts, sql.SQL("fid = ANY(%(ids)s)")])
        )
        row = self.connection.execute(statement, {**params, "ids": ids}).fetchone()
        return row[0] if row else 0


@contextmanager
def floor_for(access: Access) -> Iterator[Floor]:
    """A connection of the floor's own role."""
    with psycopg.connect(access.libpq, autocommit=True) as connection:
        row = connection.execute("SELECT current_setting('server_version'), postgis_lib_version()").fetchone()
        assert row is not None
        yield Floor(connection, access.processes(), version=f"PostgreSQL {row[0].split()[0]}, PostGIS {row[1]}")


def statement_for(ask: Ask) -> tuple[sql.Composed, dict[str, object]]:
    """The statement of an ask, and its parameters."""
    columns = sql.SQL(", ").join(sql.Identifier("t", name) for name in TABLES[ask.collection].split(", "))
    table = sql.Identifier(SCHEMA, ask.collection)
    if isinstance(ask, VectorTile):
        return TILE.format(columns=columns, table=table), {"z": ask.z, "x": ask.column, "y": ask.row}
    condition, params = condition_for(ask)
    return PAGE.format(table=table, columns=columns, condition=condition), params


def condition_for(ask: Ask) -> tuple[sql.Composable, dict[str, object]]:
    """What follows FROM."""
    match ask:
        case Feature():
            return sql.SQL("WHERE fid = %(id)s"), {"id": ask.id}
        case Walk() | Everything():
            return sql.SQL(""), {}
        case Deep():  # fid is the number of the row in the file, from 0 or 1: no feature but the wanted ones is touched
            after = sql.SQL("WHERE fid >= %(first)s ORDER BY fid LIMIT %(limit)s")
            return after, {"first": ask.first, "limit": ask.limit}
        case Items():
            return page_condition(ask)
        case _:
            raise TypeError(ask)


def page_condition(ask: Items) -> tuple[sql.Composable, dict[str, object]]:
    """The condition and the limit; of an offset alone, the keys."""
    parts, params = parts_for(ask)
    where = sql.SQL("WHERE ") + sql.SQL(" AND ").join(parts) if parts else sql.SQL("")
    if ask.offset:  # in a query of its own: PostgreSQL would make texts of the rows that it skips, too
        keys = "fid IN (SELECT fid FROM {} ORDER BY fid OFFSET %(offset)s LIMIT %(limit)s)"
        where = sql.SQL("WHERE ") + sql.SQL(keys).format(sql.Identifier(SCHEMA, ask.collection))  # type: ignore[arg-type]
    return where + sql.SQL(" LIMIT %(limit)s"), params | {"limit": ask.limit, "offset": ask.offset}


def parts_for(ask: Items) -> tuple[list[sql.Composable], dict[str, object]]:
    """What a feature must fulfil."""
    parts: list[sql.Composable] = []
    params: dict[str, object] = {}
    if ask.bbox_crs84:
        parts.append(sql.SQL("geom && ST_MakeEnvelope(%(west)s, %(south)s, %(east)s, %(north)s, 4326)"))
        params |= dict(zip(("west", "south", "east", "north"), ask.bbox_crs84, strict=True))
    if ask.equal:
        parts.append(sql.SQL("{} = %(value)s").format(sql.Identifier("t", ask.equal[0])))
        params["value"] = ask.equal[1]
    if ask.where:
        parts.append(sql.SQL(ask.where.replace("%", "%%")))  # type: ignore[arg-type]
    return parts, params
