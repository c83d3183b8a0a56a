"""How many features lie in each tile of the zooms that leave some out, so that a tile can say what it lacks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from core.database.connections import Connection
from loader.overviews.point_ranks import SPREADING, Codes, Floats, cells, group_starts, interleaved, shift
from loader.table.copy_arrays import write_records
from loader.table.ddl import Table

Numbers = npt.NDArray[np.int64]

COPY = sql.SQL("COPY isthmus.tile_counts (version, zoom, tile_row, tile_column, features) FROM STDIN (FORMAT binary)")


@dataclass(frozen=True, slots=True)
class TileCounts:
    """The tiles of one zoom that have features; rows are counted from the north."""

    zoom: int
    rows: Numbers
    columns: Numbers
    features: Numbers


def count_in_tiles(x: Floats, y: Floats, full_zoom: int) -> Iterator[TileCounts]:
    """The tiles of each zoom below the full one, the largest zoom first. `x`, `y`: middles in EPSG:3857"""
    codes, features = np.unique(interleaved(cells(x), cells(-y)) >> shift(full_zoom - 1), return_counts=True)
    for zoom in reversed(range(full_zoom)):
        rows, columns = (
            unspread(codes >> np.uint64(1)).astype(np.int64),
            unspread(codes).astype(np.int64),
        )
        yield TileCounts(zoom, rows, columns, features)
        starts = group_starts(codes >> np.uint64(2))
        codes, features = codes[starts] >> np.uint64(2), np.add.reduceat(features, starts) if len(starts) else features


def unspread(codes: Codes) -> Codes:
    """Every second bit, the first one included: what `spread` put a zero between. Source: as of SPREADING"""
    bits = codes & np.uint64(SPREADING[-1][1])
    masks = [*(mask for _, mask in reversed(SPREADING[:-1])), 0xFFFFFFFF]
    for (distance, _), mask in zip(reversed(SPREADING), masks, strict=True):
        bits = (bits | (bits >> np.uint64(distance))) & np.uint64(mask)
    return bits


def save_counts(connection: Connection, table: Table, x: Floats, y: Floats, full_zoom: int) -> None:
    """Write them down for the version of a table."""
    if table.version is None or not full_zoom or not len(x):
        return
    found = list(count_in_tiles(x, y, full_zoom))
    columns: dict[str, tuple[str, npt.NDArray[Any]]] = {
        "version": ("i8", np.full(sum(len(one.rows) for one in found), table.version)),
        "zoom": ("i2", np.concatenate([np.full(len(one.rows), one.zoom) for one in found])),
        "row": ("i4", np.concatenate([one.rows for one in found])),
        "column": ("i4", np.concatenate([one.columns for one in found])),
        "features": ("i4", np.concatenate([one.features for one in found])),
    }
    write_records(connection, COPY.format(), columns)
