"""Read the points of a filled table in the order of the disk, and find out their blocks and where they are in these."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt
from psycopg import sql

from core.blocks import EVERYWHERE, NOWHERE, Sides
from core.db import Connection
from loader.table.copy_arrays import read_records
from loader.table.ddl import Table

MOST_POINTS = 10_000_000
"""Of so many points the place is kept: 4 bytes for each in the memory of each worker."""

COPY_POINTS = sql.SQL("""
COPY (SELECT ctid, coalesce(ST_X(geom), 'NaN'), coalesce(ST_Y(geom), 'NaN') FROM {}) TO STDOUT (FORMAT binary)""")
PLACE = np.dtype([("page", ">u4"), ("row", ">u2")])
"""A ctid as PostgreSQL sends it."""


@dataclass(frozen=True, slots=True)
class TablePoints:
    """The points of a table in the order of the disk: pages, and x and y (2, points); NaN without a place."""

    pages: npt.NDArray[np.intp]
    places: npt.NDArray[np.float64]


def has_points(shape: str, rows: int) -> bool:
    """Whether the places of a table's rows are kept. `shape`: PostGIS's type of its geometries"""
    return shape.startswith("Point") and rows <= MOST_POINTS


def read_points(connection: Connection, table: Table) -> TablePoints:
    """The points of a table, in a transaction. Memory: 36 bytes a row, twice for a moment"""
    connection.execute("SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0")
    found = read_records(connection, COPY_POINTS.format(table.identifier), {"ctid": "V6", "x": "f8", "y": "f8"})
    return TablePoints(found["ctid"].view(PLACE)["page"].astype(np.intp), np.stack([found["x"], found["y"]]))


def blocks_of_points(points: TablePoints, count: int, pages: int) -> list[tuple[float, Sides]]:
    """How many points each of so many blocks of so many pages has, and their box."""
    block = points.pages // pages
    rows = np.bincount(block, minlength=count)
    least, most = np.full((2, count), inf), np.full((2, count), -inf)
    begins = np.flatnonzero(np.diff(block, prepend=-1))
    filled = block[begins]
    least[:, filled] = np.minimum.reduceat(points.places, begins, axis=1)
    most[:, filled] = np.maximum.reduceat(points.places, begins, axis=1)
    boxes = np.concatenate([least, most]).T
    boxes[np.isnan(boxes).any(axis=1)] = EVERYWHERE
    boxes[rows == 0] = NOWHERE
    sides: list[Sides] = [(west, south, east, north) for west, south, east, north in boxes.tolist()]
    return list(zip(rows.tolist(), sides, strict=True))
