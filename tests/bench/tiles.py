"""Vector tiles against the bare ST_AsMVT over the stored Web Mercator geometry."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import psycopg
from psycopg import sql

from api.sql.tiles.tiles import whole_tile
from api.tiles.budget import goes_by_box
from api.tms.tile import Tile, tile_at
from bench.generate import SEED
from bench.measure import Result, Side, compare
from bench.setting import Bench, Pair
from core.catalog.collections import SELECT_COLLECTIONS, parse_catalog
from core.catalog.versions import OUR_COLUMNS
from core.database.connections import Database
from core.database.statement import Statement
from core.settings import Settings
from loader.prerender.renderer import rendering
from loader.prerender.which_tiles import tiles_to_render
from loader.progress import Event


def bench_tiles(bench: Bench, id: str, zooms: Sequence[int]) -> list[Result]:
    """Cold tiles all over the collection, each asked for once, and the same tiles again from the cache."""
    box = json.loads(bench.get(f"/collections/{id}"))["extent"]["spatial"]["bbox"][0]
    tiles, (floor, text) = tiles_of(zooms, bench.runs, box), tile_floor(bench, id)

    def ask(tile: Tile) -> Callable[[], object]:
        path = f"/collections/{id}/tiles/WebMercatorQuad/{tile.z}/{tile.row}/{tile.column}"
        return lambda: bench.get(path, "gzip")

    pairs = [(floor(tile), ask(tile)) for tile in tiles]
    span = f"z{min(zooms)}-{max(zooms)}"
    return [compare(f"{id} tile {span}, {state}", text, pairs, bench.sides()) for state in ("cold", "warm")]


def bench_plain(bench: Bench, id: str, zooms: Sequence[int], runs: int, *, state: str = "cold") -> Result:
    """Tiles that this client asks for once, against the plain statement over the table as it came, which needs no
    preparation and leaves out nothing. `state`: what they are, cold unless somebody had them made."""
    box = json.loads(bench.get(f"/collections/{id}"))["extent"]["spatial"]["bbox"][0]
    floor, text = plain_floor(bench, id)
    pairs: list[Pair] = []
    for tile in tiles_of(zooms, runs, box):
        path = f"/collections/{id}/tiles/WebMercatorQuad/{tile.z}/{tile.row}/{tile.column}"
        pairs.append((floor(tile), lambda path=path: bench.get(path, "gzip")))
    return compare(f"{id} tile z{min(zooms)}-{max(zooms)}, {state}, to the plain one", text, pairs, bench.sides())


def bench_statement(bench: Bench, id: str, zooms: Sequence[int]) -> Result:
    """Our own statement for tiles, run as the API runs it, against the plain one: what a layer costs without HTTP."""
    box = json.loads(bench.get(f"/collections/{id}"))["extent"]["spatial"]["bbox"][0]
    floor, text = plain_floor(bench, id)
    collection = parse_catalog(0, bench.connection.execute(SELECT_COLLECTIONS.text).fetchall())[id]
    with closing(Database(replace(bench.database.reader, pool_size=1))) as own:
        [(backend,)] = own.run(Statement(sql.SQL("SELECT pg_backend_pid()")))

        def ours(tile: Tile) -> Callable[[], object]:
            prepared, values = whole_tile(collection, tile)
            return lambda: own.run_prepared(prepared, values, one_plan=goes_by_box(collection, tile))

        pairs = [(floor(tile), ours(tile)) for tile in tiles_of(zooms, len(zooms) + bench.runs, box)]
        for work in (work for pair in pairs[: len(zooms)] for work in pair):  # each zoom has a statement
            work()
        name = f"{id} tile z{min(zooms)}-{max(zooms)}, our statement to the plain one"
        return compare(name, text, pairs[len(zooms) :], (bench.sides()[0], Side([backend], client=True)))


def render_low_zooms(settings: Settings, connection: psycopg.Connection) -> list[Event]:
    """Have the API make what the loader has it make after a load; returns what was told of it."""
    collections = parse_catalog(0, connection.execute(SELECT_COLLECTIONS.text).fetchall())
    wanted, told = tiles_to_render(list(collections.values()), settings.render_tiles), list[Event]()
    all_told = threading.Semaphore(0)

    def listen(event: Event) -> None:
        told.append(event)
        all_told.release()

    with rendering(settings, listen) as renderer:
        renderer.want(wanted)
        for _ in wanted:
            assert all_told.acquire(timeout=600), told
    assert {event.event for event in told} == {"rendered"}, told
    return told


def tiles_of(zooms: Sequence[int], count: int, box: Sequence[float]) -> list[Tile]:
    """Different tiles at random places of a box (west, south, east, north), of each zoom in turn."""
    chance = random.Random(SEED)
    found: dict[Tile, None] = {}
    for zoom in itertools.cycle(zooms):
        if len(found) == count:
            break
        place = chance.uniform(box[0], box[2]), chance.uniform(box[1], box[3])
        found[tile_at(*place, zoom)] = None
    return list(found)


STORED = sql.SQL(
    "SELECT ST_AsMVT(f, 'x', 4096, 'geom', 'fid') FROM (SELECT fid, {columns}, ST_AsMVTGeom(geom_3857,"
    " ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64) AS geom FROM {table}"
    " WHERE geom_3857 && ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625)) AS f"
)
PLAIN = sql.SQL(
    "SELECT ST_AsMVT(f, 'x', 4096, 'geom', 'fid') FROM (SELECT fid, {columns}, ST_AsMVTGeom(ST_Transform(geom, 3857),"
    " ST_TileEnvelope(%(z)s, %(x)s, %(y)s), 4096, 64) AS geom FROM {table}"
    " WHERE geom && ST_Transform(ST_TileEnvelope(%(z)s, %(x)s, %(y)s, margin => 0.015625), 4326)) AS f"
)
Floor = tuple[Callable[[Tile], Callable[[], object]], str]


def tile_floor(bench: Bench, id: str) -> Floor:
    """The bare statement for a tile, with every property."""
    return floor_of(bench, id, STORED)


def plain_floor(bench: Bench, id: str) -> Floor:
    """The statement that needs no preparation, with every property."""
    return floor_of(bench, id, PLAIN)


def floor_of(bench: Bench, id: str, text: sql.SQL) -> Floor:
    """A statement with the table and its properties filled in."""
    table = bench.table(id)
    described = bench.connection.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(table)).description or []
    names = [column.name for column in described if column.name not in {"geom", "geom_3857", "fid", *OUR_COLUMNS}]
    statement = text.format(columns=sql.SQL(", ").join(map(sql.Identifier, names)), table=table)

    def floor(tile: Tile) -> Callable[[], object]:
        return lambda: bench.rows(statement, {"z": tile.z, "x": tile.column, "y": tile.row}, binary=True)

    return floor, statement.as_string(None)
