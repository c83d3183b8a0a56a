"""Pages and features that are asked for again and again come from memory, as long as the collection is the same."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.features import service
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.publish import publish

PAGE, FEATURE = "/collections/parks/items?limit=2", "/collections/parks/items/1"


def parks(name: str) -> str:
    """The rows of a collection."""
    return f"SELECT n AS fid, '{name} ' || n AS name, ST_Point(n, 7) AS geom FROM generate_series(1, 5) AS n"


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """A database with one collection."""
    own = cluster.clone()
    publish(own, "parks", parks("old"), columns={"name": "string"})
    yield own
    cluster.drop(own)


@contextmanager
def asking(database: Database, **settings: int) -> Iterator[tuple[FlaskClient, Pool]]:
    """A client of an API, and the API's connections."""
    reader = replace(database.reader, **settings)
    with closing(Pool(reader)) as pool:
        yield create_app(reader, pool).test_client(), pool


def asks_database(response: TestResponse) -> bool:
    """Whether an answer was made by a query."""
    return "db;dur" in response.headers["Server-Timing"]


def unstamped(response: TestResponse) -> bytes:
    """The bytes of an answer, but for when it was made."""
    return re.sub(rb'"timeStamp":"[^"]*"', b"", response.data)


def names(response: TestResponse) -> list[str]:
    """The names on a page, or that of a feature."""
    found = json.loads(response.data)
    return [feature["properties"]["name"] for feature in found.get("features", [found])]


@pytest.mark.parametrize("url", [PAGE, FEATURE])
def test_second_answer_is_kept_and_the_third_costs_no_query(database: Database, url: str):
    with asking(database) as (client, _):
        answers = [client.get(url) for _ in range(4)]
        assert [asks_database(answer) for answer in answers] == [True, True, False, False]
        second, third = answers[1:3]
        assert unstamped(third) == unstamped(second)
        own = {"X-Request-Id", "Server-Timing"}
        assert [h for h in third.headers if h[0] not in own] == [h for h in second.headers if h[0] not in own]
        assert third.headers["X-Request-Id"] != second.headers["X-Request-Id"]
        unchanged = client.get(url, headers={"If-None-Match": third.headers["ETag"]})
        assert (unchanged.status_code, unchanged.data) == (304, b"")


@pytest.mark.parametrize("url", [PAGE, FEATURE])
def test_kept_answer_is_gone_with_its_version(database: Database, url: str):
    with asking(database) as (client, _):
        for _ in range(3):
            assert names(client.get(url))[0] == "old 1"
        publish(database, "parks", parks("new"), columns={"name": "string"})
        client.get("/collections")  # which looks at the catalogue as it is now
        assert names(client.get(url))[0] == "new 1"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Accept-Encoding": "gzip"}, {"Accept-Encoding": "identity"}),
        ({"Host": "one.example.org"}, {"Host": "other.example.org"}),
        ({"Accept": "application/geo+json"}, {"Accept": "text/html"}),
    ],
)
def test_answer_is_kept_for_requests_that_are_the_same_in_all_it_depends_on(
    database: Database, one: dict[str, str], other: dict[str, str]
):
    with asking(database) as (client, _):
        url = "/collections/parks/items?limit=5"
        expected = client.get(url, headers=other)
        for _ in range(2):
            client.get(url, headers=one)
        kept, found = (client.get(url, headers=headers) for headers in (one, other))
        assert not asks_database(kept)
        assert unstamped(found) == unstamped(expected) != unstamped(kept)
        assert found.headers.get("Content-Encoding") == expected.headers.get("Content-Encoding")


def test_what_was_asked_for_once_takes_no_memory_and_what_is_too_large_is_not_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(service, "MOST_SEEN", 3)
    with asking(database) as (client, _):
        for n in (1, 2, 3, 4, 1):
            assert asks_database(client.get(f"/collections/parks/items/{n}")), "forgotten before it came again"
    monkeypatch.setattr(service, "LARGEST_SHARE", 16_000_000)
    with asking(database) as (client, _):
        assert all(asks_database(client.get(PAGE)) for _ in range(4))


def test_nothing_is_kept_where_it_is_turned_off(database: Database):
    with asking(database, answer_cache_mb=0) as (client, _):
        assert all(asks_database(client.get(PAGE)) for _ in range(4))


def test_kept_page_says_when_it_is_answered(database: Database, monkeypatch: pytest.MonkeyPatch):
    with asking(database) as (client, _):
        for _ in range(3):
            client.get(PAGE)
        monkeypatch.setattr("api.features.geojson.time", lambda: datetime(2100, 1, 1, tzinfo=UTC).timestamp())
        page = client.get(PAGE)
        assert not asks_database(page)
        assert json.loads(page.data)["timeStamp"] == "2100-01-01T00:00:00Z"


def test_error_is_never_kept(database: Database):
    with asking(database) as (client, _):
        missing = "/collections/parks/items/6"
        assert [client.get(missing).status_code for _ in range(4)] == [404] * 4


def test_sources_are_asked_each_time(odd_client: FlaskClient):
    url = "/collections/view/items?limit=1"
    assert all(asks_database(odd_client.get(url)) for _ in range(4))
