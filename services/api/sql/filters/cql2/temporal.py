"""Temporal predicates. An instant is an interval whose ends are equal.

Days among days are compared as days. Beside a time, a day lasts from its midnight in UTC to its last microsecond.
Source: OGC 21-065r2, clause 7.6, and OWL-Time for the relations between intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import LiteralString

from psycopg import sql

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.scope import SQL, Scope
from api.sql.filters.cql2.values import instant

# s1, e1: start and end of the left operand; s2, e2: of the right one
RELATIONS: dict[str, LiteralString] = {
    "t_after": "{s1} > {e2}",
    "t_before": "{e1} < {s2}",
    "t_disjoint": "({e1} < {s2} OR {s1} > {e2})",
    "t_equals": "{s1} = {s2} AND {e1} = {e2}",
    "t_intersects": "{s1} <= {e2} AND {e1} >= {s2}",
    "t_contains": "{s1} < {s2} AND {e1} > {e2}",
    "t_during": "{s1} > {s2} AND {e1} < {e2}",
    "t_finishedBy": "{s1} < {s2} AND {e1} = {e2}",
    "t_finishes": "{s1} > {s2} AND {e1} = {e2}",
    "t_meets": "{e1} = {s2}",
    "t_metBy": "{s1} = {e2}",
    "t_overlappedBy": "{s1} > {s2} AND {s1} < {e2} AND {e1} > {e2}",
    "t_overlaps": "{s1} < {s2} AND {e1} > {s2} AND {e1} < {e2}",
    "t_startedBy": "{s1} = {s2} AND {e1} > {e2}",
    "t_starts": "{s1} = {s2} AND {e1} < {e2}",
}


@dataclass(frozen=True, slots=True)
class Span:
    """Start and end of a time as nodes; None is open."""

    start: Node | None
    end: Node | None

    @classmethod
    def of(cls, node: Node) -> Span:
        """The ends of an interval, or an instant twice."""
        return cls(node.start, node.end) if isinstance(node, ast.TimeInterval) else cls(node, node)

    def ends(self) -> Iterator[Node]:
        """The ends that are not open."""
        yield from (end for end in (self.start, self.end) if end is not None)


def temporal(node: ast.Temporal, scope: Scope) -> SQL:
    """A temporal predicate."""
    left, right = Span.of(node.left), Span.of(node.right)
    days = all(scope.kind(end) == "date" for span in (left, right) for end in span.ends())
    relation = RELATIONS[node.op]
    ends = {"s1": (left.start, False), "e1": (left.end, True), "s2": (right.start, False), "e2": (right.end, True)}
    limits = {
        name: limit(end, scope, days=days, late=late) for name, (end, late) in ends.items() if f"{{{name}}}" in relation
    }
    return sql.SQL("({})").format(sql.SQL(relation).format(**limits))


def limit(node: Node | None, scope: Scope, *, days: bool, late: bool) -> SQL:
    """One end: a date among days, else a time; `late` takes the last microsecond of a day."""
    if node is None:
        open_end = "'infinity'::{}" if late else "'-infinity'::{}"
        return sql.SQL(open_end).format(sql.SQL("date" if days else "timestamptz"))
    if days or scope.kind(node) == "datetime":
        return instant(node, scope)
    if isinstance(node, ast.Date):
        clock = time.max if late else time.min
        return scope.bind(datetime.combine(node.value, clock, tzinfo=UTC), "timestamptz")
    midnight = sql.SQL("({}::timestamp AT TIME ZONE 'UTC')").format(instant(node, scope))
    return sql.SQL("({} + interval '1 day' - interval '1 microsecond')").format(midnight) if late else midnight
