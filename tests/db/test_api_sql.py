"""The API's statements on real PostGIS: the index they use, and that they find what plain Python finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given, strategies as st
from psycopg import sql

from api.planner.counts import parse_plan
from api.query.items import Cursor, Equals, Filter, Interval, ItemsQuery
from api.sql.features.items import select_count, select_count_plan, select_feature
from api.sql.features.pages import select_page
from api.sql.tiles.tiles import select_tile
from api.tms.tile import Tile
from core.bbox import BBox
from core.catalog.collections import SELECT_COLLECTIONS, Collection, parse_catalog
from core.database.connections import connect
from core.database.statement import Statement
from support.cluster import Cluster
from support.publish import publish

ROWS = 5000
START = datetime(2024, 1, 1, tzinfo=UTC)
SELECT = """
SELECT n AS fid, n % 7 AS kind, timestamptz '2024-01-01Z' + n * interval '1 hour' AS seen,
       ST_Point((n * 7919) % 360 - 180, (n * 104729) % 180 - 90) AS geom
FROM generate_series(1, 5000) AS n
"""


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[tuple[psycopg.Connection, Collection]]:
    """A reader's connection, and a collection of 5,000 points with a kind and a time."""
    database = cluster.clone()
    publish(database, "points", SELECT, columns={"kind": "integer", "seen": "datetime"}, temporal_column="seen")
    with connect(database.reader) as connection:
        rows = connection.execute(SELECT_COLLECTIONS.text).fetchall()
        yield connection, parse_catalog(1, rows)["points"]
    cluster.drop(database)


def run(connection: psycopg.Connection, statement: Statement) -> list[tuple]:
    """The rows of a statement."""
    return connection.execute(statement.text, statement.params).fetchall()


def plan(connection: psycopg.Connection, statement: Statement) -> str:
    """What the planner does for a statement."""
    explained = sql.SQL("EXPLAIN (FORMAT TEXT) {}").format(statement.text)
    return "\n".join(row[0] for row in connection.execute(explained, statement.params))


def position(fid: int) -> tuple[float, float]:
    """Where a point of the collection lies."""
    return (fid * 7919) % 360 - 180, (fid * 104729) % 180 - 90


def matches(fid: int, filter: Filter) -> bool:
    """Whether a feature meets a filter, by plain Python."""
    x, y = position(fid)
    seen = START + timedelta(hours=fid)
    box, times = filter.box, filter.interval
    in_box = box is None or any(h.west <= x <= h.east and h.south <= y <= h.north for h in box.halves())
    in_time = times is None or ((times.start or seen) <= seen <= (times.end or seen))
    return in_box and in_time and all(fid % 7 == condition.value for condition in filter.equals)


degrees = st.integers(-360, 360).map(lambda halves: halves / 2)
latitudes = st.integers(-180, 180).map(lambda halves: halves / 2)
moments = st.integers(-10, ROWS + 10).map(lambda hours: START + timedelta(hours=hours))
boxes = st.builds(lambda w, a, e, b: BBox(w, min(a, b), e, max(a, b)), degrees, latitudes, degrees, latitudes)
intervals = st.builds(lambda a, b: Interval(min(a, b), max(a, b)), moments, moments) | st.builds(
    lambda a, first: Interval(a, None) if first else Interval(None, a), moments, st.booleans()
)
kinds = st.integers(0, 7)


@given(st.none() | boxes, st.none() | intervals, st.none() | kinds)
def test_filter_in_sql_finds_the_rows_that_plain_python_finds(
    world: tuple[psycopg.Connection, Collection], box: BBox | None, times: Interval | None, kind: int | None
):
    connection, collection = world
    kind_column = collection.columns[0]
    filter = Filter(box, times, () if kind is None else (Equals(kind_column, kind),))
    found = [row[1] for row in run(connection, select_page(collection, ItemsQuery(ROWS, filter)))]
    assert found == [fid for fid in range(1, ROWS + 1) if matches(fid, filter)]
    assert run(connection, select_count(collection, filter)) == [(len(found),)]


def test_page_has_one_row_more_when_there_is_more(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    rows = run(connection, select_page(collection, ItemsQuery(3)))
    assert [row[1] for row in rows] == [1, 2, 3, 4]
    assert json.loads(rows[0][0])["properties"] == {"kind": 1, "seen": "2024-01-01T01:00:00+00:00"}


def test_page_before_a_cursor_comes_backwards(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    rows = run(connection, select_page(collection, ItemsQuery(2, cursor=Cursor("prev", (10,)))))
    assert [row[1] for row in rows] == [9, 8, 7]


def test_small_box_goes_by_the_spatial_index(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    statement = select_page(collection, ItemsQuery(10, Filter(BBox(10, 10, 12, 12))))
    assert "geom" in plan(connection, statement)
    assert "Seq Scan" not in plan(connection, statement)


def test_deep_page_goes_by_the_key(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    statement = select_page(collection, ItemsQuery(10, cursor=Cursor("next", (ROWS - 20,))))
    assert f"{collection.table}_pkey" in plan(connection, statement)
    assert f"{collection.table}_pkey" in plan(connection, replace(select_feature(collection), params={"id0": 1}))


def test_tile_goes_by_the_spatial_index(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    assert f"{collection.table}_geom_3857_idx" in plan(connection, select_tile(collection, Tile(8, 100, 100)))


def test_estimate_is_near_the_count_of_a_wide_box(world: tuple[psycopg.Connection, Collection]):
    connection, collection = world
    filter = Filter(BBox(-90, -45, 90, 45))
    [(line,), *_] = run(connection, select_count_plan(collection, filter))
    [(count,)] = run(connection, select_count(collection, filter))
    assert 0.5 < parse_plan(line).matches / count < 2


def test_values_are_bound_and_never_part_of_the_text(world: tuple[psycopg.Connection, Collection]):
    _, collection = world
    evil = Equals(collection.columns[0], "'; DROP TABLE x; --")
    statement = select_page(collection, ItemsQuery(1, Filter(equals=(evil,))))
    assert "DROP" not in statement.as_text()
    assert statement.params["equal0"] == evil.value


def test_property_whose_name_has_a_percent_sign_is_read_and_filtered(cluster: Cluster):
    database = cluster.clone()
    select = """SELECT 1 AS fid, 50 AS "share %s", ST_Point(1, 2) AS geom"""
    publish(database, "shares", select, columns={"share %s": "integer"})
    with connect(database.reader) as connection:
        collection = parse_catalog(1, connection.execute(SELECT_COLLECTIONS.text).fetchall())["shares"]
        filter = Filter(equals=(Equals(collection.columns[0], 50),))
        [(text, _)] = run(connection, select_page(collection, ItemsQuery(1, filter)))
        assert json.loads(text)["properties"] == {"share %s": 50}
        assert run(connection, select_tile(collection, Tile(0, 0, 0)))
    cluster.drop(database)
