"""The rows that a tile is made from: a collection or a sample of it, the most important ones where there is no room for
all, and overviews, which the loader made: chosen features at low zooms, large geometries in parts. `Tiling` tells of
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from api.query.items import Filter, GridBox
from api.sql.filters.bbox import ewkb
from api.sql.relation import key_column, relation
from api.sql.tiles.drawing import TileGeometry
from api.tms.tile import HALF_WORLD_M, WEB_MERCATOR_QUAD, Tile, extent_in, step_deg, tile_bounds, tile_box
from core.catalog.collections import FID, SAMPLE, Collection, Column, Key
from core.catalog.versions import COLUMN, CORNERS, FIRST, KINDS, LARGE, LAST, LEVEL, MERGED, ROW, Tiling
from core.database.statement import quoted

NAMES = {"first": FIRST, "last": LAST, "level": LEVEL, "column": COLUMN, "row": ROW, "merged": MERGED}
NAMED = {name: quoted(column) for name, column in NAMES.items()}

CELLS = 128
"""Of a tile along each side (see loader/overviews/ranks): what is at least as wide or high as one is shown."""


@dataclass(frozen=True, slots=True)
class Few:
    """A part of a tile's features.

    most:    so many, the most important
    percent: of so many of the table's pages, the same ones each time; None: of all
    """

    most: int
    percent: float | None = None

    @property
    def params(self) -> dict[str, Any]:
        """The values that `first` and `rows_of` put into a statement."""
        return {"most": self.most, **({"percent": self.percent} if self.percent is not None else {})}


def rows_of(collection: Collection, filter: Filter, few: Few | None) -> sql.Composable:
    """An item of FROM named `t`: the collection, or a sample of it where it can be sampled."""
    whole = sql.SQL("{} AS t").format(relation(collection, filter))
    if few is None or few.percent is None or not can_be_sampled(collection):
        return whole
    if collection.source is not None:
        return sql.SQL("{} AS t").format(collection.source.sampled)
    return sql.SQL("{} {}").format(whole, SAMPLE)


def can_be_sampled(collection: Collection) -> bool:
    """Whether some of its pages can be read alone: not those of views and functions."""
    return collection.source is None or collection.source.sampled is not None


def first(collection: Collection, tiling: Tiling | None) -> sql.Composable:
    """The end of a statement that keeps the most important features alone: those shown at the lowest zoom, the largest
    by the column of importance, the largest on the map; among equals a number made of the id decides.

    PostgreSQL makes the geometries of a tile after it has sorted, so the features that are left out cost little.
    """
    order = [*(chosen_first(tiling) if tiling else [*named_rank(collection), *sizes(collection)])]
    order.append(scattered(FID if tiling else collection.key))
    return sql.SQL("\n    ORDER BY {}\n    LIMIT %(most)s").format(sql.SQL(", ").join(order))


# A row of a large geometry is for a few zooms alone: its box tells which zoom is the first that shows it. Points have
# none.
SHOWN_SINCE = sql.SQL("""
    least({first}, ceil(ln({cell_m}::float8 / greatest(
        ST_XMax(t.geom_3857) - ST_XMin(t.geom_3857), ST_YMax(t.geom_3857) - ST_YMin(t.geom_3857), 0.001)) / ln(2)))""")


def chosen_first(tiling: Tiling) -> list[sql.Composable]:
    """Of prepared rows, those that lower zooms show; squares come last, and of those for few polygons."""
    first = quoted("t", FIRST)
    if tiling.only_points:
        return [first]
    since = SHOWN_SINCE.format(first=first, cell_m=sql.Literal(2 * HALF_WORLD_M / CELLS))
    return [since, *([sql.SQL("{} DESC NULLS FIRST").format(quoted("t", MERGED))] if tiling.has_squares else [])]


def named_rank(collection: Collection) -> list[sql.Composable]:
    """The column of importance, where the side-car names one."""
    name = collection.tiling.rank if collection.tiling else None
    column = collection.column(name) if name else None
    return [sql.SQL("{} DESC NULLS LAST").format(quoted("t", column.column))] if column else []


def sizes(collection: Collection) -> list[sql.Composable]:
    """How large a feature's box is, which says nothing of points."""
    if collection.geometry_type == "Point":
        return []
    box = sql.SQL("box2d(t.geom)")
    text = sql.SQL("(ST_XMax({box}) - ST_XMin({box})) + (ST_YMax({box}) - ST_YMin({box})) DESC NULLS LAST")
    return [text.format(box=box)]


