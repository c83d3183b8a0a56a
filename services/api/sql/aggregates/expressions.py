"""What groups are made by, and what is worked out of each, as SQL over a relation that is named `t`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import LiteralString, cast

from psycopg import sql

from api.query.aggregates import NUMBERS, TIMES, ByCell, ByClass, ByUnit, ByValue, Grouping, Measure
from api.query.crs import EPSG_3857
from api.query.items import AS_STORED, Presentation
from api.sql.relation import is_numeric, shown_geometry, shown_value, text_of
from core.catalog.collections import Collection, Column

FINITE = sql.SQL("CASE WHEN isfinite({0}) THEN {0} END")
NUMBER = sql.SQL("CASE WHEN abs({0}) < 'Infinity' THEN {0} END")

# A point's column or row of a grid of 2^z cells of WebMercatorQuad, whose half side is in it; points on the edge of the
# world are in the last one.
PLACE = sql.SQL(
    "CASE WHEN {0} IS NOT NULL THEN"
    " LEAST(GREATEST(floor((20037508.342789244 {1} {0}) / 40075016.685578488 * {2}), 0), {2} - 1)::int END"
)
POINT = sql.SQL("place.point")
"""The centroid of a row, from `place_of`."""


def value_of(column: Column) -> sql.Composable:
    """A property as features show it: no NaN, no infinite number or time."""
    if column.type == "string" and column.sql_type is not None:
        return text_of(column)
    if column.type == "number" or is_numeric(column):
        return NUMBER.format(shown_value(column))
    return FINITE.format(shown_value(column)) if column.type in TIMES else shown_value(column)


def number_of(column: Column) -> sql.Composable:
    """A number, or a time in seconds since 1970, as a double."""
    if column.type in TIMES:
        return sql.SQL("EXTRACT(epoch FROM {})::float8").format(value_of(column))
    return sql.SQL("{}::float8").format(value_of(column))


def key_columns(groupings: tuple[Grouping, ...]) -> Iterator[tuple[str, sql.Composable]]:
    """The columns of a row that decide on its group, with their aliases. Values: `bounds0`, `bounds1`, … of classes"""
    for number, grouping in enumerate(groupings):
        match grouping:
            case ByValue(column):
                yield f"k{number}", value_of(column)
            case ByUnit(column, unit):
                yield f"k{number}", cut_to(column, unit)
            case ByClass(column):
                yield f"k{number}", class_of(column, f"bounds{number}")
            case ByCell("square", level):
                side = sql.Literal(2**level)
                yield f"k{number}x", PLACE.format(sql.SQL("ST_X({})").format(POINT), sql.SQL("+"), side)
                yield f"k{number}y", PLACE.format(sql.SQL("ST_Y({})").format(POINT), sql.SQL("-"), side)
            case ByCell(_, level):
                yield f"k{number}", geohash(POINT, level)


def place_of(collection: Collection, groupings: tuple[Grouping, ...]) -> sql.Composable:
    """Behind the relation, what works the centroid of each row out once; nothing where there are no cells."""
    grid = next((grouping.grid for grouping in groupings if isinstance(grouping, ByCell)), None)
    if grid is None:
        return sql.SQL("")
    text = sql.SQL(" CROSS JOIN LATERAL (SELECT {} AS point OFFSET 0) AS place")
    return text.format(centroid(collection, mercator=grid == "square"))


def cut_to(column: Column, unit: str) -> sql.Composable:
    """The first day of a unit, or its first moment, in UTC."""
    value = value_of(column)
    if column.type == "datetime":
        value = sql.SQL("({} AT TIME ZONE 'UTC')").format(value)
    cut = sql.SQL("date_trunc({}, {}::timestamp)").format(sql.Literal(unit), value)
    return sql.SQL("({} AT TIME ZONE 'UTC')" if unit in ("hour", "minute") else "{}::date").format(cut)


def class_of(column: Column, bounds: str) -> sql.Composable:
    """The number of a value's class, from 1. The largest value is in the last one."""
    text = sql.SQL(
        "CASE WHEN {value} IS NOT NULL THEN LEAST(GREATEST(width_bucket({value}, {bounds}), 1),"
        " cardinality({bounds}) - 1) END"
    )
    return text.format(value=number_of(column), bounds=sql.SQL("{}::float8[]").format(sql.Placeholder(bounds)))


