"""The columns of a relation as properties, and as items of the SELECT that a source reads from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from api.catalog.sources.model import Attribute, literal
from api.catalog.sources.types import published, read_as
from core.catalog import Column
from core.statement import quoted

OURS = frozenset({"geom", "shape", "geom_3857", "geog", "ctid", "tableoid", "row_number"})
"""Names that a source's SELECT gives to columns of its own."""

BEHIND = "s"
"""The name of the relation inside of that SELECT."""


@dataclass(frozen=True, slots=True)
class PropertyColumn:
    """A property, the column that it is read from, and the item of SELECT that reads it."""

    column: Column
    attribute: Attribute
    item: sql.Composable


def read_columns(attributes: Sequence[Attribute]) -> tuple[PropertyColumn, ...]:
    """The properties of a relation: the columns that may be read and whose types mean something outside."""
    return tuple(read for read in map(read_column, attributes) if read is not None)


def read_column(attribute: Attribute) -> PropertyColumn | None:
    """A column as a property, or None when it is left out."""
    a = attribute
    found = published(a.type, a.sql_type, a.kind, a.category, ordered=a.ordered, typmod=a.typmod)
    if found is None or not a.readable:
        return None
    type, sql_type = found
    alias = f"c{a.number}" if a.name in OURS or "%" in a.name or "\0" in a.name else a.name
    cast = read_as(a.type, a.kind, a.category, ordered=a.ordered)
    value = quoted(BEHIND, a.name)
    item = sql.SQL("{} AS {}").format(sql.SQL("{}::{}").format(value, literal(cast)) if cast else value, quoted(alias))
    return PropertyColumn(Column(a.name, alias, type, sql_type, a.comment, a.labels), a, item)
