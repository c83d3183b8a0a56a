"""Statements that go by the bands of a box (api/query/bbox_bands.py)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString

from psycopg import sql

from api.query.bbox_bands import BANDS, bands_key, box_of, is_native
from api.query.items import Filter, GridBox, Plan, Strip
from api.sql.features.block_ranges import hidden
from api.sql.filters.bbox import area_of, area_values, box_values
from api.sql.filters.filter import where_clause
from core.bbox import BBox
from core.catalog import GEOM, Collection, Key, remembered
from core.statement import Statement, kept_ready, quoted

STRIPS = sql.SQL("""unnest(
    %(bands)s::text::int[], %(begins)s::text::float8[], %(ends)s::text::float8[],
    %(wests)s::text::float8[], %(souths)s::text::float8[], %(easts)s::text::float8[], %(norths)s::text::float8[]
) AS strip (band, begins, ends, west, south, east, north)""")
"""Arrays go as texts, as one plan is good for all."""

IN_STRIPS = sql.SQL("""SELECT t.* FROM {strips} CROSS JOIN LATERAL (
    SELECT t.* FROM {source} AS t{where}
    ORDER BY {order}
    LIMIT %(most)s
) AS t""")

IN_NOWHERE = sql.SQL("""(SELECT t.* FROM {source} AS t{where}
    ORDER BY {order}
    LIMIT %(most)s)""")

ONE_BY_ONE = sql.SQL("(SELECT t.* FROM ({}) AS t\nLIMIT %(rows)s OFFSET %(offset)s)")

ARRANGED = sql.SQL("(SELECT t.*, {number} AS {band}, {west} AS {begin}\nFROM {source} AS t)")
NUMBER = sql.SQL("least(width_bucket({south}, {low}, {high}, {bands}), {bands})")
WEST = sql.SQL("greatest({west}, {first})")
OR_NOWHERE = sql.SQL("CASE WHEN {geom} IS NULL THEN {nowhere} ELSE {here} END")
"""Behind the last band, in the order of their keys, there is what has no geometry."""

WITHIN = sql.SQL("least(greatest({south}, {low}), {high})")
"""A number that has a band: none has NaN, nor what is far away, where the difference may have no double."""

FRAME: dict[str, LiteralString] = {
    "west": "ST_XMin({area})",
    "south": "ST_YMin({area})",
    "east": "ST_XMax({area})",
    "north": "ST_YMax({area}) + 1e-9 * (1 + abs(ST_YMax({area})))",
}
"""The sides of what is around an area. It has a height, where the area may have none: no band would have."""


def select_frame(collection: Collection, box: BBox | GridBox) -> Statement:
    """What is around the image of a box in the numbers of the table.

    Rows: one (west, south, east, north), easting first; NULL where there is no image
    """

    def compose() -> Statement:
        columns = sql.SQL(", ").join(sql.SQL(side).format(area=sql.SQL("box.area")) for side in FRAME.values())
        text = sql.SQL("SELECT {} FROM (SELECT {} AS area OFFSET 0) AS box").format(
            columns, area_of(collection, box, 0)
        )
        return kept_ready(Statement(text, area_values(collection, box, 0)))

    return replace(remembered(collection, "frame", compose), params=area_values(collection, box, 0))


def side_of_frame(collection: Collection, box: BBox | GridBox, side: str, *, is_known: bool) -> sql.Composable:
    """A side of the frame of a box (api/planner/projected_box.py): a value, or worked out once for the statement."""
    if is_known or is_native(collection, box):
        return sql.SQL("{}::float8").format(sql.Placeholder(f"{side}0"))
    return sql.SQL("(SELECT {})").format(sql.SQL(FRAME[side]).format(area=area_of(collection, box, 0)))


def frame_values(frame: GridBox) -> dict[str, float]:
    """The values of a frame that is known."""
    return {f"{side}0": getattr(frame, side) for side in FRAME}


def order_values(collection: Collection, filter: Filter, key: Key) -> dict[str, Any]:
    """The values for the order of a walk that those of the conditions do not hold: of a shape's bands."""
    box = box_of(filter) if has_bands(collection, key) and filter.box is None else None
    return {} if box is None else box_values(collection, box)


