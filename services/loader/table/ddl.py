"""Statements that make, widen and index the table of one version. Text only; nothing runs here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from psycopg import sql

from core.catalog.versions import CORNERS
from loader.geometry.wkb import Shape
from loader.table.columns import TableColumn
from loader.table.index_rule import PropertyIndex

SCHEMA = "data"
STAGING = sql.Identifier("isthmus_staging")
"""A temporary table for rows whose geometries PostgreSQL must change before the real table takes them."""


@dataclass(frozen=True, slots=True)
class Table:
    """The table of one version. `shape` and `srid` are None without geometry, `version` for a copy of another table."""

    name: str
    columns: Sequence[TableColumn]
    shape: Shape | None
    srid: int | None
    version: int | None = None

    @property
    def identifier(self) -> sql.Identifier:
        """The table with its schema."""
        return sql.Identifier(SCHEMA, self.name)

    @property
    def has_corners(self) -> bool:
        """Whether it has the column that counts them: not where all are points."""
        return self.shape is not None and not self.shape.type.endswith("Point")

    @property
    def properties(self) -> sql.Composable:
        """The columns that a COPY fills beside the geometry, in the encoder's order."""
        return sql.SQL(", ").join(map(sql.Identifier, ["fid", *(column.column for column in self.columns)]))


WIDTHS = {
    **dict.fromkeys(("bigint", "double precision", "timestamp", "timestamptz", "time"), 8),
    **dict.fromkeys(("integer", "real", "date"), 4),
    "smallint": 2,
    "boolean": 1,
}
"""Bytes of the types whose values are all as wide. In a row these come first, the widest ahead: PostgreSQL then knows
where they are without a look at others, and nothing is lost between them. A filter takes a tenth less.
"""

CORNERS_WIDTH = 4


def to_3857(srid: int) -> sql.Composable:
    """The expression of the generated column `geom_3857`.

    Degrees that need no cutting skip the function call. Measured, 500,000 points: 894,000 rows/s so, 571,000 through
    the function, 168,000 through the same as an SQL function.
    """
    if srid != 4326:
        return sql.SQL("isthmus.to_3857(geom)")
    return sql.SQL(
        """CASE WHEN ST_YMin(geom) >= -85.0511287 AND ST_YMax(geom) <= 85.0511287
                     AND ST_XMin(geom) >= -180 AND ST_XMax(geom) <= 180 AND ST_XMax(geom) - ST_XMin(geom) <= 180
           THEN ST_Transform(ST_Force2D(geom), 3857) ELSE isthmus.to_3857(geom) END"""
    )


def geometry_type(shape: Shape, srid: int) -> sql.Composable:
    """`geometry(PointZ, 4326)`. The names come from a fixed list."""
    return sql.SQL("geometry({}, {})").format(sql.Identifier(shape.typmod.lower()), sql.Literal(srid))


def create_table(table: Table) -> sql.Composed:
    """The table without keys and indexes, which come after the rows."""
    parts: list[sql.Composable] = [sql.SQL("fid bigint NOT NULL")]
    widths = [(WIDTHS.get(column.storage.sql, 0), column) for column in table.columns]
    columns = [column for _, column in sorted(widths, key=lambda found: -found[0])]
    wide = sum(width >= CORNERS_WIDTH for width, _ in widths)
    parts += map(column_definition, columns[:wide])
    if table.has_corners:
        parts.append(corners_column())
    parts += map(column_definition, columns[wide:])
    if table.shape is not None and table.srid is not None:
        parts.append(sql.SQL("geom {}").format(geometry_type(table.shape, table.srid)))
        parts.append(generated_column(table.srid))
    return sql.SQL("CREATE TABLE {} ({})").format(table.identifier, sql.SQL(", ").join(parts))


def column_definition(column: TableColumn) -> sql.Composable:
    """The column of a property."""
    return sql.SQL("{} {}").format(sql.Identifier(column.column), sql.SQL(column.storage.sql))