def scattered(key: Key) -> sql.Composable:
    """A number made of the id, which looks like chance and is the same each time."""
    if key.is_integer:
        return sql.SQL("hashint8extended({}, 0)").format(key_column(key.parts[0]))
    if not key.parts:
        return sql.SQL("hashtextextended(t.geom::text, 0)")
    parts = sql.SQL(", ").join(key_column(part) for part in key.parts)
    return sql.SQL("hashtextextended(concat_ws('~', {}), 0)").format(parts)


def overview_columns(collection: Collection, tiling: Tiling) -> tuple[Column, ...]:
    """The properties that an overview has."""
    return tuple(column for column in collection.columns if column.name in tiling.properties)


def merged_name(collection: Collection) -> str:
    """The name of the property that says how many polygons a square stands for."""
    return collection.free_name("merged")


def merged_column(collection: Collection, tiling: Tiling | None) -> sql.Composable:
    """That property, behind others; nothing where there are no squares."""
    if tiling is None or not tiling.has_squares:
        return sql.SQL("")
    return sql.SQL(", t.{merged} AS {name}").format(name=quoted(merged_name(collection)), **NAMED)


def overview_geometry(tiling: Tiling, tile: Tile, margin: float) -> TileGeometry:
    """The geometry of `overview_rows`.

    The zoom is a part of the text: an index of the rows of a zoom is used for that alone.
    Index: of points the smallest GiST whose `first <= …` holds them, of shapes that of the zoom
    """
    if tiling.only_points:
        shown = sql.SQL("t.{first} <= {}").format(sql.Literal(tile.matrix.mercator_zoom), **NAMED)
    else:
        shown = shown_at(tile, "t") if tile.matrix_set is WEB_MERCATOR_QUAD else sql.SQL("true")
    text = sql.SQL("{} AND t.geom_3857 && %(area)s::geometry")
    return TileGeometry(shape_in(tile), text.format(shown), area_params(tile, margin))


def overview_rows(collection: Collection, tiling: Tiling, tile: Tile) -> sql.Composable:
    """An item of FROM named `t`: the tile table. For another set, whose tiles do not lie in those that large geometries
    were cut to, these come from the collection's own table.
    """
    tiles = quoted("data", tiling.table)
    if tiling.only_points or tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("{} AS t").format(tiles)
    text = sql.SQL("""(
        SELECT p.fid, p.{first}, p.{merged}, p.geom_3857{overview}
        FROM {tiles} AS p WHERE {shown} AND p.{level} = 0
        UNION ALL
        SELECT m.fid, 0::smallint, NULL, m.geom_3857{own}
        FROM {table} AS m
        WHERE m.fid IN (
            SELECT p.fid FROM {tiles} AS p WHERE {shown} AND p.{level} > 0 AND p.geom_3857 && %(area)s::geometry)
    ) AS t""")
    columns = overview_columns(collection, tiling)
    return text.format(
        tiles=tiles,
        table=relation(collection),
        shown=of_zoom(tile, "p"),
        overview=column_list("p", columns),
        own=column_list("m", columns),
        **NAMED,
    )


