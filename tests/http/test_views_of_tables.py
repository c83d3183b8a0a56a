"""Views of one table: their boxes are read as those of the table are, and what is no such view is read as before."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from flask.testing import FlaskClient

from core.catalog.collections import Collection
from support.cluster import Cluster, Database
from support.http import fids, get, link, walk
from support.odd import as_superuser, database_with, sources_app, wait_for

TABLES = """
CREATE SCHEMA shop;
CREATE SCHEMA stock;
SELECT setseed(0.25);
CREATE TABLE stock."The Places" (id integer PRIMARY KEY, name text, "The Geom" geometry(Point, 4326));
INSERT INTO stock."The Places"
SELECT n, repeat('n', 100) || n, ST_SetSRID(ST_Point(random() * 40, random() * 40), 4326)
FROM generate_series(1, 20000) AS n ORDER BY random();
CREATE INDEX ON stock."The Places" USING gist ("The Geom");
CREATE TABLE stock.secret AS TABLE stock."The Places";
ALTER TABLE stock.secret ADD PRIMARY KEY (id);
CREATE INDEX ON stock.secret USING gist ("The Geom");
CREATE TABLE stock.ruled AS TABLE stock."The Places";
ALTER TABLE stock.ruled ADD PRIMARY KEY (id), ENABLE ROW LEVEL SECURITY;
CREATE INDEX ON stock.ruled USING gist ("The Geom");
CREATE TABLE stock.grid AS
SELECT id, name, ST_Transform(ST_Translate(ST_Scale("The Geom", 0.025, 0.025), 5, 51.5), 28992) AS geom
FROM stock."The Places";
ALTER TABLE stock.grid ALTER geom TYPE geometry(Point, 28992);
ALTER TABLE stock.grid ADD PRIMARY KEY (id);
CREATE INDEX ON stock.grid USING gist (geom);

CREATE VIEW shop.plain AS SELECT id, name, "The Geom" AS place FROM stock."The Places" WHERE id % 2 = 0;
CREATE VIEW shop.nested AS SELECT place, name, id AS gid FROM shop.plain WHERE id % 4 = 0;
CREATE VIEW shop.in_grid AS SELECT id, name, geom FROM stock.grid WHERE id % 2 = 0;
CREATE VIEW shop.reckoned AS SELECT id * 2 AS id, "The Geom" AS place FROM stock."The Places";
CREATE VIEW shop.doubled AS SELECT id, generate_series(1, 2) AS copy, "The Geom" AS place FROM stock."The Places";
COMMENT ON VIEW shop.doubled IS '@key id';
CREATE VIEW shop.joined AS
SELECT p.id, p."The Geom" AS place FROM stock."The Places" AS p, generate_series(1, 2) AS copies;
COMMENT ON VIEW shop.joined IS '@key id';
CREATE VIEW shop.both AS
SELECT id, "The Geom" AS place FROM stock."The Places" UNION ALL SELECT -id, "The Geom" FROM stock.secret;
CREATE VIEW shop.chosen AS SELECT id, "The Geom" AS place FROM stock."The Places" ORDER BY id LIMIT 5000;
CREATE VIEW shop.moved AS SELECT id, ST_Translate("The Geom", 0, 0) AS place FROM stock."The Places";
CREATE VIEW shop.of_secret AS SELECT id, "The Geom" AS place FROM stock.secret;
CREATE VIEW shop.of_ruled AS SELECT id, "The Geom" AS place FROM stock.ruled;
CREATE VIEW shop.guarded WITH (security_barrier) AS SELECT id, "The Geom" AS place FROM stock."The Places" WHERE id > 5;

GRANT USAGE ON SCHEMA shop, stock TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA shop, stock TO isthmus_reader;
REVOKE SELECT ON stock.secret FROM isthmus_reader;
ANALYZE;
"""

OF_A_TABLE = {"plain", "nested", "in_grid", "reckoned"}
OTHERS = {"doubled", "joined", "both", "chosen", "moved", "of_secret", "of_ruled", "guarded"}

BOXES = [
    *((name, "bbox=10,10,30,30", 200) for name in ("plain", "nested", *sorted(OTHERS - {"doubled", "joined"}))),
    ("plain", "bbox=10,10,11,11", 3),
    ("plain", "bbox=0,0,40,39&filter=id > 9000", 300),
    ("in_grid", "bbox=5.25,51.75,5.75,52.25", 200),
    ("reckoned", "bbox=10,10,20,20", 150),
]


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Database]:
    """A database with views of a user's."""
    with database_with(cluster, TABLES) as database:
        yield database


