"""Sources are read through subqueries: PostgreSQL takes them apart and uses the indexes of the tables behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.catalog.live import LiveCatalog
from api.catalog.survey.watch import LiveSources
from api.planner.source_table import make_selectivity, plan_in_strips
from api.query.items import Cursor, Filter, GridBox, ItemsQuery, sides
from api.sql.features.bbox_strips import select_projected_bbox
from api.sql.features.items import select_feature
from api.sql.features.pages import select_page
from api.sql.tiles.tiles import select_tile, whole_tile
from api.tiles.budget import goes_by_box
from api.tms.tile import Tile
from core.bbox import BBox
from core.catalog.collections import Collection
from core.database.connections import Database as Pool, connect
from core.database.statement import Statement
from support.cluster import Cluster
from support.odd import as_superuser, wait_for

TABLES = """
CREATE SCHEMA big;
CREATE TABLE big.points (id integer PRIMARY KEY, kind text, geom geometry(Point, 3067));
INSERT INTO big.points
SELECT n, 'kind ' || n % 9, ST_SetSRID(ST_Point(200000 + (n * 7919) % 400000, 6600000 + (n * 104729) % 900000), 3067)
FROM generate_series(1, 20000) AS n;
CREATE INDEX points_geom_idx ON big.points USING gist (geom);

CREATE TABLE big.degrees (code text, number integer, "Geom" geometry(Point, 4326), PRIMARY KEY (code, number));
INSERT INTO big.degrees
SELECT 'c' || n % 10, n, ST_SetSRID(ST_Point((n * 7919) % 360 - 180, (n * 104729) % 180 - 90), 4326)
FROM generate_series(1, 20000) AS n;
CREATE INDEX degrees_geom_idx ON big.degrees USING gist ("Geom");

CREATE TABLE big.globe (id bigint PRIMARY KEY, place geography(Point, 4326));
INSERT INTO big.globe
SELECT n, ST_Point((n * 7919) % 360 - 180, (n * 104729) % 180 - 90)::geography FROM generate_series(1, 20000) AS n;
CREATE INDEX globe_place_idx ON big.globe USING gist (place);

CREATE TABLE big.no_key AS
SELECT n % 100 AS n, 'a text to fill the pages of the table' AS t FROM generate_series(1, 20000) AS n;
CREATE VIEW big.view AS SELECT id AS gid, kind, geom FROM big.points WHERE id % 2 = 0;
COMMENT ON VIEW big.view IS '@key gid';
CREATE TABLE big.parts (id integer PRIMARY KEY, geom geometry(Point, 4326)) PARTITION BY RANGE (id);
CREATE TABLE big.parts_1 PARTITION OF big.parts FOR VALUES FROM (0) TO (10000);
CREATE TABLE big.parts_2 PARTITION OF big.parts FOR VALUES FROM (10000) TO (30000);
INSERT INTO big.parts
SELECT n, ST_SetSRID(ST_Point((n * 7919) % 360 - 180, (n * 104729) % 180 - 90), 4326)
FROM generate_series(1, 20000) AS n;
CREATE INDEX parts_geom ON big.parts USING gist (geom);
GRANT USAGE ON SCHEMA big TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA big TO isthmus_reader;
"""

World = tuple[psycopg.Connection, dict[str, Collection]]


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    """A reader's connection, and the collections of some larger tables."""
    database = cluster.clone()
    with as_superuser(database) as connection:
        connection.execute(TABLES)  # type: ignore[arg-type]
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE")
    settings = replace(database.reader, schemas="big")
    pool = Pool(settings)
    live = LiveCatalog(pool, LiveSources(pool, ("big",)))
    wait_for(live.fresh, lambda catalog: len(catalog) == 6 and all(c.bbox_crs84 for c in catalog.values() if c.srid))
    with connect(settings) as connection:
        connection.execute("SET max_parallel_workers_per_gather = 0")
        yield connection, dict(live.fresh())
    pool.close()
    cluster.drop(database)


