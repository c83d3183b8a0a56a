"""Facets: values and histograms under a filter, without the property's own conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.http import get
from support.publish import publish

SHOPS = """
SELECT n AS fid, CASE WHEN n % 11 > 0 THEN 'kind ' || n % 5 END AS kind, n * 37 % 1000 AS height, n % 3 = 0 AS open,
  timestamptz '2020-01-01Z' + n * interval '7 hours' AS seen, 'name ' || n AS name,
  ST_Point(((n * 7919) % 36000) / 100.0 - 180, ((n * 104729) % 16000) / 100.0 - 80) AS geom
FROM generate_series(1, 3000) AS n
"""
COLUMNS = {"kind": "string", "height": "integer", "open": "boolean", "seen": "datetime", "name": "string"}


@pytest.fixture(scope="module")
def shops(cluster: Cluster) -> Iterator[Database]:
    database = cluster.clone()
    publish(database, "shops", SHOPS, columns=COLUMNS, temporal_column="seen")
    publish(
        database,
        "empty",
        "SELECT 1 AS fid, NULL::text AS kind, NULL::float8 AS height, ST_Point(0, 0) AS geom",
        columns={"kind": "string", "height": "number"},
    )
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def app_client(shops: Database) -> Iterator[FlaskClient]:
    pool = Pool(shops.reader)
    yield create_app(shops.reader, pool).test_client()
    pool.close()


def facets(client: FlaskClient, id: str = "shops", **args: str) -> dict[str, dict[str, Any]]:
    """The facets by their properties."""
    document = get(client, f"/collections/{id}/facets?{urlencode(args)}")
    return {found["property"]: found for found in document["facets"]}


def features(client: FlaskClient, **args: str) -> list[dict[str, Any]]:
    """The properties of all features under a filter."""
    found = get(client, f"/collections/shops/items?{urlencode({'limit': '10000', **args})}")["features"]
    return [feature["properties"] for feature in found]


def test_values_are_the_most_frequent_ones(app_client: FlaskClient):
    [found] = facets(app_client, properties="kind", size="3").values()
    counts = Counter(one["kind"] for one in features(app_client))
    missing = counts.pop(None)
    assert {one["value"]: one["count"] for one in found["values"]} == dict(counts.most_common(3))
    assert found["missing"] == missing
    assert found["other"] == {"values": 2, "count": 3000 - missing - sum(one["count"] for one in found["values"])}
    assert "approximate" not in found


def test_many_values_have_the_rest_together(app_client: FlaskClient):
    [found] = facets(app_client, properties="name").values()
    assert len(found["values"]) == 10
    assert (found["other"], found["missing"]) == ({"values": 2990, "count": 2990}, 0)


def test_a_histogram_has_every_class(app_client: FlaskClient):
    [found] = facets(app_client, properties="height", filter="height < 20 OR height > 900").values()
    assert (found["min"], found["max"], len(found["histogram"])) == (0, 999, 20)
    [found] = facets(app_client, properties="height", open="true").values()
    heights = [one["height"] for one in features(app_client, open="true")]
    assert sum(bar["count"] for bar in found["histogram"]) == len(heights)
    for bar in found["histogram"][:-1]:
        assert bar["count"] == sum(bar["from"] <= height < bar["to"] for height in heights)


def test_times_have_a_histogram(app_client: FlaskClient):
    [found] = facets(app_client, properties="seen").values()
    assert found["min"] == "2020-01-01T07:00:00+00:00"
    assert found["max"] == found["histogram"][-1]["to"] == "2022-05-25T00:00:00+00:00"
    assert sum(bar["count"] for bar in found["histogram"]) == 3000
    assert all(bar["count"] for bar in found["histogram"])


OWN = {
    "kind": ({"kind": "kind 1"}, {"filter": "kind = 'kind 1'"}, {"filter": "kind IN ('kind 1','kind 2')"}),
    "seen": ({"datetime": "2020-06-01/.."}, {"filter": "seen > TIMESTAMP('2020-06-01T00:00:00Z')"}),
    "height": ({"height": "37"}, {"filter": "height < 5"}, {"filter": "height BETWEEN 3 AND 9"}),
}


@pytest.mark.parametrize("name", OWN)
def test_a_facet_leaves_its_own_conditions_out(app_client: FlaskClient, name: str):
    for condition in OWN[name]:
        alone, none = facets(app_client, properties=name, **condition), facets(app_client, properties=name)
        assert alone == none, condition
        filter = f"{condition['filter']} AND open = true" if "filter" in condition else "open = true"
        joined = facets(app_client, properties=name, **{**condition, "filter": filter})
        assert joined == facets(app_client, properties=name, filter="open = true")
        assert joined != none


def test_conditions_of_two_properties_are_everybodys(app_client: FlaskClient):
    both = "kind = 'kind 1' OR height < 100"
    found = facets(app_client, properties="kind,height", filter=both)
    matches = features(app_client, filter=both)
    assert sum(one["count"] for one in found["kind"]["values"]) + found["kind"]["missing"] == len(matches)
    assert sum(bar["count"] for bar in found["height"]["histogram"]) == len(matches)


def test_all_properties_are_told_at_once(app_client: FlaskClient):
    document = get(app_client, "/collections/shops/facets?bbox=0,0,90,60")
    assert [found["property"] for found in document["facets"]] == list(COLUMNS)
    assert (
        document["numberMatched"]
        == get(app_client, "/collections/shops/items?bbox=0,0,90,60&resultType=hits")["numberMatched"]
    )


def test_what_has_no_value_has_empty_facets(app_client: FlaskClient):
    found = facets(app_client, "empty")
    assert (found["kind"]["values"], found["kind"]["missing"]) == ([], 1)
    assert (found["height"]["histogram"], found["height"]["min"], found["height"]["missing"]) == ([], None, 1)
    found = facets(app_client, "shops", filter="height > 5000", properties="kind,open,seen")
    assert all(one["missing"] == 0 for one in found.values())


def test_what_takes_too_long_is_estimated_and_says_so(app_client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("api.aggregates.facets.FACET_COST", 60.0)
    found = facets(app_client, properties="kind,height")
    for one in found.values():
        assert one["approximate"] is True
        assert 0.1 < one["of"] < 1
    total = sum(one["count"] for one in found["kind"]["values"]) + found["kind"]["missing"]
    assert 1000 < total < 9000


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("properties=knid", "properties"),
        ("size=0", "size"),
        ("size=101", "size"),
        ("f=csv", "f"),
        ("limit=3", "limit"),
        ("filter=x", "filter"),
        ("properties=", "properties"),
    ],
)
def test_a_mistake_is_a_400(app_client: FlaskClient, query: str, parameter: str):
    response = app_client.get(f"/collections/shops/facets?{query}")
    assert (response.status_code, response.json["parameter"]) == (400, parameter), response.text
    assert response.json["hint"]
