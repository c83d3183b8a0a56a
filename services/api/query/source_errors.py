"""What goes wrong while the database reads a source is the source's fault, or that of a function's arguments."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

import psycopg

from api.query.items import NO_FILTER, Filter
from core.catalog.collections import Argument, Collection
from core.errors import (
    BadFilter,
    BadValue,
    CatalogueMissing,
    CollectionBroken,
    FilterTooSlow,
    IsthmusError,
    QueryTooSlow,
    SourceChanged,
)

CHANGED = ("42501", "42703", "42804", "42846", "42883", "42P10", "0A000")
"""States of a statement that was made for what a relation was before: no such column, another type, another right."""

REFUSED = ("P0001", "P0002", "P0003", "22", "23")
"""States by which functions, and the types of their parameters, refuse what they are called with: RAISE, and a row that
is not there, or not the only one.
"""

NO_PATH = ("42601", "42622", "54000")
"""What ltree says to a text that is no path, whose labels are too long, or that has too many."""

SIMPLER = (
    "compare with fewer values, with shapes of fewer corners, or in a smaller bbox;"
    " ISTHMUS_FILTER_TIMEOUT_S on the server gives filters more time"
)

RAISE = "exec_stmt_raise"
"""The function of PL/pgSQL that reports what RAISE says, which may be any state."""

_is_certain: ContextVar[bool] = ContextVar("is_certain", default=False)


class Called(Protocol):
    """What is called with arguments: a collection, or a function that makes tiles."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What it takes."""
        ...


@contextmanager
def catalogue_is_new() -> Generator[None]:
    """While the catalogue is known to be of this moment: what does not fit is broken, and no retry would help."""
    token = _is_certain.set(True)
    try:
        yield
    finally:
        _is_certain.reset(token)


@contextmanager
def reading(collection: Collection, *, has_values: bool = True, filter: Filter = NO_FILTER) -> Generator[None]:
    """Around statements that read a collection. Errors of PostgreSQL that nobody expects of the loader's tables are
    become what they are here; its own text stays in `__cause__` for the log.

    has_values: whether values of the request are in the statement; else none is at fault, but the view behind it
    filter: one that is at fault where statements run out of time
    Raises: SourceChanged, after which the catalogue is read anew and the request tried once more; CollectionBroken;
    BadValue for what a function refuses; BadFilter for what the database has no means for; FilterTooSlow
    """
    try:
        yield
    except (QueryTooSlow, CatalogueMissing, BadValue, psycopg.Error) as error:
        known = error_for(error, collection, has_values=has_values, filter=filter)
        if known is error:
            raise
        raise known from error


def error_for(
    error: IsthmusError | psycopg.Error, collection: Collection, *, has_values: bool, filter: Filter
) -> IsthmusError | psycopg.Error:
    """The error that says what an error of the database is here: itself, where it says so already."""
    if isinstance(error, QueryTooSlow):
        return too_slow(collection, filter) if filter.is_heavy else error
    if collection.source is None:
        return error
    if isinstance(error, psycopg.Error):
        if has_values and error.sqlstate in NO_PATH:
            return BadValue("a value is not of the form that its property has", hint="look at a feature's")
        return missing(error) or error_of(collection, error)
    if isinstance(error, CatalogueMissing) or (is_of_another_system(error) and not _is_certain.get()):
        return changed(collection)
    return error if has_values else broken(collection)


def too_slow(collection: Collection, filter: Filter) -> FilterTooSlow:
    """The error for a filter that has used up its time."""
    name = "filter" if filter.cql2 is not None else "q"
    return FilterTooSlow(f"'{name}' takes too long for '{collection.id}'", hint=SIMPLER, parameter=name)


def missing(error: psycopg.Error) -> IsthmusError | None:
    """The error for what a filter needs and somebody else's database need not have."""
    if error.sqlstate == "0A000" and "nondeterministic" in str(error):
        hint = "a text is of a collation that knows no patterns; compare it with =, or CASEI(…) LIKE CASEI(…)"
        return BadFilter("this database cannot look into the texts of the collection", hint=hint)
    if error.sqlstate != "42883" or "unaccent(" not in str(error):
        return None
    hint = "its owner can make it able to: CREATE EXTENSION unaccent"
    return BadFilter("this database cannot ignore accents", hint=hint, parameter="filter")


def error_of(collection: Called, error: psycopg.Error) -> IsthmusError:
    """The error for one of PostgreSQL's."""
    if error.sqlstate in CHANGED and not is_refusal(error):
        return changed(collection)
    if collection.arguments and is_refusal(error):
        names = ", ".join(argument.name for argument in collection.arguments)
        return BadValue(f"'{collection.id}' refuses what it is called with", hint=f"look at {names}")
    return broken(collection)


def broken(collection: Called) -> CollectionBroken:
    """The error for a relation that fails at every statement."""
    hint = "the log of the server says why; other collections are not concerned"
    return CollectionBroken(f"'{collection.id}' cannot be read", hint=hint)


def is_of_another_system(error: IsthmusError) -> bool:
    """Whether a box or a filter was made for another coordinate system than the geometries have now."""
    return "mixed SRID" in str(error.__cause__)


def is_refusal(error: psycopg.Error) -> bool:
    """Whether a function says by an error that it cannot be called like this."""
    state = error.sqlstate or ""
    return state in REFUSED or state[:2] in REFUSED or error.diag.source_function == RAISE


def changed(collection: Called) -> SourceChanged | CollectionBroken:
    """The error for a relation that is not what it was; or, as a function whose tables are gone, does not work."""
    if _is_certain.get():
        return broken(collection)
    return SourceChanged(f"'{collection.id}' is not what it was a moment ago", hint="try again in a few seconds")
