"""What a collection is read from, how its features are identified in SQL, and how their geometries are shown.

The loader's tables have `fid`, `geom` and `geom_3857`; a source gives its columns those names in a subquery, which
PostgreSQL takes apart, so that the indexes of the table behind it are used.
"""

from __future__ import annotations

from typing import Any, LiteralString, cast

from psycopg import sql

from api.query.items import JOINT, NO_FILTER, FeatureKey, Filter, Given, Presentation
from core.catalog.collections import GEOM, HEAP_ORDER, Collection, Column, Key, KeyPart
from core.database.statement import quoted

EARTH_M = 40_075_016.68
DEGREES_ROUND = 360.0
PIXELS = 512
"""Pixels around the earth at zoom 0, as MapLibre draws it."""

KINDS = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")

# GeoJSON in which heights that are no numbers are 0, and what is at no place is NULL, as the loader has it. Only such
# coordinates hold an N or I.
OF_NUMBERS = sql.SQL(r"""(SELECT
    CASE WHEN strpos(written, 'N') + strpos(written, 'I') = 0 THEN {written} ELSE substring(
        regexp_replace(written, '(\[[^][,]+,[^][,]+),-?(NaN|Infinity)\]', '\1,0]', 'g') FROM '^[^NI]+$') END
    FROM (SELECT {text} AS written OFFSET 0) AS as_geojson)""")
WRITTEN = sql.SQL("written")

# The same without the parts that have no coordinates, for which RFC 7946 has no positions. chr(37) is the percent sign.
WITHOUT_EMPTY_PARTS = sql.SQL(r"""CASE WHEN written NOT LIKE chr(37) || '[]' || chr(37) THEN written ELSE
    regexp_replace(written, '({part}|\[\]),|,({part}|\[\])', '', 'g') END""").format(
    part=sql.SQL(r"""\{"type":"\w+","(coordinates|geometries)":\[\]\}""")
)


def relation(collection: Collection, filter: Filter = NO_FILTER) -> sql.Composable:
    """An item of FROM, to be named `t`: the table of the version, or the source.

    `filter`: holds what a function is called with, by name; the values are among those of `where`.
    """
    if collection.source is None:
        return quoted("data", collection.table)
    if collection.source.after is None:
        return collection.source.relation
    arguments = [
        sql.SQL("{} => {}::{}").format(
            quoted(given.argument.name), sql.Placeholder(argument_place(given)), type_of(given.argument.sql_type)
        )
        for given in filter.arguments
    ]
    return sql.Composed([collection.source.relation, sql.SQL(", ").join(arguments), collection.source.after])


def named_table(collection: Collection) -> sql.Composable:
    """The table that features are read from, as a regclass."""
    source = collection.source
    name = sql.SQL("{}::oid").format(sql.Literal(source.oid)) if source else sql.Literal(f'data."{collection.table}"')
    return sql.SQL("{}::regclass").format(name)


def tables_of(oid: sql.Composable) -> sql.Composable:
    """An item of FROM with the `oid` of each table that a relation is stored in: itself, or its partitions too."""
    text = sql.SQL(
        "(SELECT {0}::oid AS oid UNION SELECT relid FROM pg_partition_tree({0}::oid::regclass) WHERE isleaf)"
    )
    return text.format(oid)


def all_columns(collection: Collection, key: Key) -> sql.SQL:
    """All columns of the relation; the CTID too where pages are in its order, which `*` leaves out."""
    return sql.SQL("t.ctid, t.*" if key == HEAP_ORDER and collection.source is None else "t.*")


def argument_place(given: Given) -> str:
    """The name of the place for an argument's value. Arguments may have any name, so it is written in hexadecimal."""
    return f"arg_{given.argument.name.encode().hex()}"


def domain(collection: Collection) -> list[float]:
    """West, south, east and north of where the collection lies: nowhere without geometries, anywhere as a source.

    One wider than half the globe may hold a shape across 180 degrees, whose corners alone are in its extent.
    """
    box = collection.domain_crs84
    if box:
        return [-180.0, box.south, 180.0, box.north] if box.east - box.west > 180 else box.as_list()
    return [-180.0, -90.0, 180.0, 90.0] if collection.source else [0.0, 0.0, 0.0, 0.0]


def shown_geometry_column(collection: Collection) -> sql.Composable:
    """The geometry as it is shown, which of a source need not be as it is stored."""
    return GEOM if collection.source is None else collection.source.shown


