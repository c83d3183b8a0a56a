"""The same rows for all: the tables of Isthmus's collections, and beside them in the same database plain ones.

A plain table is what ogr2ogr makes of the same file: a key, the properties, a geometry in degrees with its index, in
the order of the file. Each peer has a role of its own, by which its backends are told apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.generate import write_points, write_polygons
from bench.loads import index, load
from bench.peers.clock import Processes
from core.database.connections import conninfo
from support.cluster import PASSWORD, Cluster, Database

SCHEMA = "peers"
LONGEST = "10s"
"""What a statement may take: a server that needs longer for an ask is left out of the row."""

TABLES = {"points": "name, kind, size, score", "places": "name, kind, size, score", "polygons": "block, floors"}
"""The collections, and their properties."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a peer connects. `host`: the folder of PostgreSQL's socket."""

    host: str
    port: int
    database: str
    role: str
    password: str
    watcher: psycopg.Connection

    def processes(self) -> Processes:
        """Who works for it; the server's own process is yet to be started."""
        return Processes(0, self.role, self.watcher)

    @property
    def libpq(self) -> str:
        """As a connection string of libpq."""
        return f"host={self.host} port={self.port} dbname={self.database} user={self.role} password={self.password}"


def counts(points: int) -> dict[str, int]:
    """Rows of each collection, for a number of points."""
    return {"points": points, "places": max(1, points // 10), "polygons": max(1, points // 5)}


def load_all(database: Database, rows: dict[str, int], folder: Path) -> None:
    """Write the files and load them as Isthmus does, with the indexes that it makes once they are served."""
    database.owner.data_dir.rmdir()
    database.owner.data_dir.symlink_to(folder)
    write_points(folder / "points.parquet", rows["points"])
    write_points(folder / "places.parquet", rows["places"])
    write_polygons(folder / "polygons.fgb", rows["polygons"])
    for name in ("points.parquet", "places.parquet", "polygons.fgb"):
        load(database, database.owner.data_dir / name)
        index(database, database.owner.data_dir / name)


def superuser(cluster: Cluster, database: Database) -> psycopg.Connection:
    """A connection that sees every backend and makes roles."""
    return psycopg.connect(conninfo(cluster.settings(database.owner.db_name, "isthmus_tests")), autocommit=True)


def copy_tables(connection: psycopg.Connection) -> None:
    """The plain tables beside those of the collections."""
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(SCHEMA)))
    for id, columns in TABLES.items():
        plain = sql.Identifier(SCHEMA, id)
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns.split(", "))
        connection.execute(
            sql.SQL("CREATE TABLE {} AS SELECT fid::integer AS fid, {}, geom FROM {} ORDER BY fid").format(
                plain, names, served_table(connection, id)
            )
        )
        connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(plain))
        connection.execute(sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(plain))
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(plain))


def served_table(connection: psycopg.Connection, id: str) -> sql.Identifier:
    """The table of a collection's served version."""
    row = connection.execute(
        "SELECT table_name FROM isthmus.versions JOIN isthmus.collections ON version = current_version WHERE id = %s",
        [id],
    ).fetchone()
    assert row is not None
    return sql.Identifier("data", row[0])


def access_for(connection: psycopg.Connection, name: str, database: Database) -> Access:
    """A new role that may read the plain tables, and make temporary things, as tipg does."""
    role = f"peer_{name}"
    names = {"role": sql.Identifier(role), "schema": sql.Identifier(SCHEMA)}
    database_name = sql.Identifier(database.owner.db_name)
    for text in (
        sql.SQL("CREATE ROLE {role} LOGIN PASSWORD {password}").format(password=sql.Literal(PASSWORD), **names),
        sql.SQL("ALTER ROLE {role} SET statement_timeout = {limit}").format(limit=sql.Literal(LONGEST), **names),
        sql.SQL("GRANT CONNECT, TEMP ON DATABASE {database} TO {role}").format(database=database_name, **names),
        sql.SQL("GRANT USAGE ON SCHEMA {schema} TO {role}").format(**names),
        sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}").format(**names),
    ):
        connection.execute(text)
    owner = database.owner
    return Access(owner.db_host, owner.db_port, owner.db_name, role, PASSWORD, connection)


def first_id(connection: psycopg.Connection) -> int:
    """The smallest id of the points; the ids follow each other from there."""
    row = connection.execute(
        sql.SQL("SELECT min(fid), max(fid) - min(fid) + 1 = count(*) FROM {}").format(sql.Identifier(SCHEMA, "points"))
    ).fetchone()
    assert row is not None and row[1], "ids with gaps"
    return row[0]
