"""Makes a tile to tell how: what `?explain=true` answers in place of the tile."""

from __future__ import annotations

import time

from api.query.items import TileQuery
from api.sql.tiles.explain import explain, explain_only, parse_plan
from api.sql.tiles.tiles import select_tile
from api.tiles.budget import TileMaker
from api.tiles.explain_text import TileStory
from api.tms.tile import Tile
from core.catalog import Collection
from core.db import Database
from core.errors import QueryTooSlow
from core.settings import Settings


def explain_tile(
    database: Database, settings: Settings, collection: Collection, place: Tile, query: TileQuery
) -> TileStory:
    """Make a tile anew, and run its statement once more to see how.

    Raises: as TileMaker.make but for QueryTooSlow, which becomes a part of the story
    """
    began, packed, error = time.perf_counter(), b"", None
    try:
        packed = TileMaker(database, settings, collection, place, query).make()
    except QueryTooSlow as slow:
        error = slow.detail
    made_s = time.perf_counter() - began
    statement = select_tile(collection, place, query)
    try:
        [(plan,)] = database.run(explain(statement))
    except QueryTooSlow:
        [(plan,)] = database.run(explain_only(statement))
    text = database.render(statement).strip()
    return TileStory(collection, place, query, text, parse_plan(plan), packed, made_s, settings.tile_max_kb, error)
