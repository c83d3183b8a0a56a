"""Collections made by SQL, for tests of the API that need no loader."""

from __future__ import annotations

import json
from typing import Any, LiteralString

from psycopg import sql

from loader.table.ddl import Table
from loader.table.heap_order import save_blocks
from support.cluster import Database


def publish(
    database: Database,
    id: str,
    select: LiteralString,
    *,
    columns: dict[str, str],
    srid: int | None = 4326,
    geometry_type: str | None = "Point",
    temporal_column: str | None = None,
    temporal_end_column: str | None = None,
    typmod: LiteralString = "Geometry",
) -> int:
    """Make a version of a collection from a SELECT of (fid, columns..., geom) and serve it; returns its number.

    columns: published name -> the catalogue's type; the table's columns have the same names
    typmod: the type of the geometry column, such as PointZ
    """
    with database.connect() as connection:
        number = connection.execute("SELECT coalesce(max(version), 0) + 1 FROM isthmus.versions").fetchone()
        assert number is not None
        name = f"{id}_{number[0]}"
        table = sql.Identifier("data", name)
        connection.execute(sql.SQL("CREATE TABLE {} AS ").format(table) + sql.SQL(select))
        connection.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (fid)").format(table))
        if srid is not None:
            kind = sql.SQL("ALTER TABLE {} ALTER geom TYPE geometry({}, {}) USING ST_SetSRID(geom, {})")
            connection.execute(kind.format(table, sql.SQL(typmod), sql.Literal(srid), sql.Literal(srid)))
            connection.execute(
                sql.SQL(
                    "ALTER TABLE {} ADD geom_3857 geometry GENERATED ALWAYS AS (isthmus.to_3857(geom)) STORED"
                ).format(table)
            )
            for column in ("geom", "geom_3857"):
                connection.execute(sql.SQL("CREATE INDEX ON {} USING gist ({})").format(table, sql.Identifier(column)))
        connection.execute(sql.SQL("ANALYZE {}").format(table))
        version = insert_version(
            connection, id, name, table, columns, srid, geometry_type, (temporal_column, temporal_end_column)
        )
        rows = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone()
        save_blocks(connection, Table(name, (), None, srid, version), rows[0] if rows else 0)
        connection.commit()
    return version


def insert_version(
    connection: Any,
    id: str,
    name: str,
    table: sql.Identifier,
    columns: dict[str, str],
    srid: int | None,
    geometry_type: str | None,
    times: tuple[str | None, str | None],
) -> int:
    """The rows of the catalogue."""
    connection.execute(
        "INSERT INTO isthmus.collections (id, title, source_path, layer) VALUES (%(id)s, %(id)s, %(file)s, %(id)s)"
        " ON CONFLICT DO NOTHING",
        {"id": id, "file": f"{id}.gpkg"},
    )
    bbox = storage_bbox = "NULL::float8[]"
    if srid is not None:
        corners = (
            "(SELECT ARRAY[ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)]"
            " FROM (SELECT ST_Extent(%s) AS e FROM {table}) AS x)"
        )
        bbox, storage_bbox = corners % "ST_Transform(geom, 4326)", corners % "geom"
    nulls = "0" if srid is None else "(SELECT count(*) FROM {table} WHERE geom IS NULL)"
    interval = "NULL::timestamptz, NULL::timestamptz"
    if times[0] is not None:
        interval = (
            "(SELECT min({start})::timestamptz FROM {table} WHERE isfinite({start})),"
            " (SELECT max({end})::timestamptz FROM {table} WHERE isfinite({end}))"
        )
    text = (
        "INSERT INTO isthmus.versions (collection_id, table_name, checksum, row_count, srid, geometry_type,"
        " null_geometries, bbox, storage_bbox,"
        " temporal_column, temporal_end_column, interval_start, interval_end, columns) SELECT %(id)s, %(name)s, 'x',"
        f" (SELECT count(*) FROM {{table}}), %(srid)s, %(kind)s, {nulls}, {bbox}, {storage_bbox},"
        f" %(start)s, %(end)s, {interval}, %(columns)s"
        " RETURNING version"
    )
    start, end = times[0] or "fid", times[1] or times[0] or "fid"
    statement = sql.SQL(text).format(table=table, start=sql.Identifier(start), end=sql.Identifier(end))  # type: ignore[arg-type]
    described = [{"name": column, "column": column, "type": kind} for column, kind in columns.items()]
    values = {
        "id": id,
        "name": name,
        "srid": srid,
        "kind": geometry_type,
        "start": times[0],
        "end": times[1],
        "columns": json.dumps(described),
    }
    [version] = connection.execute(statement, values).fetchone()
    connection.execute("UPDATE isthmus.collections SET current_version = %s WHERE id = %s", [version, id])
    return version
