"""The statement that calls a function which makes tiles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from api.query.items import Given
from api.sql.relation import argument_place, type_of
from api.tms.tile import Tile
from core.statement import Statement, quoted


def select_function_tile(
    call: sql.Composable, tile: Tile, given: Sequence[Given], rest: Mapping[str, str] | None
) -> Statement:
    """The tile that a function makes. Rows: one (tile bytea), NULL or empty for an empty tile

    call: of the function, without the last bracket; given: its arguments; rest: what it takes as JSON, if it does
    """
    arguments = [
        sql.SQL(", {} => {}::{}").format(
            quoted(found.argument.name), sql.Placeholder(argument_place(found)), type_of(found.argument.sql_type)
        )
        for found in given
    ]
    params: dict[str, Any] = {"z": tile.z, "x": tile.column, "y": tile.row}
    params |= {argument_place(found): found.value for found in given}
    if rest is not None:
        params["query"] = json.dumps(rest, ensure_ascii=False)
    return Statement(sql.SQL("SELECT {}{})").format(call, sql.Composed(arguments)), params)
