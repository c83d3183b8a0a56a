"""Conditions that nobody can foresee over tables without an index of them: a look along the key, and the same list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from flask.testing import FlaskClient

from api.planner import choose_plan
from api.query.items import ItemsQuery
from api.query.plan import Plan
from core.catalog.collections import Collection
from core.database.statement import Statement
from support.cluster import Cluster, Database
from support.http import fids, get, link, walk
from support.odd import as_superuser, database_with, sources_app, wait_for

TABLES = """
CREATE SCHEMA theirs;
CREATE TABLE theirs.names (id integer PRIMARY KEY, name text, size integer);
INSERT INTO theirs.names
SELECT n, CASE WHEN n % 40 = 0 THEN 'café ' WHEN n > 59900 THEN 'late ' ELSE 'place ' END || n, n % 1000
FROM generate_series(1, 60000) AS n;
CREATE VIEW theirs.seen AS SELECT id, name, size FROM theirs.names OFFSET 0;
CREATE TABLE theirs.pairs (code text, number integer, name text, PRIMARY KEY (code, number));
INSERT INTO theirs.pairs SELECT 'c' || id % 7, id, name FROM theirs.names;
CREATE TABLE theirs.keyless AS SELECT name FROM theirs.names;
GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO isthmus_reader;
ANALYZE;
"""

COMMON, RARE = "name LIKE '%fé%0'", "name LIKE '%ate%'"


@pytest.fixture(scope="module")
def theirs(cluster: Cluster) -> Iterator[Database]:
    """A database with tables of a user's."""
    with database_with(cluster, TABLES) as database:
        yield database


@pytest.fixture
def sql(theirs: Database) -> Iterator[psycopg.Connection]:
    """A user's connection."""
    with as_superuser(theirs) as connection:
        yield connection


@pytest.fixture
def client(theirs: Database) -> Iterator[FlaskClient]:
    """A client of the API that serves them."""
    with sources_app(theirs, "theirs") as app:
        client = app.test_client()
        wait_for(lambda: client.get("/collections/names").status_code, lambda status: status == 200)
        yield client


@pytest.fixture
def went(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of plans of the statements for pages."""
    met: list[str] = []
    select_page = choose_plan.select_page

    def noted(collection: Collection, query: ItemsQuery, plan: Plan) -> Statement:
        met.append(plan.kind)
        return select_page(collection, query, plan)

    monkeypatch.setattr(choose_plan, "select_page", noted)
    return met


def page(client: FlaskClient, name: str, filter: str, limit: int = 10, more: str = "") -> dict[str, Any]:
    """A page of a collection's features that match a filter."""
    return get(client, f"/collections/{name}/items?limit={limit}&filter={quote(filter)}{more}")


def test_common_matches_are_met_along_the_key(client: FlaskClient, went: list[str]):
    assert fids(page(client, "names", COMMON)) == [*range(40, 440, 40)]
    assert page(client, "pairs", COMMON)["numberReturned"] == 10
    assert went == ["walk", "walk"]


def test_rare_ones_are_found_all_the_same(client: FlaskClient, went: list[str]):
    assert fids(page(client, "names", RARE)) == [*range(59901, 59911)]
    assert went == ["walk", "matches"]


@pytest.mark.parametrize(
    ("name", "filter", "more"),
    [
        ("names", "size = 7", ""),
        ("names", COMMON, "&sortby=-size"),
        ("names", COMMON, "&offset=3"),
        ("seen", COMMON, ""),
    ],
)
def test_what_the_planner_knows_is_left_to_it(client: FlaskClient, went: list[str], name: str, filter: str, more: str):
    assert page(client, name, filter, more=more)["numberReturned"] == 10
    assert went == ["postgresql"]


@pytest.mark.parametrize(
    ("filter", "condition"),
    [
        (COMMON, "name LIKE '%fé%0'"),
        (RARE, "name LIKE '%ate%'"),
        ("CASEI(name) LIKE CASEI('%FÉ 1%')", "name LIKE '%fé 1%'"),
        ("size * 2 < 500", "size < 250"),
        ("name LIKE '%fé%' AND size < 500", "name LIKE '%fé%' AND size < 500"),
        ("name LIKE '%nowhere%'", "false"),
    ],
)
def test_every_match_is_met_once_on_the_way_there_and_back(
    client: FlaskClient, sql: psycopg.Connection, filter: str, condition: str
):
    found = [id for (id,) in sql.execute(f"SELECT id FROM theirs.names WHERE {condition} ORDER BY id")]  # type: ignore[arg-type]
    url = f"/collections/names/items?limit=700&filter={quote(filter)}"
    pages = [*walk(client, url, "next")]
    assert [id for each in pages for id in fids(each)] == found
    back = [fids(each) for each in walk(client, link(pages[-1], "prev"), "prev")]
    assert back[::-1] == [fids(each) for each in pages[:-1]]


def test_texts_that_are_searched_are_met_along_the_key_too(client: FlaskClient, went: list[str]):
    assert fids(get(client, "/collections/names/items?limit=10&q=CAFÉ"))[:2] == [40, 80]
    assert went == ["walk"]


def test_a_table_without_a_key_shows_the_same(client: FlaskClient, sql: psycopg.Connection):
    [(number,)] = sql.execute("SELECT count(*) FROM theirs.keyless WHERE name LIKE '%fé%0'")
    pages = walk(client, f"/collections/keyless/items?limit=300&filter={quote(COMMON)}", "next")
    names = [feature["properties"]["name"] for each in pages for feature in each["features"]]
    assert (len(names), len(set(names))) == (number, number)
