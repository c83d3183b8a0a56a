"""The most important features of a tile that cannot have all of them: what they are ordered by, and samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql

from api.query.items import Filter
from api.sql.relation import key_column, relation
from api.tms.matrix_set import HALF_WORLD_M
from core.catalog.collections import FID, SAMPLE, Collection, Key
from core.catalog.versions import FIRST, MERGED, Tiling
from core.database.statement import quoted

POINTS = ("Point",)
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
    if collection.geometry_type in POINTS:
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
