"""The overview of a table of lines or polygons, or of a mixture: which of them each zoom shows, squares for small
polygons, and large geometries in parts.

A mixture is handled kind by kind, each as if the table had no other, into one overview.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from core.catalog.tiling import Kind
from core.database.connections import Connection
from core.database.statement import Statement
from loader.overviews import shapes_sql
from loader.overviews.point_ranks import HALF_WORLD_M
from loader.overviews.points import overview_name, prepare_points
from loader.overviews.shape_arrays import BORDER_POINTS, Layer, read_layers, write_ranked, write_squares
from loader.overviews.shape_ranks import Shapes, Zooms, full_zoom_of, own_zooms, squares
from loader.overviews.shapes_sql import Filling
from loader.overviews.tile_counts import save_counts
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table

LARGEST_SIMPLIFIED = 12
"""Beyond this zoom geometries are as they are: a unit of its tiles is 2.4 m."""

LIGHT_POINTS = 64
"""A geometry with at most so many corners is not worth simplifying."""

SHARED = 0.1
"""Neighbours share their borders where so many of their corners are those of others too."""

LOOKED_AT = 50_000
"""How many corners are looked at to learn that."""

FEW = 500
"""So many rows of an index are looked through in no time."""

MOST_TOGETHER = 3_000_000
"""More corners are not simplified together: it takes 4 µs and 500 bytes for each."""


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
    save_counts(connection, table, x, y, full_zoom)
    light, large = LIGHT_POINTS, shapes_sql.PART_POINTS
    filling = Filling(table, overview_name(table), properties, kind, full_zoom, light, large, table.identifier)
    run(connection, shapes_sql.create_shape_overview(filling))
    large = [fill(connection, filling, layer, valid=valid) for layer in layers]
    has_large = any(large)
    index(connection, filling.name, full_zoom, has_large=has_large)
    return {"kinds": kinds, "full_zoom": full_zoom, "table": filling.name, "has_large": has_large}


def fill(connection: Connection, filling: Filling, layer: Layer, *, valid: bool) -> bool:
    """Put the features of one kind into the overview; returns whether some of them are large."""
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
    has_large = has_more(shapes, filling.large)
    if has_large:
        run(connection, *shapes_sql.mark_large(filling))
    run(connection, *shapes_sql.drop_temporary())
    return has_large


def index(connection: Connection, name: str, full_zoom: int, *, has_large: bool) -> None:
    """Index the overview for the zooms below the full one, and for those beyond where it has rows for them."""
    statement = shapes_sql.select_spans(name)
    spans = connection.execute(statement.text).fetchall()
    run(connection, *(shapes_sql.index_zooms(name, zooms) for zooms in shared_zooms(spans, full_zoom)))
    if has_large:
        run(connection, shapes_sql.index_beyond(name, full_zoom))
    run(connection, shapes_sql.analyze(SCHEMA, name))


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
    connection.execute(shapes_sql.validate(filling, repair=repair).text)
    return replace(filling, source=sql.Identifier(shapes_sql.VALID))


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
    statement = shapes_sql.select_shared(filling.table, filling.kind, last)
    [(corners, shared)] = connection.execute(statement.text).fetchall()
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
        run(connection, shapes_sql.insert_zoom(filling, zoom))
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


def run(connection: Connection, *statements: Statement) -> None:
    """Run statements one after the other."""
    for statement in statements:
        connection.execute(statement.text)
