"""What `explain=true` advises, of plans as PostgreSQL makes them on other machines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from psycopg import sql

from api.documents.explain import TileExplanation, advice
from api.query.items import WHOLE_TILE
from api.sql.tiles.explain import Explained, PlanStep
from api.tms.tile import Tile
from core.catalog.collections import Collection, Source

MUCH_OF_IT = PlanStep(0, "Seq Scan", "gis.wells", None, 24_323, 11_790, "geom")


@pytest.mark.parametrize(("source", "lacks"), [(None, False), ("indexed", False), ("plain", True)])
def test_walk_through_much_of_a_table_lacks_an_index_only_where_there_is_none(
    roads: Collection, source: str | None, lacks: bool
):
    """PostgreSQL reads all of a table of which it wants much, whatever the index."""
    made = None if source is None else Source(sql.SQL("gis.wells"), "", is_indexed=source == "indexed")
    collection, plan = replace(roads, source=made), Explained((MUCH_OF_IT,))
    tile = TileExplanation(
        collection, Tile(1, 0, 0), WHOLE_TILE, sql="", plan=plan, packed=b"", made_s=0.1, most_kb=500
    )
    assert any("no index is used" in found.because for found in advice(tile, [])) == lacks