def plan(world: World, statement: Statement) -> str:
    """What the planner does for a statement."""
    explained = sql.SQL("EXPLAIN (FORMAT TEXT) {}").format(statement.text)
    return "\n".join(row[0] for row in world[0].execute(explained, statement.params))


@pytest.mark.parametrize(
    ("name", "index", "box"),
    [
        ("points", "points_geom_idx", BBox(24.9, 60.1, 25.0, 60.2)),
        ("degrees", "degrees_geom_idx", BBox(10, 10, 12, 12)),
        ("globe", "globe_place_idx", BBox(10, 10, 12, 12)),
        ("view", "points_geom_idx", BBox(24.9, 60.1, 25.0, 60.2)),
        ("parts", "parts_1_geom_idx", BBox(10, 10, 12, 12)),
    ],
)
def test_small_box_goes_by_the_tables_own_spatial_index(world: World, name: str, index: str, box: BBox):
    found = plan(world, select_page(world[1][name], ItemsQuery(10, Filter(box))))
    assert index in found
    assert "Seq Scan" not in found
    assert found.count("Subquery Scan") == 1  # of the page: the source itself is none


@pytest.mark.parametrize(
    ("name", "index", "tile"),
    [
        ("points", "points_geom_idx", Tile(10, 297, 583)),
        ("degrees", "degrees_geom_idx", Tile(8, 100, 100)),
        ("globe", "globe_place_idx", Tile(8, 100, 100)),
        ("view", "points_geom_idx", Tile(10, 297, 583)),
    ],
)
def test_tile_goes_by_the_tables_own_spatial_index(world: World, name: str, index: str, tile: Tile):
    found = plan(world, select_tile(world[1][name], tile))
    assert index in found
    assert "Seq Scan" not in found


@pytest.mark.parametrize(
    ("name", "index", "tile"),
    [
        ("points", "points_geom_idx", Tile(10, 297, 583)),
        ("degrees", "degrees_geom_idx", Tile(8, 100, 100)),
        ("parts", "parts_1_geom_idx", Tile(8, 100, 100)),
    ],
)
def test_one_plan_is_good_for_all_tiles_of_a_zoom(world: World, name: str, index: str, tile: Tile):
    connection, collections = world
    prepared, values = whole_tile(collections[name], tile)
    place = ", ".join(sql.quote(str(values[name])) for name in prepared.names)
    connection.execute("SET plan_cache_mode = force_generic_plan")
    try:
        connection.execute(b"PREPARE tile AS " + prepared.text)
        found = "\n".join(row[0] for row in connection.execute(f"EXPLAIN EXECUTE tile({place})"))  # type: ignore[arg-type]
        [(mvt, features, _)] = connection.execute(f"EXECUTE tile({place})").fetchall()  # type: ignore[arg-type]
    finally:
        connection.execute("DEALLOCATE ALL")
        connection.execute("RESET plan_cache_mode")
    assert index in found
    assert "Seq Scan" not in found
    assert not re.search(r"Filter.*st_transform\(st_", found), "the area of the tile is transformed for each row"
    statement = select_tile(collections[name], tile)
    assert [(mvt, features)] == connection.execute(statement.text, statement.params).fetchall()


