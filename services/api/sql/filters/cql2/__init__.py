"""A checked CQL2 tree as a condition in SQL. Every literal is bound; names come from the collection only."""

from api.sql.filters.cql2.conditions import filter_condition

__all__ = ["filter_condition"]
