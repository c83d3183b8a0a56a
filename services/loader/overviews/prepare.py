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
from loader.errors import BadSideCar
from loader.overviews import table_sql
from loader.overviews.points import prepare_points
from loader.overviews.properties import choose_properties, most_features, read_values
from loader.overviews.shapes import prepare_shapes
from loader.report import Note
from loader.sidecar import TileOptions
from loader.table.columns import TableColumn
from loader.table.ddl import Table
from loader.table.verify import Geometries

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
    values = read_values(connection, table)
    by_chance = kind == "points" and rank is None
    properties = choose_properties(table, options, values, by_chance=by_chance)
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


def told(connection: Connection, table: Table, tiling: Mapping[str, Any], seconds: float) -> Note:
    """What it cost, and what it leaves out."""
    statement = table_sql.select_sizes(table, tiling["table"])
    [(own, tiles)] = connection.execute(statement.text, statement.params).fetchall()
    zooms = f"zooms below {tiling['full_zoom']}" if tiling["full_zoom"] else "large geometries"
    cost = f"{seconds:.1f} s, and {tiles / MB:.1f} MB beside the {own / MB:.1f} MB of the data"
    return Note("info", "tiles-prepared", f"tiles of {zooms} were prepared: {cost}{shown(table, tiling['properties'])}")


def shown(table: Table, properties: Sequence[str]) -> str:
    """Which properties features have there, and which not; nothing where they have all."""
    others = [column.name for column in table.columns if column.name not in properties]
    return (
        f"; features have {', '.join(properties) or 'no properties'} there, not {', '.join(others)}" if others else ""
    )


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