def has_bands(collection: Collection, key: Key) -> bool:
    """Whether a walk goes along bands."""
    return len(key.parts) > len(collection.key.parts)


def arranged(
    collection: Collection, source: sql.Composable, key: Key, filter: Filter, *, is_known: bool = False
) -> sql.Composable:
    """A relation with the band and the western end of each row as columns, if a walk goes along them. `is_known`: the
    frame of the box is among the values.
    """
    box = box_of(filter) if has_bands(collection, key) else None
    if box is None:
        return source
    first, low, high = (side_of_frame(collection, box, side, is_known=is_known) for side in ("west", "south", "north"))
    ends: tuple[LiteralString, LiteralString] = ("ST_X({})", "ST_Y({})")
    if collection.geometry_type != "Point":
        ends = "ST_XMin({}::box2d)", "ST_YMin({}::box2d)"
    west, south = (sql.SQL(end).format(GEOM) for end in ends)
    band, begin = (quoted(part.column) for part in key.parts[:2])
    within = WITHIN.format(south=south, low=low, high=high)
    number: sql.Composable = NUMBER.format(south=within, low=low, high=high, bands=sql.Literal(BANDS))
    begins: sql.Composable = WEST.format(west=west, first=first)
    if collection.null_geometries:
        number = OR_NOWHERE.format(geom=GEOM, here=number, nowhere=sql.Literal(BANDS + 1))
        begins = OR_NOWHERE.format(geom=GEOM, here=begins, nowhere=sql.SQL("0::float8"))
    return ARRANGED.format(number=number, band=band, west=begins, begin=begin, source=source)


def in_strips(
    collection: Collection,
    source: sql.Composable,
    conditions: Sequence[sql.Composable],
    order: sql.Composable,
    *,
    has_box: bool,
) -> sql.Composable:
    """A SELECT of the rows of a page out of some strips, in their order. What is enough is not looked beyond.

    source: as `arranged`; conditions: of the filter, and of the cursor; has_box: the first is that of a box
    Index: of boxes, for each strip
    """
    band, begin = (quoted("t", part.column) for part in bands_key(collection).parts[:2])
    inside = sql.SQL("t.geom && ST_MakeEnvelope(strip.west, strip.south, strip.east, strip.north, {})")
    begins = sql.SQL("{0} >= strip.begins AND {0} < strip.ends").format(begin)
    in_strip = [inside.format(sql.Literal(collection.srid)), sql.SQL("{} = strip.band").format(band), begins]
    boxes = 1 if has_box else 0
    where = where_clause([*in_strip, *conditions[:boxes], *hidden(conditions[boxes:])])
    return IN_STRIPS.format(strips=STRIPS, source=source, where=where, order=order)


def in_nowhere(source: sql.Composable, conditions: Sequence[sql.Composable], order: sql.Composable) -> sql.Composable:
    """The same of what has no geometry. `conditions`: the first is that of the box"""
    return IN_NOWHERE.format(
        source=source, where=where_clause([sql.SQL("t.geom IS NULL"), *conditions[1:]]), order=order
    )


def one_by_one(ways: Sequence[sql.Composable], *, backwards: bool) -> sql.Composable:
    """An item of FROM: the rows of a page out of one SELECT after the other."""
    return ONE_BY_ONE.format(sql.SQL("\nUNION ALL\n").join(ways[::-1] if backwards else ways))


def strip_params(plan: Plan) -> dict[str, Any]:
    """The values that `STRIPS` needs."""
    names = ("bands", "begins", "ends", "wests", "souths", "easts", "norths")
    return {name: numbers(plan.strips, place) for place, name in enumerate(names)}


def numbers(strips: Sequence[Strip], place: int) -> str:
    """One number of each strip, as the text of an array."""
    return f"{{{','.join(str(strip[place]) for strip in strips)}}}"
