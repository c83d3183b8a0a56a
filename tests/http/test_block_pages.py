"""Pages of a box of a larger collection come in the order of the heap: every feature once, both ways, however found."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from flask.testing import FlaskClient
from hypothesis import assume, given, strategies as st

from api.app import create_app
from api.planner.loaded_table import BoxInBlocks, plan_box
from api.query.items import ItemsQuery
from api.query.plan import BY_POSTGRESQL, Plan
from core.database.connections import Database as Pool, connect
from loader.table.heap_order import save_missing_blocks
from support.cluster import Cluster, Database
from support.http import api_client, fids, get, link, walk
from support.odd import wait_for
from support.publish import publish

DOTS = """
SELECT n * 7919 % 12007 AS fid, n % 5 AS kind,
       CASE WHEN n % 300 = 7 THEN NULL WHEN n % 2900 = 9 THEN 'POINT EMPTY'::geometry
            ELSE ST_Point(n / 110 * 3.3 - 180, CASE n / 110 % 2 WHEN 0 THEN n % 110 ELSE 109 - n % 110 END * 1.5 - 80)
       END AS geom
FROM generate_series(1, 12006) AS n
"""
SHAPES = """
SELECT n * 7919 % 11003 AS fid, n % 5 AS kind,
       ST_Buffer(ST_Point(n / 105 * 0.1, n % 105 * 0.1 + 50), CASE n % 500 WHEN 0 THEN 3 ELSE 0.04 END, 2) AS geom
FROM generate_series(1, 11002) AS n
"""
IN_GRID = f"""
SELECT fid, kind, ST_Transform(ST_SetSRID(ST_Translate(geom, 20, 8), 4326), 3067) AS geom FROM ({SHAPES}) AS shapes
"""
PLAIN_DOTS = f"SELECT * FROM ({DOTS}) AS dots WHERE NOT ST_IsEmpty(geom)"
PARTS = {
    "dots": (DOTS, 4326, "Point"),
    "plain_dots": (PLAIN_DOTS, 4326, "Point"),
    "shapes": (SHAPES, 4326, "Polygon"),
    "in_grid": (IN_GRID, 3067, "Polygon"),
}
EXTENTS = {
    "dots": (-180, -80, 180, 84),
    "plain_dots": (-180, -80, 180, 84),
    "shapes": (-3, 47, 14, 64),
    "in_grid": (18, 56, 33, 71),
}
WAYS = {"as it likes": None, "by the index": Plan("matches"), "by the planner": BY_POSTGRESQL}


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """Some thousand points and polygons, neighbours together."""
    database = cluster.clone()
    for id, (select, srid, kind) in PARTS.items():
        typed: dict[str, Any] = {"srid": srid, "geometry_type": kind, "typmod": kind}
        publish(database, id, select, columns={"kind": "integer"}, **typed)
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def client(database: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves them."""
    with api_client(database.reader) as client:
        yield client


@pytest.fixture(scope="module")
def sql(database: Database) -> Iterator[psycopg.Connection]:
    """A reader's connection."""
    with connect(database.reader) as connection:
        connection.autocommit = True
        yield connection


def table_of(sql: psycopg.Connection, id: str) -> str:
    """The table of a collection."""
    [(name,)] = sql.execute("SELECT table_name FROM isthmus.versions WHERE collection_id = %s", [id]).fetchall()
    return name


def truth(sql: psycopg.Connection, id: str, box: tuple[float, ...], more: str) -> list[int]:
    """The ids of what is in a box, by PostGIS alone."""
    west, south, east, north = box
    halves = [(west, east)] if west < east else [(west, 180), (-180, east)]
    srid, conditions = PARTS[id][1], []
    for low, high in halves:
        area = f"ST_MakeEnvelope({low}, {south}, {high}, {north}, 4326)"
        step = min(0.1, max(0.01, (high - low) / 50, (north - south) / 50))
        area = area if srid == 4326 else f"ST_Transform(ST_Segmentize({area}, {step}), {srid})"
        conditions.append(f"ST_Intersects(geom, {area})")
    text = f"SELECT fid FROM data.{table_of(sql, id)} WHERE (geom IS NULL OR {' OR '.join(conditions)}){more}"
    return sorted(row[0] for row in sql.execute(text))  # type: ignore[arg-type]


boxes = st.tuples(*[st.floats(0.001, 0.999).map(lambda part: round(part, 3))] * 4)


