"""What PostgreSQL's errors become: ours, by their state, which say what a caller can do."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg

from core.errors import BadValue, CatalogueMissing, DatabaseUnavailable, IsthmusError, QueryTooSlow

# SQLSTATE, or its class of two characters, -> the error that a caller can act on.
ERROR_OF_SQLSTATE: dict[str, type[IsthmusError]] = {
    "57014": QueryTooSlow,
    "42P01": CatalogueMissing,
    "3F000": CatalogueMissing,
    "3D000": CatalogueMissing,
    "22": BadValue,
    "40": DatabaseUnavailable,  # a replica gave the statement up, since the primary changed what it reads
    "08": DatabaseUnavailable,
    "53": DatabaseUnavailable,
    "57": DatabaseUnavailable,
}

OF_FUNCTIONS = ("28", "38", "54", "55", "58P01")
"""Errors, or classes of them, that psycopg calls operational, and that a statement meets in functions, views and
foreign tables, not in the server: a missing right, an external routine, endless recursion, a materialized view that was
never filled, a file that is gone.
"""

POSTGIS_SOURCES = "lwgeom_"
"""How the files of PostGIS are named that report what GEOS or PROJ refuses, for which it has no state of its own."""

STALE_PLAN = "RevalidateCachedQuery"
"""The function of PostgreSQL that reports a prepared statement whose rows would have other types than before."""

NO_PROJECTION = "AddToPROJSRSCache"
"""The function of PostGIS that reports a system of coordinates which PROJ cannot use."""

TOLD: dict[type[IsthmusError], tuple[str, str]] = {
    BadValue: ("a value of the request is out of range or of the wrong kind", "look at its numbers and dates"),
    QueryTooSlow: ("the query was given up", "ask for a smaller bbox, a smaller limit or fewer properties"),
    CatalogueMissing: (
        "the catalogue, or a table it names, is missing",
        "is the loader running? It makes the catalogue",
    ),
    DatabaseUnavailable: ("PostgreSQL does not answer", "try again in a few seconds"),
}
"""What each of them says, and its hint."""


def error_class(error: psycopg.Error) -> type[IsthmusError] | None:
    """What an error becomes, by its state; None for one that nobody expects."""
    state = error.sqlstate or ""
    known = ERROR_OF_SQLSTATE.get(state) or ERROR_OF_SQLSTATE.get(state[:2])
    if state == "XX000" and (error.diag.source_file or "").startswith(POSTGIS_SOURCES):
        known = BadValue
    if known is None and isinstance(error, psycopg.OperationalError) and not state.startswith(OF_FUNCTIONS):
        known = DatabaseUnavailable
    return known


def translate(error: psycopg.Error) -> IsthmusError:
    """The error that says what the caller can do; the database's own text stays in `__cause__` for the log."""
    known = error_class(error)
    if known is None:
        raise error
    detail, hint = TOLD[known]
    return known(detail, hint=hint)


def is_stale(error: BaseException | None) -> bool:
    """Whether a connection has prepared a statement for a table as it was before: another type of a column, say."""
    return isinstance(error, psycopg.errors.FeatureNotSupported) and error.diag.source_function == STALE_PLAN


def is_left_behind(error: BaseException | None) -> bool:
    """Whether an error spoils the connection: PROJ remembers it, so that PostGIS (3.5) reports it once more for the
    next coordinates that are transformed, whosever they are.
    """
    return isinstance(error, psycopg.Error) and error.diag.source_function == NO_PROJECTION


@contextmanager
def translated() -> Generator[None]:
    """Turn psycopg's errors inside the block into ours, where we have one."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error
