"""Every way to a page finds the same rows, and none reads the whole table for the few that lie at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from hypothesis import given, strategies as st
from psycopg import sql

from api.planner.choose_plan import plan_bbox_by_key
from api.planner.source_table import make_selectivity
from api.query.items import Cursor, Direction, Filter, ItemsQuery, SortKey, sides
from api.query.plan import Plan
from api.sql.features.pages import select_page, select_sample, select_size
from core.bbox import BBox
from core.catalog.collections import SELECT_COLLECTIONS, Collection, parse_catalog
from core.database.connections import connect
from core.database.statement import Statement
from support.cluster import Cluster
from support.publish import publish

SORTED = """
SELECT n AS fid, n % 7 AS kind, n AS matched,
       ST_Point(n::float8 / 50000 * 360 - 180, n::bigint * 104729 % 180 - 90) AS geom
FROM generate_series(0, 49999) AS n
"""
World = tuple[psycopg.Connection, Collection]


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    """A reader's connection, and 50,000 points from west to east along their key, as if nobody knew where they lie."""
    database = cluster.clone()
    publish(database, "points", SORTED, columns={"kind": "integer", "matched": "integer"})
    with connect(database.reader) as connection:
        found = parse_catalog(1, connection.execute(SELECT_COLLECTIONS.text).fetchall())["points"]
        yield connection, replace(found, blocks_of=None)
    cluster.drop(database)


def run(connection: psycopg.Connection, statement: Statement) -> list[tuple]:
    return connection.execute(statement.text, statement.params).fetchall()


def rows_read(connection: psycopg.Connection, statement: Statement) -> int:
    """How many rows the scans of a statement looked at."""

    def looked_at(node: dict) -> int:
        own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if "Relation Name" in node else 0
        return own * node["Actual Loops"] + sum(map(looked_at, node.get("Plans", ())))

    explained = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(statement.text)
    [(document,)] = connection.execute(explained, statement.params).fetchall()
    return int(looked_at(document[0]["Plan"]))


@given(data=st.data())
def test_every_way_finds_the_same_rows(world: World, data: st.DataObject):
    connection, collection = world
    west, east = sorted(data.draw(st.tuples(st.integers(-180, 180), st.integers(-180, 180))))
    sort = data.draw(st.sampled_from([(), (SortKey(collection.columns[0], descending=True),)]))
    key, direction = data.draw(st.integers(0, 50_000)), data.draw(st.sampled_from(Direction.__args__))
    cursor = data.draw(st.sampled_from([None, Cursor(direction, (key,), ("3",) * len(sort))]))
    query = ItemsQuery(data.draw(st.integers(1, 300)), Filter(box=BBox(west, -40, east, 40)), sort, cursor)
    planned = run(connection, select_page(collection, query))
    assert run(connection, select_page(collection, query, Plan("matches"))) == planned
    if cursor is None:
        counted = run(connection, select_page(collection, query, Plan("matches", counts=True)))
        assert [row[:-1] for row in counted] == planned
        [(truth,)] = connection.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE ST_Intersects(geom, ST_MakeEnvelope(%s, -40, %s, 40, 4326))").format(
                sql.Identifier("data", collection.table)
            ),
            [west, east],
        ).fetchall()
        assert {row[-1] for row in counted} <= {truth}
    if not sort:
        assert run(connection, select_page(collection, query, Plan("walk", walked=50_000))) == planned


@given(data=st.data())
def test_an_offset_skips_rows_of_any_order_and_filter(world: World, data: st.DataObject):
    connection, collection = world
    sort = data.draw(st.sampled_from([(), (SortKey(collection.columns[0], descending=True),)]))
    filter = Filter(box=data.draw(st.sampled_from([None, BBox(-20, -40, 20, 40), BBox(170, -40, -170, 40)])))
    offset, limit = data.draw(st.integers(0, 50_010)), data.draw(st.integers(1, 20))
    everything = [row[1] for row in run(connection, select_page(collection, ItemsQuery(60_000, filter, sort)))]
    page = run(connection, select_page(collection, ItemsQuery(limit, filter, sort, offset=offset)))
    assert [row[1] for row in page] == everything[offset : offset + limit + 1]


def test_rows_before_an_offset_are_met_in_the_index_alone(world: World):
    connection, collection = world
    explained = sql.SQL("EXPLAIN {}").format(select_page(collection, ItemsQuery(10, offset=40_000)).text)
    found = "\n".join(row[0] for row in connection.execute(explained, {"rows": 11, "offset": 40_000}))
    assert "Index Only Scan" in found


@pytest.mark.parametrize("box", [BBox(-1, -40, 1, 40), BBox(0, -40, 0, 40), BBox(179, -40, -179, 40)])
def test_points_on_the_edge_of_a_box_are_in_it_by_every_test(world: World, box: BBox):
    connection, collection = world
    query = ItemsQuery(1000, Filter(box=box))
    found = run(connection, select_page(collection, query, Plan("matches")))
    assert "BETWEEN" in select_page(collection, query, Plan("matches")).as_text()
    assert found == run(connection, select_page(collection, query))
    assert found


def test_the_plan_reads_few_rows_wherever_the_matches_lie_along_the_key(world: World):
    connection, collection = world
    known = make_selectivity(run(connection, select_sample(collection, 20)), 50_000)
    for west in (-180, 0, 150):
        box, part = BBox(west, -80, west + 30, 80), BBox(west, 0, west + 5, 20)
        query = ItemsQuery(10, Filter(box=box))
        plan = plan_bbox_by_key(query, known.share(*sides(box)), known.features)
        assert plan.kind == "walk"
        assert rows_read(connection, select_page(collection, query, plan)) <= plan.walked
        small = ItemsQuery(10, Filter(box=part))
        assert plan_bbox_by_key(small, known.share(*sides(part)), known.features).kind == "matches"
        assert rows_read(connection, select_page(collection, small, Plan("matches", counts=True))) < 500


def test_a_walk_that_meets_too_few_is_told_by_its_rows(world: World):
    connection, collection = world
    query = ItemsQuery(10, Filter(box=BBox(150, -80, 160, 80)))
    assert run(connection, select_page(collection, query, Plan("walk", walked=1000))) == []
    assert len(run(connection, select_page(collection, query, Plan("matches")))) == 11


def test_a_sample_lies_where_the_features_lie(world: World):
    connection, collection = world
    [(pages,)] = run(connection, select_size(collection))
    sample = run(connection, select_sample(collection, 100 * 100 / pages))
    assert len(sample) * pages / 100 == pytest.approx(50_000, rel=0.5)
    known = make_selectivity(sample, 50_000)
    assert known.share(-180, -90, 180, 90) == pytest.approx(1, abs=0.01)
    assert known.share(-180, -90, 0, 90) == pytest.approx(0.5, abs=0.1)
