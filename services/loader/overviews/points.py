"""The overview of a table of points: which of them each low zoom shows, in a table beside the version's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from psycopg import sql

from core.catalog.tiling import FIRST
from core.database.connections import Connection
from core.database.statement import Statement
from loader.names import MAX_BYTES, shortened
from loader.overviews.point_ranks import Floats, Ranks, importance_of, rank_points
from loader.overviews.tile_counts import save_counts
from loader.table.columns import TableColumn
from loader.table.copy_arrays import read_records, write_records
from loader.table.ddl import SCHEMA, Table

SUFFIX = "_tiles"
RANKED = "isthmus_ranked"
"""A temporary table: which features, from which zoom on, in which order."""

# Rows: (fid, x and y of the middle, importance) of what has a place in EPSG:3857.
PLACES = sql.SQL("""
COPY (
    SELECT fid, (ST_XMin(geom_3857) + ST_XMax(geom_3857)) / 2, (ST_YMin(geom_3857) + ST_YMax(geom_3857)) / 2{value}
    FROM {table}
    WHERE NOT ST_IsEmpty(geom_3857)
) TO STDOUT (FORMAT binary)
""")


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
    """The fields of the Tiling of an overview that was made, empty where the points need none.

    The table must have its key, and statistics. `most`: how many features a tile may have
    """
    places = read_places(connection, table, rank)
    ranks = rank_points(places.x, places.y, importance_of(places.fids, places.values), most)
    if ranks.full_zoom == 0:
        return {}
    name = overview_name(table)
    save_counts(connection, table, places.x, places.y, ranks.full_zoom)
    write_ranks(connection, places, ranks)
    for statement in create_point_overview(table, name, properties):
        connection.execute(statement.text)
    for statement in index_points(name, indexed_zooms(ranks.counts())):
        connection.execute(statement.text)
    return {"kinds": ["points"], "full_zoom": ranks.full_zoom, "table": name}


def overview_name(table: Table) -> str:
    """The name of a version's overview table: that of its own table, which ends in its number, with a suffix."""
    base, _, number = table.name.rpartition("_")
    suffix = f"_{number}{SUFFIX}"
    return f"{shortened(base, MAX_BYTES - len(suffix))}{suffix}"


def read_places(connection: Connection, table: Table, rank: TableColumn | None) -> Places:
    """The points of a table. Memory: 38 bytes a row, 50 with importance, twice for a moment."""
    kinds = {"fid": "i8", "x": "f8", "y": "f8", **({"value": "f8"} if rank else {})}
    found = read_records(connection, copy_places(table, rank), kinds)
    return Places(found["fid"], found["x"], found["y"], found.get("value"))


def copy_places(table: Table, rank: TableColumn | None) -> sql.Composed:
    """COPY of ids as bigint, the others as doubles. Without a column of importance, that is left out."""
    value = sql.SQL(", coalesce({}::double precision, '-Infinity')")
    chosen = value.format(sql.Identifier(rank.column)) if rank else sql.SQL("")
    return PLACES.format(value=chosen, table=table.identifier)


def write_ranks(connection: Connection, places: Places, ranks: Ranks) -> None:
    """Put the ranks into the temporary table."""
    text = "CREATE TEMPORARY TABLE {} (fid bigint, zoom smallint, place integer) ON COMMIT DROP"
    connection.execute(sql.SQL(text).format(sql.Identifier(RANKED)))
    columns = {
        "fid": ("i8", places.fids[ranks.rows]),
        "zoom": ("i2", ranks.zooms),
        "place": ("i4", np.arange(len(ranks.rows))),
    }
    write_records(connection, copy_ranked(), columns)


def copy_ranked() -> sql.Composed:
    """COPY into the temporary table."""
    return sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(RANKED))


def create_point_overview(table: Table, name: str, properties: Sequence[TableColumn]) -> Iterator[Statement]:
    """The overview of points, in the order of `place`: the rows that a zoom is the first to show lie together."""
    columns = property_list(properties)
    text = sql.SQL(
        "CREATE TABLE {tiles} AS SELECT r.zoom AS {first}, t.fid, t.geom_3857{columns}"
        " FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid ORDER BY r.place"
    )
    tiles, ranked, first = sql.Identifier(SCHEMA, name), sql.Identifier(RANKED), sql.Identifier(FIRST)
    yield Statement(sql.SQL("SET LOCAL work_mem = '128MB'"))
    yield Statement(text.format(tiles=tiles, first=first, columns=columns, ranked=ranked, table=table.identifier))
    yield Statement(sql.SQL("SET LOCAL work_mem TO DEFAULT"))
    yield Statement(sql.SQL("DROP TABLE {}").format(ranked))


def property_list(properties: Sequence[TableColumn]) -> sql.Composable:
    """Columns of the version's own table `t`, behind others."""
    return sql.SQL("").join(sql.SQL(", t.{}").format(sql.Identifier(column.column)) for column in properties)


def indexed_zooms(counts: Sequence[int]) -> list[int]:
    """The zooms to make an index for: where the next larger index has more than twice the points."""
    chosen: list[int] = []
    for zoom in reversed(range(len(counts))):
        if not chosen or counts[zoom] * 2 <= counts[chosen[-1]]:
            chosen.append(zoom)
    return chosen


def index_points(name: str, zooms: Sequence[int]) -> Iterator[Statement]:
    """An index of the points that are shown at each of some zooms, and statistics."""
    tiles = sql.Identifier(SCHEMA, name)
    for zoom in zooms:
        text = sql.SQL("CREATE INDEX ON {} USING gist (geom_3857) WHERE {} <= {}")
        yield Statement(text.format(tiles, sql.Identifier(FIRST), sql.Literal(zoom)))
    yield Statement(sql.SQL("ANALYZE {}").format(tiles))
