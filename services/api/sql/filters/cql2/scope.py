"""What the parts of one condition share: the collection, the system of the filter's geometries, and the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString

from psycopg import sql

from api.cql2.check.functions import Kind
from api.cql2.check.queryables import Queryables, kind_of
from api.cql2.tree.ast import Node
from api.sql.relation import column_of, compared_column
from core.catalog.collections import Collection, Column

SQL = sql.Composable


@dataclass(slots=True)
class Scope:
    """Collects the parameters of one condition. `condition` makes the SQL of predicates inside of values."""

    collection: Collection
    queryables: Queryables
    srid_in: int
    northing_first: bool
    condition: Callable[[Node, Scope], SQL]
    params: dict[str, Any] = field(default_factory=dict[str, Any])

    def bind(self, value: Any, cast: LiteralString | None = None) -> SQL:
        """A place for a value, with a cast where PostgreSQL could not tell its type."""
        name = f"c{len(self.params)}"
        self.params[name] = value
        place = sql.Placeholder(name)
        return sql.SQL("{}::{}").format(place, sql.SQL(cast)) if cast else place

    def kind(self, node: Node) -> Kind:
        """The kind of a node."""
        return kind_of(node, self.queryables)

    def column(self, name: str) -> Column:
        """The column of a property that is no geometry."""
        return self.queryables.columns[name]

    def identifier(self, name: str) -> SQL:
        """A property's column of the table `t`."""
        own = name == self.queryables.geometry
        return compared_column(self.collection) if own else column_of(self.column(name))

    @property
    def in_degrees(self) -> bool:
        """Whether the filter's geometries are in degrees."""
        own = self.srid_in == self.collection.srid and self.collection.in_degrees
        return self.srid_in == 4326 or own


def comma(parts: list[SQL]) -> SQL:
    """Parts with commas between them."""
    return sql.SQL(", ").join(parts)


MOST_IN_A_ROW = 50
"""Texts that are put together in one chain; PostgreSQL takes a chain of thousands for one too deep."""


def concatenated(parts: list[SQL]) -> SQL:
    """Texts one after another, of which one or more are given."""
    while len(parts) > MOST_IN_A_ROW:
        chains = range(0, len(parts), MOST_IN_A_ROW)
        parts = [concatenated(parts[start : start + MOST_IN_A_ROW]) for start in chains]
    return sql.SQL("({})").format(sql.SQL(" || ").join(parts))
