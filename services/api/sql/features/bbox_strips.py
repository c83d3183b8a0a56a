"""Statements that go by the strips of a bbox (api/query/page_order.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg import sql

from api.query.items import Filter, GridBox
from api.query.page_order import STRIPS, bbox_of, has_strips, is_native, strip_key
from api.query.plan import Plan, StripRange
from api.sql.filters.bbox import area_of, area_values, box_values
from api.sql.filters.filter import hidden, where_clause
from core.bbox import BBox
from core.cache import CollectionCache
from core.catalog.collections import GEOM, Collection, Key
from core.database.statement import Statement, kept_ready, quoted

RANGES = sql.SQL("""unnest(
    %(strips)s::text::int[], %(begins)s::text::float8[], %(ends)s::text::float8[],
    %(wests)s::text::float8[], %(souths)s::text::float8[], %(easts)s::text::float8[], %(norths)s::text::float8[]
) AS part (strip, begins, ends, west, south, east, north)""")
"""Arrays go as texts, as one plan is good for all."""

IN_RANGES = sql.SQL("""SELECT t.* FROM {ranges} CROSS JOIN LATERAL (
    SELECT t.* FROM {source} AS t{where}
    ORDER BY {order}
    LIMIT %(most)s
) AS t""")

WITHOUT_GEOMETRY = sql.SQL("""(SELECT t.* FROM {source} AS t{where}
    ORDER BY {order}
    LIMIT %(most)s)""")

ONE_BY_ONE = sql.SQL("(SELECT t.* FROM ({}) AS t\nLIMIT %(rows)s OFFSET %(offset)s)")

WITH_STRIPS = sql.SQL("(SELECT t.*, {number} AS {strip}, {west} AS {begin}\nFROM {source} AS t)")
NUMBER = sql.SQL("least(width_bucket({south}, {low}, {high}, {strips}), {strips})")
WEST = sql.SQL("greatest({west}, {first})")
OR_WITHOUT_GEOMETRY = sql.SQL("CASE WHEN {geom} IS NULL THEN {missing} ELSE {here} END")
"""Behind the last strip, in the order of their keys, there is what has no geometry."""

WITHIN = sql.SQL("least(greatest({south}, {low}), {high})")
"""A number that has a strip: none has NaN, nor what is far away, where the difference may have no double."""

PROJECTED: dict[str, LiteralString] = {
    "west": "ST_XMin({area})",
    "south": "ST_YMin({area})",
    "east": "ST_XMax({area})",
    "north": "ST_YMax({area}) + 1e-9 * (1 + abs(ST_YMax({area})))",
}
"""The sides of what is around an area. It has a height, where the area may have none: no strip would have."""


projections: CollectionCache[None, Statement] = CollectionCache()


def select_projected_bbox(collection: Collection, box: BBox | GridBox) -> Statement:
    """The bbox around the image of a bbox in the numbers of the table.

    Rows: one (west, south, east, north), easting first; NULL where there is no image
    """

    def compose() -> Statement:
        columns = sql.SQL(", ").join(sql.SQL(side).format(area=sql.SQL("box.area")) for side in PROJECTED.values())
        text = sql.SQL("SELECT {} FROM (SELECT {} AS area OFFSET 0) AS box").format(
            columns, area_of(collection, box, 0)
        )
        return kept_ready(Statement(text, area_values(collection, box, 0)))

    return replace(projections.get(collection, None, compose), params=area_values(collection, box, 0))


def side_of(collection: Collection, box: BBox | GridBox, side: str, *, is_known: bool) -> sql.Composable:
    """A side of the projected bbox: a value, or worked out once for the statement."""
    if is_known or is_native(collection, box):
        return sql.SQL("{}::float8").format(sql.Placeholder(f"{side}0"))
    return sql.SQL("(SELECT {})").format(sql.SQL(PROJECTED[side]).format(area=area_of(collection, box, 0)))


def projected_values(projected: GridBox) -> dict[str, float]:
    """The values of a projected bbox that is known."""
    return {f"{side}0": getattr(projected, side) for side in PROJECTED}


def order_values(collection: Collection, filter: Filter, key: Key) -> dict[str, Any]:
    """The values for the order of a walk that those of the conditions do not hold: of a shape's strips."""
    box = bbox_of(filter) if has_strips(collection, key) and filter.box is None else None
    return {} if box is None else box_values(collection, box)


