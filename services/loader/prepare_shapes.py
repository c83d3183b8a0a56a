"""Prepare a table of lines or polygons for tiles: which of them each zoom shows, squares for small ones, and large
geometries in parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from core.db import Connection
from core.statement import Statement
from core.tiling import Kind
from loader import shape_table
from loader.columns import TableColumn
from loader.ddl import Table
from loader.ranks import HALF_WORLD_M, importance_of
from loader.records import read_records, write_records
from loader.shape_table import Filling
from loader.sizes import Shapes, Squares, Zooms, full_zoom_of, line_zooms, own_zooms, smallest_tiles, squares
from loader.tile_counts import save_counts
from loader.tile_table import tile_table_name

LARGEST_SIMPLIFIED = 12
"""Beyond this zoom geometries are as they are: a unit of its tiles is 2.4 m."""

LIGHT_POINTS = 64
"""A geometry with at most so many corners is not worth simplifying."""

BORDER_POINTS = 4
"""Where neighbours share their borders, more corners are: all geometries are simplified together."""

SHARED = 0.1
"""Neighbours share their borders where so many of their corners are those of others too."""

LOOKED_AT = 50_000
"""How many corners are looked at to learn that."""

MOST_TOGETHER = 3_000_000
"""More corners are not simplified together: it takes 4 µs and 500 bytes for each."""


def prepare_shapes(  # noqa: PLR0913 - what there is to know of a table
    connection: Connection,
    table: Table,
    kind: Kind,
    rank: TableColumn | None,
    properties: Sequence[TableColumn],
    *,
    most: int,
    valid: bool,
) -> dict[str, Any]:
    """Make the tile table, if the shapes need one; returns the fields of their Tiling, nothing without one.

    The table must have its key, and statistics. `most`: how many features a tile may have; `valid`: all polygons are
    """
    shapes, importance = read_shapes(connection, table, kind, rank)
    full_zoom = full_zoom_of(shapes, most)
    if full_zoom == 0 and not has_more(shapes, shape_table.PART_POINTS):
        return {}
    own = own_zooms(shapes)
    zooms = line_zooms(shapes, importance, full_zoom) if kind == "lines" else np.minimum(own, full_zoom)
    save_counts(connection, table, *shapes.middles, full_zoom)
    write_ranked(connection, shapes, zooms)
    coverage = kind == "polygons" and share_borders(connection, table, shapes, zooms)
    light, large = (BORDER_POINTS, BORDER_POINTS) if coverage else (LIGHT_POINTS, shape_table.PART_POINTS)
    source = table.identifier if valid or kind == "lines" else repaired(connection, table, light)
    filling = Filling(table, tile_table_name(table), properties, full_zoom, light, large, source)
    run(connection, shape_table.create_shape_table(filling), shape_table.insert_light(filling))
    insert_heavy(connection, filling, largest_simplified(shapes, light), coverage=coverage)
    for found in squares(shapes, own, full_zoom) if kind == "polygons" else ():
        write_squares(connection, filling.name, found)
    if has_more(shapes, large):
        run(connection, *shape_table.mark_large(filling))
    run(connection, *shape_table.index_shapes(filling.name, full_zoom), *shape_table.drop_temporary())
    return {"kind": kind, "full_zoom": full_zoom, "table": filling.name, "has_large": has_more(shapes, large)}


def repaired(connection: Connection, table: Table, light: int) -> sql.Identifier:
    """A temporary table of the polygons of many corners, those that are not valid repaired."""
    connection.execute(shape_table.repair(table, light).text)
    return sql.Identifier(shape_table.VALID)


def has_more(shapes: Shapes, points: int) -> bool:
    """Whether some shape has more corners."""
    return bool((shapes.points > points).any())


def share_borders(connection: Connection, table: Table, shapes: Shapes, zooms: Zooms) -> bool:
    """Whether the polygons are neighbours that share their borders, and have so many corners that it matters."""
    points = shapes.points
    if not len(points) or points.mean() <= LIGHT_POINTS / 2 or points.sum() > MOST_TOGETHER:
        return False
    until = np.cumsum(points[np.argsort(zooms, kind="stable")])
    last = int(np.searchsorted(until, LOOKED_AT))
    [(corners, shared)] = connection.execute(shape_table.select_shared(table, last).text).fetchall()
    return shared > SHARED * corners


def largest_simplified(shapes: Shapes, light: int) -> int:
    """The last zoom that simplified shapes are for: beyond it a unit is less than a quarter of what is between two
    corners, on average, and little would be won.
    """
    heavy = shapes.in_order(np.flatnonzero(shapes.points > light))
    if not len(heavy.points):
        return -1
    around_m = 2 * (heavy.east - heavy.west + heavy.north - heavy.south).sum()
    between_m = max(around_m / heavy.points.sum(), 1e-6)
    zoom = math.floor(math.log2(2 * HALF_WORLD_M / shape_table.UNITS / between_m)) + 2
    return max(-1, min(zoom, LARGEST_SIMPLIFIED))


def insert_heavy(connection: Connection, filling: Filling, last: int, *, coverage: bool) -> None:
    """Shapes of many corners: simplified for each zoom up to the last one, from that of the zoom beyond, and as they
    are for all others.
    """
    for zoom in reversed(range(last + 1)):
        simplify(connection, filling, zoom, coverage=coverage, again=zoom < last)
        run(connection, shape_table.insert_zoom(filling, zoom))
    run(connection, shape_table.insert_exact(filling, last + 1))


def simplify(connection: Connection, filling: Filling, zoom: int, *, coverage: bool, again: bool) -> None:
    """Simplify for a zoom; each shape alone when PostGIS refuses to take them together."""
    try:
        with connection.transaction():
            run(connection, *shape_table.simplify(filling, zoom, coverage=coverage, again=again))
    except psycopg.errors.InternalError_:
        if not coverage:
            raise
        simplify(connection, filling, zoom, coverage=False, again=again)


def run(connection: Connection, *statements: Statement) -> None:
    """Run statements one after the other."""
    for statement in statements:
        connection.execute(statement.text)


def read_shapes(
    connection: Connection, table: Table, kind: Kind, rank: TableColumn | None
) -> tuple[Shapes, npt.NDArray[np.uint64]]:
    """The shapes of a table in the order of the curve, and their places in the order of importance."""
    kinds = dict.fromkeys(("fid", "west", "south", "east", "north", "measure", "points"), "f8")
    found = read_records(
        connection, shape_table.copy_shapes(table, areas=kind == "polygons"), {**kinds, "fid": "i8", "points": "i8"}
    )
    shapes = Shapes(*found.values())
    turn = np.argsort(shapes.codes, kind="stable")
    values = found["measure"] if rank is None else read_values(connection, table, rank)
    return shapes.in_order(turn), importance_of(shapes.fids, values)[turn]


def read_values(connection: Connection, table: Table, rank: TableColumn) -> npt.NDArray[np.float64]:
    """The importance of the same rows, in the same order: nobody else writes to the table."""
    return read_records(connection, shape_table.copy_values(table, rank), {"fid": "i8", "value": "f8"})["value"]


def write_ranked(connection: Connection, shapes: Shapes, zooms: Zooms) -> None:
    """Put the shapes into the temporary table."""
    levels, x, y = smallest_tiles(shapes, shape_table.DEEPEST)
    places = np.empty(len(zooms), np.int64)
    places[np.argsort(zooms, kind="stable")] = np.arange(len(zooms))
    columns = {
        "fid": ("i8", shapes.fids),
        "zoom": ("i2", zooms),
        "place": ("i4", places),
        "points": ("i4", shapes.points),
        "level": ("i4", levels),
        "x": ("i4", x),
        "y": ("i4", y),
    }
    connection.execute(shape_table.create_ranked().text)
    write_records(connection, shape_table.copy_ranked(), columns)
    connection.execute(shape_table.analyze_ranked().text)


def write_squares(connection: Connection, name: str, found: Squares) -> None:
    """Put squares into the tile table."""
    zooms, zero = np.full(len(found.x), found.zoom), np.zeros(len(found.x))
    columns = {
        "first": ("i2", zooms),
        "last": ("i2", zooms),
        "level": ("i4", zero),
        "column": ("i4", zero),
        "row": ("i4", zero),
        "merged": ("i4", found.counts),
        "geom_3857": ("V97", square_geometries(found)),
    }
    write_records(connection, shape_table.copy_squares(name), columns)


def square_geometries(found: Squares) -> npt.NDArray[np.void]:
    """Squares as EWKB."""
    fields = [
        ("order", "u1"),
        ("type", "<u4"),
        ("srid", "<u4"),
        ("rings", "<u4"),
        ("corners", "<u4"),
        ("xy", "<f8", 10),
    ]
    rows = np.zeros(len(found.x), np.dtype(fields))
    rows["order"], rows["type"], rows["srid"], rows["rings"], rows["corners"] = 1, 0x20000003, 3857, 1, 5
    half = found.sides / 2
    west, east, south, north = found.x - half, found.x + half, found.y - half, found.y + half
    rows["xy"] = np.stack([west, south, west, north, east, north, east, south, west, south], axis=1)
    return rows.view("V97")
