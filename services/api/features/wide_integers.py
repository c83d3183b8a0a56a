"""Which whole numbers of a collection need more than 32 bits.

GDAL's driver for OGC API Features gives a property that a schema calls an `integer` 32 bits, and makes 2147483647 of
what is larger, such as the ids of OpenStreetMap's nodes (GDAL 3.10, BuildExampleRecursively in ogroapifdriver.cpp).
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from api.sql.relation import column_of, relation
from core.cache import CollectionCache
from core.catalog.collections import Collection, Column
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import IsthmusError

LIMIT_S = 1.0
"""What a look may take. A million rows of three columns without any such number take 0.1 s."""

Names = frozenset[str]

names: CollectionCache[None, Names] = CollectionCache()
"""The names that were looked up, of loaded data."""


def wide_properties(database: Database, collection: Collection) -> Names:
    """Names of the whole numbers that do not fit into 32 bits, or of which nobody knows. Cost: one scan of the table
    for each version of loaded data, and for each call of a source, whose data may change.
    """
    columns = [column for column in collection.columns if column.type == "integer"]
    if not columns:
        return frozenset()
    if collection.source is not None:
        return look(database, collection, columns)
    return names.get(collection, None, lambda: look(database, collection, columns))


def look(database: Database, collection: Collection, columns: list[Column]) -> Names:
    """The names by a look at the rows; all of them when it takes too long, or there is nothing to look at."""
    every = frozenset(column.name for column in columns)
    if collection.source is not None and collection.source.after is not None:
        return every  # a function, whose rows depend on what it is called with
    try:
        [found] = database.run(select_wide(collection, columns), timeout_s=LIMIT_S)
    except (IsthmusError, psycopg.Error):
        return every
    return frozenset(column.name for column, is_wide in zip(columns, found, strict=True) if is_wide)


def select_wide(collection: Collection, columns: list[Column]) -> Statement:
    """Whether each column has a value beyond 32 bits. Rows: one (boolean, …). Cost: a scan of the table"""
    text = sql.SQL("COALESCE(bool_or({} NOT BETWEEN -2147483648 AND 2147483647), false)")
    tests = sql.SQL(", ").join(text.format(column_of(column)) for column in columns)
    return Statement(sql.SQL("SELECT {} FROM {} AS t").format(tests, relation(collection)))
