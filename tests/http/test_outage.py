"""PostgreSQL goes away and comes back: 503 with Retry-After, then recovery by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.catalog.collections import SELECT_GENERATION
from core.database.connections import Database as Pool
from core.errors import DatabaseUnavailable
from support.cluster import Cluster, Database, private_cluster
from support.publish import publish

ITEMS = "/collections/places/items"
SEEN_ONCE = f"{ITEMS}?f=jsonfg"
"""A page that is kept nowhere."""

SELECT = "SELECT n AS fid, 'x' AS name, ST_Point(n, n) AS geom FROM generate_series(1, 3) AS n"


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster that a test may kill."""
    with private_cluster() as running:
        yield running


@pytest.fixture
def served(own_cluster: Cluster) -> Iterator[tuple[Cluster, FlaskClient]]:
    """That cluster, and a client of an API on it that waits briefly for connections."""
    database: Database = own_cluster.database("isthmus")
    publish(database, "places", SELECT, columns={"name": "string"})
    pool = Pool(database.reader)
    yield own_cluster, create_app(database.reader, pool).test_client()
    pool.close()


def wait_for(status: int, ask: Callable[[], int]) -> None:
    """Ask until the answer has a status. Raises: AssertionError after 20 s."""
    deadline = time.monotonic() + 20
    while (seen := ask()) != status:
        assert time.monotonic() < deadline, f"still {seen}"
        time.sleep(0.1)


def test_killed_database_is_a_503_and_then_the_api_recovers(served: tuple[Cluster, FlaskClient]):
    cluster, client = served
    assert client.get(SEEN_ONCE).status_code == 200
    cluster.kill()
    wait_for(503, lambda: client.get(SEEN_ONCE).status_code)
    response = client.get(SEEN_ONCE)
    problem = json.loads(response.data)
    assert response.headers["Retry-After"] == "2"
    assert (problem["code"], problem["title"]) == (
        "database-unavailable",
        "The database does not answer at the moment.",
    )
    assert "socket" not in response.text, "no text of the database's in an answer"
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").status_code == 503
    assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
    cluster.start()
    wait_for(200, lambda: client.get(SEEN_ONCE).status_code)
    wait_for(200, lambda: client.get("/health/ready").status_code)  # what failed a moment ago is not tried at once


def test_pages_that_are_kept_outlive_the_database(served: tuple[Cluster, FlaskClient]):
    cluster, client = served
    for _ in range(3):
        assert client.get(ITEMS).status_code == 200
    cluster.kill()
    wait_for(503, lambda: client.get(SEEN_ONCE).status_code)
    started = time.monotonic()
    while time.monotonic() - started < 3:
        assert client.get(ITEMS).status_code == 200
        time.sleep(0.05)


def test_connections_that_died_unseen_cost_the_client_nothing(served: tuple[Cluster, FlaskClient]):
    cluster, client = served
    assert client.get(ITEMS).status_code == 200
    cluster.stop()
    cluster.start()
    assert client.get(ITEMS).status_code == 200, "the pool's connections are dead, the statement is tried once more"


def test_api_starts_without_a_database(own_cluster: Cluster):
    own_cluster.stop()
    reader = own_cluster.database("isthmus").reader
    pool = Pool(reader)
    try:
        client = create_app(reader, pool).test_client()
        assert client.get("/collections").status_code == 503
        assert client.get("/", headers={"Accept": "text/html"}).status_code == 200
        own_cluster.start()
        wait_for(200, lambda: client.get("/collections").status_code)
    finally:
        pool.close()


def test_api_waits_for_the_loader_to_make_the_catalogue(own_cluster: Cluster):
    database = own_cluster.database("isthmus")
    with database.connect() as connection:
        connection.execute("DROP TABLE isthmus.generation")
        connection.commit()
    pool = Pool(database.reader)
    try:
        with pytest.raises(DatabaseUnavailable, match="the catalogue"):
            pool.run(SELECT_GENERATION)
        response = create_app(database.reader, pool).test_client().get("/collections")
        assert (response.status_code, json.loads(response.data)["code"]) == (503, "catalogue-missing")
    finally:
        pool.close()
