"""Large pages of whole collections, along their ids: with gaps, without, and of nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import fids, link, walk
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
def client(app: Flask) -> FlaskClient:
    """A client of it."""
    return app.test_client()


@pytest.mark.parametrize(("id", "query"), CASES)
def test_a_page_has_the_features_from_its_offset_on(client: FlaskClient, id: str, query: str):
    step = {"even": 1, "gaps": 3}.get(id)
    asked = dict(part.split("=", 1) for part in query.split("&"))
    first, number = int(asked.get("offset", 0)), int(asked["limit"])
    page = client.get(f"/collections/{id}/items?f=json&{query}").json
    wanted = [fid * step for fid in range(first + 1, min(first + number, 1300) + 1)] if step else []
    assert [feature["id"] for feature in page["features"]] == wanted
    assert page["numberReturned"] == len(wanted)
    links = {link["rel"] for link in page["links"]}
    assert ("next" in links) is bool(wanted and first + number < 1300)
    assert ("prev" in links) is bool(wanted and first)


@pytest.mark.parametrize("id", ["even", "gaps"])
def test_a_walk_meets_every_feature_once_and_leads_back(client: FlaskClient, id: str):
    pages = list(walk(client, f"/collections/{id}/items?f=json&limit=500", "next"))
    ids = [fid for page in pages for fid in fids(page)]
    assert ids == sorted(set(ids))
    assert len(ids) == 1300
    assert [link(page, "prev") is not None for page in pages] == [False, True, True]
    assert [fids(page) for page in walk(client, link(pages[-1], "prev"), "prev")] == [fids(pages[1]), fids(pages[0])]
