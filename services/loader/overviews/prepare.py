"""The overview of a filled table, made in the transaction that loads it: what tiles of low zooms are drawn from."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from core.catalog.versions import Kind
from core.database.connections import Connection
from core.errors import suggestion
from loader.errors import BadSideCar
from loader.overviews.points import prepare_points
from loader.overviews.ranks import MOST_FEATURES
from loader.overviews.shapes import prepare_shapes
from loader.report import Note
from loader.sidecar import TileOptions
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table
from loader.table.verify import GeometrySummary

MB = 1_000_000

KINDS: dict[str, Kind] = {
    "Point": "points",
    "MultiPoint": "points",
    "LineString": "lines",
    "MultiLineString": "lines",
    "Polygon": "polygons",
    "MultiPolygon": "polygons",
}
"""What the features of a table are. Of another type there may be several kinds."""

PROPERTIES_BYTES = 32
"""How wide the properties of a tile of a low zoom may be together, on average."""

TILE_BYTES = 2 * MB
"""What a tile may weigh by then, not compressed: about a quarter of it compressed, which is the default budget."""

FEATURE_BYTES, LEAST_FEATURES = 30, 1000
"""What a feature takes beside its properties, and how many a tile always has room for."""

NAMES = 0.5
"""A text of which so many values in a row are different, as a share, is a name."""

# Rows: (column, mean bytes of its values, how many are different, as a share), as ANALYZE found them: of few different
# values it has the number, of many their share, as a negative one.
VALUES = sql.SQL("""
SELECT s.attname, s.avg_width, CASE WHEN n_distinct < 0 THEN -n_distinct ELSE n_distinct / greatest(reltuples, 1) END
FROM pg_stats AS s JOIN pg_class ON pg_class.oid = {table}::regclass
WHERE s.schemaname = %(schema)s AND s.tablename = %(table)s
""")


LIGHT_ROWS, LIGHT_BYTES = 20_000, 16_000_000
"""The overview of a table of so many rows and bytes is made while it is loaded: that takes less than a second."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the catalogue stores of a table's tiles (see Tiling), and what the report says of it."""

    tiling: dict[str, Any] | None
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Values:
    """What ANALYZE found of a column. `width`: mean bytes of its values; `different`: the share of different ones."""

    width: int
    different: float


def prepare(connection: Connection, table: Table, found: GeometrySummary, options: TileOptions) -> Overview:
    """The overview of a table, with `tiling` empty where its tiles need none, and None where PostGIS cannot work with
    the geometries: tiles are made from the table alone then.

    Raises: BadSideCar
    """
    clock = time.perf_counter()
    try:
        with connection.transaction():
            tiling = prepare_kind(connection, table, found, options)
    except psycopg.errors.InternalError_ as error:
        return Overview(None, (failure_note(error),))
    if not tiling:
        return Overview(tiling)
    return Overview(tiling, (cost_note(connection, table, tiling, time.perf_counter() - clock),))


def check_options(table: Table, options: TileOptions) -> None:
    """See that options name columns of a table. Raises: BadSideCar"""
    named_rank(table.columns, options.rank)
    choose_properties(table, options, {}, at_random=False)


def prepare_kind(connection: Connection, table: Table, found: GeometrySummary, options: TileOptions) -> dict[str, Any]:
    """The fields of a table's Tiling; empty where its tiles need no overview. Raises: BadSideCar"""
    kind = KINDS.get(found.type)
    rank = named_rank(table.columns, options.rank)
    values = read_values(connection, table)
    at_random = kind == "points" and rank is None
    properties = choose_properties(table, options, values, at_random=at_random)
    most = most_features(table, values)
    if kind == "points":
        tiling = prepare_points(connection, table, rank, properties, most)
    else:
        valid = not found.invalid_count
        tiling = prepare_shapes(connection, table, kind, rank, properties, most=most, valid=valid)
    if not tiling:
        return {}
    names = [column.name for column in properties]
    return {**tiling, "properties": names, "rank": options.rank, "whole_world": not found.unprojected_count}


