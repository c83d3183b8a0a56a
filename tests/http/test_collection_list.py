"""The list of collections: search, box and pages, for programs and on a page without JavaScript."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.ogc import get, links_of, path_of, problem
from support.publish import publish

PLACES = (("helsinki_roads", 24.9, 60.2), ("oslo_roads", 10.7, 59.9), ("suva_trees", 178.4, -18.1))


@pytest.fixture(scope="module")
def client(cluster: Cluster) -> Iterator[FlaskClient]:
    """Three collections at three places and a table."""
    database: Database = cluster.clone()
    for id, longitude, latitude in PLACES:
        select = f"SELECT 1 AS fid, 'x' AS name, ST_Point({longitude}, {latitude}) AS geom"
        publish(database, id, select, columns={"name": "string"})  # type: ignore[arg-type]
    publish(database, "stock", "SELECT 1 AS fid, 2 AS amount", columns={"amount": "integer"}, srid=None)
    with database.connect() as connection:
        connection.execute(
            "UPDATE isthmus.collections SET title = 'Straßen in Oslo', description = 'Lines with names.',"
            " keywords = '{traffic,\"open <data>\"}', license = 'CC-BY-4.0' WHERE id = 'oslo_roads'"
        )
        connection.commit()
    pool = Pool(database.reader)
    yield create_app(database.reader, pool).test_client()
    pool.close()
    cluster.drop(database)


ALL = ["helsinki_roads", "oslo_roads", "stock", "suva_trees"]


def listed(client: FlaskClient, **query: Any) -> list[str]:
    """The ids that a request lists, whose numbers are right."""
    document = get(client, "/collections", **query)
    found = [one["id"] for one in document["collections"]]
    assert document["numberReturned"] == len(found) <= document["numberMatched"]
    return found


def test_everything_is_listed_where_nothing_is_asked(client: FlaskClient):
    document = get(client, "/collections")
    assert [one["id"] for one in document["collections"]] == ALL
    assert not links_of(document, "next")
    assert not links_of(document, "prev")


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("roads", ["helsinki_roads", "oslo_roads"]),
        ("OSLO strasse", ["oslo_roads"]),
        ("Roads oslo", ["oslo_roads"]),
        ("open <DATA>", ["oslo_roads"]),
        ("names", ["oslo_roads"]),
        ("roads trees", []),
        ("%", []),
        ("", ALL),
        (" ", ALL),
    ],
)
def test_words_are_looked_for_in_title_description_id_and_keywords(client: FlaskClient, q: str, found: list[str]):
    assert listed(client, q=q) == found


@pytest.mark.parametrize(
    ("bbox", "found"),
    [
        ("0,50,20,70", ["oslo_roads", "stock"]),
        ("170,-30,-170,30", ["stock", "suva_trees"]),
        ("0,50,0,20,70,100", ["oslo_roads", "stock"]),
        ("", ALL),
    ],
)
def test_a_box_lists_what_meets_it_and_what_lies_nowhere(client: FlaskClient, bbox: str, found: list[str]):
    assert listed(client, bbox=bbox) == found


def test_pages_lead_through_all_and_back(client: FlaskClient):
    document = get(client, "/collections", limit=3, q="s")
    first = [one["id"] for one in document["collections"]]
    [following] = links_of(document, "next")
    assert following["type"] == "application/json"
    second = get(client, path_of(following["href"]))
    assert (first, [one["id"] for one in second["collections"]]) == (ALL[:3], ALL[3:])
    assert second["numberMatched"] == 4
    assert not links_of(second, "next")
    [back] = links_of(second, "prev")
    assert get(client, path_of(back["href"]))["collections"] == document["collections"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"offset": "-1"}, "offset"),
        ({"bbox": "1,2,3"}, "bbox"),
        ({"bbox": "1,2,3,x"}, "bbox"),
        ({"q": "x" * 501}, "q"),
        ({"sort": "x"}, "sort"),
    ],
)
def test_mistakes_are_named(client: FlaskClient, query: dict[str, str], parameter: str):
    assert problem(client, "/collections", **query)["parameter"] == parameter


def test_a_limit_above_the_largest_is_the_largest(client: FlaskClient):
    assert listed(client, limit=10**30) == ALL


def test_licence_and_keywords_are_told(client: FlaskClient):
    document = get(client, "/collections/oslo_roads")
    assert (document["license"], document["keywords"]) == ("CC-BY-4.0", ["traffic", "open <data>"])
    [link] = links_of(document, "license")
    assert link["href"] == "https://creativecommons.org/licenses/by/4.0/"
    assert not {"license", "keywords"} & set(get(client, "/collections/stock"))


def page(client: FlaskClient, **query: str) -> str:
    """The page of people."""
    return client.get(f"/collections?{urlencode({'f': 'html', **query})}").text


def test_the_page_searches_without_javascript(client: FlaskClient):
    text = page(client, q="roads", bbox="0,50,20,70")
    assert '<form class="asked" role="search" action="http://localhost/collections">' in text
    assert 'name="q" value="roads"' in text
    assert 'name="bbox" value="0.0,50.0,20.0,70.0"' in text
    assert "1 collection<" in text
    assert "Straßen in Oslo" in text
    assert "helsinki_roads" not in text
    assert "No collection has all of that" in page(client, q='"><script>')
    assert '"><script>' not in page(client, q='"><script>')


def test_the_page_has_pages(client: FlaskClient):
    text = page(client, limit="3")
    assert "1 to 3 of 4 collections" in text
    assert "next →" in text
    assert "← previous" in page(client, limit="3", offset="3")
    assert "There are only 4" in page(client, offset="9")


def test_the_page_of_many_collections_is_cut_and_the_list_of_programs_is_not(cluster: Cluster):
    database = cluster.clone()
    publish(database, "c0", "SELECT 1 AS fid, 2 AS amount", columns={"amount": "integer"}, srid=None)
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO isthmus.collections (id, title, source_path, layer, current_version)"
            " SELECT 'c' || n, 'C' || n, 'c' || n, '', current_version FROM isthmus.collections,"
            " generate_series(1, 119) AS n"
        )
        connection.commit()
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        assert len(listed(client)) == 120
        assert len(json.dumps(get(client, "/api"))) < 200_000
        assert "1 to 50 of 120 collections" in page(client)
        assert "101 to 120 of 120 collections" in page(client, offset="100")
    finally:
        pool.close()
        cluster.drop(database)
