"""The rows of a page that begins at an offset. PostgreSQL makes no text of a row that is skipped, as it would if it
skipped texts.
"""

from __future__ import annotations

from psycopg import sql

from api.query.items import ItemsQuery
from api.query.page_order import walk_key
from api.sql.features.keyset import lies_in_order, order_by, row
from api.sql.filters.filter import where_clause
from api.sql.relation import all_columns, key_column
from core.catalog import Collection


def at_offset(
    collection: Collection, query: ItemsQuery, source: sql.Composable, conditions: list[sql.Composable]
) -> sql.Composable:
    """A relation of the rows alone. Cost: reads all before them; where nothing but a key decides, in its index only."""
    if lies_in_order(collection, query) and query.filter.is_everything:  # or the index of a condition orders them
        return ROWS.format(columns=sql.SQL("t.*"), source=source, where=where_clause(conditions), order=sql.SQL(""))
    key = walk_key(collection, query.filter, query.sort, query.cursor)
    order = sql.SQL("\nORDER BY ") + order_by(query.sort, collection, key, backwards=query.backwards)
    if conditions or query.sort or not key.unique:
        columns = all_columns(collection, key)
        return ROWS.format(columns=columns, source=source, where=where_clause(conditions), order=order)
    columns = list(map(key_column, key.parts))
    return ROWS_BY_KEY.format(source=source, key=row(columns), columns=sql.SQL(", ").join(columns), order=order)


ROWS = sql.SQL("(SELECT {columns} FROM {source} AS t{where}{order}\nLIMIT %(rows)s OFFSET %(offset)s)")
ROWS_BY_KEY = sql.SQL("""(SELECT t.* FROM {source} AS t
WHERE {key} >= (SELECT {columns} FROM {source} AS t{order}
    LIMIT 1 OFFSET %(offset)s){order}
LIMIT %(rows)s)""")
