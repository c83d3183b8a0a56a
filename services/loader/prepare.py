"""Prepare a filled table for tiles of low zooms, in the transaction that loads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.copy_out import copy_out
from core.db import Connection
from core.errors import suggestion
from loader import tile_table
from loader.check import Geometries
from loader.columns import TableColumn
from loader.ddl import Table
from loader.errors import BadSideCar
from loader.ranks import Floats, Ranks, importance_of, rank_points
from loader.sidecar import TileOptions

PROPERTIES_BYTES = 32
"""How wide the properties of a tile of a low zoom may be together, on average."""

HEAD_BYTES, TAIL_BYTES = 19, 2
"""What stands before and after the rows of a binary COPY."""


@dataclass(frozen=True, slots=True)
class Places:
    """Points of a table in EPSG:3857. `values`: what makes them important, None where no column is named."""

    fids: np.typing.NDArray[np.int64]
    x: Floats
    y: Floats
    values: Floats | None


def prepare(connection: Connection, table: Table, found: Geometries, options: TileOptions) -> dict[str, Any] | None:
    """What the catalogue is to know of a table's tiles; None for a kind of geometry that is not prepared.

    Raises: BadSideCar
    """
    if found.type not in ("Point", "MultiPoint"):
        return None
    tiling = prepare_points(connection, table, options)
    return {**tiling, "whole_world": not found.unprojected_count} if "table" in tiling else tiling


def prepare_points(connection: Connection, table: Table, options: TileOptions) -> dict[str, Any]:
    """Make the tile table of a table of points, if it needs one; returns what the catalogue is to know (see Tiling).

    The table must have its key, and statistics. Raises: BadSideCar
    """
    rank = named_rank(table.columns, options.rank)
    properties = choose_properties(connection, table, options)
    places = read_places(connection, table, rank)
    ranks = rank_points(places.x, places.y, importance_of(places.fids, places.values))
    if ranks.full_zoom == 0:
        return {"full_zoom": 0}
    name = tile_table.tile_table_name(table)
    write_ranks(connection, places, ranks)
    for statement in tile_table.create_tile_table(table, name, properties):
        connection.execute(statement.text)
    for statement in tile_table.index_tiles(name, indexed_zooms(ranks.counts())):
        connection.execute(statement.text)
    return {"full_zoom": ranks.full_zoom, "table": name, "properties": [column.name for column in properties]}


def named_rank(columns: Sequence[TableColumn], name: str | None) -> TableColumn | None:
    """The column of importance. Raises: BadSideCar for a name that is no column of numbers"""
    if name is None:
        return None
    known = {column.name: column for column in columns if column.storage.type in ("integer", "number")}
    if name not in known:
        hint = suggestion(name, known) or f"columns of numbers: {', '.join(known) or 'none'}"
        raise BadSideCar(f"the side-car's 'tiles.rank' names '{name}', which is no column of numbers", hint=hint)
    return known[name]


def choose_properties(connection: Connection, table: Table, options: TileOptions) -> list[TableColumn]:
    """The properties that tiles of low zooms have: those that the side-car names, else the column of importance and, in
    the order of the table, what has room in PROPERTIES_BYTES.

    Raises: BadSideCar for a name that is no column
    """
    known = {column.name: column for column in table.columns if column.storage.type != "binary"}
    if options.properties is not None:
        return [named_property(known, name) for name in options.properties]
    found = tile_table.select_widths(table)
    widths = {str(column): int(bytes) for column, bytes in connection.execute(found.text, found.params)}
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


def read_places(connection: Connection, table: Table, rank: TableColumn | None) -> Places:
    """The points of a table. Memory: 38 bytes a row, 50 with importance, twice for a moment."""
    names = ["x", "y", *(["value"] if rank else [])]
    fields = [("count", ">i2"), ("fid_bytes", ">i4"), ("fid", ">i8")]
    for name in names:
        fields += [(f"{name}_bytes", ">i4"), (name, ">f8")]
    text = tile_table.copy_places(table, rank).as_string(connection)
    data = b"".join(copy_out(connection, text.encode()))
    rows = np.frombuffer(memoryview(data)[HEAD_BYTES:-TAIL_BYTES], np.dtype(fields))
    x, y = rows["x"].astype(np.float64), rows["y"].astype(np.float64)
    return Places(rows["fid"].astype(np.int64), x, y, rows["value"].astype(np.float64) if rank else None)


def write_ranks(connection: Connection, places: Places, ranks: Ranks) -> None:
    """Put the ranks into the temporary table."""
    fields = [("count", ">i2"), ("fid_bytes", ">i4"), ("fid", ">i8"), ("zoom_bytes", ">i4"), ("zoom", ">i2")]
    rows = np.zeros(len(ranks.rows), np.dtype([*fields, ("place_bytes", ">i4"), ("place", ">i4")]))
    rows["count"], rows["fid_bytes"], rows["zoom_bytes"], rows["place_bytes"] = 3, 8, 2, 4
    rows["fid"], rows["zoom"], rows["place"] = places.fids[ranks.rows], ranks.zooms, np.arange(len(rows))
    connection.execute(tile_table.create_ranked().text)
    with connection.cursor() as cursor, cursor.copy(tile_table.copy_ranked()) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        copy.write(rows.tobytes())
        copy.write(b"\xff\xff")


def indexed_zooms(counts: Sequence[int]) -> list[int]:
    """The zooms to make an index for: where the next larger index has more than twice the points."""
    chosen: list[int] = []
    for zoom in reversed(range(len(counts))):
        if not chosen or counts[zoom] * 2 <= counts[chosen[-1]]:
            chosen.append(zoom)
    return chosen