@pytest.mark.parametrize(
    ("name", "z", "is_one"),
    [("points", 4, False), ("points", 9, True), ("degrees", 1, False), ("degrees", 4, True), ("globe", 9, False)],
)
def test_large_tiles_and_those_without_an_index_are_planned_anew(world: World, name: str, z: int, is_one: bool):
    middle = 2 ** (z - 1)
    assert goes_by_box(world[1][name], Tile(z, middle // 2 if name == "points" else middle, middle)) is is_one
    assert goes_by_box(replace(world[1][name], bbox_crs84=None), Tile(z, middle, middle)) is False


@pytest.mark.parametrize(
    ("name", "index", "key"),
    [
        ("points", "points_pkey", (15000,)),
        ("degrees", "degrees_pkey", ("c7", 15000)),
        ("view", "points_pkey", (15000,)),
        ("parts", "parts_2_pkey", (15000,)),
    ],
)
def test_deep_page_and_single_feature_go_by_the_tables_own_key(
    world: World, name: str, index: str, key: tuple[int | str, ...]
):
    collection = world[1][name]
    found = plan(world, select_page(collection, ItemsQuery(10, cursor=Cursor("next", key))))
    assert index in found
    assert "Index Cond" in found
    assert "Seq Scan" not in found
    values = {f"id{number}": value for number, value in enumerate(key)}
    assert index in plan(world, replace(select_feature(collection), params=values))
    assert index in plan(world, select_page(collection, ItemsQuery(10, Filter(ids=(key,)))))


CURSORS = [None, Cursor("next", (8, "12.5", "c3", 9)), Cursor("prev", (12, "-20", "c3", 9))]
CURSORS_IN_GRID = [None, Cursor("next", (8, "450000.5", 9)), Cursor("prev", (12, "450000.5", 9))]


@pytest.mark.parametrize("cursor", CURSORS)
def test_page_of_a_box_looks_at_few_rows_of_the_index(world: World, cursor: Cursor | None):
    query = ItemsQuery(10, Filter(BBox(-50, -40, 50, 40)), cursor=cursor)
    known = make_selectivity([((n * 7919) % 360 - 180, (n * 104729) % 180 - 90) for n in range(2000)], 20_000)
    found = plan_in_strips(query, (-50, -40, 50, 40), known)
    assert_few_rows(world, "degrees_geom_idx", select_page(world[1]["degrees"], query, found))


@pytest.mark.parametrize("cursor", CURSORS_IN_GRID)
def test_page_of_a_box_in_degrees_over_a_grid_does_too(world: World, cursor: Cursor | None):
    collection, box = world[1]["points"], BBox(22, 60.5, 28.5, 66.5)
    statement = select_projected_bbox(collection, box)
    projected = GridBox(3067, *world[0].execute(statement.text, statement.params).fetchall()[0])
    middles = [(200000 + (n * 7919) % 400000, 6600000 + (n * 104729) % 900000) for n in range(2000)]
    query = ItemsQuery(10, Filter(box), cursor=cursor)
    found = plan_in_strips(query, sides(projected), make_selectivity(middles, 20_000))
    assert_few_rows(world, "points_geom_idx", select_page(collection, query, replace(found, projected=projected)))


def assert_few_rows(world: World, index: str, page: Statement) -> None:
    """A page of ten and one more, found by an index whose entries are few."""
    explained = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(page.text)
    [(found,)] = world[0].execute(explained, page.params)
    scans = [node for node in nodes(found[0]["Plan"]) if node.get("Index Name") == index]
    assert scans
    assert sum(scan["Actual Rows"] * scan["Actual Loops"] for scan in scans) < 300
    assert found[0]["Plan"]["Actual Rows"] == 11


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A node of a plan, and those below it."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


def test_deep_page_of_a_table_without_a_key_begins_at_its_place(world: World):
    found = plan(world, select_page(world[1]["no_key"], ItemsQuery(10, cursor=Cursor("next", ("(150,1)",)))))
    assert re.search(r"Sort.*Limit.*Tid Range Scan", found, re.DOTALL), "the rest of the table is not sorted"
    first = plan(world, select_page(world[1]["no_key"], ItemsQuery(10)))
    assert re.search(r"Sort.*Limit.*Seq Scan", first, re.DOTALL)


def test_extent_of_the_index_is_that_of_the_data(world: World):
    box = world[1]["points"].bbox_crs84
    assert box is not None
    assert 19 < box.west < box.east < 30
    assert 59 < box.south < box.north < 68
    domain = world[1]["points"].domain_crs84
    assert domain is not None
    assert domain.west < 19.1
    assert domain.east > 31.5
