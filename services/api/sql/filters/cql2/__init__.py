"""A checked CQL2 tree as a condition in SQL. Every literal is bound; names come from the collection only."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.cql2.check.queryables import Queryables
from api.cql2.tree.ast import Node
from api.sql.filters.cql2.conditions import condition_sql
from api.sql.filters.cql2.scope import Scope
from core.catalog import Collection


def filter_condition(
    node: Node, collection: Collection, srid_in: int = 4326, *, northing_first: bool = False
) -> tuple[sql.Composable, dict[str, Any]]:
    """The condition on the table `t`, and its parameters `c0`, `c1`, ….

    srid_in:        the system that the geometries of the filter are in (filter-crs)
    northing_first: their positions have northing or latitude first, as in EPSG:4326
    NULL:           as in the standard; WHERE takes it as no match
    Index:          GiST on t.geom for S_INTERSECTS and every other operator that needs the geometries to meet
    Raises:         BadFilter for positions beyond the degrees
    """
    scope = Scope(collection, Queryables.of(collection), srid_in, northing_first, condition_sql)
    condition = condition_sql(node, scope)
    return condition, scope.params