@given(
    id=st.sampled_from(list(PARTS)),
    parts=boxes,
    limit=st.sampled_from([90, 700, 5000]),
    more=st.sampled_from(["", "&kind=3"]),
    way=st.sampled_from(list(WAYS)),
)
def test_a_walk_meets_every_feature_of_a_box_once_both_ways(
    client: FlaskClient,
    sql: psycopg.Connection,
    id: str,
    parts: tuple[float, ...],
    limit: int,
    more: str,
    way: str,
):
    west, south, east, north = EXTENTS[id]
    x = [west + part * (east - west) for part in parts[:2]]
    y = sorted(south + part * (north - south) for part in parts[2:])
    assume(0.1 < abs(x[0] - x[1]) < 359.9)  # ST_MakeEnvelope makes no box of a line; other tests ask for one
    box = (x[0], y[0], x[1], y[1] + 0.1) if id == "dots" else (min(x), y[0], max(x) + 0.1, y[1] + 0.1)
    plan = WAYS[way]
    path = f"/collections/{id}/items?limit={limit}&bbox={','.join(map(str, box))}{more}"
    with patch("api.planner.loaded_table.LoadedTable.plan_in_own_order", lambda *_: plan) if plan else nullcontext():
        there = list(walk(client, path, "next"))
        last = list(walk(client, path, "next"))[-1]
        back = list(walk(client, link(last, "prev"), "prev"))
    met = [fid for page in there for fid in fids(page)]
    assert sorted(met) == truth(sql, id, box, more.replace("&", " AND ")), path
    assert all(page.get("numberMatched", len(met)) == len(met) for page in there)
    assert [fids(page) for page in back] == [fids(page) for page in reversed(there[:-1])]


@pytest.mark.parametrize("way", ["as it likes", "by the planner"])
@pytest.mark.parametrize("more", ["", "&kind=2"])
def test_every_way_has_the_same_order_at_every_offset(client: FlaskClient, way: str, more: str):
    path = "/collections/dots/items?bbox=-100,-60,100,60" + more
    everything = fids(get(client, f"{path}&limit=10000"))
    plan = WAYS[way]
    with patch("api.planner.loaded_table.LoadedTable.plan_in_own_order", lambda *_: plan) if plan else nullcontext():
        for offset in (0, 1, 500, len(everything) - 3, len(everything), len(everything) + 5):
            assert fids(get(client, f"{path}&limit=7&offset={offset}")) == everything[offset : offset + 7]


@pytest.mark.parametrize("rel", ["next", "prev"])
def test_streamed_pages_of_a_box_are_those_that_are_held(client: FlaskClient, rel: str):
    path = "/collections/dots/items?bbox=-100,-60,100,60&limit=700"
    first = path if rel == "next" else link(list(walk(client, path, "next"))[-1], "prev")
    held = list(walk(client, first, rel))
    with patch("api.features.service.MOST_HELD", 0):
        streamed = list(walk(client, first, rel))
    assert len(held) > 3
    for page in (*held, *streamed):
        page.pop("timeStamp")
    assert streamed == held


def test_a_page_of_a_large_box_is_read_from_few_blocks(client: FlaskClient):
    plans: list[Plan] = []

    def kept(query: ItemsQuery, box: BoxInBlocks, most_counted: float) -> Plan:
        plans.append(plan_box(query, box, most_counted))
        return plans[-1]

    with patch("api.planner.loaded_table.plan_box", kept):
        list(walk(client, "/collections/dots/items?limit=1000&bbox=-179,-79,179,79", "next"))
    assert len(plans) > 10
    assert {plan.kind for plan in plans} == {"ctid_ranges"}
    assert max(len(plan.ranges) for plan in plans) < 30


def test_boxes_in_the_system_of_the_data_find_the_same(client: FlaskClient, sql: psycopg.Connection):
    box = "300000,6700000,500000,7000000"
    path = f"/collections/in_grid/items?limit=400&bbox={box}&bbox-crs=http://www.opengis.net/def/crs/EPSG/0/3067"
    met = sorted(fid for page in walk(client, path, "next") for fid in fids(page))
    area = f"ST_MakeEnvelope({box}, 3067)"
    text = f"SELECT fid FROM data.{table_of(sql, 'in_grid')} WHERE ST_Intersects(geom, {area}) ORDER BY fid"
    assert met == [row[0] for row in sql.execute(text)]  # type: ignore[arg-type]
    assert met


@pytest.mark.parametrize("count", ["exact", "estimated", "auto"])
def test_boxes_are_counted_by_blocks(client: FlaskClient, sql: psycopg.Connection, count: str):
    page = get(client, f"/collections/dots/items?limit=1&bbox=-120,-50,120,50&count={count}")
    number = len(truth(sql, "dots", (-120, -50, 120, 50), ""))
    if count == "estimated":
        assert page["numberMatchedEstimate"] == pytest.approx(number, rel=0.1)
    else:
        assert page["numberMatched"] == number


