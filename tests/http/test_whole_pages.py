"""Large pages of whole collections, whose features PostgreSQL joins, are what joining them here would give."""

from __future__ import annotations

import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from flask import Flask
from werkzeug.test import Client

from api.app import create_app
from api.middleware.fast_path import Hot
from api.sql.features.id_range_pages import select_joined
from core.db import Database as Pool
from support.cluster import Cluster, Database
from support.layers import flask_alone, layer_alone
from support.publish import publish

ROWS = """
SELECT n AS fid, CASE WHEN n % 7 > 0 THEN repeat('a,"ä€ ', n % 5) || n END AS name, n % 3 = 0 AS odd,
       CASE WHEN n % 50 > 0 THEN ST_Point(n % 360 - 180, n % 170 - 85) END AS geom
FROM generate_series(1, 1300) AS n
"""
GAPS = f"SELECT fid * 3 AS fid, name, odd, geom FROM ({ROWS}) AS rows"
EMPTY = f"SELECT fid, name, odd FROM ({ROWS}) AS rows WHERE fid < 0"
COLUMNS = {"name": "string", "odd": "boolean"}
CRS_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"
QUERIES = [
    "limit=600",
    "limit=1300",
    "limit=5000&count=none",
    "limit=600&offset=500",
    "limit=600&offset=1000",
    "limit=600&offset=9000",
    "limit=700&properties=name&precision=1",
    "limit=700&skipGeometry=true&exclude-properties=odd,name",
]
CASES = [
    *((id, query) for id in ("even", "gaps", "empty") for query in QUERIES),
    *((id, f"limit=500&crs={CRS_3857}") for id in ("even", "gaps")),
]
PLACE = re.compile(r'"href":"http://localhost([^"]+)","rel":"(next|prev)"')


@pytest.fixture(scope="module")
def app(cluster: Cluster) -> Iterator[Flask]:
    """An API with ids that follow each other, ids with gaps, and nothing."""
    database: Database = cluster.clone()
    publish(database, "even", ROWS, columns=COLUMNS)
    publish(database, "gaps", GAPS, columns=COLUMNS)
    publish(database, "empty", EMPTY, columns=COLUMNS, srid=None, geometry_type=None)
    pool = Pool(database.reader)
    yield create_app(database.reader, pool)
    pool.close()
    cluster.drop(database)


@pytest.fixture
def joined(app: Flask) -> Iterator[Client]:
    """A client whose pages are all joined by PostgreSQL, or the test fails."""
    with patch("api.planner.id_range.select_joined", side_effect=select_joined) as made:
        yield layer_alone(app, Hot)
    assert made.called


@pytest.mark.parametrize(("id", "query"), CASES)
def test_features_that_postgresql_joined_are_a_page_like_others(app: Flask, joined: Client, id: str, query: str):
    path = f"/collections/{id}/items?f=json&{query}"
    whole, rows = (re.sub(r'"timeStamp":"[^"]+"', "", some.get(path).text) for some in (joined, flask_alone(app)))
    assert whole == rows


@pytest.mark.parametrize("id", ["even", "gaps"])
def test_a_walk_meets_every_feature_once_and_leads_back(app: Flask, joined: Client, id: str):
    path, ids = f"/collections/{id}/items?f=json&limit=500", []
    while path:
        page = joined.get(path)
        ids += [feature["id"] for feature in page.json["features"]]
        links = {rel: href for href, rel in PLACE.findall(page.text)}
        assert ("prev" in links) is (len(ids) > 500)
        path = links.get("next", "")
    assert ids == sorted(set(ids))
    assert len(ids) == 1300
    back = flask_alone(app).get(links["prev"]).json["features"]
    assert [feature["id"] for feature in back] == ids[500:1000]


@pytest.mark.parametrize(
    "query", ["limit=499", "limit=600&sortby=name", "limit=600&odd=true", "limit=600&bbox=0,0,9,9"]
)
def test_other_pages_come_as_rows(app: Flask, query: str):
    with patch("api.planner.id_range.select_joined", side_effect=AssertionError):
        assert layer_alone(app, Hot).get(f"/collections/gaps/items?{query}").status_code == 200