def rows_with_parts(collection: Collection, tile: Tile) -> sql.Composable:
    """An item of FROM named `t`: the collection, of its large geometries the part around the tile as `geom_3857`.

    Index: GiST on geom_3857 of both tables, and the key
    """
    text = sql.SQL("""(
        SELECT m.fid, m.geom, m.geom_3857{columns} FROM {table} AS m WHERE {whole}
        UNION ALL
        SELECT m.fid, m.geom, p.geom_3857{columns}
        FROM {tiles} AS p JOIN {table} AS m ON m.fid = p.fid
        WHERE {shown}
    ) AS t""")
    return text.format(
        whole=whole_in_table(collection.tiling),
        columns=column_list("m", collection.columns),
        table=relation(collection),
        tiles=quoted("data", collection.tiling.table if collection.tiling else ""),
        shown=shown_at(tile, "p"),
    )


def whole_in_table(tiling: Tiling | None) -> sql.Composable:
    """The condition that a row of the table `m` is none that the tile table has in parts. It looks at geometries only
    where the limits of two kinds leave it open.
    """
    if tiling is None or not tiling.large:
        return sql.SQL("NOT {}").format(quoted("m", LARGE))
    corners, least = quoted("m", CORNERS), min(most for _, most in tiling.large)
    conditions = [sql.SQL("{} <= {}").format(corners, sql.Literal(least))]
    conditions += [
        sql.SQL("{} <= {} AND ST_Dimension(m.geom_3857) = {}").format(
            corners, sql.Literal(most), sql.Literal(KINDS.index(kind))
        )
        for kind, most in tiling.large
        if most > least
    ]
    return sql.SQL("({})").format(sql.SQL(" OR ").join(conditions))


def shown_at(tile: Tile, alias: str) -> sql.Composable:
    """The condition that a row is shown at the zoom of a tile, and is the part around the tile where it was cut."""
    text = sql.SQL(
        "{shown} AND {t}.{column} = %(x)s >> (%(z)s - {t}.{level}) AND {t}.{row} = %(y)s >> (%(z)s - {t}.{level})"
    )
    return text.format(shown=of_zoom(tile, alias), t=quoted(alias), **NAMED)


def of_zoom(tile: Tile, alias: str) -> sql.Composable:
    """The condition that a row is shown at the zoom of a tile."""
    text = sql.SQL("{t}.{first} <= {zoom} AND {t}.{last} >= {zoom}")
    return text.format(t=quoted(alias), zoom=sql.Literal(tile.matrix.mercator_zoom), **NAMED)


def column_list(alias: str, columns: Sequence[Column]) -> sql.Composable:
    """Columns behind others."""
    return sql.Composed([sql.SQL(", {}").format(quoted(alias, column.column)) for column in columns])


def area_params(tile: Tile, margin: float) -> dict[str, Any]:
    """The tile's box in EPSG:3857 as a parameter."""
    box = mercator_box(tile, margin)
    return {"area": ewkb(box.srid, box.west, box.south, box.east, box.north)}


def shape_in(tile: Tile) -> sql.Composable:
    """The geometry in the CRS of the tile's set."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return sql.SQL("t.geom_3857")
    srid = sql.Literal(tile.matrix_set.crs.srid)
    if tile.around is None:
        return sql.SQL("ST_Transform(t.geom_3857, {})").format(srid)
    # what lies far off may have no image, and edges are bent
    text = sql.SQL("ST_Transform(ST_Segmentize(ST_ClipByBox2D(t.geom_3857, %(area)s::geometry), {}), {})")
    return text.format(sql.Literal(step_deg(tile) / 180 * HALF_WORLD_M), srid)


def mercator_box(tile: Tile, margin: float) -> GridBox:
    """The tile's box in EPSG:3857, with a margin; that of the world for one across 180 degrees."""
    if tile.matrix_set is WEB_MERCATOR_QUAD:
        return tile_box(tile, margin)
    world = tile_box(Tile(0, 0, 0))
    return extent_in(WEB_MERCATOR_QUAD, tile_bounds(tile, margin)) or world
