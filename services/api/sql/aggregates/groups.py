"""Statements for groups of features: the groups, and the values that classes are bounded by."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query.aggregates import AggregateQuery, ByClass, Grouping
from api.sql.aggregates.expressions import aggregate, key_columns, number_of, place_of, shown_keys
from api.sql.filters.cql2.conditions import filter_condition
from api.sql.filters.filter import where, where_clause
from api.sql.relation import relation
from core.catalog.collections import SAMPLE, Collection
from core.database.statement import Statement

MOST_SAMPLED = 50_000
"""Rows that are read, in their order, where a relation has no pages that a sample could be taken from."""

GROUPS = sql.SQL("""
SELECT json_build_array({shown})::text, t.rows, t.matched::bigint, count(*) OVER (), (sum(t.rows) OVER ())::bigint
FROM (
  SELECT {names}g.rows, sum(g.rows) OVER () AS matched
  FROM (SELECT {keys}count(*) AS rows{measures} FROM {rows} AS t{place}{where}{group}) AS g
) AS t{having}
ORDER BY {order}
LIMIT {limit} OFFSET {offset}
""")


def select_groups(collection: Collection, query: AggregateQuery, having_of: Collection) -> Statement:
    """The groups of a page, in their order.

    having_of: what `having` names, as the properties of a collection
    Rows: (values of the columns, a list in JSON; features in the group; features that the filter matches; groups;
    features in all these groups)
    Cost: reads every match, and sorts them for percentiles and distinct values
    """
    keys = list(key_columns(query.groupings))
    measures = [(f"m{number}", aggregate(collection, measure)) for number, measure in enumerate(query.measures)]
    conditions, params = where(collection, query.filter)
    params |= bounds_of(query.groupings) | sampled(query)
    having: list[sql.Composable] = []
    if query.having is not None:
        condition, values = filter_condition(query.having, having_of, prefix="h")
        having, params = [condition], params | values
    shown = list(shown_keys(query.groupings)) + [(alias, sql.Identifier(alias)) for alias, _ in measures]
    text = GROUPS.format(
        shown=sql.SQL(", ").join(sql.Identifier("t", column.alias) for column in query.columns),
        names=listed([sql.SQL("{} AS {}").format(value, sql.Identifier(alias)) for alias, value in shown]),
        keys=listed([sql.SQL("{} AS {}").format(value, sql.Identifier(alias)) for alias, value in keys]),
        measures=sql.Composed(
            [sql.SQL(", {} AS {}").format(value, sql.Identifier(alias)) for alias, value in measures]
        ),
        rows=rows_of(collection, query),
        place=place_of(collection, query.groupings),
        where=where_clause(conditions),
        group=sql.SQL(" GROUP BY {}").format(sql.SQL(", ").join(map(sql.Literal, range(1, len(keys) + 1))))
        if keys
        else sql.SQL(""),
        having=where_clause(having),
        order=order_of(query),
        limit=sql.Literal(query.limit),
        offset=sql.Literal(query.offset),
    )
    return Statement(text, params)


def listed(parts: list[sql.Composable]) -> sql.Composable:
    """Parts with a comma behind each."""
    return sql.Composed([sql.SQL("{}, ").format(part) for part in parts])


def bounds_of(groupings: tuple[Grouping, ...]) -> dict[str, Any]:
    """The bounds of classes, by the names of their places."""
    return {
        f"bounds{number}": list(grouping.bounds)
        for number, grouping in enumerate(groupings)
        if isinstance(grouping, ByClass)
    }


def order_of(query: AggregateQuery) -> sql.Composable:
    """What is asked for, then what groups are made by, which no two groups have in common."""
    keys = [column.alias for column in query.columns if column.alias.startswith("k")]
    parts = [
        sql.SQL("{} DESC NULLS LAST" if order.descending else "{} NULLS LAST").format(sql.Identifier("t", order.alias))
        for order in query.order
    ]
    parts += [sql.SQL("{} NULLS LAST").format(sql.Identifier("t", alias)) for alias in keys]
    return sql.SQL(", ").join(parts) if parts else sql.SQL("1")


def rows_of(collection: Collection, query: AggregateQuery) -> sql.Composable:
    """An item of FROM, to be named `t`: all rows, or those of a sample. What has no pages of its own is read up to a
    number of rows.
    """
    rows = relation(collection, query.filter)
    if query.sample is None:
        return rows
    if collection.source is None:
        return sql.SQL("(SELECT * FROM {} {})").format(rows, SAMPLE)
    if collection.source.sampled is not None:
        return collection.source.sampled
    return sql.SQL("(SELECT * FROM {} AS t LIMIT {})").format(rows, sql.Literal(MOST_SAMPLED))


def select_values(collection: Collection, query: AggregateQuery, grouping: ByClass, shares: list[float]) -> Statement:
    """The values of a property at some shares of all values, 0 for the least. Rows: one (float8 list or NULL)."""
    conditions, params = where(collection, query.filter)
    params |= sampled(query)
    value = number_of(grouping.column)
    if shares == [0, 1]:
        found = sql.SQL("CASE WHEN min({0}) IS NOT NULL THEN ARRAY[min({0}), max({0})] END").format(value)
    else:
        found = sql.SQL("percentile_disc(%(shares)s::float8[]) WITHIN GROUP (ORDER BY {})").format(value)
        params["shares"] = shares
    text = sql.SQL("SELECT {} FROM {} AS t{}")
    return Statement(text.format(found, rows_of(collection, query), where_clause(conditions)), params)


def sampled(query: AggregateQuery) -> dict[str, Any]:
    """The value of a sample's size, by the name of its place."""
    return {} if query.sample is None else {"percent": 100 * query.sample}
