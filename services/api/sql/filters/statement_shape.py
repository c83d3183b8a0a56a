"""The shape of a filter: what decides on the text of its conditions. Filters that differ in the values that they
compare with alone have one shape, so the text is composed once, and connections keep the statement prepared.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from api.cql2.tree import ast
from api.cql2.tree.ast import Node
from api.query.items import NO_FILTER, Filter, GridBox
from api.sql.filters.bbox import box_values, is_geography
from api.sql.filters.cql2.numbers import fits_real, is_whole
from api.sql.filters.filter import equal_value
from core.catalog import Collection

FilterShape = tuple[Hashable, dict[str, Any]]
"""A shape, and the values of the filter by the names of their places."""


MOST_NODES = 50
"""Of a filter in CQL2. A larger one is seldom asked for twice, and its text would take much room."""


OF_NO_FILTER = (None, (), None)


class Unlike(Exception):
    """A filter has no shape."""


def filter_shape(collection: Collection, filter: Filter) -> FilterShape | None:
    """None for what has no shape: the text of its conditions depends on more, or is seldom asked for twice."""
    if filter is NO_FILTER:
        return OF_NO_FILTER, {}
    key = "shape", collection.id, collection.revision
    return filter.found(key, lambda: find_shape(collection, filter))


def find_shape(collection: Collection, filter: Filter) -> FilterShape | None:
    """The shape of a filter."""
    if filter.interval or filter.heights or filter.ids is not None or filter.text is not None or filter.arguments:
        return None
    if filter.box is not None and is_geography(collection):
        return None
    literals = Literals()
    try:
        cql2 = filter.cql2 and literals.shape(filter.cql2)
    except Unlike:
        return None
    values: dict[str, Any] = {f"c{number}": value for number, value in enumerate(literals.values)}
    values.update((f"equal{number}", equal_value(some)) for number, some in enumerate(filter.equals))
    box = filter.box
    if box is not None and collection.has_geometry:
        values.update(box_values(collection, box))
    area = box and (("srid", box.srid) if isinstance(box, GridBox) else ("halves", len(box.halves())))
    return (area, tuple(some.column.column for some in filter.equals), cql2), values


@dataclass(slots=True)
class Literals:
    """Collects the values of a filter in CQL2, in the order in which they are bound."""

    values: list[str] = field(default_factory=list[str])
    nodes: int = 0

    def shape(self, node: Node) -> Hashable:
        """A tree without its values: comparisons of properties with texts and numbers. Raises: Unlike"""
        self.nodes += 1
        if self.nodes > MOST_NODES:
            raise Unlike
        match node:
            case ast.And(args) | ast.Or(args):
                return (type(node), *map(self.shape, args))
            case ast.Not(arg) | ast.IsNull(arg):
                return type(node), self.shape(arg)
            case ast.Comparison(op, left, right):
                return op, self.shape(left), self.shape(right)
            case ast.Between(value, low, high):
                return type(node), self.shape(value), self.shape(low), self.shape(high)
            case ast.Like(value, ast.String() as pattern):
                return type(node), self.shape(value), self.shape(pattern)
            case ast.Property(name):
                return name
            case ast.Boolean(truth):
                return truth
            case ast.String(value) | ast.Number(value):
                self.values.append(str(value))
                return kind_of_literal(value)
            case _:
                raise Unlike


def kind_of_literal(value: str | int | Decimal) -> Hashable:
    """What of a literal decides on its place. Raises: Unlike for a number that is bound in a way of its own"""
    if isinstance(value, str) or (isinstance(value, int) and is_whole(value)):
        return type(value)
    if isinstance(value, int) or is_whole(value) or not fits_real(value):
        raise Unlike
    return type(value)
