"""Views of one table. What PostgreSQL's planner says of a view tells whether the index of boxes of a table is used for
it, whether its key is one of the table, and so whether its boxes are read as those of the table are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from psycopg import sql

from api.catalog.sources.build import GeometrySurvey, Publishable
from api.catalog.sources.geometry_columns import GeometryColumn, compared
from api.catalog.sources.model import BaseTable
from api.catalog.survey.timed_queries import TimedQueries
from api.sql.relation import tables_of
from core.catalog.collections import GEOM, LARGE
from core.database.statement import Statement, quoted

NAME = r'(?:\w+|"(?:[^"]|"")+")'
COLUMN = re.compile(rf"(?:{NAME}\.)?({NAME})")
BOX_OF_COLUMN = re.compile(rf"\((?:{NAME}\.)?({NAME}) && '[0-9A-F]+'::[^ ]+\)")

KINDS = ("Index Scan", "Bitmap Heap Scan", "Bitmap Index Scan", "Result", "Subquery Scan")
"""Steps of a plan that give each row of a table once, or not at all."""


class TableScan(NamedTuple):
    """What a plan reads: a table, its column of geometries, and the columns behind those of the view's key; none where
    one of these is no column of the table.
    """

    schema: str
    name: str
    column: str
    keys: list[str]


def find_base(queries: TimedQueries, plan: Publishable, geometry: GeometryColumn) -> BaseTable | None:
    """The table behind a geometry column of a view; None where it shows no rows of one large table as they are."""
    row = queries.one(plan, select_box_plan(plan, geometry)) if can_have_base(plan, geometry) else None
    table = parse_box_plan(row[0][0]["Plan"]) if row else None
    found = queries.one(plan, Statement(SELECT_BASE, table._asdict())) if table else None
    if table is None or found is None:
        return None
    oid, pages, keeps_key = found
    return BaseTable(oid, table.schema, table.name, table.column, int(pages).bit_length(), keeps_key)


def find_magnitude(
    queries: TimedQueries, plan: Publishable, bases: Mapping[int, BaseTable], seen: Mapping[int, GeometrySurvey]
) -> int:
    """The number of a table's pages in powers of two; of a view that of the table behind it, or of the pages that its
    features would fill where they were counted; 0: nobody knows.
    """
    if not plan.relation.has_pages:
        return max(found.magnitude for found in (*bases.values(), *seen.values(), GeometrySurvey()))
    text = sql.SQL("SELECT sum(pg_relation_size(oid))::bigint / current_setting('block_size')::bigint FROM {} AS parts")
    row = queries.one(plan, Statement(text.format(tables_of(sql.Literal(plan.relation.oid)))))
    return int(row[0]).bit_length() if row and row[0] else 0


def find_filled(
    queries: TimedQueries, plan: Publishable, magnitude: int, bases: Mapping[int, BaseTable]
) -> frozenset[int]:
    """The geometry columns of a large table in which every row has a value: boxes need not look for the others, for
    which GiST reads its whole index (20 ms of a million points). In a small table they always look. Of a view, those
    of the table behind it.
    """
    if magnitude < LARGE:
        return frozenset()
    columns = {number: (base.sql_name, base.column) for number, base in bases.items()}
    if plan.relation.has_pages:
        columns = {attribute.number: (plan.relation.sql_name, attribute.name) for attribute in plan.geometries}
    text = sql.SQL("SELECT NOT EXISTS (SELECT FROM {} AS s WHERE {} IS NULL)")
    ask = queries.one if plan.relation.has_pages else queries.one_anyway
    return frozenset(
        number
        for number, (table, column) in columns.items()
        if ask(plan, Statement(text.format(table, quoted("s", column)))) == (True,)
    )


def can_have_base(plan: Publishable, geometry: GeometryColumn) -> bool:
    """Whether a geometry column may be that of a table behind a view, as it is stored."""
    plain = geometry.reading == "as it is" and not geometry.is_geography and compared(geometry) is GEOM
    return plan.relation.kind == "v" and plain and bool(geometry.srid)


def select_box_plan(plan: Publishable, geometry: GeometryColumn) -> Statement:
    """How the rows of a view in a small box would be found. Rows: one (plan json). Cost: a plan"""
    names = [read.attribute.name for read in plan.candidate.columns] if plan.candidate else []
    text = sql.SQL(
        "EXPLAIN (VERBOSE, FORMAT JSON) SELECT {} FROM {} AS s WHERE {} && ST_MakeEnvelope(0, 0, 1e-9, 1e-9, {})"
    )
    keys, column = sql.SQL(", ").join(quoted("s", name) for name in names), quoted("s", geometry.attribute.name)
    return Statement(text.format(keys, plan.relation.sql_name, column, sql.Literal(geometry.srid)))


def parse_box_plan(plan: Mapping[str, Any]) -> TableScan | None:
    """What the plan of `select_box_plan` reads; None where it is more than rows of one table by an index of boxes."""
    steps = list(steps_of(plan))
    tables = [step for step in steps if "Relation Name" in step]
    conditions = [step["Index Cond"] for step in steps if "Index Cond" in step]
    if len(tables) != 1 or len(conditions) != 1 or any(step["Node Type"] not in KINDS for step in steps):
        return None
    box = BOX_OF_COLUMN.fullmatch(conditions[0])
    keys = [COLUMN.fullmatch(text) for text in plan.get("Output", ())]
    names = [unquoted(key[1]) for key in keys if key is not None]
    if box is None:
        return None
    return TableScan(
        tables[0]["Schema"], tables[0]["Relation Name"], unquoted(box[1]), names if len(names) == len(keys) else []
    )


def steps_of(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A step of a plan, and those below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from steps_of(part)


def unquoted(name: str) -> str:
    """A name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


# Rows: one (oid, pages, whether some columns hold a key); none of what is no table that may be read as a whole. Who
# reads a view sees what its owner does: where a policy of the table hides rows, no look at it tells of those.
SELECT_BASE = sql.SQL("""
SELECT c.oid::bigint, pg_relation_size(c.oid) / current_setting('block_size')::int,
       EXISTS (
           SELECT FROM pg_index AS i
           WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
             AND i.indexprs IS NULL AND NOT EXISTS (
               SELECT FROM unnest((i.indkey::int[])[0:i.indnkeyatts - 1]) AS k
               JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k
               WHERE NOT a.attnotnull OR a.attname <> ALL (%(keys)s::text[])))
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND c.relkind IN ('r', 'm') AND NOT c.relispartition
  AND NOT c.relrowsecurity AND has_schema_privilege(n.oid, 'USAGE')
  AND has_column_privilege(c.oid, %(column)s, 'SELECT')
""")
