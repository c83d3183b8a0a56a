"""The catalogue as the API sees it: read when it is first needed, looked at again at most once a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

from core.catalog import SELECT_COLLECTIONS, SELECT_GENERATION, Catalog, parse_catalog
from core.db import Database
from core.errors import DatabaseUnavailable

CHECK_EVERY_S = 1.0
WAIT_S = 2.0


class LiveCatalog:
    """Gives the current catalogue. One thread at a time asks the database; the others go on with what is known."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is asked before the first use. `clock` gives seconds."""
        self._database = database
        self._clock = clock
        self._catalog: Catalog | None = None
        self._checked_at = -CHECK_EVERY_S
        self._lock = Lock()

    def current(self) -> Catalog:
        """The catalogue, at most a second old.

        Raises: DatabaseUnavailable, CatalogueMissing
        """
        if self._catalog is None:
            with self._lock:
                return self._refresh()
        if self._clock() - self._checked_at >= CHECK_EVERY_S and self._lock.acquire(blocking=False):
            try:
                return self._refresh()
            finally:
                self._lock.release()
        return self._catalog

    def fresh(self) -> Catalog:
        """The catalogue as it is at this moment: for lists, and for a name that is not in the one that is known.

        Raises: DatabaseUnavailable, also when others have waited for the database for as long as this is willing to
        """
        if not self._lock.acquire(timeout=WAIT_S):
            raise DatabaseUnavailable("PostgreSQL does not answer", hint="try again in a few seconds")
        try:
            return self._refresh(older_than_s=0)
        finally:
            self._lock.release()

    def _refresh(self, older_than_s: float | None = None) -> Catalog:
        """Ask for the generation, and for the collections when it rose. The lock is held."""
        known = self._catalog
        limit_s = CHECK_EVERY_S if older_than_s is None else older_than_s
        if known is None or self._clock() - self._checked_at >= limit_s:
            [(generation,)] = self._database.run(SELECT_GENERATION)
            if known is None or known.generation != generation:
                known = parse_catalog(generation, self._database.run(SELECT_COLLECTIONS))
            self._catalog, self._checked_at = known, self._clock()
        return known
