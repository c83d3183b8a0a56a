"""The overview of a table of a source: a table of ours; that of the source, which the loader did not make, stays as it
is.

What the API is to know stands in the comment of our table, so that it is there as long as the table, and the look at
the catalogue of the database finds it (api/catalog/survey).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from psycopg import sql

from core.catalog.versions import FIRST, OUR_COLUMNS
from core.database.connections import Connection
from core.errors import UnknownCollection, suggestion
from loader import catalogue
from loader.errors import CannotPrepare
from loader.geometry.wkb import Shape
from loader.overviews.points import property_list, run
from loader.overviews.prepare import prepare
from loader.progress import Listener, silent, steps
from loader.report import Note
from loader.sidecar import TileOptions
from loader.table import verify
from loader.table.cleanup import STEP, attempt_each, freeze
from loader.table.columns import BIG, BOOLEAN, DATE, DOUBLE, INTEGER, REAL, SMALL, TEXT, Storage, TableColumn
from loader.table.ddl import SCHEMA, Table, analyze, corners_column, drop

STORED: Mapping[str, Storage] = {
    "int2": SMALL,
    "int4": INTEGER,
    "int8": BIG,
    "float4": REAL,
    "float8": DOUBLE,
    "text": TEXT,
    "varchar": TEXT,
    "bool": BOOLEAN,
    "date": DATE,
}
"""Types of columns that a tile can have of their own; others are in tiles of high zooms alone."""

KEYS = ("int2", "int4", "int8")

STEPS = ("copy", "geometries", "low zooms", STEP)
"""What a preparation does: it copies what it needs, looks at it, and makes and freezes the tables of the tiles."""


@dataclass(frozen=True, slots=True)
class Target:
    """A table or materialised view of a source. `key`: its column of whole numbers; `changes`: by its statistics."""

    oid: int
    schema: str
    name: str
    key: str
    geometry: str
    srid: int
    changes: int
    columns: Sequence[TableColumn]

    @property
    def full_name(self) -> str:
        """Schema and name."""
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class PrepareResult:
    """What became of a preparation. `table` None: its tiles need no overview."""

    target: Target
    table: str | None
    rows: int
    notes: tuple[Note, ...]


def prepare_source(
    connection: Connection, schemas: Sequence[str], name: str, options: TileOptions, listen: Listener = silent
) -> PrepareResult:
    """Make the overview of a table, anew where it has one. In one transaction: the table is read once.

    name: `schema.table`, or the table's alone; listen: hears which of STEPS begins
    Raises: UnknownCollection, CannotPrepare, BadSideCar for a name that is no column
    """
    with connection.transaction():
        target = find_target(connection, schemas, name)
        begin = steps(listen, None, {"source": target.full_name}, STEPS)
        begin("copy")
        version = catalogue.next_version(connection)
        staged = Table(f"{prefix(target.oid)}{version}", target.columns, Shape(), target.srid)
        run(connection, *create_staged(target, staged), analyze(staged.identifier))
        rows = verify.count_rows(connection, staged)
        begin("geometries")
        found = verify.observe_geometries(connection, staged)
        begin("low zooms")
        done = prepare(connection, staged, found, options)
        table = publish(connection, target, done.tiling or {}, rows)
        connection.execute(sql.SQL("DROP TABLE {}").format(staged.identifier))
    drop_older(connection, target.oid, table)
    freeze(connection, begin)
    return PrepareResult(target, table, rows, done.notes)


def prefix(oid: int) -> str:
    """How the names of the tables that are prepared from a relation begin."""
    return f"isthmus_prepared_{oid}_"


def find_target(connection: Connection, schemas: Sequence[str], name: str) -> Target:
    """The table of a name. Raises: UnknownCollection, CannotPrepare"""
    rows = connection.execute(RELATIONS, {"schemas": list(schemas)}).fetchall()
    found = [row for row in rows if name in (row[2], f"{row[1]}.{row[2]}")]
    if not found:
        hint = suggestion(name, [row[2] for row in rows]) or "ISTHMUS_SCHEMAS names the schemas that are looked at"
        raise UnknownCollection(f"there is no table '{name}'", hint=hint)
    if len(found) > 1:
        raise UnknownCollection(f"there are several tables '{name}'", hint=f"write {found[0][1]}.{name}")
    oid, schema, relation, changes, attributes, keys = found[0]
    geometry = next((a for a in attributes if a["type"] == "geometry"), None)
    if geometry is None:
        raise CannotPrepare(
            f"'{name}' has no column of type geometry", hint="only tables with one have tiles to prepare"
        )
    key = next((a for a in attributes if [a["number"]] in keys and a["type"] in KEYS), None)
    if key is None:
        hint = "give it a primary key, or a unique index, on one column of whole numbers"
        raise CannotPrepare(f"nothing tells the rows of '{name}' apart by a number", hint=hint)
    srid = geometry["srid"] or srid_of(connection, schema, relation, geometry["name"])
    columns = overview_columns(attributes)
    return Target(oid, schema, relation, key["name"], geometry["name"], srid, changes, columns)


def srid_of(connection: Connection, schema: str, name: str, geometry: str) -> int:
    """The SRID of the first geometry. Raises: CannotPrepare for 0, or no geometry"""
    text = sql.SQL("SELECT ST_SRID({geom}) FROM {table} WHERE {geom} IS NOT NULL LIMIT 1")
    row = connection.execute(text.format(geom=sql.Identifier(geometry), table=sql.Identifier(schema, name))).fetchone()
    if row is None or not row[0]:
        raise CannotPrepare(f"nobody knows where on Earth '{name}' lies", hint="give its geometry column an SRID")
    return int(row[0])


def overview_columns(attributes: Sequence[Mapping[str, Any]]) -> list[TableColumn]:
    """The columns that an overview can have, under the names that the API publishes them by."""
    taken = OUR_COLUMNS | RESERVED
    return [
        TableColumn(place, a["name"], a["name"], STORED[a["type"]])
        for place, a in enumerate(attributes)
        if a["type"] in STORED and a["name"] not in taken and "%" not in a["name"]
    ]


def publish(connection: Connection, target: Target, tiling: dict[str, Any], rows: int) -> str | None:
    """The name of the overview, once it has its comment; None where no low zoom needs it, and it is dropped."""
    table, full_zoom = tiling.get("table"), tiling.get("full_zoom", 0)
    if table is None:
        return None
    name = sql.Identifier(SCHEMA, table)
    if not full_zoom:
        connection.execute(sql.SQL("DROP TABLE {}").format(name))
        return None
    if tiling["kinds"] != ["points"]:
        run(connection, delete_beyond(table, full_zoom))
    about = {"source": target.full_name, "key": target.key, "geometry": target.geometry, "rows": rows}
    about |= {"changes": target.changes, "prepared_at": datetime.now(UTC).isoformat(timespec="seconds")}
    text = json.dumps({**tiling, "has_large": False, "large": [], **about})
    connection.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(text)))
    return str(table)


def drop_older(connection: Connection, oid: int, kept: str | None) -> bool:
    """Drop the overviews that were made before. False when someone's reading left one: the next time drops it."""
    tables = connection.execute(PREPARED, {"prefix": prefix(oid)}).fetchall()
    with connection.transaction():
        return attempt_each(connection, ([drop("TABLE", name)] for name, *_ in tables if name != kept))


