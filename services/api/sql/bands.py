"""Statements that go by the bands of a box (api/bands.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql

from api.bands import BANDS, bands_key
from api.query import Plan, Strip
from api.sql.blocks import hidden
from api.sql.filter import where_clause
from core.catalog import GEOM, Collection, Key
from core.statement import quoted

STRIPS = sql.SQL("""unnest(
    %(bands)s::text::int[], %(begins)s::text::float8[], %(ends)s::text::float8[],
    %(wests)s::text::float8[], %(souths)s::text::float8[], %(easts)s::text::float8[], %(norths)s::text::float8[]
) AS strip (band, begins, ends, west, south, east, north)""")
"""Arrays go as texts, as one plan is good for all."""

IN_STRIPS = sql.SQL("""(SELECT t.* FROM {strips} CROSS JOIN LATERAL (
    SELECT t.* FROM {source} AS t{where}
    ORDER BY {order}
    LIMIT %(most)s
) AS t
LIMIT %(rows)s OFFSET %(offset)s)""")

ARRANGED = sql.SQL("""(SELECT t.*,
    least(width_bucket({south}, %(south0)s::float8, %(north0)s::float8, {bands}), {bands}) AS {band},
    greatest({west}, %(west0)s::float8) AS {begin}
FROM {source} AS t)""")

WITHIN = sql.SQL("least(greatest({south}, %(south0)s::float8), %(north0)s::float8)")
"""A number that has a band: none has NaN, nor what is far away, where the difference may have no double."""


def arranged(collection: Collection, source: sql.Composable, key: Key) -> sql.Composable:
    """A relation with the band and the western end of each row as columns, if a walk goes along them."""
    if len(key.parts) <= len(collection.key.parts):
        return source
    ends: tuple[LiteralString, LiteralString] = ("ST_X({})", "ST_Y({})")
    if collection.geometry_type != "Point":
        ends = "ST_XMin({}::box2d)", "ST_YMin({}::box2d)"
    west, south = (sql.SQL(end).format(GEOM) for end in ends)
    band, begin = (quoted(part.column) for part in key.parts[:2])
    within = WITHIN.format(south=south)
    return ARRANGED.format(south=within, west=west, bands=sql.Literal(BANDS), band=band, begin=begin, source=source)


def in_strips(
    collection: Collection, source: sql.Composable, conditions: Sequence[sql.Composable], order: sql.Composable
) -> sql.Composable:
    """An item of FROM: the rows of a page out of some strips, in their order. What is enough is not looked beyond.

    source: as `arranged`; conditions: of the filter, and of the cursor
    Index: of boxes, for each strip
    """
    band, begin = (quoted("t", part.column) for part in bands_key(collection).parts[:2])
    inside = sql.SQL("t.geom && ST_MakeEnvelope(strip.west, strip.south, strip.east, strip.north, {})")
    begins = sql.SQL("{0} >= strip.begins AND {0} < strip.ends").format(begin)
    in_strip = [inside.format(sql.Literal(collection.srid)), sql.SQL("{} = strip.band").format(band), begins]
    where = where_clause([*in_strip, *conditions[:1], *hidden(conditions[1:], "strip")])
    return IN_STRIPS.format(strips=STRIPS, source=source, where=where, order=order)


def strip_params(plan: Plan) -> dict[str, Any]:
    """The values that `STRIPS` needs."""
    names = ("bands", "begins", "ends", "wests", "souths", "easts", "norths")
    return {name: numbers(plan.strips, place) for place, name in enumerate(names)}


def numbers(strips: Sequence[Strip], place: int) -> str:
    """One number of each strip, as the text of an array."""
    return f"{{{','.join(str(strip[place]) for strip in strips)}}}"
