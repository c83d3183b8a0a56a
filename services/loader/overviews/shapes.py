"""The overview of a table of lines or polygons, or of a mixture: which of them each zoom shows, squares for small
polygons, and large geometries in parts.

A mixture is handled kind by kind, each as if the table had no other, into one overview. What is computed of features
is computed of arrays, read from the table and written beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from core.catalog.versions import KINDS, Kind
from core.database.connections import Connection
from loader.overviews import shapes_sql
from loader.overviews.points import COPY_RANKED, RANKED, overview_name, prepare_points, run, save_counts
from loader.overviews.ranks import (
    HALF_WORLD_M,
    Codes,
    Floats,
    Shapes,
    Squares,
    Zooms,
    codes_of,
    first_zooms,
    full_zoom_of,
    importance_of,
    line_zooms,
    own_zooms,
    smallest_tiles,
    squares,
)
from loader.overviews.shapes_sql import Filling
from loader.table.binary_copy import read_records, write_records
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table, analyze

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

FEW = 500
"""So many rows of an index are looked through in no time."""

MOST_TOGETHER = 3_000_000
"""More corners are not simplified together: it takes 4 µs and 500 bytes for each."""


@dataclass(frozen=True, slots=True)
class Layer:
    """The features of one kind, in the order of the curve, and their places in the order of importance."""

    kind: Kind
    shapes: Shapes
    importance: Codes

    def zooms(self, full_zoom: int) -> Zooms:
        """The smallest zoom at which each is shown by itself."""
        if self.kind == "points":
            return first_zooms(self.shapes.codes, self.importance, full_zoom)
        if self.kind == "lines":
            return line_zooms(self.shapes, self.importance, full_zoom)
        return np.minimum(own_zooms(self.shapes), full_zoom)

    def drawn(self, full_zoom: int) -> tuple[Shapes, Zooms]:
        """Those that the overview is to have, with their zooms: shown by a low zoom, or not of few corners."""
        zooms = self.zooms(full_zoom)
        chosen = np.flatnonzero((zooms < full_zoom) | (self.shapes.points > BORDER_POINTS))
        return self.shapes.in_order(chosen), zooms[chosen]


def prepare_shapes(  # noqa: PLR0913 - what there is to know of a table
    connection: Connection,
    table: Table,
    kind: Kind | None,
    rank: TableColumn | None,
    properties: Sequence[TableColumn],
    *,
    most: int,
    valid: bool,
) -> dict[str, Any]:
    """Make the overview, if the shapes need one; returns the fields of their Tiling, nothing without one.

    The table must have its key, and statistics. `kind`: None where the features are of several; `most`: how many
    features a tile may have; `valid`: all polygons are
    """
    layers = read_layers(connection, table, kind, rank)
    kinds = [layer.kind for layer in layers]
    if kinds == ["points"]:
        return prepare_points(connection, table, rank, properties, most)
    full_zoom = full_zoom_of([layer.shapes for layer in layers], most)
    if full_zoom == 0 and not any(has_more(layer.shapes, shapes_sql.PART_POINTS) for layer in layers):
        return {}
    x, y = (np.concatenate(part) for part in zip(*(layer.shapes.middles for layer in layers), strict=True))
    save_counts(connection, table, codes_of(x, -y), full_zoom)
    light, large = LIGHT_POINTS, shapes_sql.PART_POINTS
    filling = Filling(table, overview_name(table), properties, kind, full_zoom, light, large, table.identifier)
    run(connection, shapes_sql.create_shape_overview(filling))
    filled = [fill(connection, filling, layer, valid=valid) for layer in layers]
    has_large = any(has_more(layer.shapes, most) for layer, most in zip(layers, filled, strict=True))
    index(connection, filling.name, full_zoom, has_large=has_large)
    limits = [(kind, most) for kind, most in zip(kinds, filled, strict=True) if kind != "points"] if has_large else []
    return {"kinds": kinds, "full_zoom": full_zoom, "table": filling.name, "has_large": has_large, "large": limits}


def fill(connection: Connection, filling: Filling, layer: Layer, *, valid: bool) -> int:
    """Put the features of one kind into the overview; returns of how many corners those are at most that it leaves to
    the table from the full zoom on.
    """
    shapes, zooms = layer.drawn(filling.full_zoom)
    write_ranked(connection, shapes, zooms)
    coverage = layer.kind == "polygons" and share_borders(connection, filling, shapes, zooms)
    if coverage:
        filling = replace(filling, light=BORDER_POINTS, large=BORDER_POINTS)
    run(connection, shapes_sql.insert_light(filling))
    if has_more(shapes, filling.light):
        filling = validated(connection, filling, repair=layer.kind == "polygons" and not valid)
        insert_heavy(connection, filling, largest_simplified(shapes, filling.light), coverage=coverage)
    if layer.kind == "polygons":
        for found in squares(layer.shapes, own_zooms(layer.shapes), filling.full_zoom):
            write_squares(connection, filling.name, found)
    run(connection, *shapes_sql.drop_temporary())
    return filling.large


def index(connection: Connection, name: str, full_zoom: int, *, has_large: bool) -> None:
    """Index the overview for the zooms below the full one, and for those beyond where it has rows for them."""
    spans = connection.execute(shapes_sql.select_spans(name)).fetchall()
    run(connection, *(shapes_sql.index_zooms(name, zooms) for zooms in shared_zooms(spans, full_zoom)))
    if has_large:
        run(connection, shapes_sql.index_beyond(name, full_zoom))
    run(connection, analyze(sql.Identifier(SCHEMA, name)))


def shared_zooms(spans: Sequence[tuple[int, int, int]], full_zoom: int) -> list[range]:
    """The zooms that one index is made for, from the largest down: it has FEW rows, or no zoom shows less than half of
    them. `spans`: (first zoom, last zoom, how many rows these zooms show)
    """

    def shown(zooms: range) -> int:
        return sum(rows for first, last, rows in spans if first <= zooms[-1] and last >= zooms[0])

    chosen: list[range] = []
    for zoom in reversed(range(full_zoom)):
        longer = range(zoom, chosen[-1].stop) if chosen else range(0)
        if longer and shown(longer) <= max(FEW, 2 * min(shown(range(one, one + 1)) for one in longer)):
            chosen[-1] = longer
        else:
            chosen.append(range(zoom, zoom + 1))
    return chosen


def validated(connection: Connection, filling: Filling, *, repair: bool) -> Filling:
    """The same with a source that has the shapes of many corners as they are shown; `repair`: made valid."""
    if filling.kind is not None and not repair:
        return filling
    run(connection, shapes_sql.validate(filling, repair=repair))
    return replace(filling, source=shapes_sql.VALID)


def has_more(shapes: Shapes, points: int) -> bool:
    """Whether some shape has more corners."""
    return bool((shapes.points > points).any())


def share_borders(connection: Connection, filling: Filling, shapes: Shapes, zooms: Zooms) -> bool:
    """Whether the polygons are neighbours that share their borders, and have so many corners that it matters."""
    points = shapes.points
    if not len(points) or points.mean() <= LIGHT_POINTS / 2 or points.sum() > MOST_TOGETHER:
        return False
    until = np.cumsum(points[np.argsort(zooms, kind="stable")])
    last = int(np.searchsorted(until, LOOKED_AT))
    [(corners, shared)] = connection.execute(shapes_sql.select_shared(filling, last)).fetchall()
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
    zoom = math.floor(math.log2(2 * HALF_WORLD_M / shapes_sql.UNITS / between_m)) + 2
    return max(-1, min(zoom, LARGEST_SIMPLIFIED))


def insert_heavy(connection: Connection, filling: Filling, last: int, *, coverage: bool) -> None:
    """Shapes of many corners: simplified for each zoom up to the last one, from that of the zoom beyond, and as they
    are for all others.
    """
    for zoom in reversed(range(last + 1)):
        simplify(connection, filling, zoom, coverage=coverage, again=zoom < last)
        run(connection, shapes_sql.insert_parts(filling, shapes_sql.SIMPLE, first=zoom, last=zoom, deepest=zoom))
    run(connection, shapes_sql.insert_exact(filling, last + 1))


def simplify(connection: Connection, filling: Filling, zoom: int, *, coverage: bool, again: bool) -> None:
    """Simplify for a zoom; each shape alone when PostGIS refuses to take them together."""
    try:
        with connection.transaction():
            run(connection, *shapes_sql.simplify(filling, zoom, coverage=coverage, again=again))
    except psycopg.errors.InternalError_:
        if not coverage:
            raise
        simplify(connection, filling, zoom, coverage=False, again=again)


def read_layers(connection: Connection, table: Table, kind: Kind | None, rank: TableColumn | None) -> list[Layer]:
    """The shapes of a table by kind. Without a column of importance, lines have their length, points chance."""
    kinds = dict.fromkeys(("fid", "west", "south", "east", "north", "measure", "points", "dimension"), "f8")
    kinds |= dict.fromkeys(("fid", "points", "dimension"), "i8") | ({"value": "f8"} if rank else {})
    found = read_records(connection, shapes_sql.copy_shapes(table, kind, rank), kinds)
    dimensions, values = found.pop("dimension"), found.pop("value", None)
    shapes = Shapes(*found.values())
    layers: list[Layer] = []
    for dimension, name in enumerate(KINDS):
        rows = np.flatnonzero(dimensions == dimension)
        if len(rows):
            layers.append(layer_of(name, shapes.in_order(rows), None if values is None else values[rows]))
    return layers


def layer_of(kind: Kind, shapes: Shapes, values: Floats | None) -> Layer:
    """The features of one kind."""
    turn = np.argsort(shapes.codes, kind="stable")
    if values is None and kind != "points":
        values = shapes.measures
    return Layer(kind, shapes.in_order(turn), importance_of(shapes.fids, values)[turn])


def write_ranked(connection: Connection, shapes: Shapes, zooms: Zooms) -> None:
    """Put the shapes into the temporary table."""
    levels, x, y = smallest_tiles(shapes, shapes_sql.DEEPEST)
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
    connection.execute(shapes_sql.CREATE_RANKED)
    write_records(connection, COPY_RANKED, columns)
    run(connection, analyze(RANKED))


def write_squares(connection: Connection, name: str, found: Squares) -> None:
    """Put squares into the overview."""
    zooms, zero = np.full(len(found.x), found.zoom), np.zeros(len(found.x))
    columns = {
        "first": ("i2", zooms),
        "last": ("i2", zooms),
        "level": ("i4", zero),
        "column": ("i4", zero),
        "row": ("i4", zero),
        "merged": ("i4", found.counts),
        "geom_3857": ("V97", squares_as_ewkb(found)),
    }
    write_records(connection, shapes_sql.copy_squares(name), columns)


def squares_as_ewkb(found: Squares) -> npt.NDArray[np.void]:
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