@dataclass(frozen=True, slots=True)
class ExternalOverview:
    """An overview of a source's table. `changed`: rows that changed since, None where the table is gone."""

    source: str
    table: str
    prepared_at: str
    rows: int
    changed: int | None
    size_bytes: int


def external_overviews(connection: Connection) -> list[ExternalOverview]:
    """All overviews of sources, by the name of the table."""
    found: list[ExternalOverview] = []
    for table, comment, size_bytes, changes in connection.execute(PREPARED, {"prefix": "isthmus_prepared_"}):
        about = json.loads(comment)
        changed = None if changes is None else max(0, changes - about["changes"])
        found.append(ExternalOverview(about["source"], table, about["prepared_at"], about["rows"], changed, size_bytes))
    return sorted(found, key=lambda known: known.source)


def forget_source(connection: Connection, name: str) -> list[str]:
    """The overviews of a table, once they are dropped. Raises: UnknownCollection"""
    known = external_overviews(connection)
    tables = [one.table for one in known if name in (one.source, one.source.partition(".")[2])]
    if not tables:
        hint = suggestion(name, [one.source for one in known]) or "`isthmus prepare` lists what was prepared"
        raise UnknownCollection(f"nothing was prepared of '{name}'", hint=hint)
    with connection.transaction():
        for table in tables:
            connection.execute(drop("TABLE", table))
    return tables


