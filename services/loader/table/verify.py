"""What a filled table holds: how many rows, which geometries, what extent, and what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

from psycopg import sql

from core.database.connections import Connection
from loader.errors import UnknownCrs
from loader.geometry.wkb import SIMPLE, Shape
from loader.report import Note
from loader.table.ddl import Table

Extent = tuple[float, float, float, float]

# The catalogue's name of a geometry type, from PostGIS's.
NAMES = {name.upper(): name for name in SIMPLE.values()}
MOST_LOOKED_AT, MOST_BYTES = 10_000, 50_000_000
"""Of the invalid features, of which the report says what is wrong."""

# Web Mercator ends at 20,037,508 m.
BEYOND = sql.SQL("""
               CASE WHEN geom_3857 IS NULL OR ST_YMax(geom_3857) > 20037508 OR ST_YMin(geom_3857) < -20037508
                         OR geom && isthmus.pole_in({srid}, 90) OR geom && isthmus.pole_in({srid}, -90)
                    THEN isthmus.box_in_degrees(geom) END""")


@dataclass(frozen=True, slots=True)
class GeometrySummary:
    """What the geometries of a table are. `extent` is in the table's CRS, `bbox_crs84` in degrees."""

    type: str
    extent: Extent | None
    bbox_crs84: list[float] | None
    null_count: int
    empty_count: int
    invalid_count: int
    unprojected_count: int
    present_count: int


def count_rows(connection: Connection, table: Table) -> int:
    """The number of rows that are really there."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(table.identifier)).fetchone()
    return int(row[0]) if row else 0


def select_geometries(table: Table) -> sql.Composed:
    """One pass over the geometries.

    Rows: (PostGIS type or NULL, count, empty, invalid, not in geom_3857,
           west, south, east, north in the table's CRS, the same of geom_3857 in degrees,
           and in degrees of what reaches beyond Web Mercator), one per type
    """
    text = sql.SQL("""
SELECT type, total, empty_count, invalid_count, unprojected_count,
       ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent),
       ST_XMin(degrees), ST_YMin(degrees), ST_XMax(degrees), ST_YMax(degrees),
       ST_XMin(beyond), ST_YMin(beyond), ST_XMax(beyond), ST_YMax(beyond)
FROM (
    SELECT type, count(*) AS total, count(*) FILTER (WHERE empty) AS empty_count,
           count(*) FILTER (WHERE invalid) AS invalid_count,
           count(*) FILTER (WHERE geom_3857 IS NULL AND NOT empty) AS unprojected_count,
           ST_Extent(geom) AS extent,
           ST_Transform(ST_SetSRID(ST_Extent(geom_3857)::geometry, 3857), 4326) AS degrees,
           ST_Extent({beyond}) AS beyond
    FROM (
        SELECT geom, geom_3857, GeometryType(geom) AS type, ST_IsEmpty(geom) AS empty,
               ST_Dimension(geom) > 0 AND NOT ST_IsValid(geom) AS invalid
        FROM {table}
    ) AS looked_at
    GROUP BY type
) AS by_type
""")
    beyond = sql.SQL("NULL::geometry") if table.srid == 4326 else BEYOND.format(srid=sql.Literal(table.srid))
    return text.format(table=table.identifier, beyond=beyond)


def observe_geometries(connection: Connection, table: Table) -> GeometrySummary:
    """The facts about the geometries of a filled table. ST_IsValid's notices are silenced."""
    connection.execute("SET LOCAL client_min_messages = warning")
    rows = connection.execute(select_geometries(table)).fetchall()
    present = [row for row in rows if row[0] is not None]
    extent = union(row[5:9] for row in present)
    in_degrees = (box for row in present for box in (row[9:13], row[13:17]))
    degrees = extent if table.srid == 4326 else union(in_degrees)
    return GeometrySummary(
        type=common_type({str(row[0]) for row in present if row[1] > row[2]}),
        extent=extent,
        bbox_crs84=None if degrees is None else clamp(degrees),
        null_count=sum(row[1] for row in rows if row[0] is None),
        empty_count=sum(row[2] for row in present),
        invalid_count=sum(row[3] for row in present),
        unprojected_count=sum(row[4] for row in present),
        present_count=sum(row[1] - row[2] for row in present),
    )


