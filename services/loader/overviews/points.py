"""Prepare a table of points for tiles of low zooms: which of them each zoom shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.db import Connection
from loader.overviews import table_sql
from loader.overviews.point_ranks import Floats, Ranks, importance_of, rank_points
from loader.overviews.tile_counts import save_counts
from loader.table.columns import TableColumn
from loader.table.copy_arrays import read_records, write_records
from loader.table.ddl import Table


@dataclass(frozen=True, slots=True)
class Places:
    """Points of a table in EPSG:3857. `values`: what makes them important, None where no column is named."""

    fids: np.typing.NDArray[np.int64]
    x: Floats
    y: Floats
    values: Floats | None


def prepare_points(
    connection: Connection, table: Table, rank: TableColumn | None, properties: Sequence[TableColumn], most: int
) -> dict[str, Any]:
    """Make the tile table, if the points need one; returns the fields of their Tiling, nothing without one.

    The table must have its key, and statistics. `most`: how many features a tile may have
    """
    places = read_places(connection, table, rank)
    ranks = rank_points(places.x, places.y, importance_of(places.fids, places.values), most)
    if ranks.full_zoom == 0:
        return {}
    name = table_sql.tile_table_name(table)
    save_counts(connection, table, places.x, places.y, ranks.full_zoom)
    write_ranks(connection, places, ranks)
    for statement in table_sql.create_point_table(table, name, properties):
        connection.execute(statement.text)
    for statement in table_sql.index_points(name, indexed_zooms(ranks.counts())):
        connection.execute(statement.text)
    return {"kinds": ["points"], "full_zoom": ranks.full_zoom, "table": name}


def read_places(connection: Connection, table: Table, rank: TableColumn | None) -> Places:
    """The points of a table. Memory: 38 bytes a row, 50 with importance, twice for a moment."""
    kinds = {"fid": "i8", "x": "f8", "y": "f8", **({"value": "f8"} if rank else {})}
    found = read_records(connection, table_sql.copy_places(table, rank), kinds)
    return Places(found["fid"], found["x"], found["y"], found.get("value"))


def write_ranks(connection: Connection, places: Places, ranks: Ranks) -> None:
    """Put the ranks into the temporary table."""
    connection.execute(table_sql.create_ranked().text)
    columns = {
        "fid": ("i8", places.fids[ranks.rows]),
        "zoom": ("i2", ranks.zooms),
        "place": ("i4", np.arange(len(ranks.rows))),
    }
    write_records(connection, table_sql.copy_ranked(), columns)


def indexed_zooms(counts: Sequence[int]) -> list[int]:
    """The zooms to make an index for: where the next larger index has more than twice the points."""
    chosen: list[int] = []
    for zoom in reversed(range(len(counts))):
        if not chosen or counts[zoom] * 2 <= counts[chosen[-1]]:
            chosen.append(zoom)
    return chosen
