"""What the parts of one condition share: the collection, the system of the filter's geometries, and the parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString, cast

from psycopg import sql

from api.cql2.check.queryables import Kind, Queryables, kind_of
from api.cql2.tree.ast import Node, Property
from api.sql.relation import column_of, compared_column
from core.catalog.collections import Collection, Column

SQL = sql.Composable


@dataclass(slots=True)
class Scope:
    """Collects the parameters of one condition. `condition` makes the SQL of predicates inside of values; `prefix`:
    what the names of its parameters begin with.
    """

    collection: Collection
    queryables: Queryables
    srid_in: int
    northing_first: bool
    condition: Callable[[Node, Scope], SQL]
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    prefix: str = "c"

    def bind(self, value: Any, cast: LiteralString | None = None) -> SQL:
        """A place for a value, with a cast where PostgreSQL could not tell its type."""
        name = f"{self.prefix}{len(self.params)}"
        self.params[name] = value
        place = sql.Placeholder(name)
        return sql.SQL("{}::{}").format(place, sql.SQL(cast)) if cast else place

    def kind(self, node: Node) -> Kind:
        """The kind of a node."""
        return kind_of(node, self.queryables)

    def column(self, name: str) -> Column:
        """The column of a property that is no geometry."""
        return self.queryables.columns[name]

    def identifier(self, node: Node) -> SQL:
        """The column of the table `t` of a node that the check found to be a property."""
        name = cast("Property", node).name
        own = name == self.queryables.geometry
        return compared_column(self.collection) if own else column_of(self.column(name))

    @property
    def in_degrees(self) -> bool:
        """Whether the filter's geometries are in degrees."""
        own = self.srid_in == self.collection.srid and self.collection.in_degrees
        return self.srid_in == 4326 or own