def corners_column() -> sql.Composable:
    """How many corners a geometry has: by it the large ones are found without a look at any."""
    text = "{} integer GENERATED ALWAYS AS (CASE WHEN ST_Dimension(geom) = 0 THEN 1 ELSE ST_NPoints(geom) END) STORED"
    return sql.SQL(text).format(sql.Identifier(CORNERS))


def generated_column(srid: int) -> sql.Composable:
    """The stored Web Mercator geometry."""
    return sql.SQL("geom_3857 geometry(Geometry, 3857) GENERATED ALWAYS AS ({}) STORED").format(to_3857(srid))


def column_list(table: Table) -> sql.Composable:
    """The columns that the COPY fills, in the encoder's order."""
    return table.properties + sql.SQL(", geom") if table.shape else table.properties


def copy_into(table: Table) -> sql.Composed:
    """COPY straight into the table. FREEZE, as nobody else sees it yet: no second write of each row later."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE true)").format(table.identifier, column_list(table))


def create_staging(table: Table) -> sql.Composed:
    """The staging table: the same columns, and a geometry of any kind."""
    text = sql.SQL(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {staging} ON COMMIT DROP AS SELECT {columns}, NULL::geometry AS geom "
        "FROM {table} WITH NO DATA"
    )
    return text.format(staging=STAGING, columns=table.properties, table=table.identifier)


def copy_into_staging(table: Table) -> sql.Composed:
    """COPY into the staging table."""
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(STAGING, column_list(table))


def count_nested() -> sql.Composed:
    """How many staged collections hold what `isthmus.straightened` takes out of them. Rows: one (bigint)"""
    text = sql.SQL(
        "SELECT count(*) FROM {} WHERE GeometryType(geom) = 'GEOMETRYCOLLECTION' "
        "AND ST_AsText(geom, 0) ~ '.(GEOMETRYC|CURVE|CIRCULAR|SURFACE|TIN|TRIANGLE)'"
    )
    return text.format(STAGING)


def move_from_staging(table: Table) -> Iterator[sql.Composed]:
    """Move the staged rows: curves become lines, surfaces polygons, heights are added or dropped, single becomes multi.

    Raises: ValueError for a table without geometry
    """
    if table.shape is None:
        raise ValueError("a table without geometry has nothing to repair")
    force = sql.SQL("ST_Force3DZ" if table.shape.z else "ST_Force2D")
    multi = sql.SQL("ST_Multi" if table.shape.type.startswith("Multi") else "")
    yield sql.SQL(
        "INSERT INTO {table} ({columns}, geom) "
        "SELECT {columns}, {multi}({force}(ST_SetSRID(isthmus.straightened(geom), {srid}))) FROM {staging}"
    ).format(
        table=table.identifier,
        columns=table.properties,
        multi=multi,
        force=force,
        srid=sql.Literal(table.srid),
        staging=STAGING,
    )
    yield sql.SQL("DROP TABLE {}").format(STAGING)


def widen(table: Table, shape: Shape, srid: int) -> Iterator[sql.Composed]:
    """Give the geometry column a wider shape. Writes the table again; only files that hide what they hold need it."""
    force = sql.SQL("ST_Force3DZ(geom)" if shape.z else "geom")
    geom = sql.SQL("ST_Multi({})").format(force) if shape.type.startswith("Multi") else force
    kind, column = geometry_type(shape, srid), generated_column(srid)
    corners = sql.Identifier(CORNERS)
    yield sql.SQL("ALTER TABLE {} DROP COLUMN geom_3857, DROP COLUMN IF EXISTS {}").format(table.identifier, corners)
    yield sql.SQL("ALTER TABLE {} ALTER COLUMN geom TYPE {} USING {}").format(table.identifier, kind, geom)
    yield sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(table.identifier, column)
    if replace(table, shape=shape).has_corners:
        yield sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(table.identifier, corners_column())


def add_key(table: Table) -> sql.Composed:
    """The primary key. Fails with 23505 when the ids of the file are not unique."""
    return sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(table.identifier)


def renumber(table: Table) -> sql.Composed:
    """Ids from 1, in the order of the file."""
    return sql.SQL(
        "UPDATE {table} AS t SET fid = n.number FROM "
        "(SELECT ctid AS place, row_number() OVER (ORDER BY ctid) AS number FROM {table}) AS n WHERE t.ctid = n.place"
    ).format(table=table.identifier)


def create_indexes(table: Table, times: Sequence[TableColumn]) -> Iterator[sql.Composed]:
    """The indexes that the API's queries use: boxes in both systems, time."""
    if table.shape is not None:
        yield sql.SQL("CREATE INDEX ON {} USING gist (geom)").format(table.identifier)
        yield sql.SQL("CREATE INDEX ON {} USING gist (geom_3857)").format(table.identifier)
        # A GiST search for NULL reads the whole index: 18 ms of 1 M points. Any bbox matches these features.
        yield sql.SQL("CREATE INDEX ON {} (fid) WHERE geom IS NULL").format(table.identifier)
    for column in times:
        yield sql.SQL("CREATE INDEX ON {} ({})").format(table.identifier, sql.Identifier(column.column))