def with_strips(
    collection: Collection, source: sql.Composable, key: Key, filter: Filter, *, is_known: bool = False
) -> sql.Composable:
    """A relation with the strip and the western end of each row as columns, if a walk goes along them. `is_known`: the
    projected bbox is among the values.
    """
    box = bbox_of(filter) if has_strips(collection, key) else None
    if box is None:
        return source
    first, low, high = (side_of(collection, box, side, is_known=is_known) for side in ("west", "south", "north"))
    ends: tuple[LiteralString, LiteralString] = ("ST_X({})", "ST_Y({})")
    if collection.geometry_type != "Point":
        ends = "ST_XMin({}::box2d)", "ST_YMin({}::box2d)"
    west, south = (sql.SQL(end).format(GEOM) for end in ends)
    strip, begin = (quoted(part.column) for part in key.parts[:2])
    within = WITHIN.format(south=south, low=low, high=high)
    number: sql.Composable = NUMBER.format(south=within, low=low, high=high, strips=sql.Literal(STRIPS))
    begins: sql.Composable = WEST.format(west=west, first=first)
    if collection.null_geometries:
        number = OR_WITHOUT_GEOMETRY.format(geom=GEOM, here=number, missing=sql.Literal(STRIPS + 1))
        begins = OR_WITHOUT_GEOMETRY.format(geom=GEOM, here=begins, missing=sql.SQL("0::float8"))
    return WITH_STRIPS.format(number=number, strip=strip, west=begins, begin=begin, source=source)


def in_ranges(
    collection: Collection,
    source: sql.Composable,
    conditions: Sequence[sql.Composable],
    order: sql.Composable,
    *,
    has_box: bool,
) -> sql.Composable:
    """A SELECT of the rows of a page out of some ranges, in their order. What is enough is not looked beyond.

    source: as `with_strips`; conditions: of the filter, and of the cursor; has_box: the first is that of a bbox
    Index: of boxes, for each range
    """
    strip, begin = (quoted("t", part.column) for part in strip_key(collection).parts[:2])
    inside = sql.SQL("t.geom && ST_MakeEnvelope(part.west, part.south, part.east, part.north, {})")
    begins = sql.SQL("{0} >= part.begins AND {0} < part.ends").format(begin)
    in_range = [inside.format(sql.Literal(collection.srid)), sql.SQL("{} = part.strip").format(strip), begins]
    boxes = 1 if has_box else 0
    where = where_clause([*in_range, *conditions[:boxes], *hidden(conditions[boxes:])])
    return IN_RANGES.format(ranges=RANGES, source=source, where=where, order=order)


def without_geometry(
    source: sql.Composable, conditions: Sequence[sql.Composable], order: sql.Composable
) -> sql.Composable:
    """The same of what has no geometry. `conditions`: the first is that of the box"""
    return WITHOUT_GEOMETRY.format(
        source=source, where=where_clause([sql.SQL("t.geom IS NULL"), *conditions[1:]]), order=order
    )


def one_by_one(selects: Sequence[sql.Composable], *, backwards: bool) -> sql.Composable:
    """An item of FROM: the rows of a page out of one SELECT after the other."""
    return ONE_BY_ONE.format(sql.SQL("\nUNION ALL\n").join(selects[::-1] if backwards else selects))


def strip_params(plan: Plan) -> dict[str, Any]:
    """The values that `RANGES` needs."""
    columns = zip(*plan.strips, strict=True)
    names = StripRange._fields
    return {f"{name}s": f"{{{','.join(map(str, column))}}}" for name, column in zip(names, columns, strict=True)}