RESERVED = frozenset({"fid", "geom", "shape", "geom_3857", "geog", "ctid", "tableoid", "row_number"})
"""Names that the API's reading of a table, or our copy of it, gives to columns of its own."""

# Rows: (oid, schema, name, rows that were ever inserted, updated or deleted, attributes as JSON, columns of unique
# indexes as JSON), one for each table and materialised view.
RELATIONS = """
SELECT c.oid::bigint, n.nspname, c.relname,
       COALESCE(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0),
       (SELECT json_agg(json_build_object('name', a.attname, 'number', a.attnum, 'type', t.typname, 'srid',
                   CASE WHEN t.typname = 'geometry' THEN postgis_typmod_srid(a.atttypmod) ELSE 0 END) ORDER BY a.attnum)
        FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
       (SELECT COALESCE(json_agg((i.indkey::int[])[0:i.indnkeyatts - 1]), '[]')
        FROM pg_index AS i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL)
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE n.nspname = ANY (%(schemas)s) AND c.relkind IN ('r', 'm', 'p') AND NOT c.relispartition
ORDER BY n.nspname, c.relname
"""

# Rows: (table, its comment, its bytes, as above the changes of the source's table or NULL without it), newest last.
PREPARED = """
SELECT p.relname, d.description, pg_total_relation_size(p.oid),
       (SELECT COALESCE(s.n_tup_ins + s.n_tup_upd + s.n_tup_del, 0)
        FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
        WHERE c.oid = split_part(p.relname, '_', 3)::oid)
FROM pg_class AS p
JOIN pg_namespace AS n ON n.oid = p.relnamespace
JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = p.oid AND d.objsubid = 0
WHERE n.nspname = 'data' AND starts_with(p.relname, %(prefix)s) AND p.relname ~ '^isthmus_prepared_[0-9]+_[0-9]+_tiles$'
ORDER BY p.oid
"""


def create_staged(target: Target, staged: Table) -> Iterator[sql.Composed]:
    """A copy of what is needed of a table, as the loader's tables are: fid, geom, geom_3857 and some properties."""
    text = sql.SQL(
        "CREATE TABLE {staged} AS SELECT t.{key}::bigint AS fid, t.{geometry}::geometry AS geom,"
        " isthmus.to_3857(isthmus.straightened(t.{geometry}))::geometry(Geometry, 3857) AS geom_3857{columns}"
        " FROM {table} AS t WHERE t.{geometry} IS NOT NULL"
    )
    names = {"key": sql.Identifier(target.key), "geometry": sql.Identifier(target.geometry)}
    table, columns = sql.Identifier(target.schema, target.name), property_list(staged.columns)
    yield text.format(staged=staged.identifier, table=table, columns=columns, **names)
    yield sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid), ADD COLUMN {}").format(staged.identifier, corners_column())


def delete_beyond(table: str, full_zoom: int) -> sql.Composed:
    """Rows that only serve zooms from the full one on, which are made from their table."""
    text = sql.SQL("DELETE FROM {} WHERE {} >= {}")
    return text.format(sql.Identifier(SCHEMA, table), sql.Identifier(FIRST), sql.Literal(full_zoom))