def create_property_index(name: str, index: PropertyIndex) -> sql.Composed:
    """The index of a property, of the table of that name."""
    column = sql.Identifier(index.column)
    return sql.SQL("CREATE INDEX IF NOT EXISTS {} ON {} ({}{}){}").format(
        sql.Identifier(index.name),
        sql.Identifier(SCHEMA, name),
        column,
        sql.SQL(", fid" if index.with_key else ""),
        sql.SQL(" WHERE {} IS NOT NULL").format(column) if index.filled_only else sql.SQL(""),
    )


def select_index_state(name: str, index: PropertyIndex) -> sql.Composed:
    """How large an index is, and whether every row of its table has a value, which it knows at once.

    Rows: one (bytes bigint, is_filled boolean)
    """
    table, column = sql.Identifier(SCHEMA, name), sql.Identifier(index.column)
    filled = sql.SQL("NOT EXISTS (SELECT FROM {} WHERE {} IS NULL)").format(table, column)
    own = sql.Literal(sql.Identifier(SCHEMA, index.name).as_string(None))
    text = sql.SQL("SELECT pg_relation_size({}::regclass), {}")
    return text.format(own, sql.SQL("false") if index.filled_only else filled)


def analyze(table: sql.Identifier) -> sql.Composed:
    """Statistics for the planner, from now on."""
    return sql.SQL("ANALYZE {}").format(table)


def rename(name: str, new: str) -> sql.Composed:
    """Give the table of a version another name."""
    return sql.SQL("ALTER TABLE {} RENAME TO {}").format(sql.Identifier(SCHEMA, name), sql.Identifier(new))


def drop(kind: Literal["TABLE", "VIEW", "INDEX"], name: str) -> sql.Composed:
    """Drop the table or index of a version, or the view of a collection, if it is there."""
    schema = "published" if kind == "VIEW" else SCHEMA
    return sql.SQL("DROP {} IF EXISTS {}").format(sql.SQL(kind), sql.Identifier(schema, name))


def create_view(id: str, name: str, columns: Sequence[str]) -> Iterator[sql.Composed]:
    """The view of a collection, new: columns under their published names, `geom` last."""
    view = sql.Identifier("published", id)
    yield drop("VIEW", id)
    chosen = sql.SQL(", ").join(map(sql.Identifier, columns))
    yield sql.SQL("CREATE VIEW {} AS SELECT {} FROM {}").format(view, chosen, sql.Identifier(SCHEMA, name))
    yield sql.SQL("COMMENT ON VIEW {} IS {}").format(view, sql.Literal(name))