@pytest.fixture
def sql(shop: Database) -> Iterator[psycopg.Connection]:
    """A user's connection, each statement a transaction."""
    with as_superuser(shop) as connection:
        connection.autocommit = True
        yield connection


@pytest.fixture(scope="module")
def client(shop: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves them, once their data were looked at."""
    with sources_app(shop, "shop") as app:
        client = app.test_client()
        for name in sorted(OF_A_TABLE | OTHERS):
            wait_for(lambda name=name: get(client, f"/collections/{name}"), lambda found: "extent" in found)
        yield client


def collection(client: FlaskClient, name: str) -> Collection:
    """A collection as the API knows it."""
    get(client, "/collections")
    return client.application.extensions["isthmus"].catalog.collection(name)  # type: ignore[union-attr]


def is_of_a_table(client: FlaskClient, name: str) -> bool:
    """Whether it is read as a table is."""
    source = collection(client, name).source
    return source is not None and source.like is not None


def walked(client: FlaskClient, url: str, rel: str = "next") -> list[list[int]]:
    """The ids of every page."""
    return [fids(page) for page in walk(client, url, rel)]


def matches(sql: psycopg.Connection, name: str, query: str) -> list[int]:
    """The ids of all that PostGIS finds in a box of a view."""
    box, _, condition = query.removeprefix("bbox=").partition("&filter=")
    place, key = ("geom" if name == "in_grid" else "place"), ("gid" if name == "nested" else "id")
    area = f"ST_MakeEnvelope({box}, 4326)"
    area = f"ST_Transform(ST_Segmentize({area}, 0.01), 28992)" if name == "in_grid" else area
    text = f"SELECT {key} FROM shop.{name} WHERE ST_Intersects({place}, {area}) AND {condition or 'true'} ORDER BY 1"
    return [id for (id,) in sql.execute(text)]  # type: ignore[arg-type]


def test_views_of_one_table_are_told_from_others(client: FlaskClient):
    assert {name for name in OF_A_TABLE | OTHERS if is_of_a_table(client, name)} == OF_A_TABLE
    unique = {name for name in OF_A_TABLE | OTHERS if collection(client, name).key.unique}
    assert unique == OF_A_TABLE - {"reckoned"}, "a key that is reckoned may not be"
    assert {name for name in OF_A_TABLE if not collection(client, name).null_geometries} == OF_A_TABLE


@pytest.mark.parametrize(("name", "query", "limit"), BOXES)
def test_a_walk_meets_every_match_once_and_goes_back_the_same_way(
    client: FlaskClient, sql: psycopg.Connection, name: str, query: str, limit: int
):
    there = list(walk(client, f"/collections/{name}/items?{query}&limit={limit}", "next"))
    pages = [fids(page) for page in there]
    met = [id for page in pages for id in page]
    assert sorted(met) == matches(sql, name, query)
    back = link(there[-1], "prev")
    assert back is None or walked(client, back, "prev")[::-1] == pages[:-1]
    assert fids(get(client, f"/collections/{name}/items?{query}&limit=50&offset=20")) == met[20:70]


@pytest.mark.parametrize("name", ["plain", "nested", "in_grid"])
def test_pages_of_a_box_are_of_neighbours(client: FlaskClient, name: str):
    box = "5.25,51.75,5.75,52.25" if name == "in_grid" else "10,10,30,30"
    page = get(client, f"/collections/{name}/items?bbox={box}&limit=100")
    assert fids(page) != sorted(fids(page))
    norths = [feature["geometry"]["coordinates"][1] for feature in page["features"]]
    assert max(norths) - min(norths) < 2


def test_rows_that_a_view_has_twice_are_met_twice(client: FlaskClient, sql: psycopg.Connection):
    for name in ("doubled", "joined"):
        met = [id for page in walked(client, f"/collections/{name}/items?bbox=10,10,11,11&limit=3") for id in page]
        assert sorted(met) == matches(sql, name, "bbox=10,10,11,11")


def test_a_table_that_may_not_be_read_any_more_stops_no_view(shop: Database, sql: psycopg.Connection):
    with sources_app(shop, "shop") as app:
        client = app.test_client()
        wait_for(lambda: is_of_a_table(client, "plain"), bool)
        sql.execute('REVOKE SELECT ON stock."The Places" FROM isthmus_reader')
        try:
            found = walked(client, "/collections/plain/items?bbox=10,10,30,30&limit=1000")
            assert sorted(id for page in found for id in page) == matches(sql, "plain", "bbox=10,10,30,30")
        finally:
            sql.execute('GRANT SELECT ON stock."The Places" TO isthmus_reader')


def test_features_without_geometry_are_found_when_the_table_gets_some(
    shop: Database, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.catalog.survey.watch.OFTEN", 1)
    box = "/collections/plain/items?bbox=10,10,10.2,10.2&limit=1000"
    with sources_app(shop, "shop") as app:
        client = app.test_client()
        wait_for(lambda: is_of_a_table(client, "plain") and not collection(client, "plain").null_geometries, bool)
        with as_superuser(shop) as other:  # its end makes PostgreSQL count what it wrote
            other.execute("""INSERT INTO stock."The Places" VALUES (30000, 'nowhere', NULL)""")
        wait_for(lambda: get(client, "/collections") and fids(get(client, box)), lambda found: 30000 in found)
    sql.execute('DELETE FROM stock."The Places" WHERE id = 30000')


def test_a_view_of_another_query_is_looked_at_anew(shop: Database, sql: psycopg.Connection):
    query = 'VIEW shop.changing AS SELECT p.id, p."The Geom" AS place FROM stock."The Places" AS p'
    sql.execute(f"CREATE {query}")  # type: ignore[arg-type]
    sql.execute("COMMENT ON VIEW shop.changing IS '@key id'")
    sql.execute("GRANT SELECT ON shop.changing TO isthmus_reader")
    with sources_app(shop, "shop") as app:
        client = app.test_client()
        wait_for(lambda: is_of_a_table(client, "changing"), bool)
        sql.execute(f"CREATE OR REPLACE {query}, generate_series(1, 2)")  # type: ignore[arg-type]
        wait_for(lambda: not is_of_a_table(client, "changing"), bool)
        met = [id for page in walked(client, "/collections/changing/items?bbox=10,10,11,11&limit=3") for id in page]
        assert sorted(met) == matches(sql, "changing", "bbox=10,10,11,11")
    sql.execute("DROP VIEW shop.changing")


def test_of_a_slow_view_the_table_behind_it_tells_what_it_can(
    shop: Database, sql: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("api.catalog.survey.timed_queries.LIMIT_S", 0.3)
    slow = 'SELECT id, name, "The Geom" AS place FROM stock."The Places" WHERE pg_sleep(0.001) IS NOT NULL'
    in_grid = "SELECT id, name, geom FROM stock.grid WHERE pg_sleep(0.001) IS NOT NULL"
    sql.execute(f"CREATE VIEW shop.slow AS {slow}")  # type: ignore[arg-type]
    sql.execute(f"CREATE VIEW shop.slow_grid AS {in_grid}")  # type: ignore[arg-type]
    sql.execute("GRANT SELECT ON shop.slow, shop.slow_grid TO isthmus_reader")
    with sources_app(shop, "shop") as app:
        client = app.test_client()
        for name, extent in (("slow", [0, 0, 40, 40]), ("slow_grid", [5, 51.5, 6, 52.5])):
            found = wait_for(lambda name=name: get(client, f"/collections/{name}"), lambda found: "extent" in found)
            assert found["extent"]["spatial"]["bbox"][0] == pytest.approx(extent, abs=0.05)
            known = collection(client, name)
            assert is_of_a_table(client, name) and known.key.unique and not known.null_geometries
            assert known.source is not None and known.source.is_large
        assert sorted(fids(get(client, "/collections/slow/items?bbox=10,10,11,11&limit=1000"))) == matches(
            sql, "slow", "bbox=10,10,11,11"
        )
    sql.execute("DROP VIEW shop.slow, shop.slow_grid")
