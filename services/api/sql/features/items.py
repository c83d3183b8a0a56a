"""Statements for features: one feature, how many there are, and how one is written, as GeoJSON or JSON-FG.

Source: OGC Features and Geometries JSON 1.0 (OGC 21-045r1), requirements class Core
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import LiteralString, cast

from psycopg import sql

from api.query.crs import CRS84
from api.query.items import AS_STORED, JSON_FG_PLUS, Filter, Presentation
from api.sql.filters.bbox import Test
from api.sql.filters.filter import filter_shape, where, where_clause
from api.sql.relation import (
    brief_column,
    column_of,
    geometry_member,
    geometry_or_null,
    id_member,
    is_key,
    json_column,
    relation,
)
from core.cache import CollectionCache
from core.catalog.collections import RANGES, Collection, Column
from core.database.statement import Statement, kept_ready

statements: CollectionCache[Hashable, Statement] = CollectionCache(capacity=200)
"""The statements over all matches, by the shapes of their filters."""

MOST_IN_A_ROW = 100
"""Properties. A feature of 1,500 in one row takes 4.5 ms, in rows of this many 1."""


def select_feature(collection: Collection, presentation: Presentation = AS_STORED) -> Statement:
    """One feature, or no row. Its key is left open: the values `id0`, `id1`, …

    Rows:   (feature text)
    Index:  primary key
    """
    text = sql.SQL("SELECT {feature}\nFROM {relation} AS t{lateral}\nWHERE {is_key}\nLIMIT 1")
    return Statement(
        text.format(
            feature=feature_text(collection, presentation),
            relation=relation(collection),
            lateral=properties_lateral(collection, presentation),
            is_key=is_key(collection.key),
        )
    )


def rendered(text: sql.Composable) -> sql.SQL:
    """The same text in one piece, so that it is put together once."""
    return sql.SQL(cast("LiteralString", text.as_string(None)))


def select_count(collection: Collection, filter: Filter) -> Statement:
    """How many features a filter matches. Rows: one (count bigint). Cost: reads every match."""
    return over_all(collection, filter, "shape", sql.SQL("SELECT count(*)"))


def select_count_plan(collection: Collection, filter: Filter) -> Statement:
    """The planner's view of reading all matches. Rows: one for each line of a plan (text), of which the first has the
    cost and the number of matches. As JSON it would take longer to write and to read.

    Boxes are compared with boxes: the estimated cost of ST_Intersects, 12.5 a row, is ten times what it takes, and
    would keep every box of more than a few hundred features from being counted.
    """
    return over_all(collection, filter, "box", sql.SQL("EXPLAIN SELECT"))


EXPLAIN = sql.SQL("EXPLAIN (FORMAT JSON) ")


def over_all(collection: Collection, filter: Filter, by: Test, select: sql.SQL) -> Statement:
    """Something about all matches; prepared for filters that differ in their values alone."""

    def compose() -> Statement:
        conditions, params = where(collection, filter, by)
        text = sql.SQL("{} FROM {} AS t{}")
        return Statement(text.format(select, relation(collection, filter), where_clause(conditions)), params)

    shape = filter_shape(collection, filter)
    if shape is None:
        return compose()
    made = statements.get(collection, (by, shape[0]), lambda: ready(compose()))
    return made.given(shape[1])


def ready(statement: Statement) -> Statement:
    """A statement whose text is used again, in one piece."""
    return kept_ready(replace(statement, text=rendered(statement.text)))


def feature_text(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON Feature as text, put together by PostgreSQL so that nothing is parsed in Python."""
    return sql.SQL("""'{{"type":"Feature",{id}{members} || ',"properties":' || {properties} || '}}'""").format(
        id=id_member(collection.key),
        members=(fg_members if presentation.fg else geometry_member)(collection, presentation),
        properties=properties_text(presentation.columns_of(collection)),
    )


def properties_lateral(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The properties under their published names, as a row `p`, or as several where they are many."""
    some = presentation.columns_of(collection)
    if not some:
        return sql.SQL("")
    shown = brief_column if presentation.brief else json_column
    row = sql.SQL("\nCROSS JOIN LATERAL (SELECT {}) AS {}")
    rows = rows_of_properties(some)
    return sql.Composed([row.format(sql.SQL(", ").join(map(shown, part)), name) for name, part in rows])


def properties_text(some: Sequence[Column]) -> sql.Composable:
    """The properties as JSON, from the rows of `properties_lateral`."""
    if len(some) <= MOST_IN_A_ROW:
        return sql.SQL("row_to_json(p.*)::text" if some else "'{}'")
    inside = sql.SQL("substr(left(row_to_json({}.*)::text, -1), 2)")
    members = (inside.format(name) for name, _ in rows_of_properties(some))
    return sql.SQL("'{{' || {} || '}}'").format(sql.SQL(" || ',' || ").join(members))


def rows_of_properties(some: Sequence[Column]) -> Iterator[tuple[sql.Composable, Sequence[Column]]]:
    """The rows that properties are written from, by name: one, or several where they are many, as PostgreSQL looks for
    each value of a row from its beginning on.
    """
    if len(some) <= MOST_IN_A_ROW:
        yield sql.SQL("p"), some
        return
    for number, start in enumerate(range(0, len(some), MOST_IN_A_ROW)):
        yield sql.Identifier(f"p{number}"), some[start : start + MOST_IN_A_ROW]


NULL = sql.SQL("'null'")

# Years of four digits are all that RFC 3339 knows.
IN_RFC_3339 = sql.SQL("{0} >= DATE '0001-01-01' AND {0} < DATE '10000-01-01'")


def fg_members(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The members `time`, `geometry` and `place` of a feature in JSON-FG, from inside a text in quotes.

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
