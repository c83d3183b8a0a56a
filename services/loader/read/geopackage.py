"""What a GeoPackage may not hold: views of what is not in it, and tables that are programs.

Nothing is run here: SQLite translates a view, and does not read it. Triggers are left alone, since nothing is written.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from urllib.parse import quote

from loader.errors import CannotRead
from loader.scan import Dataset

INDEXES = ("rtree", "rtree_i32", "geopoly", "fts3", "fts4", "fts5")
"""The modules of virtual tables that hold what they are asked for themselves."""

MODULE = re.compile(r"\bUSING\s+[\"'`\[]?(\w+)", re.IGNORECASE)
VIEWS = "SELECT name FROM sqlite_master JOIN gpkg_contents ON name = table_name WHERE type = 'view'"
VIRTUAL = "SELECT name, sql FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE %'"
SAVE_IT = "save the layer as a table: ogr2ogr new.gpkg {}"


def refuse_what_reaches_out(dataset: Dataset) -> None:
    """Raises: CannotRead for a layer that is a view of what is not in the file, or for a table that is a program

    A file that SQLite cannot read is left to GDAL, whose words are better.
    """
    uri = f"file:{quote(os.fsencode(dataset.main))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            check_virtual_tables(dataset, connection)
            check_views(dataset, connection)
    except sqlite3.Error:
        return


def check_virtual_tables(dataset: Dataset, connection: sqlite3.Connection) -> None:
    """Raises: CannotRead for one that is no index"""
    for name, sql in connection.execute(VIRTUAL):
        module = match[1].lower() if (match := MODULE.search(sql)) else ""
        if module not in INDEXES:
            what = f"its table '{name}' is no table, but asks '{module}' for its rows"
            raise CannotRead(f"{dataset.path} is not read: {what}", hint=SAVE_IT.format(dataset.path))


def check_views(dataset: Dataset, connection: sqlite3.Connection) -> None:
    """Raises: CannotRead for a layer whose view names a table that is not in the file"""
    for (name,) in connection.execute(VIEWS).fetchall():
        quoted = name.replace('"', '""')
        try:
            connection.execute(f'EXPLAIN SELECT * FROM "{quoted}"')  # noqa: S608 (a name of the file, quoted)
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):  # functions that SQLite does not know may be GDAL's
                what = f"its layer '{name}' is a view of a table that is not in the file ({error})"
                raise CannotRead(f"{dataset.path} is not read: {what}", hint=SAVE_IT.format(dataset.path)) from error