def where_placed(collection: Collection, moved: sql.Composable) -> sql.Composable:
    """What is made of a row's geometry in another system. NULL where it lies so far off that PROJ has no place for it:
    that would be the end of the whole statement.
    """
    limits = collection.source.limits if collection.source else None
    if limits is None:
        return moved
    envelope = sql.SQL("ST_MakeEnvelope({})").format(sql.SQL(", ").join(map(sql.Literal, limits)))
    return sql.SQL("CASE WHEN t.geom @ {} THEN {} END").format(envelope, moved)


def compared_column(collection: Collection) -> sql.Composable:
    """The geometry as filters compare it."""
    return GEOM if collection.source is None else collection.source.compared


def type_of(text: str) -> sql.SQL:
    """A type in SQL. It comes from PostgreSQL's catalogue, quoted."""
    return sql.SQL(cast("LiteralString", text))


SHOWN_AS: dict[str, LiteralString] = {"timestamp without time zone": "{}::timestamptz", "bpchar": "{}::text"}


def column_of(column: Column) -> sql.Composable:
    """A property's column as it is, which its index is of."""
    return quoted("t", column.column)


def text_of(column: Column) -> sql.Composable:
    """A property as text, as it is shown: a cast would put the width of its network behind an address."""
    return sql.SQL("abbrev({})" if column.sql_type == "inet" else "{}::text").format(column_of(column))


def is_numeric(column: Column) -> bool:
    """Whether whole numbers are stored as `numeric`, which has NaN beside them."""
    return column.type == "integer" and column.sql_type == "numeric"


def shown_value(column: Column) -> sql.Composable:
    """A property as the client sees it. Times without a zone are times in UTC; blanks that fill a `char(n)` are no
    part of its text, in filters and ids as well.
    """
    return sql.SQL(SHOWN_AS.get(column.sql_type or "", "{}")).format(column_of(column))


def shown_column(column: Column) -> sql.Composable:
    """A property under its published name, as the client sees it."""
    return sql.SQL("{} AS {}").format(shown_value(column), quoted(column.name))


def json_column(column: Column) -> sql.Composable:
    """The same where JSON is made of it: NULL for NaN and the infinities, which would become texts. With one of those
    among them QGIS takes all values of a property for no numbers. Cost: not measurable
    """
    if column.type != "number" and not is_numeric(column):
        return shown_column(column)
    form = sql.SQL("CASE WHEN abs({0}) < 'Infinity' THEN {0} END AS {1}")
    return form.format(shown_value(column), quoted(column.name))


MOST_BRIEF = 1000
"""Characters of a text, or bytes of another value, that a table for people shows."""

BRIEF: dict[str, LiteralString] = {
    "string": "CASE WHEN octet_length({0}) > {1} THEN left({0}, {1}) || '…' ELSE {0} END",
    "json": "CASE WHEN octet_length({0}::text) > {1} THEN to_json(left({0}::text, {1}) || '…') ELSE to_json({0}) END",
    "binary": "substring({0} FOR {1})",
}


def brief_column(column: Column) -> sql.Composable:
    """A property as `json_column` has it, but cut where it is long."""
    form = BRIEF.get(column.type)
    if form is None or column.sql_type is not None:
        return json_column(column)
    cut = sql.SQL(form).format(column_of(column), sql.Literal(MOST_BRIEF))
    return sql.SQL("{} AS {}").format(cut, quoted(column.name))


def key_column(part: KeyPart) -> sql.Composable:
    """A column of the key."""
    return quoted("t", part.column)


def key_cast(part: KeyPart) -> sql.SQL:
    """The type of a column of the key."""
    return type_of(part.sql_type)


def is_key(key: Key) -> sql.Composable:
    """The condition that a row is the one with the values `id0`, `id1`, … Index: that of the key"""
    parts = [
        sql.SQL("{} = {}::{}").format(key_column(part), sql.Placeholder(f"id{number}"), key_cast(part))
        for number, part in enumerate(key.parts)
    ]
    return sql.SQL(" AND ").join(parts)


TEXT = sql.SQL("text")


def can_be_listed(part: KeyPart) -> bool:
    """Whether there are arrays of a key's values: an array of arrays is one of their elements."""
    return not part.sql_type.endswith("[]")


