"""What a feature has in JSON-FG and not in GeoJSON: its time, and its place in a CRS other than CRS84.

Source: OGC Features and Geometries JSON 1.0 (OGC 21-045r1), requirements class Core
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from psycopg import sql

from api.query.crs import CRS84
from api.query.items import Presentation
from api.query.profiles import JSON_FG_PLUS
from api.sql.relation import column_of, geometry_or_null
from core.catalog.collections import RANGES, Collection, Column

NULL = sql.SQL("'null'")

# Years of four digits are all that RFC 3339 knows.
IN_RFC_3339 = sql.SQL("{0} >= DATE '0001-01-01' AND {0} < DATE '10000-01-01'")


def fg_members(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The members `time`, `geometry` and `place` of a feature, from inside a text in quotes.

    In CRS84 there is a geometry and no place, in other systems a place, and a geometry only for those who want both.
    """
    geometry: sql.Composable = geometry_or_null(collection, replace(presentation, crs=CRS84))
    place: sql.Composable = NULL
    if presentation.crs is not CRS84:
        place = geometry_or_null(collection, presentation)
        geometry = geometry if presentation.fg == JSON_FG_PLUS else NULL
    return sql.SQL(""""time":' || {} || ',"geometry":' || {} || ',"place":' || {}""").format(
        time_text(collection.times), geometry, place
    )


def time_text(times: Sequence[Column]) -> sql.Composable:
    """The value of `time`. `times`: a column of instants, or one of starts and one of ends; none at all.

    An interval that ends before it starts is none.
    """
    match times:
        case [start, end]:
            return interval_text(column_of(start), column_of(end), days=start.type == end.type == "date")
        case [during] if during.sql_type in RANGES:
            days = during.sql_type == "daterange"
            last = "(upper({0}) - 1)" if days else "upper({0})"  # a range of days ends before the day after it
            ends = [sql.SQL(text).format(column_of(during)) for text in ("lower({0})", last)]
            return interval_text(ends[0], ends[1], days=days)
        case [instant]:
            days = instant.type == "date"
            text = sql.SQL("""COALESCE('{{"{}":"' || {} || '"}}', 'null')""")
            return text.format(sql.SQL("date" if days else "timestamp"), instant_text(column_of(instant), days=days))
        case _:
            return NULL


def interval_text(start: sql.Composable, end: sql.Composable, *, days: bool) -> sql.Composable:
    """The value of `time` from a start and an end, of which either may be open."""
    first, last = (sql.SQL("COALESCE({}, '..')").format(instant_text(one, days=days)) for one in (start, end))
    return sql.SQL(
        """CASE WHEN COALESCE({start}, {end}) IS NULL OR {start} > {end} THEN 'null'"""
        """ ELSE '{{"interval":["' || {first} || '","' || {last} || '"]}}' END"""
    ).format(start=start, end=end, first=first, last=last)


def instant_text(instant: sql.Composable, *, days: bool) -> sql.Composable:
    """A day, or an instant in UTC; NULL for what RFC 3339 cannot write."""
    text = "to_char({}, 'YYYY-MM-DD')" if days else "to_json({}::timestamptz AT TIME ZONE 'UTC') #>> '{{}}' || 'Z'"
    return sql.SQL("CASE WHEN {} THEN {} END").format(IN_RFC_3339.format(instant), sql.SQL(text).format(instant))
