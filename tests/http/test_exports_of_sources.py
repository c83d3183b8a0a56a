"""Exports of somebody else's tables: read by pages and by two connections where that gives the same."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from test_sources import BROKEN, DIVIDED, FUNCTIONS, SLOW, names

from core.database.connections import Database as Pool
from core.database.statement import Statement
from support.cluster import Cluster, Database
from support.odd import as_superuser, database_with, sources_app, wait_for

ROW_BY_ROW = f"limit={2**53 - 1}"
LARGE = """
CREATE SCHEMA theirs;
CREATE TABLE theirs.large AS
SELECT n AS id, 'row ' || n AS name, ST_Point(n % 180, n % 90, 4326) AS geom FROM generate_series(1, 60000) AS n;
CREATE TABLE theirs.parent (id int PRIMARY KEY);
CREATE TABLE theirs.child () INHERITS (theirs.parent);
INSERT INTO theirs.parent VALUES (1);
INSERT INTO theirs.child VALUES (2);
CREATE TABLE theirs.partly (id int PRIMARY KEY, name text, secret text);
INSERT INTO theirs.partly VALUES (1, 'one', 'hidden');
CREATE MATERIALIZED VIEW theirs.kept AS SELECT * FROM theirs.large WHERE id < 9;
CREATE VIEW theirs.seen AS SELECT * FROM theirs.large WHERE id < 9;
CREATE TABLE theirs.split (id int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE theirs.split_1 PARTITION OF theirs.split FOR VALUES FROM (0) TO (10);
INSERT INTO theirs.split VALUES (1), (2);
CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE theirs.stored_otherwise (id int PRIMARY KEY) USING other;
INSERT INTO theirs.stored_otherwise VALUES (1);
GRANT USAGE ON SCHEMA theirs TO isthmus_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA theirs TO isthmus_reader;
REVOKE SELECT ON theirs.partly FROM isthmus_reader;
GRANT SELECT (id, name) ON theirs.partly TO isthmus_reader;
"""


@pytest.fixture(scope="module")
def theirs(cluster: Cluster) -> Iterator[Database]:
    """A database with tables of each kind, one of them large."""
    with database_with(cluster, LARGE) as database:
        yield database


@pytest.fixture
def client(theirs: Database) -> Iterator[FlaskClient]:
    """A client of an API that publishes them."""
    with sources_app(theirs, "theirs") as app:
        client = app.test_client()
        wait_for(lambda: client.get("/collections/large").status_code, lambda status: status == 200)
        yield client


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements of the exports."""
    seen: list[str] = []
    stream = Pool.stream

    def noted(pool: Pool, statement: Statement, timeout_s: int) -> Generator[bytes]:
        seen.append(statement.as_text())
        return stream(pool, statement, timeout_s)

    monkeypatch.setattr(Pool, "stream", noted)
    return seen


def export(client: FlaskClient, name: str, query: str = "") -> list[str]:
    """The features of an export, sorted: a table of no key has no order."""
    response = client.get(f"/collections/{quote(name, safe='')}/items?f=geojsonl&{query}")
    assert response.status_code == 200, (name, response.text)
    return features_of(response.text)


def features_of(text: str) -> list[str]:
    """The features of lines, sorted."""
    return sorted(text.split("\n")[:-1])


def test_every_odd_table_is_exported_as_row_by_row(odd_client: FlaskClient):
    for name in names(odd_client) - {SLOW, DIVIDED, *BROKEN, *FUNCTIONS}:
        assert export(odd_client, name) == export(odd_client, name, ROW_BY_ROW), name


@pytest.mark.parametrize(
    ("name", "grouped"),
    [
        ("kept", True),
        ("parent", False),
        ("child", True),
        ("partly", False),
        ("seen", False),
        ("split", False),
        ("stored_otherwise", False),
    ],
)
def test_only_a_heap_that_may_be_read_as_a_whole_is_read_by_pages(
    client: FlaskClient, asked: list[str], name: str, grouped: bool
):
    assert export(client, name) == export(client, name, ROW_BY_ROW)
    assert ["string_agg" in text for text in asked] == [grouped, False]


def test_an_export_sees_one_state_of_a_table(theirs: Database, client: FlaskClient, asked: list[str]):
    """Rows move to the end of the table and others vanish, between the first bytes and the last."""
    before = export(client, "large", ROW_BY_ROW)
    response = client.get("/collections/large/items?f=geojsonl")
    blocks = iter(response.iter_encoded())
    begun = next(blocks)
    with as_superuser(theirs) as connection:
        connection.execute("UPDATE theirs.large SET name = 'changed' WHERE id % 2 = 0")
        connection.execute("DELETE FROM theirs.large WHERE id % 3 = 0")
    assert features_of((begun + b"".join(blocks)).decode()) == before
    assert ["string_agg" in text for text in asked] == [False, True]
    after = [json.loads(feature) for feature in export(client, "large")]
    assert len(after) == 40_000
    assert sum(feature["properties"]["name"] == "changed" for feature in after) == 20_000


def test_rows_that_have_become_large_are_read_one_by_one(theirs: Database, client: FlaskClient, asked: list[str]):
    export(client, "child")
    with as_superuser(theirs) as connection:
        connection.execute("ALTER TABLE theirs.child ADD name text")
        connection.execute(
            "UPDATE theirs.child SET name = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 999) AS n)"
        )
    grown = wait_for(lambda: export(client, "child"), lambda found: "name" in found[0])
    assert len(grown[0]) > 30_000
    assert ["string_agg" in text for text in asked][:: len(asked) - 1] == [True, False]
