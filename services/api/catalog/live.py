"""The catalogue in the memory of a worker: read when it is first needed, checked at most once a second."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection as Names, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from threading import Lock
from typing import TypeVar

import psycopg
from psycopg import sql

from api.catalog.missing import why_missing
from api.catalog.sources.model import Draft, TileFunction
from api.catalog.survey.watch import LiveSources
from api.query.source_errors import catalogue_is_new
from core.catalog.archives import SELECT_ARCHIVES
from core.catalog.collections import (
    SELECT_COLLECTIONS,
    SELECT_GENERATION,
    SELECT_STATE,
    Catalog,
    Collection,
    parse_catalog,
)
from core.database.connections import Database
from core.database.hosts import RetryPolicy
from core.database.statement import Statement
from core.errors import CatalogueMissing, DatabaseUnavailable, OnlyTiles, UnknownCollection

T = TypeVar("T")

CHECK_EVERY_S = 1.0
WAIT_S = 2.0
HANGS_S = 3.0
"""Since when a database hangs that owes the number of the catalogue: health checks wait little longer."""

RESPONDS = Statement(sql.SQL("SELECT 1"))

BEHIND_S = 30.0
"""How long a replica may be behind what another one showed. Then the database was restored from an older copy."""

TURNS = 16
"""On how many more connections a catalogue is looked for that one of them has: twice what a pool holds by default."""

PAUSE_S = 0.5
"""How long no statement is run again after the database did not respond."""

OF_A_REQUEST = RetryPolicy(most_runs=4)
"""A request may meet so many states of the catalogue."""


class LiveCatalog:
    """The current catalogue. One thread at a time reads the database; the others go on with what is cached."""

    def __init__(
        self,
        database: Database,
        sources: LiveSources | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        shows_files: bool = True,
    ) -> None:
        """Reads nothing before the first use. `sources`: what is published beside the loaded files.

        `clock` gives seconds. `shows_files`: whether a missing collection may say what became of its file
        """
        self._shows_files = shows_files
        self._database = database
        self._sources = sources
        self._clock = clock
        self._catalog: Catalog | None = None
        self._loaded: Catalog | None = None
        self._files: int | None = None
        self._sources_number = -1
        self._checked_at = -CHECK_EVERY_S
        self._failure: DatabaseUnavailable | None = None
        self._failed_at = 0.0
        self._confirmed_at = 0.0
        self._lock = Lock()

    def current(self) -> Catalog:
        """The catalogue, at most a second old.

        Raises: DatabaseUnavailable, CatalogueMissing
        """
        if self._catalog is None:
            return self._refresh_in_turn(CHECK_EVERY_S)
        if self._is_due() and self._lock.acquire(blocking=False):
            try:
                return self._refresh(CHECK_EVERY_S)
            finally:
                self._lock.release()
        return self._catalog

    def current_or_last(self) -> Catalog:
        """The same, as it was last seen while the database is away: what is cached needs no database.

        Raises: as `current` when nothing was seen yet
        """
        try:
            return self.current()
        except DatabaseUnavailable:
            if self._catalog is None:
                raise
            return self._catalog

    def _is_due(self) -> bool:
        """Whether it is time to check a cached catalogue."""
        now = self._clock()
        return now - self._checked_at >= CHECK_EVERY_S and (self._failure is None or now >= self._failed_at + PAUSE_S)

    def fresh(self) -> Catalog:
        """The catalogue as it is at this moment: for lists, and for a name that is not in the one that is known.

        Raises: DatabaseUnavailable, also when others have waited for the database for as long as this is willing to
        """
        return self._refresh_in_turn(0)

    def _refresh_in_turn(self, older_than_s: float) -> Catalog:
        """The catalogue, when others have had their turn."""
        self._take_turn()
        try:
            return self._refresh(older_than_s)
        finally:
            self._lock.release()

    def collection(self, id: str) -> Collection:
        """The collection of an id. One that is not known is looked for again: it may have been loaded just now.

        Raises: UnknownCollection, OnlyTiles, DatabaseUnavailable, CatalogueMissing
        """
        known = self.current()
        if id not in known.collections and id not in known.archives:
            known = self.fresh()
        if id in known.archives:
            hint = f"its tiles are at /collections/{id}/tiles"
            raise OnlyTiles(f"'{id}' has tiles only, and no features", hint=hint)
        return self.found_in(known, id)

    def found_in(self, known: Catalog, id: str) -> Collection:
        """The collection of an id. Raises: UnknownCollection, which says what became of its file"""
        try:
            return known[id]
        except UnknownCollection as error:
            raise why_missing(self._database, id, error, shows_files=self._shows_files) from None

    def retrying(self, work: Callable[[], T]) -> T:
        """What `work` gives; it is done once more when a table is missing: the catalogue may be older than the last
        loads, and name a version that is gone. A table that is missing then, of a source, is none that a retry would
        find, unless the catalogue changed meanwhile.

        Raises: as `fresh`, and what `work` raises
        """
        known, is_certain = self._catalog, False

        def attempt() -> T:
            with catalogue_is_new() if is_certain and not self._database.reads_replicas else nullcontext():
                return work()

        def mend(error: Exception) -> bool:
            nonlocal known, is_certain
            if is_certain or not isinstance(error, CatalogueMissing):
                return False
            before, known = known, self.fresh()
            is_certain = known is before
            return True

        return OF_A_REQUEST.run(attempt, mend)

    def _take_turn(self) -> None:
        """Get the lock. Who comes soon after one that failed fails with it: else each would wait for its own turn.

        Raises: what the other raised; DatabaseUnavailable when nobody is done in time
        """
        self._fail_again()
        if not self._lock.acquire(timeout=WAIT_S):
            raise DatabaseUnavailable("PostgreSQL does not answer", hint="try again in a few seconds")
        try:
            self._fail_again()
        except DatabaseUnavailable:
            self._lock.release()
            raise

    def _fail_again(self) -> None:
        """Raises: what was raised a moment ago"""
        if self._failure is not None and self._clock() < self._failed_at + PAUSE_S:
            raise self._failure.with_traceback(None)

    def _refresh(self, older_than_s: float) -> Catalog:
        """The catalogue: the generation is read, and the collections when it rose. The lock is held."""
        if self._catalog is None or self._clock() - self._checked_at >= older_than_s:
            now, sources = older_than_s == 0, self._sources
            try:
                known = self._refresh_both(sources, now=now) if sources else self._refresh_loaded()
            except DatabaseUnavailable as error:
                if not isinstance(error, CatalogueMissing):  # which is found without waiting
                    self._failure, self._failed_at = error, self._clock()
                raise
            self._failure = None
            self._catalog, self._checked_at = known, self._clock()
        return self._catalog

    def _refresh_loaded(self) -> Catalog:
        """The collections that the loader made."""
        [(generation, files)] = self._database.run(SELECT_STATE, one_plan=True, within_s=HANGS_S)
        if self._loaded is None or files != self._files or not self._holds(self._loaded, generation):
            found = self._select_as_new_as(generation)
            same = self._loaded is not None and found.generation == self._loaded.generation
            if self._loaded is None or same or not self._holds(self._loaded, found.generation):
                self._loaded, self._confirmed_at = with_equal_values(self._loaded, found), self._clock()
            self._files = files
        return self._loaded

    def _holds(self, known: Catalog, generation: int) -> bool:
        """Whether the known catalogue is still the one to use: an older one of a replica that is behind is none."""
        if generation == known.generation:
            self._confirmed_at = self._clock()
        behind = self._database.reads_replicas and generation < known.generation
        return generation == known.generation or (behind and self._clock() < self._confirmed_at + BEHIND_S)

    def _select_as_new_as(self, generation: int) -> Catalog:
        """The catalogue of that number or a later one. Connections are taken in turn, and few of them may lead to the
        replica that showed the number; where none has it, the last one counts.
        """
        found = self._select()
        for _ in range(TURNS):
            if found.generation >= generation:
                break
            found = self._select()
        return found

    def _select(self) -> Catalog:
        """The catalogue with its number, all of one state. Raises: CatalogueMissing until the loader has migrated"""
        try:
            number, *rows = self._database.run_together(SELECT_GENERATION, SELECT_COLLECTIONS, SELECT_ARCHIVES)
        except psycopg.errors.UndefinedColumn as error:
            hint = "is the loader running? It brings it up to date when it starts"
            raise CatalogueMissing("the catalogue is of an older Isthmus", hint=hint) from error
        return parse_catalog(number[0][0], *rows)

    def _refresh_both(self, sources: LiveSources, *, now: bool) -> Catalog:
        """The loaded collections and those of the sources. A database where no loader ever ran has the latter alone."""
        before = self._loaded
        self._database.run(RESPONDS, within_s=HANGS_S)  # what sources are looked at with may take long
        sources.refresh(now=now)
        loaded = self._refresh_loaded() if sources.has_catalogue else NOTHING_LOADED
        if self._catalog is None or loaded is not before or sources.number != self._sources_number:
            self._loaded, self._sources_number = loaded, sources.number
            taken = {*loaded.collections, *loaded.archives}
            return with_equal_values(self._catalog, merge(loaded, assign_ids(sources.drafts(), taken)))
        return self._catalog


def with_equal_values(before: Catalog | None, now: Catalog) -> Catalog:
    """The catalogue of now, with the values of before where they are equal: they hold what was worked out for them."""
    if before is None:
        return now
    known = before.collections
    collections = {id: known[id] if known.get(id) == found else found for id, found in now.collections.items()}
    return Catalog(now.generation, collections, now.archives)


NOTHING_LOADED = Catalog(0, {})


def merge(loaded: Catalog, others: Mapping[str, Collection | TileFunction]) -> Catalog:
    """What was loaded and what others have, in order of the ids."""
    collections = {id: found for id, found in others.items() if isinstance(found, Collection)}
    functions = {id: found for id, found in others.items() if isinstance(found, TileFunction)}
    return Catalog(
        loaded.generation,
        dict(sorted({**collections, **loaded.collections}.items())),
        dict(sorted({**functions, **loaded.archives}.items())),
    )


NO_SEGMENT = re.compile(r"[/\\?#%\x00-\x1f\x7f]")
"""Characters that a segment of a path cannot have, or that proxies take for something else. Spaces and dots at an end
are lost on the way, in QGIS for one.
"""


def assign_ids(drafts: Iterable[Draft], taken: Names[str]) -> dict[str, Collection | TileFunction]:
    """Collections by id. A name that two drafts want, or that is `taken`, is given to none without its schema."""
    some = list(drafts)
    wanted = Counter(plain_name(draft) for draft in some)
    found: dict[str, Collection | TileFunction] = {}
    for draft in some:
        name = plain_name(draft)
        if wanted[name] > 1 or name in taken:
            name = f"{clean(draft.schema)}.{name}"
        id = free(name, {*taken, *found, *(other for other in wanted if wanted[other] == 1)} - {plain_name(draft)})
        found[id] = replace(draft.collection, id=id)
    return found


def plain_name(draft: Draft) -> str:
    """The id without a schema: that of a further geometry column has its name behind a dot."""
    return ".".join(map(clean, filter(None, (draft.name, draft.part))))


def clean(name: str) -> str:
    """A name as a segment of a path."""
    return NO_SEGMENT.sub("_", name).strip(". ") or "_"


def free(name: str, taken: Names[str]) -> str:
    """The name, or with the first number behind it that makes it another one."""
    number, id = 1, name
    while id in taken:
        number += 1
        id = f"{name}_{number}"
    return id
