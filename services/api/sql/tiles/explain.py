"""The statement that asks PostgreSQL how it runs another one, and its answer as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from core.database.statement import Statement

ANALYZED = sql.SQL("EXPLAIN (ANALYZE, BUFFERS, VERBOSE, TIMING OFF, FORMAT JSON) ")
ESTIMATED = sql.SQL("EXPLAIN (VERBOSE, FORMAT JSON) ")

BOX_OF_COLUMN = re.compile(r"(?:\w+\.)?(\"(?:[^\"]|\"\")+\"|\w+) && ")
"""In a condition of a plan: a column whose box is compared, its name as SQL has it."""


@dataclass(frozen=True, slots=True)
class PlanStep:
    """A step of a plan.

    read, kept: rows that it looked at, and that met its conditions, over all its runs; None where it reads no relation,
                or only looks into an index
    relation: schema and name, as SQL has them
    box_column: the column whose box it compares row by row, without an index
    """

    depth: int
    kind: str
    relation: str | None
    index: str | None
    read: int | None
    kept: int | None
    box_column: str | None

    def __str__(self) -> str:
        """The step in a line."""
        on = f" on {self.relation}" if self.relation else ""
        by = f" by {self.index}" if self.index else ""
        rows = "" if self.read is None else f": {self.read:,} rows read, {self.kept:,} kept"
        return f"{'  ' * self.depth}{self.kind}{on}{by}{rows}"


@dataclass(frozen=True, slots=True)
class Explained:
    """How PostgreSQL runs a statement. `took_ms` None: it was not run, and its rows are the planner's guess.

    pages: of 8 KB that it looked at, in its memory or from the disk; None likewise
    """

    steps: tuple[PlanStep, ...]
    planning_ms: float | None = None
    took_ms: float | None = None
    pages: int | None = None


def explain(statement: Statement) -> Statement:
    """Run a statement and tell how. Rows: one (plan as JSON)"""
    return Statement(ANALYZED + statement.text, statement.params)


def explain_only(statement: Statement) -> Statement:
    """Tell how a statement would be run. Rows: as above"""
    return Statement(ESTIMATED + statement.text, statement.params)


def parse_plan(document: Any) -> Explained:
    """The one row of such a statement."""
    [whole] = document
    plan = whole["Plan"]
    steps = tuple(steps_of(plan, 0))
    if "Execution Time" not in whole:
        return Explained(steps)
    pages = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    return Explained(steps, whole["Planning Time"], whole["Execution Time"], pages)


def steps_of(node: Mapping[str, Any], depth: int) -> Iterator[PlanStep]:
    """A node of the plan, then those below it."""
    loops = node.get("Actual Loops", 1)
    kept = node.get("Actual Rows", node.get("Plan Rows", 0)) * loops
    removed = sum(node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck")) * loops
    is_scan = "Relation Name" in node
    box = BOX_OF_COLUMN.search(node.get("Filter", ""))
    yield PlanStep(
        depth=depth,
        kind=node["Node Type"],
        relation=f"{quote(node['Schema'])}.{quote(node['Relation Name'])}" if is_scan else None,
        index=node.get("Index Name"),
        read=round(kept + removed) if is_scan else None,
        kept=round(kept) if is_scan else None,
        box_column=box[1] if box and "Index Name" not in node and node["Node Type"] == "Seq Scan" else None,
    )
    for below in node.get("Plans", ()):
        yield from steps_of(below, depth + 1)


def quote(name: str) -> str:
    """A name as it has to be written."""
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
