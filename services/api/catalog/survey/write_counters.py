"""How much was written to tables: what was found out of their data may be wrong since."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg import sql

from core.db import Database
from core.errors import IsthmusError
from core.statement import Statement

TEXT = sql.SQL(
    "SELECT relid::bigint, n_tup_ins + n_tup_upd FROM pg_stat_all_tables WHERE relid = ANY (%(oids)s::oid[])"
)


def read_writes(database: Database, oids: Sequence[int]) -> dict[int, int]:
    """Rows that were ever inserted into tables or updated, by their oids; nothing when PostgreSQL does not say.

    It knows within ten seconds; on a replica, and where it does not count (`track_counts`), numbers stay the same.
    """
    if not oids:
        return {}
    try:
        return dict(database.run(Statement(TEXT, {"oids": list(oids)})))
    except (psycopg.Error, IsthmusError):
        return {}
