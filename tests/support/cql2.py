"""Filters in tests: the standard's own files, a collection that is published, and how many features a filter finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from psycopg import sql

from api.cql2.check.check import parse_filter
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.conditions import filter_condition
from core.catalog.collections import Collection
from core.database.connections import Connection

DATA = Path(__file__).parents[1] / "data/cql2"

# Counts 008 to 010 of the table of accent-insensitive-comparison are errors of the
# standard: its file holds Chișinău, Chicago and Chengdu, so Ch% finds three and Chis% one.
ERRATA = {
    "ACCENTI(name) LIKE accenti('Ch%')": 3,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('Chiș%'))": 1,
    "ACCENTI(CASEI(name)) LIKE accenti(casei('cHis%'))": 1,
}


def predicates() -> Iterator[tuple[str, str, str, int]]:
    """Every predicate of the standard's abstract test suite: class, collection, filter, how many features it finds."""
    for part, source, text, count in json.loads((DATA / "predicates.json").read_text(encoding="utf-8")):
        yield part, source, text, ERRATA.get(text, count)


def examples() -> dict[str, dict[str, Any]]:
    """The standard's examples by name: `texts`, which all mean the same, and `json`."""
    return json.loads((DATA / "examples.json").read_text(encoding="utf-8"))


def count(connection: Connection, collection: Collection, filter: str | Node, **options: Any) -> int:
    """How many features a filter finds; a text is CQL2 Text."""
    return len(found(connection, collection, filter, **options))


def found(connection: Connection, collection: Collection, filter: str | Node, **options: Any) -> list[int]:
    """The fids of the features that a filter finds, in order."""
    condition, params = condition_of(collection, filter, **options)
    text = sql.SQL("SELECT t.fid FROM {} AS t WHERE {} ORDER BY t.fid").format(table(collection), condition)
    return [row[0] for row in connection.execute(text, params)]


def plan(connection: Connection, collection: Collection, filter: str | Node) -> str:
    """What the planner does for a filter when it may not read the whole table."""
    condition, params = condition_of(collection, filter)
    text = sql.SQL("EXPLAIN SELECT 1 FROM {} AS t WHERE {}").format(table(collection), condition)
    connection.execute("SET enable_seqscan = off")
    lines = [line for (line,) in connection.execute(text, params)]
    connection.execute("RESET enable_seqscan")
    return "\n".join(lines)


def table(collection: Collection) -> sql.Identifier:
    """The table of a collection."""
    return sql.Identifier("data", collection.table)


def condition_of(collection: Collection, filter: str | Node, **options: Any) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition of a filter; a text is CQL2 Text."""
    node = parse_filter(filter, "cql2-text", collection) if isinstance(filter, str) else filter
    return filter_condition(node, collection, **options)