def drop_placeless(connection: Connection, table: Table, found: GeometrySummary) -> Note | None:
    """Make null of geometries that have no place on Earth, of which one would end every statement that shows it; what
    the report says of them, None without any. Raises: UnknownCrs where that is all
    """
    if not found.unprojected_count:
        return None
    text = sql.SQL(
        "UPDATE {} SET geom = NULL WHERE geom_3857 IS NULL AND NOT ST_IsEmpty(geom) AND NOT isthmus.has_place(geom)"
    )
    count = connection.execute(text.format(table.identifier)).rowcount
    if not count:
        return None
    if count == found.present_count:
        raise UnknownCrs(
            f"none of the {count} geometries has a place in the file's coordinate reference system",
            hint='is it the right one? Write its code into NAME.toml beside the file: crs = "EPSG:3067"',
        )
    message = f"{count} features have coordinates for which their system has no place, and are without geometry"
    return Note("warning", "geometry-without-place", message, "is the coordinate system right?")


def common_type(types: set[str]) -> str:
    """One name for all: the type itself, the multi type for a single type and its multi, else 'Geometry'."""
    shapes = [Shape(NAMES.get(name, "Geometry")) for name in types]
    return reduce(Shape.joined, shapes).type if shapes else "Geometry"


def union(boxes: Iterator[tuple[float | None, ...]]) -> Extent | None:
    """The box around boxes; empty ones are full of None."""
    present = [[float(value) for value in box if value is not None] for box in boxes]
    whole = [box for box in present if len(box) == 4]
    if not whole:
        return None
    west, south, east, north = zip(*whole, strict=True)
    return min(west), min(south), max(east), max(north)


def clamp(degrees: Extent) -> list[float]:
    """The box within the limits of longitude and latitude."""
    west, south, east, north = degrees
    x, y = (min(max(west, -180.0), 180.0), min(max(east, -180.0), 180.0)), (max(south, -90.0), min(north, 90.0))
    return [x[0], min(y[0], 90.0), x[1], max(y[1], -90.0)]


def geometry_notes(connection: Connection, table: Table, found: GeometrySummary) -> Iterator[Note]:
    """What the report says of missing, invalid and undrawable geometries."""
    if found.null_count:
        yield Note("info", "geometry-missing", f"{found.null_count} features have no geometry")
    if found.empty_count:
        yield Note("info", "geometry-empty", f"{found.empty_count} features have an empty geometry")
    if found.invalid_count:
        shown = "; ".join(invalid_reasons(connection, table)) or "large ones"
        yield Note(
            "warning",
            "geometry-invalid",
            f"{found.invalid_count} geometries are not valid and are published as they are ({shown})",
            "write repair = \"structure\" into the side-car, or repair them in QGIS with 'Fix geometries'",
        )
    if found.unprojected_count:
        message = f"{found.unprojected_count} features lie where Web Mercator ends (85.05 degrees), and are in no tile"
        yield Note("warning", "geometry-not-in-tiles", message)


def invalid_reasons(connection: Connection, table: Table) -> list[str]:
    """The rules that invalid features break, how many do, and the first of each and where. Of the first 10,000, or
    50 MB; [] where the first one is larger.
    """
    from loader.geometry.validity import reasons  # Shapely: a loader without invalid ones spares its memory

    text = sql.SQL("""
WITH invalid AS (
    SELECT fid, geom FROM {} WHERE ST_Dimension(geom) > 0 AND NOT ST_IsValid(geom) ORDER BY fid LIMIT {}
), sized AS (
    SELECT fid, geom, sum(ST_MemSize(geom)) OVER (ORDER BY fid ROWS UNBOUNDED PRECEDING) AS size FROM invalid
)
SELECT fid, ST_AsBinary(geom) FROM sized WHERE size <= {} ORDER BY fid
""").format(table.identifier, sql.Literal(MOST_LOOKED_AT), sql.Literal(MOST_BYTES))
    rows = connection.execute(text).fetchall()
    return reasons([int(fid) for fid, _ in rows], [bytes(wkb) for _, wkb in rows])
