"""Pages of conditions without a box come in the order of the heap: every feature once, both ways, however found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

import psycopg
import pytest
from flask.testing import FlaskClient
from psycopg import sql as sql_text

from api.planner.loaded_table import BoxInBlocks, plan_conditions
from api.query.items import ItemsQuery
from api.query.plan import BY_POSTGRESQL, Estimate, Plan
from api.sql.features.pages import select_page
from core.catalog.collections import Collection
from core.catalog.heap_blocks import Blocks
from core.database.connections import connect
from core.database.statement import Statement
from support.cluster import Cluster, Database
from support.http import api_client, fids, get, link, walk
from support.odd import wait_for
from support.publish import publish

ROWS = 20_000
DOTS = f"""
SELECT n * 7919 % 20011 AS fid, n % 5 AS kind, n AS size, 'dot ' || n AS name, DATE '2020-01-01' + n / 10 AS day,
       CASE WHEN n % 300 = 7 THEN NULL ELSE ST_Point(n / 150 * 2.5 - 170, n % 150 - 75) END AS geom
FROM generate_series(1, {ROWS}) AS n
"""
SHAPE = "POLYGON((0 0,90 0,90 60,0 0))"
FILTERS = {
    "filter=size<900": "size < 900",
    "filter=size>150 AND kind=3": "size > 150 AND kind = 3",
    "filter=kind=1 OR size=4": "kind = 1 OR size = 4",
    "filter=name LIKE '%77%'": "name LIKE '%77%'",
    "filter=name LIKE '%nowhere%'": "false",
    "filter=size>19990": "size > 19990",
    "q=t 123": "name ILIKE '%t 123%'",
    "kind=2": "kind = 2",
    "size=77": "size = 77",
    "datetime=2021-01-01/2021-12-31": "day BETWEEN '2021-01-01' AND '2021-12-31'",
    f"filter=S_INTERSECTS(geom,{SHAPE})": f"ST_Intersects(geom, 'SRID=4326;{SHAPE}')",
    f"filter=S_WITHIN(geom,{SHAPE}) AND kind<3": f"ST_Within(geom, 'SRID=4326;{SHAPE}') AND kind < 3",
    f"filter=S_INTERSECTS({SHAPE},geom) AND size=2000": f"ST_Intersects(geom, 'SRID=4326;{SHAPE}') AND size = 2000",
    f"filter=S_DISJOINT(geom,{SHAPE})": f"NOT ST_Intersects(geom, 'SRID=4326;{SHAPE}')",
    f"filter=S_INTERSECTS(geom,{SHAPE}) OR size<50": f"ST_Intersects(geom, 'SRID=4326;{SHAPE}') OR size < 50",
    "filter=S_INTERSECTS(geom,BBOX(170,-50,-160,10))": (
        "ST_Intersects(geom, 'SRID=4326;MULTIPOLYGON(((170 -50,180 -50,180 10,170 10,170 -50)),"
        "((-180 -50,-160 -50,-160 10,-180 10,-180 -50)))')"
    ),
    "bbox=-120,-50,120,50&kind=1": "(geom && ST_MakeEnvelope(-120, -50, 120, 50, 4326) OR geom IS NULL) AND kind = 1",
    "bbox=170,-50,-150,50&filter=size<600": (
        "(geom && ST_MakeEnvelope(170, -50, 180, 50, 4326) OR geom && ST_MakeEnvelope(-180, -50, -150, 50, 4326)"
        " OR geom IS NULL) AND size < 600"
    ),
}
WAYS = {"as it likes": None, "by the index": Plan("matches"), "by the planner": BY_POSTGRESQL}


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """Points, neighbours together, whose ids have nothing to do with their places."""
    database = cluster.clone()
    columns = {"kind": "integer", "size": "integer", "name": "string", "day": "date"}
    typed: dict[str, Any] = {"geometry_type": "Point", "typmod": "Point", "temporal_column": "day"}
    publish(database, "dots", DOTS, columns=columns, srid=4326, **typed)
    with database.connect() as connection:
        connection.execute("CREATE INDEX ON data.dots_1 (size)")
        connection.execute("CREATE INDEX ON data.dots_1 (kind, fid)")
        connection.commit()
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


def truth(sql: psycopg.Connection, condition: str, order: str = "ctid") -> list[int]:
    """The ids of the rows that fulfil a condition, by PostgreSQL alone."""
    return [row[0] for row in sql.execute(f"SELECT fid FROM data.dots_1 WHERE {condition} ORDER BY {order}")]  # type: ignore[arg-type]


def address(asked: str) -> str:
    """The address of items."""
    return f"/collections/dots/items?{quote(asked, safe='=&(),/')}"


def planned(way: str) -> AbstractContextManager[object]:
    """While it lasts, pages are found in a way."""
    plan = WAYS[way]
    return patch("api.planner.loaded_table.LoadedTable.plan_in_own_order", lambda *_: plan) if plan else nullcontext()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("asked", FILTERS)
def test_a_walk_meets_every_match_once_both_ways(client: FlaskClient, sql: psycopg.Connection, asked: str, way: str):
    expected = truth(sql, FILTERS[asked])
    path = address(asked) + f"&limit={max(90, len(expected) // 25)}"
    with planned(way):
        there = list(walk(client, path, "next"))
        back = list(walk(client, link(there[-1], "prev"), "prev"))
    assert [fid for page in there for fid in fids(page)] == expected
    assert [fids(page) for page in back] == [fids(page) for page in reversed(there[:-1])]


@pytest.mark.parametrize("limit", [1, 2000])
@pytest.mark.parametrize("asked", FILTERS)
def test_its_number_is_the_same_however_it_is_found(
    client: FlaskClient, sql: psycopg.Connection, asked: str, limit: int
):
    number = len(truth(sql, FILTERS[asked]))
    assert get(client, f"{address(asked)}&limit={limit}&count=exact")["numberMatched"] == number
    assert get(client, f"{address(asked)}&limit={limit}").get("numberMatched", number) == number


@pytest.mark.parametrize("way", ["as it likes", "by the planner"])
def test_every_way_has_the_same_order_at_every_offset(client: FlaskClient, way: str):
    path = address("filter=size>150 AND kind=3")
    everything = fids(get(client, f"{path}&limit=10000"))
    with planned(way):
        for offset in (0, 1, 500, len(everything) - 3, len(everything), len(everything) + 5):
            assert fids(get(client, f"{path}&limit=7&offset={offset}")) == everything[offset : offset + 7]


def test_a_word_of_the_planner_that_is_wrong_loses_nothing(client: FlaskClient, sql: psycopg.Connection):
    """It says that a page is met at once, or that hardly anything matches."""

    def wrong(matches: int, cost: float) -> Callable[..., Plan]:
        return lambda query, blocks, box, _: plan_conditions(query, blocks, box, Estimate(matches, cost))

    for word in (wrong(ROWS, 300.0), wrong(1, 1e9), wrong(1, 5.0)):
        with patch("api.planner.loaded_table.plan_conditions", word):
            met = [
                fid for page in walk(client, address("filter=size>19800") + "&limit=7", "next") for fid in fids(page)
            ]
            back = list(walk(client, address("filter=size>19800") + "&limit=7&offset=150", "prev"))
        assert met == truth(sql, "size > 19800")
        assert [fids(page) for page in back] == [met[at : at + 7] for at in range(150, -1, -7)] + [met[:3]]


def test_the_indexes_of_conditions_do_not_tempt_the_planner(client: FlaskClient, sql: psycopg.Connection):
    """Rows in the order of an index would be others after the limit."""
    plans: list[str] = []

    def explained(collection: Collection, query: ItemsQuery, plan: Plan) -> Statement:
        made = select_page(collection, query, plan)
        text = sql_text.SQL("EXPLAIN {}").format(made.text)
        if plan.kind == "ctid_ranges":
            plans.append("\n".join(row[0] for row in sql.execute(text, made.params)))
        return made

    with (
        patch("api.planner.choose_plan.select_page", explained),
        patch("api.planner.loaded_table.plan_conditions", along),
    ):
        get(client, address("filter=size=17"))
        get(client, address("bbox=-160,-70,160,70&filter=size<300"))
    assert len(plans) == 2
    for plan in plans:
        assert "Tid Range Scan" in plan
        assert "Index" not in plan


def along(query: ItemsQuery, blocks: Blocks, box: BoxInBlocks | None, _: Estimate) -> Plan:
    """The way along the disk, whatever it costs."""
    return plan_conditions(query, blocks, box, Estimate(1, 1e9))


def test_a_value_whose_rows_an_index_holds_by_id_is_walked_along_ids(
    client: FlaskClient, sql: psycopg.Connection, database: Database
):
    """A walk that began before the index was made goes on as it began."""
    path = address("kind=4") + "&limit=900"
    first = get(client, path)
    assert fids(first) == truth(sql, "kind = 4")[:900]
    index = {"column": "kind", "with_key": True, "is_filled": True, "commonest_share": 0.03}
    with database.connect() as connection:
        connection.execute("INSERT INTO isthmus.indexed VALUES (1, 'true', %s)", [json.dumps([index])])
        connection.execute("UPDATE isthmus.generation SET number = number + 1")
        connection.commit()
    by_id = truth(sql, "kind = 4", order="fid")
    wait_for(lambda: fids(get(client, path)), lambda found: found == by_id[:900])
    assert [fid for page in walk(client, path, "next") for fid in fids(page)] == by_id
    rest = [fid for page in walk(client, link(first, "next"), "next") for fid in fids(page)]
    assert fids(first) + rest == truth(sql, "kind = 4")
    assert fids(get(client, address("filter=kind=4 AND size>60"))) == truth(sql, "kind = 4 AND size > 60", "fid")[:10]
    assert fids(get(client, address("filter=kind=4 OR size>60"))) == truth(sql, "kind = 4 OR size > 60")[:10]


def test_the_planner_is_asked_anew_for_each_value(client: FlaskClient):
    """Its statement is prepared once, on connections that keep one plan for pages."""
    estimates = [
        get(client, f"{address(f'filter=name<>{name!r} AND size<{size}')}&count=estimated&limit=1")[
            "numberMatchedEstimate"
        ]
        for size in (200, 2000, 10_000, 200)
        for name in ("x", "dot 7")
    ]
    assert estimates == pytest.approx([200, 200, 2000, 2000, 10_000, 10_000, 200, 200], rel=0.2)