def cost_note(connection: Connection, table: Table, tiling: Mapping[str, Any], seconds: float) -> Note:
    """What the overview cost, and which properties it leaves out."""
    text = sql.SQL("SELECT pg_total_relation_size({}::regclass), pg_total_relation_size({}::regclass)")
    names = [table.identifier, sql.Identifier(SCHEMA, tiling["table"])]
    statement = text.format(*(sql.Literal(name.as_string(None)) for name in names))
    [(own, overview)] = connection.execute(statement).fetchall()
    zooms = f"zooms below {tiling['full_zoom']}" if tiling["full_zoom"] else "large geometries"
    cost = f"{seconds:.1f} s, and {overview / MB:.1f} MB beside the {own / MB:.1f} MB of the data"
    others = [column.name for column in table.columns if column.name not in tiling["properties"]]
    present = ", ".join(tiling["properties"]) or "no properties"
    without = f"; features have {present} there, not {', '.join(others)}" if others else ""
    return Note("info", "tiles-prepared", f"tiles of {zooms} were prepared: {cost}{without}")


def failure_note(error: psycopg.Error) -> Note:
    """Why there is no overview."""
    message = f"tiles of low zooms could not be prepared, and are made from all features: {str(error).splitlines()[0]}"
    return Note("warning", "tiles-not-prepared", message, "repair the geometries in QGIS with 'Fix geometries'")


def named_rank(columns: Sequence[TableColumn], name: str | None) -> TableColumn | None:
    """The column of importance. Raises: BadSideCar for a name that is no column of numbers"""
    if name is None:
        return None
    known = {column.name: column for column in columns if column.storage.type in ("integer", "number")}
    return named_column(known, name, "tiles.rank", " of numbers")


def read_values(connection: Connection, table: Table) -> dict[str, Values]:
    """What is known of the values of columns, by the name of the column."""
    text = VALUES.format(table=sql.Literal(table.identifier.as_string(None)))
    rows = connection.execute(text, {"schema": SCHEMA, "table": table.name})
    return {str(column): Values(int(width), float(different)) for column, width, different in rows}


def most_features(table: Table, values: Mapping[str, Values]) -> int:
    """How many features with all their properties a tile has room for, about."""
    shown = [column.column for column in table.columns if column.storage.type != "binary"]
    width = FEATURE_BYTES + sum(values[column].width for column in shown if column in values)
    return max(LEAST_FEATURES, min(MOST_FEATURES, TILE_BYTES // width))


def choose_properties(
    table: Table, options: TileOptions, values: Mapping[str, Values], *, at_random: bool
) -> list[TableColumn]:
    """The properties that tiles of low zooms have: those that the side-car names, else the column of importance and, in
    the order of the table, what has room in PROPERTIES_BYTES. Of features that are shown `at_random`, no names: they
    are half of what a tile costs, and mean nothing there.

    Raises: BadSideCar for a name that is no column
    """
    known = {column.name: column for column in table.columns if column.storage.type != "binary"}
    if options.properties is not None:
        return [named_column(known, name, "tiles.properties") for name in options.properties]
    chosen: list[TableColumn] = []
    room = PROPERTIES_BYTES
    for column in sorted(known.values(), key=lambda column: column.name != options.rank):
        found = values.get(column.column)
        if found is None or found.width > room or (at_random and is_name(column, found)):
            continue
        chosen.append(column)
        room -= found.width
    return [column for column in known.values() if column in chosen]


def is_name(column: TableColumn, values: Values) -> bool:
    """Whether a column has texts that are different for most features."""
    return column.storage.type == "string" and values.different >= NAMES


def named_column(known: Mapping[str, TableColumn], name: str, key: str, of: str = "") -> TableColumn:
    """The column that a key of the side-car names. `of`: what all those known are of. Raises: BadSideCar"""
    if name not in known:
        hint = suggestion(name, known) or f"columns{of}: {', '.join(known) or 'none'}"
        raise BadSideCar(f"the side-car's '{key}' names '{name}', which is no column{of}", hint=hint)
    return known[name]


def is_light(connection: Connection, table: Table, rows: int) -> bool:
    """Whether the overview of a table is made while it is loaded."""
    name = table.identifier.as_string(None)
    [(size_bytes,)] = connection.execute("SELECT pg_table_size(%s::regclass)", [name]).fetchall()
    return rows <= LIGHT_ROWS and int(size_bytes) <= LIGHT_BYTES
