"""The features of a table by kind, as arrays: read from it, and what was computed of them written beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.catalog.tiling import KINDS, Kind
from core.database.connections import Connection
from loader.overviews import shapes_sql
from loader.overviews.point_ranks import Codes, Floats, first_zooms, importance_of
from loader.overviews.points import RANKED, copy_ranked
from loader.overviews.shape_ranks import Shapes, Squares, Zooms, line_zooms, own_zooms, smallest_tiles
from loader.table.columns import TableColumn
from loader.table.copy_arrays import read_records, write_records
from loader.table.ddl import Table

BORDER_POINTS = 4
"""Where neighbours share their borders, more corners are: all geometries are simplified together."""


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
    connection.execute(shapes_sql.create_ranked().text)
    write_records(connection, copy_ranked(), columns)
    connection.execute(shapes_sql.analyze(RANKED).text)


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
