"""Filters in degrees on a collection in a national grid: they find what they find on the same collection in degrees."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from api.sql.filters.bbox import Test, in_box
from api.sql.relation import relation
from core.bbox import BBox
from core.catalog.collections import SELECT_COLLECTIONS, Catalog, parse_catalog
from core.database.connections import connect
from support.cluster import Cluster
from support.cql2 import count, found, plan
from support.publish import publish

SQUARES = """
SELECT n AS fid, ST_Transform(ST_MakeEnvelope(x, y, x + 1, y + 1, 4326), {srid}) AS geom
FROM (SELECT n, 20 + n % 10 AS x, 60 + n / 10 AS y FROM generate_series(0, 99) AS n) AS corners
"""
NEAR_EDGES = """
SELECT n AS fid, ST_Transform(ST_Point(24 + n % 100 * 0.005, 60 + n / 100 % 2 * 0.5 + offset_deg, 4326), 3067) AS geom
FROM (SELECT n, CASE WHEN n < 200 THEN 5e-7 ELSE -5e-7 END AS offset_deg FROM generate_series(0, 399) AS n) AS points
"""
"""Five centimetres north and south of two parallels."""

OVERLAPPING = (
    "MULTIPOLYGON(((18 58, 23.5 58, 23.5 62.5, 18 62.5, 18 58)),"
    " ((22.5 61.5, 24.5 61.5, 24.5 63.5, 22.5 63.5, 22.5 61.5)))"
)
"""Two areas with a part in common, which no valid geometry has."""

LAYERS = {"degrees": 4326, "grid": 3067, "mercator": 3857}


@pytest.fixture(scope="module")
def layers(cluster: Cluster) -> Iterator[tuple[psycopg.Connection, Catalog]]:
    """A hundred squares of one degree, ten to a row, in three systems."""
    database = cluster.clone()
    for name, srid in LAYERS.items():
        publish(database, name, SQUARES.format(srid=srid), columns={}, srid=srid, geometry_type="Polygon")  # type: ignore[arg-type]
    publish(database, "edges", NEAR_EDGES, columns={}, srid=3067, geometry_type="Point")
    with connect(database.reader) as connection:
        connection.autocommit = True
        yield connection, parse_catalog(1, connection.execute(SELECT_COLLECTIONS.text).fetchall())
    cluster.drop(database)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("S_INTERSECTS(geom, BBOX(-180,-90,180,90))", 100),
        ("S_INTERSECTS(geom, BBOX(21.5,61.5,23.5,62.5))", 6),
        ("S_INTERSECTS(geom, BBOX(29.5,-90,-179,90))", 10),
        ("S_INTERSECTS(geom, POINT(-100 -80))", 0),
        ("S_INTERSECTS(geom, POINT(24.5 64.5))", 1),
        ("S_INTERSECTS(geom, LINESTRING(-180 64.5, 180 64.5))", 10),
        ("S_INTERSECTS(geom, MULTIPOINT(24.5 64.5, 25.5 64.5, -100 -80))", 2),
        ("S_INTERSECTS(geom, GEOMETRYCOLLECTION(POINT(24.5 64.5), LINESTRING(26.5 60.5, 27.5 60.5)))", 3),
        ("S_DISJOINT(geom, BBOX(21.5,61.5,23.5,62.5))", 94),
        ("S_DISJOINT(geom, BBOX(-180,-90,-170,90))", 100),
        ("S_WITHIN(geom, BBOX(20.5,60.5,180,90))", 81),
        ("S_WITHIN(geom, POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90)))", 100),
        ("S_INTERSECTS(geom, POLYGON((15.5 58.5, 24.5 63.5, 24.5 58.5, 15.5 63.5, 15.5 58.5)))", 16),
        ("S_DISJOINT(geom, POLYGON((15.5 58.5, 24.5 63.5, 24.5 58.5, 15.5 63.5, 15.5 58.5)))", 84),
        (f"S_INTERSECTS(geom, {OVERLAPPING})", 17),
        ("S_CROSSES(MULTILINESTRING((-60 64.5, 60 64.5), (24.5 50, 24.5 62.5)), geom)", 13),
        ("S_CONTAINS(geom, POINT(24.5 64.5))", 1),
        ("S_CONTAINS(geom, POINT(-100 -80))", 0),
        ("S_CONTAINS(geom, BBOX(-180,-90,180,90))", 0),
        ("S_CONTAINS(geom, BBOX(24.2,64.2,24.8,64.8))", 1),
        ("S_CONTAINS(BBOX(20.5,60.5,180,90), geom)", 81),
        ("S_WITHIN(POINT(24.5 64.5), geom)", 1),
        ("S_EQUALS(geom, BBOX(-180,-90,180,90))", 0),
        ("NOT S_EQUALS(geom, POINT(-100 -80))", 100),
        ("S_OVERLAPS(geom, BBOX(24.5,60.5,180,90))", 15),
        ("S_CROSSES(LINESTRING(-180 64.5, 24.5 64.5), geom)", 5),
        ("S_TOUCHES(geom, POINT(-100 -80))", 0),
        ("S_INTERSECTS(geom, POINT EMPTY)", 0),
        ("s_area(geom) > 4e9", 100),
        ("s_area(geom) BETWEEN 5.9e9 AND 6.2e9", 20),
        ("s_length(geom) = 0", 100),
        ("s_distance(geom, POINT(20.5 60.5)) < 1", 1),
        ("S_INTERSECTS(s_centroid(geom), BBOX(20,60,22,61))", 2),
    ],
)  # fmt: skip
def test_filter_in_degrees_finds_the_same_in_every_system(layers, text: str, expected: int):
    connection, catalog = layers
    assert {name: count(connection, catalog[name], text) for name in LAYERS} == dict.fromkeys(LAYERS, expected)


def test_filter_in_another_system_finds_the_same(layers):
    connection, catalog = layers
    for text in (
        "S_INTERSECTS(geom, BBOX(300000,6800000,400000,6900000))",
        "S_INTERSECTS(geom, POINT(350000 6850000))",
    ):
        fids = [found(connection, catalog[name], text, srid_in=3067) for name in LAYERS]
        assert fids[0] == fids[1] == fids[2] != []


MERCATOR_WORLD = 20037508.342789244


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"BBOX({-MERCATOR_WORLD},{-MERCATOR_WORLD},{MERCATOR_WORLD},{MERCATOR_WORLD})", 100),
        ("BBOX(-30000000,-90000000,30000000,90000000)", 100),
        ("BBOX(2400000,-9e9,30000000,9e9)", 90),
        ("BBOX(20037509,0,30000000,20000000)", 0),
        ("POLYGON((-40000000 0,40000000 0,40000000 40000000,-40000000 40000000,-40000000 0))", 100),
        ("LINESTRING(-30000000 9500000,30000000 9500000)", 10),
    ],
)
def test_filter_in_mercator_that_is_wider_than_the_grid_finds_the_same(layers, text: str, expected: int):
    connection, catalog = layers
    whole = f"S_INTERSECTS(geom, {text})"
    counts = {name: count(connection, catalog[name], whole, srid_in=3857) for name in LAYERS}
    assert counts == dict.fromkeys(LAYERS, expected)
    without = f"S_DISJOINT(geom, {text})"
    assert count(connection, catalog["grid"], without, srid_in=3857) == 100 - expected


@pytest.mark.parametrize(
    "text",
    [
        "S_INTERSECTS(geom, BBOX(23.999, 60, 24.5, 60.5))",
        "S_INTERSECTS(geom, POLYGON((23.999 60, 24.5 60, 24.5 60.5, 23.999 60.5, 23.999 60)))",
    ],
)
def test_edges_of_small_areas_in_degrees_are_right_to_a_few_centimetres(layers, text: str):
    connection, catalog = layers
    inside = [*range(100), *range(300, 400)]
    assert found(connection, catalog["edges"], text) == inside
    by: Test
    for by in ("shape", "place"):
        condition, params = in_box(catalog["edges"], BBox(23.999, 60, 24.5, 60.5), by)
        statement = sql.SQL("SELECT t.fid FROM {} AS t WHERE {} ORDER BY t.fid")
        rows = connection.execute(statement.format(relation(catalog["edges"]), condition), params).fetchall()
        assert [fid for (fid,) in rows] == inside, by


@pytest.mark.parametrize("name", LAYERS)
def test_filter_goes_by_the_spatial_index_in_every_system(layers, name: str):
    connection, catalog = layers
    collection = catalog[name]
    for text in (
        "S_INTERSECTS(geom, BBOX(21.5,61.5,23.5,62.5))",
        "S_INTERSECTS(geom, POLYGON((15.5 58.5, 21.5 61.5, 21.5 58.5, 15.5 61.5, 15.5 58.5)))",
        "S_INTERSECTS(geom, LINESTRING(15.5 58.5, 21.5 61.5))",
        "S_CONTAINS(geom, POINT(24.5 64.5))",
    ):
        assert f"{collection.table}_geom_idx" in plan(connection, collection, text)


def test_long_lines_are_split_into_few_pieces(layers):
    connection, catalog = layers
    zigzag = ", ".join(f"{-180 if n % 2 else 180} {n / 100}" for n in range(1500))
    assert count(connection, catalog["grid"], f"S_INTERSECTS(geom, LINESTRING({zigzag}))") == 0


@pytest.mark.parametrize("shape", ["POLYGON(({}))", "LINESTRING({})"])
def test_scribble_takes_no_longer_in_a_grid(layers, shape: str):
    connection, catalog = layers
    corners = [f"{15 + n * 37 % 97 / 10} {59 + n * 59 % 89 / 10}" for n in range(1500)]
    scribble, shorter = (shape.format(f"{', '.join(corners[:number])}, 15 59") for number in (1500, 400))
    start = time.perf_counter()
    finds = count(connection, catalog["grid"], f"S_INTERSECTS(geom, {scribble})")
    assert count(connection, catalog["grid"], f"S_CONTAINS(geom, {shorter})") == 0
    assert time.perf_counter() - start < 5
    assert finds == count(connection, catalog["degrees"], f"S_INTERSECTS(geom, {scribble})") > 10
