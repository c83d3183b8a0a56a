"""Which properties the tiles of low zooms have, and how many features a tile has room for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.db import Connection
from core.errors import suggestion
from loader.errors import BadSideCar
from loader.overviews import table_sql
from loader.overviews.point_ranks import MOST_FEATURES
from loader.sidecar import TileOptions
from loader.table.columns import TableColumn
from loader.table.ddl import Table

PROPERTIES_BYTES = 32
"""How wide the properties of a tile of a low zoom may be together, on average."""

MB = 1_000_000

TILE_BYTES = 2 * MB
"""What a tile may weigh by then, not compressed: about a quarter of it compressed, which is the default budget."""

FEATURE_BYTES, LEAST_FEATURES = 30, 1000
"""What a feature takes beside its properties, and how many a tile always has room for."""

NAMES = 0.5
"""A text of which so many values in a row are different, as a share, is a name."""


@dataclass(frozen=True, slots=True)
class Values:
    """What ANALYZE found of a column. `width`: mean bytes of its values; `different`: the share of different ones."""

    width: int
    different: float


def read_values(connection: Connection, table: Table) -> dict[str, Values]:
    """By the columns of which it is known."""
    found = table_sql.select_values(table)
    rows = connection.execute(found.text, found.params)
    return {str(column): Values(int(width), float(different)) for column, width, different in rows}


def most_features(table: Table, values: Mapping[str, Values]) -> int:
    """How many features with all their properties a tile has room for, about."""
    shown = [column.column for column in table.columns if column.storage.type != "binary"]
    width = FEATURE_BYTES + sum(values[column].width for column in shown if column in values)
    return max(LEAST_FEATURES, min(MOST_FEATURES, TILE_BYTES // width))


def choose_properties(
    table: Table, options: TileOptions, values: Mapping[str, Values], *, by_chance: bool
) -> list[TableColumn]:
    """The properties that tiles of low zooms have: those that the side-car names, else the column of importance and, in
    the order of the table, what has room in PROPERTIES_BYTES. Of features that are shown `by_chance`, no names: they
    are half of what a tile costs, and tell nothing there.

    Raises: BadSideCar for a name that is no column
    """
    known = {column.name: column for column in table.columns if column.storage.type != "binary"}
    if options.properties is not None:
        return [named_property(known, name) for name in options.properties]
    chosen: list[TableColumn] = []
    room = PROPERTIES_BYTES
    for column in sorted(known.values(), key=lambda column: column.name != options.rank):
        found = values.get(column.column)
        if found is None or found.width > room or (by_chance and is_name(column, found)):
            continue
        chosen.append(column)
        room -= found.width
    return [column for column in known.values() if column in chosen]


def is_name(column: TableColumn, values: Values) -> bool:
    """Whether a column has texts that are different for most features."""
    return column.storage.type == "string" and values.different >= NAMES


def named_property(known: dict[str, TableColumn], name: str) -> TableColumn:
    """The column of a name. Raises: BadSideCar"""
    if name not in known:
        hint = suggestion(name, known) or f"columns: {', '.join(known) or 'none'}"
        raise BadSideCar(f"the side-car's 'tiles.properties' names '{name}', which is no column", hint=hint)
    return known[name]
