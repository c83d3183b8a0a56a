"""Statements about the data of relations, each with a time limit, and how much was written to tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from api.catalog.sources.build import Publishable
from api.catalog.survey.crs import LIMIT_S
from core.database.connections import Database
from core.database.statement import Statement
from core.errors import DatabaseUnavailable, IsthmusError, QueryTooSlow

log = logging.getLogger("isthmus.api")


class TimedQueries:
    """Statements about one relation after the other. What fails is logged once.

    A relation that once took too long gets no more statements in the same survey of it.
    """

    def __init__(self, database: Database) -> None:
        """Runs nothing yet."""
        self.database = database
        self._said: set[tuple[str, str]] = set()
        self._slow: Publishable | None = None

    def one(self, plan: Publishable, statement: Statement) -> tuple[Any, ...] | None:
        """The row of a statement; None when there is none in time, or the relation is broken.

        Raises: DatabaseUnavailable, unless it is another server's that a foreign table lies on
        """
        if self.gave_up(plan):
            return None
        try:
            rows = self.database.run(statement, timeout_s=LIMIT_S)
        except (IsthmusError, psycopg.Error) as error:
            cause = error.__cause__ or error
            if isinstance(error, DatabaseUnavailable) and getattr(cause, "sqlstate", None) is None:
                raise
            self._slow = plan if isinstance(error, QueryTooSlow) else self._slow
            self.warn(plan, f"a look at its data failed: {cause}".partition("\n")[0])
            return None
        return rows[0] if rows else None

    def one_anyway(self, plan: Publishable, statement: Statement) -> tuple[Any, ...] | None:
        """The row of a statement whose rows do not come from the relation itself: also where that was too slow.

        Raises: as `one`
        """
        slow, self._slow = self._slow, None
        try:
            return self.one(plan, statement)
        finally:
            self._slow = self._slow or slow

    def warn(self, plan: Publishable, text: str) -> None:
        """Log something about a relation, once."""
        if (plan.relation.full_name, text) not in self._said:
            self._said.add((plan.relation.full_name, text))
            log.warning("%s: %s", plan.relation.full_name, text)

    def gave_up(self, plan: Publishable) -> bool:
        """Whether no more statements are run about a relation."""
        return plan is self._slow

    def begin(self) -> None:
        """Begin a new survey: a relation may have become faster."""
        self._slow = None


SELECT_WRITES = sql.SQL(
    "SELECT relid::bigint, n_tup_ins + n_tup_upd FROM pg_stat_all_tables WHERE relid = ANY (%(oids)s::oid[])"
)


def read_writes(database: Database, oids: Sequence[int]) -> dict[int, int]:
    """Rows that were ever inserted into tables or updated, by their oids; nothing when PostgreSQL does not say.

    It knows within ten seconds; on a replica, and where it does not count (`track_counts`), numbers stay the same.
    """
    if not oids:
        return {}
    try:
        return dict(database.run(Statement(SELECT_WRITES, {"oids": list(oids)})))
    except (psycopg.Error, IsthmusError):
        return {}