def among_keys(key: Key, some: tuple[FeatureKey, ...]) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row is one of some. Index: that of the key"""
    params = {f"ids{number}": [values[number] for values in some] for number in range(len(key.parts))}
    lists = [
        sql.SQL("{}::{}[]").format(sql.Placeholder(f"ids{number}"), key_cast(part) if can_be_listed(part) else TEXT)
        for number, part in enumerate(key.parts)
    ]
    names = [sql.SQL("{}" if can_be_listed(part) else "{}::text").format(key_column(part)) for part in key.parts]
    if len(lists) == 1:
        return sql.SQL("{} = ANY ({})").format(names[0], lists[0]), params
    text = sql.SQL("({}) IN (SELECT * FROM unnest({}))")
    return text.format(sql.SQL(", ").join(names), sql.SQL(", ").join(lists)), params


def id_text(key: Key) -> sql.Composable:
    """The id of a feature as a number or text. Of several parts, each is escaped, so that none holds the joint."""
    if len(key.parts) == 1:
        part = key.parts[0]
        return key_column(part) if part.type == "integer" else sql.SQL("{}::text").format(key_column(part))
    parts = [key_column(part) if part.type == "integer" else ESCAPED.format(key_column(part)) for part in key.parts]
    return sql.SQL("concat_ws({}, {})").format(sql.Literal(JOINT), sql.SQL(", ").join(parts))


# The inverse of urllib's unquote, for the characters that have a meaning. chr(37) is the percent sign.
ESCAPED = sql.SQL(
    "replace(replace(replace({}::text, chr(37), chr(37) || '25'), '~', chr(37) || '7E'), ',', chr(37) || '2C')"
)


def id_member(key: Key) -> sql.Composable:
    """The member `id` of a feature, inside a text in quotes; nothing when features have no ids."""
    if not key.is_id:
        return sql.SQL("")
    value = id_text(key) if key.is_integer else sql.SQL("to_json({})").format(id_text(key))
    return sql.SQL(""""id":' || {} || ',""").format(value)


def geometry_member(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The member `geometry` of a Feature, from inside a text in quotes."""
    return sql.SQL(""""geometry":' || {}""").format(geometry_or_null(collection, presentation))


def geometry_or_null(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON geometry, or the text `null`."""
    if not (collection.has_geometry and presentation.geometry):
        return sql.SQL("COALESCE(NULL::text, 'null')")
    return sql.SQL("COALESCE({}, 'null')").format(geometry_text(collection, presentation))


def geometry_text(collection: Collection, presentation: Presentation) -> sql.Composable:
    """A GeoJSON geometry. NULL for one without coordinates, which RFC 7946 (3.1) takes for the same."""
    digits = presentation.crs.digits if presentation.precision is None else presentation.precision
    shown = shown_geometry(collection, presentation)
    text = sql.SQL("ST_AsGeoJSON({}, {}, 0)").format(shown, sql.Literal(digits))
    kind = collection.geometry_type or "Geometry"
    if collection.source is not None and kind != "Point":
        written = WRITTEN if kind in ("LineString", "Polygon") else WITHOUT_EMPTY_PARTS
        text = OF_NUMBERS.format(text=text, written=written)
    for some in KINDS if kind == "Geometry" else (kind,):
        text = sql.SQL("NULLIF({}, {})").format(text, sql.Literal(empty(some)))
    return text


def empty(kind: str) -> str:
    """How PostGIS writes a geometry without coordinates."""
    return f'{{"type":"{kind}","{"geometries" if kind == "GeometryCollection" else "coordinates"}":[]}}'


def shown_geometry(collection: Collection, presentation: Presentation) -> sql.Composable:
    """The geometry as it is shown: simplified, transformed, its axes in the CRS's order.

    Web Mercator is stored, so it needs no transformation; it ends at 85.0511 degrees and has no heights. Coordinates in
    a system that nobody named are shown as they are.
    """
    crs = presentation.crs
    mercator = crs.srid == 3857
    geometry = shown_geometry_column(collection)
    if mercator:
        geometry = sql.SQL("t.geom_3857") if collection.source is None else collection.source.mercator
    if presentation.zoom is not None:
        around = DEGREES_ROUND if collection.in_degrees and not mercator else EARTH_M
        pixel = around / PIXELS / 2**presentation.zoom
        geometry = sql.SQL("ST_Simplify({}, {}, true)").format(geometry, sql.Literal(pixel))
    if collection.srid not in (crs.srid, 0):
        moved = geometry if mercator else sql.SQL("ST_Transform({}, {})").format(geometry, sql.Literal(crs.srid))
        geometry = where_placed(collection, moved)
    if crs.northing_first:
        geometry = sql.SQL("ST_FlipCoordinates({})").format(geometry)
    return geometry
