"""A collection that is loaded anew: the new version is seen at once, old cursors and tiles are not mixed with it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from psycopg import sql

from api.app import create_app
from api.catalog.live import CHECK_EVERY_S
from core.database.connections import Database as Pool
from loader.sql.migrate import migrate, migrations
from support.cluster import Database
from support.publish import publish

OLD = "SELECT n AS fid, 'old' AS name, ST_Point(n, n) AS geom FROM generate_series(1, 5) AS n"
NEW = "SELECT n AS fid, 'new' AS name, 'x' AS extra, ST_Point(-n, n) AS geom FROM generate_series(1, 7) AS n"


@pytest.fixture
def client(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    """An API that looks at the catalogue with every request."""
    monkeypatch.setattr("api.catalog.live.CHECK_EVERY_S", 0.0)
    publish(database, "places", OLD, columns={"name": "string"})
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()


def test_new_version_is_served_with_its_new_columns(client: FlaskClient, database: Database):
    assert json.loads(client.get("/collections/places/items").data)["numberMatched"] == 5
    publish(database, "places", NEW, columns={"name": "string", "extra": "string"})
    page = json.loads(client.get("/collections/places/items").data)
    assert page["numberMatched"] == 7
    assert page["features"][0]["properties"] == {"name": "new", "extra": "x"}


def test_cursor_of_the_old_version_is_refused(client: FlaskClient, database: Database):
    page = json.loads(client.get("/collections/places/items?limit=2").data)
    [next_link] = [link["href"] for link in page["links"] if link["rel"] == "next"]
    publish(database, "places", NEW, columns={"name": "string", "extra": "string"})
    response = client.get(next_link.removeprefix("http://localhost"))
    assert response.status_code == 400
    assert "loaded anew" in json.loads(response.data)["detail"]


def test_tile_of_the_old_version_is_not_served_again(client: FlaskClient, database: Database):
    url = "/collections/places/tiles/WebMercatorQuad/0/0/0"
    old = client.get(url)
    publish(database, "places", NEW, columns={"name": "string", "extra": "string"})
    new = client.get(url, headers={"If-None-Match": old.headers["ETag"]})
    assert new.status_code == 200
    assert b"extra" in new.data
    assert b"extra" not in old.data


def test_withdrawn_collection_is_gone(client: FlaskClient, database: Database):
    with database.connect() as connection:
        connection.execute("UPDATE isthmus.collections SET withdrawn_at = now()")
        connection.commit()
    assert client.get("/collections/places").status_code == 404


def test_new_collection_is_there_at_once(database: Database):
    publish(database, "places", OLD, columns={"name": "string"})
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        assert client.get("/collections/lakes/items").status_code == 404
        publish(database, "lakes", OLD, columns={"name": "string"})
        assert client.get("/collections/lakes/items").status_code == 200
        assert json.loads(client.get("/collections").data)["collections"][0]["id"] == "lakes"
    finally:
        pool.close()


def test_list_is_never_older_than_the_request(database: Database):
    publish(database, "places", OLD, columns={"name": "string"})
    pools = [Pool(database.reader), Pool(database.reader)]
    try:
        workers = [create_app(database.reader, pool).test_client() for pool in pools]
        for name in ("one", "two", "three"):
            publish(database, name, OLD, columns={"name": "string"})
            for worker in workers:
                for url in ("/collections", "/", f"/api?collections={name}"):
                    assert name in worker.get(url, headers={"Accept": "text/html"}).text
    finally:
        for pool in pools:
            pool.close()


def test_catalogue_is_asked_for_at_most_once_a_second():
    assert CHECK_EVERY_S == 1.0


def test_catalogue_of_an_older_release_is_a_503_until_the_loader_has_brought_it_up_to_date(database: Database):
    (_, oldest), *later = migrations()
    with database.connect() as connection:
        connection.execute("DROP SCHEMA isthmus CASCADE")
        connection.execute("DROP SCHEMA published CASCADE")
        connection.execute("CREATE SCHEMA isthmus")
        connection.execute("GRANT USAGE ON SCHEMA isthmus TO isthmus_reader")
        connection.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA isthmus GRANT SELECT ON TABLES TO isthmus_reader")
        connection.execute("CREATE TABLE isthmus.migrations (number integer PRIMARY KEY)")
        connection.execute(sql.SQL(oldest))
        connection.execute("INSERT INTO isthmus.migrations VALUES (1)")
    pool = Pool(database.reader)
    client = create_app(database.reader, pool).test_client()
    early = client.get("/collections")
    assert (early.status_code, json.loads(early.data)["code"]) == (503, "catalogue-missing")
    with database.connect() as connection:
        assert migrate(connection) == [number for number, _ in later]
    assert client.get("/collections").status_code == 200
    pool.close()
