"""The overview of a table of points: which of them each low zoom shows, in a table beside the version's own; and of any
table, how many features lie in each tile of the zooms that leave some out, so that a tile can say what it lacks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from core.catalog.versions import FIRST
from core.database.connections import Connection
from loader.names import MAX_BYTES, shortened
from loader.overviews.ranks import (
    SPREADING,
    Codes,
    Floats,
    Ranks,
    along_curve,
    codes_of,
    find_full_zoom,
    group_starts,
    importance_of,
    rank_points,
    shift,
)
from loader.table.binary_copy import record_batches, write_records
from loader.table.columns import TableColumn
from loader.table.ddl import SCHEMA, Table, analyze

SUFFIX = "_tiles"
RANKED = sql.Identifier("isthmus_ranked")
"""A temporary table: which features, from which zoom on, in which order."""

COPY_RANKED = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(RANKED)
COPY_COUNTS = sql.SQL(
    "COPY isthmus.tile_counts (version, zoom, tile_row, tile_column, features) FROM STDIN (FORMAT binary)"
).format()
Numbers = npt.NDArray[np.int64]

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
    """Points of a table.

    codes:      of their places in EPSG:3857; from_north: those with rows counted from the north
    values:     what makes them important, None where no column is named
    """

    fids: np.typing.NDArray[np.int64]
    codes: Codes
    from_north: Codes
    values: Floats | None


@dataclass(frozen=True, slots=True)
class TileCounts:
    """The tiles of one zoom that have features; rows are counted from the north."""

    zoom: int
    rows: Numbers
    columns: Numbers
    features: Numbers


def prepare_points(
    connection: Connection, table: Table, rank: TableColumn | None, properties: Sequence[TableColumn], most: int
) -> dict[str, Any]:
    """The fields of the Tiling of an overview that was made, empty where the points need none.

    The table must have its key, and statistics. `most`: how many features a tile may have
    """
    fids, ranks = read_ranks(connection, table, rank, most)
    if ranks.full_zoom == 0:
        return {}
    name = overview_name(table)
    write_ranks(connection, fids, ranks)
    run(connection, *create_point_overview(table, name, properties))
    run(connection, *index_points(name, indexed_zooms(ranks.counts())))
    return {"kinds": ["points"], "full_zoom": ranks.full_zoom, "table": name}


def read_ranks(
    connection: Connection, table: Table, rank: TableColumn | None, most: int
) -> tuple[npt.NDArray[np.int64], Ranks]:
    """The ids of the points that low zooms show, and their ranks. How many points each tile has is written down.

    Memory: 60 bytes a row
    """
    places = read_places(connection, table, rank)
    fids, values, from_north = places.fids, places.values, places.from_north
    turn, codes = along_curve(places.codes)
    del places
    full_zoom = find_full_zoom(codes, most)
    save_counts(connection, table, from_north, full_zoom)
    del from_north
    if full_zoom == 0:
        return fids, Ranks(0, turn[:0], np.zeros(0, np.int16))
    importance = importance_of(fids, values)[turn]
    ranks = rank_points(turn, codes, importance, full_zoom)
    return fids[ranks.rows], ranks


def overview_name(table: Table) -> str:
    """The name of a version's overview table: that of its own table, which ends in its number, with a suffix."""
    base, _, number = table.name.rpartition("_")
    suffix = f"_{number}{SUFFIX}"
    return f"{shortened(base, MAX_BYTES - len(suffix))}{suffix}"


def read_places(connection: Connection, table: Table, rank: TableColumn | None) -> Places:
    """The points of a table. Memory: 24 bytes a row, 32 with importance, and of one column twice for a moment"""
    kinds = {"fid": "i8", "x": "f8", "y": "f8", **({"value": "f8"} if rank else {})}
    value = sql.SQL(", coalesce({}::double precision, '-Infinity')")
    chosen = value.format(sql.Identifier(rank.column)) if rank else sql.SQL("")
    parts: list[list[npt.NDArray[Any]]] = [[] for _ in range(4)]
    for rows in record_batches(connection, PLACES.format(value=chosen, table=table.identifier), kinds):
        x, y = rows["x"].astype("f8"), rows["y"].astype("f8")
        found = [rows["fid"].astype("i8"), codes_of(x, y), codes_of(x, -y)]
        found += [rows["value"].astype("f8")] if rank else []
        for column, part in zip(parts, found, strict=False):
            column.append(part)
    types = ("i8", "u8", "u8", "f8")
    fids, codes, from_north, values = (joined(part, kind) for part, kind in zip(parts, types, strict=True))
    return Places(fids, codes, from_north, values if rank else None)