def centroid(collection: Collection, *, mercator: bool = False) -> sql.Composable:
    """Where a feature is, in CRS84 or EPSG:3857."""
    shown = shown_geometry(collection, Presentation(crs=EPSG_3857) if mercator else AS_STORED)
    return shown if collection.geometry_type == "Point" else sql.SQL("ST_Centroid({})").format(shown)


def geohash(point: sql.Composable, length: int) -> sql.Composable:
    """The geohash of a point. One beyond 180 degrees is where it is on the globe."""
    text = sql.SQL(
        "ST_GeoHash(ST_Point(ST_X({0}) - 360 * floor((ST_X({0}) + 180) / 360),"
        " LEAST(GREATEST(ST_Y({0}), -90), 90)), {1})"
    )
    return text.format(point, sql.Literal(length))


def shown_keys(groupings: tuple[Grouping, ...]) -> Iterator[tuple[str, sql.Composable]]:
    """What a group is called, with the aliases of its columns, from what it was made by."""
    for number, grouping in enumerate(groupings):
        key = sql.Identifier(f"k{number}")
        match grouping:
            case ByClass(column):
                for end, place in (("from", key), ("to", sql.SQL("{} + 1").format(key))):
                    bound = sql.SQL("({}::float8[])[{}]").format(sql.Placeholder(f"bounds{number}"), place)
                    yield (
                        f"k{number}{end}",
                        sql.SQL("to_timestamp({})").format(bound) if column.type in TIMES else bound,
                    )
            case ByCell("square", level):
                x, y = sql.Identifier(f"k{number}x"), sql.Identifier(f"k{number}y")
                yield f"k{number}", sql.SQL("{} || '/' || {} || '/' || {}").format(sql.Literal(str(level)), x, y)
            case _:
                yield f"k{number}", key


AGGREGATES: dict[str, LiteralString] = {
    "count": "count({})",
    "distinct": "count(DISTINCT {})",
    "sum": "sum({})",
    "avg": "avg({})::float8",
    "stddev": "stddev_samp({})::float8",
    "min": "min({})",
    "max": "max({})",
}


def aggregate(collection: Collection, measure: Measure) -> sql.Composable:
    """What is worked out of a group's rows. Boxes and points are in CRS84."""
    column = measure.column
    if measure.function == "extent":
        shown = shown_geometry(collection, AS_STORED)
        ends = [sql.SQL("min(ST_XMin({0}))"), sql.SQL("min(ST_YMin({0}))"), sql.SQL("max(ST_XMax({0}))")]
        numbers = [end.format(shown) for end in (*ends, sql.SQL("max(ST_YMax({0}))"))]
        return rounded_list(numbers)
    if measure.function == "centroid":
        point = centroid(collection)
        return rounded_list([sql.SQL(text).format(point) for text in ("avg(ST_X({}))", "avg(ST_Y({}))")])
    if column is None:
        return sql.SQL("count(*)")
    if measure.share is not None:
        form = "percentile_cont" if column.type in NUMBERS else "percentile_disc"
        text = sql.SQL(cast("LiteralString", form + "({}) WITHIN GROUP (ORDER BY {})"))
        value = number_of(column) if column.type in NUMBERS else value_of(column)
        return text.format(sql.Literal(measure.share), value)
    return sql.SQL(AGGREGATES[measure.function]).format(value_of(column))


def rounded_list(numbers: Sequence[sql.Composable]) -> sql.Composable:
    """Degrees as a list in JSON, to a centimetre; NULL where the first one is."""
    rounded = [sql.SQL("round(({})::numeric, 7)::float8").format(number) for number in numbers]
    text = sql.SQL("CASE WHEN {} IS NOT NULL THEN json_build_array({}) END")
    return text.format(numbers[0], sql.SQL(", ").join(rounded))
