"""Prepare a filled table for tiles, in the transaction that loads it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from core.db import Connection
from core.errors import suggestion
from core.tiling import Kind
from loader import tile_table
from loader.check import Geometries
from loader.columns import TableColumn
from loader.ddl import Table
from loader.errors import BadSideCar
from loader.prepare_points import prepare_points
from loader.prepare_shapes import prepare_shapes
from loader.ranks import MOST_FEATURES
from loader.report import Note
from loader.sidecar import TileOptions

PROPERTIES_BYTES = 32
"""How wide the properties of a tile of a low zoom may be together, on average."""

MB = 1_000_000

TILE_BYTES = 2 * MB
"""What a tile may weigh by then, not compressed: about a quarter of it compressed, which is the default budget."""

FEATURE_BYTES, LEAST_FEATURES = 30, 1000
"""What a feature takes beside its properties, and how many a tile always has room for."""

KINDS: dict[str, Kind] = {
    "Point": "points",
    "MultiPoint": "points",
    "LineString": "lines",
    "MultiLineString": "lines",
    "Polygon": "polygons",
    "MultiPolygon": "polygons",
}
"""What the features of a table are. Of another type there may be several kinds."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the catalogue is to know of a table's tiles (see Tiling), and what the report says of it."""

    tiling: dict[str, Any] | None
    notes: tuple[Note, ...] = ()


def prepare(connection: Connection, table: Table, found: Geometries, options: TileOptions) -> Prepared:
    """Make a table's tile table, if its tiles need one. Tiles of geometries that PostGIS cannot work with are made from
    the table alone.

    Raises: BadSideCar
    """
    clock = time.perf_counter()
    try:
        with connection.transaction():
            tiling = prepare_kind(connection, table, found, options)
    except psycopg.errors.InternalError_ as error:
        return Prepared(None, (refused(error),))
    if not tiling:
        return Prepared(tiling)
    return Prepared(tiling, (told(connection, table, tiling, time.perf_counter() - clock),))


def prepare_kind(connection: Connection, table: Table, found: Geometries, options: TileOptions) -> dict[str, Any]:
    """The fields of a table's Tiling; nothing where its tiles need no preparation."""
    kind = KINDS.get(found.type)
    rank = named_rank(table.columns, options.rank)
    widths = read_widths(connection, table)
    properties, most = choose_properties(table, options, widths), most_features(table, widths)
    if kind == "points":
        tiling = prepare_points(connection, table, rank, properties, most)
    else:
        valid = not found.invalid_count
        tiling = prepare_shapes(connection, table, kind, rank, properties, most=most, valid=valid)
    if not tiling:
        return {}
    names = [column.name for column in properties]
    return {**tiling, "properties": names, "rank": options.rank, "whole_world": not found.unprojected_count}


def told(connection: Connection, table: Table, tiling: Mapping[str, Any], seconds: float) -> Note:
    """What it cost."""
    statement = tile_table.select_sizes(table, tiling["table"])
    [(own, tiles)] = connection.execute(statement.text, statement.params).fetchall()
    zooms = f"zooms below {tiling['full_zoom']}" if tiling["full_zoom"] else "large geometries"
    cost = f"{seconds:.1f} s, and {tiles / MB:.1f} MB beside the {own / MB:.1f} MB of the data"
    return Note("info", "tiles-prepared", f"tiles of {zooms} were prepared: {cost}")


def refused(error: psycopg.Error) -> Note:
    """Why nothing was prepared."""
    message = f"tiles of low zooms could not be prepared, and are made from all features: {str(error).splitlines()[0]}"
    return Note("warning", "tiles-not-prepared", message, "repair the geometries in QGIS with 'Fix geometries'")


def named_rank(columns: Sequence[TableColumn], name: str | None) -> TableColumn | None:
    """The column of importance. Raises: BadSideCar for a name that is no column of numbers"""
    if name is None:
        return None
    known = {column.name: column for column in columns if column.storage.type in ("integer", "number")}
    if name not in known:
        hint = suggestion(name, known) or f"columns of numbers: {', '.join(known) or 'none'}"
        raise BadSideCar(f"the side-car's 'tiles.rank' names '{name}', which is no column of numbers", hint=hint)
    return known[name]


def read_widths(connection: Connection, table: Table) -> dict[str, int]:
    """The mean bytes of the values of each column, as far as they are known."""
    found = tile_table.select_widths(table)
    return {str(column): int(bytes) for column, bytes in connection.execute(found.text, found.params)}


def most_features(table: Table, widths: Mapping[str, int]) -> int:
    """How many features with all their properties a tile has room for, about."""
    shown = [column.column for column in table.columns if column.storage.type != "binary"]
    width = FEATURE_BYTES + sum(widths.get(column, 0) for column in shown)
    return max(LEAST_FEATURES, min(MOST_FEATURES, TILE_BYTES // width))


def choose_properties(table: Table, options: TileOptions, widths: Mapping[str, int]) -> list[TableColumn]:
    """The properties that tiles of low zooms have: those that the side-car names, else the column of importance and, in
    the order of the table, what has room in PROPERTIES_BYTES.

    Raises: BadSideCar for a name that is no column
    """
    known = {column.name: column for column in table.columns if column.storage.type != "binary"}
    if options.properties is not None:
        return [named_property(known, name) for name in options.properties]
    chosen: list[TableColumn] = []
    room = PROPERTIES_BYTES
    for column in sorted(known.values(), key=lambda column: column.name != options.rank):
        width = widths.get(column.column, room + 1)
        if width <= room:
            chosen.append(column)
            room -= width
    return [column for column in known.values() if column in chosen]


def named_property(known: dict[str, TableColumn], name: str) -> TableColumn:
    """The column of a name. Raises: BadSideCar"""
    if name not in known:
        hint = suggestion(name, known) or f"columns: {', '.join(known) or 'none'}"
        raise BadSideCar(f"the side-car's 'tiles.properties' names '{name}', which is no column", hint=hint)
    return known[name]