def joined(parts: list[npt.NDArray[Any]], kind: str) -> npt.NDArray[Any]:
    """Arrays as one. The list is emptied."""
    whole = np.concatenate([np.empty(0, kind), *parts])
    parts.clear()
    return whole


def write_ranks(connection: Connection, fids: npt.NDArray[np.int64], ranks: Ranks) -> None:
    """Put the ranks of points into the temporary table."""
    text = "CREATE TEMPORARY TABLE {} (fid bigint, zoom smallint, place integer) ON COMMIT DROP"
    connection.execute(sql.SQL(text).format(RANKED))
    columns = {
        "fid": ("i8", fids),
        "zoom": ("i2", ranks.zooms),
        "place": ("i4", np.arange(len(fids))),
    }
    write_records(connection, COPY_RANKED, columns)


def create_point_overview(table: Table, name: str, properties: Sequence[TableColumn]) -> Iterator[sql.Composed]:
    """The overview of points, in the order of `place`: the rows that a zoom is the first to show lie together."""
    columns = property_list(properties)
    text = sql.SQL(
        "CREATE TABLE {tiles} AS SELECT r.zoom AS {first}, t.fid, t.geom_3857{columns}"
        " FROM {ranked} AS r JOIN {table} AS t ON t.fid = r.fid ORDER BY r.place"
    )
    tiles, first = sql.Identifier(SCHEMA, name), sql.Identifier(FIRST)
    yield sql.SQL("SET LOCAL work_mem = '128MB'").format()
    yield text.format(tiles=tiles, first=first, columns=columns, ranked=RANKED, table=table.identifier)
    yield sql.SQL("SET LOCAL work_mem TO DEFAULT").format()
    yield sql.SQL("DROP TABLE {}").format(RANKED)


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


def index_points(name: str, zooms: Sequence[int]) -> Iterator[sql.Composed]:
    """An index of the points that are shown at each of some zooms, and statistics."""
    tiles = sql.Identifier(SCHEMA, name)
    for zoom in zooms:
        text = sql.SQL("CREATE INDEX ON {} USING gist (geom_3857) WHERE {} <= {}")
        yield text.format(tiles, sql.Identifier(FIRST), sql.Literal(zoom))
    yield analyze(tiles)


def count_in_tiles(from_north: Codes, full_zoom: int) -> Iterator[TileCounts]:
    """The tiles of each zoom below the full one, the largest zoom first. `from_north`: codes of middles"""
    codes, features = np.unique(from_north >> shift(full_zoom - 1), return_counts=True)
    for zoom in reversed(range(full_zoom)):
        rows, columns = (unspread(some).astype(np.int64) for some in (codes >> np.uint64(1), codes))
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


def save_counts(connection: Connection, table: Table, from_north: Codes, full_zoom: int) -> None:
    """Write them down for the version of a table."""
    if table.version is None or not full_zoom or not len(from_north):
        return
    found = list(count_in_tiles(from_north, full_zoom))
    columns: dict[str, tuple[str, npt.NDArray[Any]]] = {
        "version": ("i8", np.full(sum(len(one.rows) for one in found), table.version)),
        "zoom": ("i2", np.concatenate([np.full(len(one.rows), one.zoom) for one in found])),
        "row": ("i4", np.concatenate([one.rows for one in found])),
        "column": ("i4", np.concatenate([one.columns for one in found])),
        "features": ("i4", np.concatenate([one.features for one in found])),
    }
    write_records(connection, COPY_COUNTS, columns)


def run(connection: Connection, *statements: sql.Composed) -> None:
    """Run statements one after the other."""
    for statement in statements:
        connection.execute(statement)
