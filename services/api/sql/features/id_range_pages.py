"""Statements for pages of all features of a loaded table."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from api.query.items import ItemsQuery
from api.sql.features.items import rendered
from api.sql.features.pages import select_page
from api.sql.relation import relation
from core.catalog import Collection, remembered
from core.statement import Prepared, Statement, prepare

JOINED = sql.SQL("SELECT string_agg(feature, ','), count(*), min(fid), max(fid)\nFROM ({}) AS page (feature, fid)")


def select_ends(collection: Collection) -> Statement:
    """The least and the largest id of a loaded table. Rows: one (first, last), bigint or null. Index: primary key"""
    return Statement(sql.SQL("SELECT min(fid), max(fid) FROM {}").format(relation(collection)))


def select_joined(collection: Collection, query: ItemsQuery) -> tuple[Prepared, dict[str, Any]]:
    """A page along the ids, upwards, and its values. A tenth less work than its rows: 22 ms instead of 26 for 10,000
    points.

    Rows: one (features with commas between them, or NULL; how many; the least and the largest id, bigint or NULL)
    """
    page = select_page(collection, query)
    params = {**page.params, "rows": query.limit}

    def compose() -> Prepared:
        return prepare(Statement(rendered(JOINED.format(page.text)), params))

    shape = ("joined", query.presentation, query.cursor is None, query.offset > 0)
    return remembered(collection, shape, compose), params
