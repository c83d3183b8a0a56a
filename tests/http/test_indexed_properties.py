"""Indexes of properties are made while the API serves: its answers are the same before, meanwhile and after."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from loader.catalogue import open_catalogue
from loader.table.property_indexes import choose_indexes, make_next
from support.cluster import Database
from support.http import get, link
from support.loading import Loader

ROWS = 20_000


@pytest.fixture
def loader(database: Database) -> Iterator[Loader]:
    """A loader of one table, without indexes of its properties."""
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        numbers = [number * 7919 % ROWS for number in range(ROWS)]
        columns = {
            "name": [f"thing {number}" for number in numbers],
            "kind": ["rare" if number % 500 == 0 else "common" for number in numbers],
            "size": [number // 4 if number % 3 else None for number in numbers],
            "year": [1900 + number % 123 for number in numbers],
            "story": [f"{number} {'-' * 200}" for number in numbers],
        }
        pq.write_table(pa.table(columns), loader.path("things.parquet"))
        loader.load_all("things.parquet")
        yield loader


@pytest.fixture
def client(database: Database, loader: Loader) -> Iterator[FlaskClient]:
    """The API."""
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()


ASKED = [
    {"size": "77"},
    {"kind": "rare"},
    {"kind": "rare", "sortby": "-size", "limit": "7"},
    {"filter": "size < 1000 AND kind = 'rare'"},
    {"filter": "name LIKE 'thing 199%'", "sortby": "name"},
    {"filter": "size IS NULL", "limit": "5"},
    {"filter": "size IN (1, 2, 3) OR kind = 'rare'", "sortby": "kind,-size", "limit": "9"},
    {"sortby": "size", "limit": "9"},
    {"sortby": "-size", "limit": "9"},
    {"sortby": "year", "limit": "90"},
    {"sortby": "-year", "limit": "90"},
    {"sortby": "name", "limit": "9"},
    {"sortby": "-kind,year", "limit": "9", "filter": "size > 10"},
]


def walk(client: FlaskClient, asked: dict[str, str]) -> list[dict]:
    """The features of the first pages of a walk and of the way back, and the number of matches."""
    url: str | None = f"/collections/things/items?{urlencode({'count': 'exact', **asked})}"
    features: list[dict] = []
    for rel in ("next", "next", "next", "prev", "prev", "prev"):
        page = get(client, url)
        features += [*page["features"], {"matched": page["numberMatched"]}]
        url = link(page, rel)
        if url is None:
            break
    return features


def test_answers_are_the_same_before_and_after_each_index(client: FlaskClient, loader: Loader):
    before = [walk(client, asked) for asked in ASKED]
    assert all(len(features) > 1 for features in before)
    choose_indexes(loader.connection, loader.events.append, auto=True)
    count = 0
    while make_next(loader.connection, loader.events.append):
        count += 1
        for _ in range(4):  # a connection keeps the plans of what it was asked often
            assert [walk(client, asked) for asked in ASKED] == before
    assert count == 4
