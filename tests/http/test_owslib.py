"""OWSLib, the client that many Python programs use, against the server as it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from owslib.ogcapi.features import Features

from support.cluster import Database
from support.server import running_api


@pytest.fixture(scope="module")
def owslib(world: Database) -> Iterator[Features]:
    """The client, connected."""
    with running_api(world) as url:
        yield Features(url)


def ids(page: dict) -> list[int]:
    """The ids of a page."""
    return [feature["id"] for feature in page["features"]]


def test_it_finds_the_definition_the_classes_and_the_collections(owslib: Features):
    assert owslib.api()["openapi"] == "3.0.3"
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in owslib.conformance()["conformsTo"]
    assert owslib.feature_collections() == ["grid", "places", "stock"]
    assert owslib.collection("places")["title"] == "places"


def test_it_reads_the_schemas(owslib: Features):
    assert owslib.collection_schema("places")["properties"]["seen"]["x-ogc-role"] == "primary-instant"
    assert list(owslib.collection_queryables("stock")["properties"]) == ["id", "amount", "detail"]


def test_it_pages_with_offset_and_sorts(owslib: Features):
    pages = [owslib.collection_items("places", limit=4, offset=start) for start in (0, 4, 8)]
    assert [ids(page) for page in pages] == [[1, 2, 3, 4], [5, 6, 7, 9], [10, 12]]
    assert {page["numberMatched"] for page in pages} == {10}
    assert ids(owslib.collection_items("places", sortby=("population", "desc"), limit=2)) == [9, 5]


def test_it_asks_for_boxes_times_and_texts(owslib: Features):
    assert ids(owslib.collection_items("places", bbox=[23, 60, 26, 62])) == [1, 2, 7]
    assert ids(owslib.collection_items("places", datetime_="2024-03-01/2024-04-02")) == [3, 4, 7]
    assert ids(owslib.collection_items("places", q="suva")) == [3]


def test_it_sends_cql2_as_text(owslib: Features):
    assert ids(owslib.collection_items("places", filter="name LIKE 'S%' AND population > 1000")) == [3]


def test_it_posts_cql2_json_to_the_items(owslib: Features):
    tree = {"op": ">", "args": [{"property": "population"}, 1_000_000]}
    assert ids(owslib.collection_items("places", cql=tree)) == [5, 6, 9]
    assert ids(owslib.collection_items("places", cql=tree, limit=1, sortby=("name", "asc"))) == [9]
    near = {"op": "s_intersects", "args": [{"property": "geometry"}, {"bbox": [23, 60, 26, 62]}]}
    assert ids(owslib.collection_items("places", cql={"op": "and", "args": [near, tree | {"op": "<"}]})) == [1, 2]


def test_it_is_told_what_is_wrong_with_its_filter(owslib: Features):
    with pytest.raises(RuntimeError, match="perhaps you meant 'name'"):
        owslib.collection_items("places", cql={"op": "isNull", "args": [{"property": "nmae"}]})


def test_it_gets_one_feature(owslib: Features):
    assert owslib.collection_item("places", "3")["properties"]["name"] == "Suva"