@given(parts=boxes, number=st.integers(1, 12006))
def test_points_are_counted_without_reading_them(
    client: FlaskClient, sql: psycopg.Connection, parts: tuple[float, ...], number: int
):
    west, east = (round(-180 + 360 * part, 2) for part in parts[:2])
    south, north = sorted(round(-80 + 160 * part, 2) for part in parts[2:])
    if number % 3 == 0:  # sides that go through points
        west, south = round(number // 110 * 3.3 - 180, 1), number % 110 * 1.5 - 80
    assume(west != east and south < north)
    page = get(client, f"/collections/dots/items?count=exact&limit=1&bbox={west},{south},{east},{north}")
    assert page["numberMatched"] == len(truth(sql, "dots", (west, south, east, north), ""))


def test_a_worker_asks_nothing_of_the_table_to_count_points(client: FlaskClient, sql: psycopg.Connection):
    wide = "/collections/plain_dots/items?limit=1&bbox=-100.01,-40.01,100.01,40.01"
    with patch("api.planner.counts.select_count_in_ranges", side_effect=AssertionError):
        found = get(client, f"{wide}&count=exact&resultType=hits")
    wanted = truth(sql, "plain_dots", (-100.01, -40.01, 100.01, 40.01), "")
    assert found["numberMatched"] == len(wanted) > 3000


@pytest.mark.parametrize("key", ["(1,2", "(99999999999,1)", "(1,70000)", "1", 7, "(-1,2)", "(1,2)(3,4)"])
def test_a_place_that_cannot_be_is_a_damaged_cursor(client: FlaskClient, key: object):
    path = "/collections/dots/items?limit=10&bbox=-120,-50,120,50"
    text = str(link(get(client, path), "next")).split("cursor=")[1]
    parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    parts[4] = [key]
    made = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    response = client.get(f"{path}&cursor={made}")
    assert (response.status_code, response.json["code"]) == (400, "cursor-invalid")  # type: ignore[index]
    parts[4] = ["(4294967294,65534)"]
    made = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")
    assert get(client, f"{path}&cursor={made}")["features"] == []


def test_blocks_of_a_table_that_was_written_again_are_found_anew(client: FlaskClient, database: Database):
    path = "/collections/shapes/items?limit=300&bbox=1,51,9,59"
    before = walked(client, path)
    with connect(database.owner) as connection:
        connection.autocommit = True
        table = table_of(connection, "shapes")
        connection.execute(f"CREATE INDEX shuffled ON data.{table} (md5(fid::text))")  # type: ignore[arg-type]
        connection.execute(f"CLUSTER data.{table} USING shuffled")  # type: ignore[arg-type]
        by_id = wait_for(lambda: walked(client, path), lambda found: found == sorted(found) != [])
        assert by_id == sorted(before)
        save_missing_blocks(connection)
        placed = connection.execute(f"SELECT fid FROM data.{table} ORDER BY ctid").fetchall()  # type: ignore[arg-type]
    wanted = [fid for (fid,) in placed if fid in set(before)]
    wait_for(lambda: walked(client, path), lambda found: found == wanted)


def test_places_of_points_that_an_earlier_isthmus_did_not_keep_are_found_once(database: Database):
    number = "SELECT number FROM isthmus.generation"
    with connect(database.owner) as connection:
        connection.autocommit = True
        [(before,)] = connection.execute("SELECT count(points) FROM isthmus.blocks").fetchall()
        connection.execute("UPDATE isthmus.blocks SET points = NULL")
        save_missing_blocks(connection)
        assert connection.execute("SELECT count(points) FROM isthmus.blocks").fetchall() == [(before,)] == [(2,)]
        told = connection.execute(number).fetchall()
        save_missing_blocks(connection)
        assert connection.execute(number).fetchall() == told


def walked(client: FlaskClient, path: str) -> list[int]:
    """The ids that are met on a walk; none when the order changed on the way, which ends it."""
    met: list[int] = []
    following: str | None = path
    while following is not None:
        page = json.loads(client.get(following).data)
        if "features" not in page:
            return []
        met, following = met + fids(page), link(page, "next")
    return met


def test_blocks_that_went_meanwhile_are_no_reason_to_fail(database: Database, sql: psycopg.Connection):
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    get(client, "/collections")  # so that the catalogue is known, and the blocks are not
    with connect(database.owner) as connection:
        connection.execute("DELETE FROM isthmus.blocks")
        connection.commit()
    found = get(client, "/collections/dots/items?limit=5000&bbox=-100,-50,-40,20")
    pool.close()
    assert sorted(fids(found)) == truth(sql, "dots", (-100, -50, -40, 20), "")
