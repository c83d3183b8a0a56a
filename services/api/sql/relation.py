"""What a collection is read from, and how its features are told apart in SQL.

The loader's tables have `fid`, `geom` and `geom_3857`; a source gives its columns those names in a subquery, which
PostgreSQL takes apart, so that the indexes of the table behind it are used.
"""

from __future__ import annotations

from typing import Any, LiteralString, cast

from psycopg import sql

from api.ids import JOINT
from api.query import FeatureKey
from core.catalog import Collection, Key, KeyPart


def relation(collection: Collection) -> sql.Composable:
    """An item of FROM, to be named `t`: the table of the version, or the source."""
    if collection.source is not None:
        return collection.source.relation
    return sql.Identifier("data", collection.table)


def key_column(part: KeyPart) -> sql.Composable:
    """A column of the key."""
    return sql.Identifier("t", part.column)


def key_cast(part: KeyPart) -> sql.SQL:
    """The type of a column of the key. It comes from PostgreSQL's catalogue, quoted."""
    return sql.SQL(cast("LiteralString", part.sql_type))


def has_key(key: Key, values: FeatureKey) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row is the one with these values, and its parameters. Index: that of the key"""
    parts = [
        sql.SQL("{} = {}::{}").format(key_column(part), sql.Placeholder(f"id{number}"), key_cast(part))
        for number, part in enumerate(key.parts)
    ]
    return sql.SQL(" AND ").join(parts), {f"id{number}": value for number, value in enumerate(values)}


def among_keys(key: Key, some: tuple[FeatureKey, ...]) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition that a row is one of some. Index: that of the key"""
    params = {f"ids{number}": [values[number] for values in some] for number in range(len(key.parts))}
    lists = [
        sql.SQL("{}::{}[]").format(sql.Placeholder(f"ids{number}"), key_cast(part))
        for number, part in enumerate(key.parts)
    ]
    names = [key_column(part) for part in key.parts]
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
