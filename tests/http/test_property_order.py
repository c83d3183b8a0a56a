"""Pages of a filter that bounds a property to few values come in the order of that property: every feature once, both
ways, whatever the limit. All others come as before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlencode

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from api.planner import costs
from api.planner.counts import Counts
from api.query.page import decode
from loader.catalogue import open_catalogue
from loader.table.property_indexes import make_all
from support.cluster import Cluster, Database
from support.http import api_client, fids, get, link, walk
from support.loading import Loader, random_points, write_ogr

ROWS = 20_000
ITEMS = "/collections/things/items"
ORDERED = {
    # filter -> the property that its features come in the order of
    "size < 100 AND kind = 'cafe'": "size",
    "size >= 4950": "size",
    "200 > size AND 100 <= size AND kind <> 'cafe'": "size",
    "score BETWEEN 10 AND 60.5 AND size > 3": "score",
    "size < 300 AND score < 30": "score",
    "day < TIMESTAMP('1997-07-01T00:00:00Z') AND kind = 'park'": "day",
    "size < 100 AND size > 200": "size",
}
AS_BEFORE = {
    "most have it": {"filter": "size < 4000"},
    "some have no value": {"filter": "tower < 1000"},
    "no bounds": {"filter": "size < 100 OR size > 4900"},
    "not on its own": {"filter": "NOT size > 100"},
    "a box": {"filter": "size < 100", "bbox": "-90,-45,90,45"},
    "a shape": {"filter": "size < 100 AND S_INTERSECTS(geom, BBOX(-90,-45,90,45))"},
    "an order": {"filter": "size < 100", "sortby": "-score"},
    "no index": {"filter": "plain < 100"},
    "nothing": {},
}


def write_things(loader: Loader) -> None:
    """Points all over, whose properties have nothing to do with their places."""
    numbers = [number * 7919 % ROWS for number in range(ROWS)]
    columns = {
        "kind": [("cafe", "park", "stop")[number % 3] for number in numbers],
        "size": pa.array([number // 4 for number in numbers], pa.int32()),
        "score": [number / 8 for number in numbers],
        "day": pa.array([10_000 + number // 10 for number in numbers], pa.date32()),
        "tower": [number if number % 2 else None for number in numbers],
        "plain": [number % 2 * 1000 for number in numbers],
        "geometry": random_points(ROWS),
    }
    write_ogr(loader.path("things.fgb"), pa.table(columns), "FlatGeobuf", geometry_type="Point")
    loader.load_all("things.fgb")


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """The points, with indexes of their properties."""
    database = cluster.clone()
    with open_catalogue(database.owner) as connection:
        loader = Loader(database.owner, connection)
        write_things(loader)
        make_all(connection, loader.events.append, ["things"], auto=True)
    yield database
    cluster.drop(database)


@pytest.fixture
def client(database: Database) -> Iterator[FlaskClient]:
    """The API."""
    with api_client(database.reader) as client:
        yield client


def matches(database: Database, text: str, order: str) -> list[int]:
    """The ids of the features that a filter finds, as PostgreSQL sorts them."""
    condition = re.sub(r"TIMESTAMP\((.*)\)", r"timestamptz \1", text)
    with database.connect() as connection:
        found = connection.execute(f"SELECT fid FROM data.things_1 WHERE {condition} ORDER BY {order}, fid")  # type: ignore[arg-type]
        return [row[0] for row in found]


def asked(limit: int = 37, **given: str) -> str:
    """The address of a page."""
    return f"{ITEMS}?{urlencode({'limit': limit, **given})}"


def is_along_the_disk(page: dict) -> bool:
    """Whether a walk goes on from a place on the disk."""
    address = link(page, "next")
    assert address is not None
    return str(decode(address.partition("cursor=")[2])[3].key[0]).startswith("(")


@pytest.mark.parametrize(("text", "order"), ORDERED.items())
def test_features_come_in_the_order_of_a_property_with_bounds(
    database: Database, client: FlaskClient, text: str, order: str
):
    expected = matches(database, text, order)
    pages = list(walk(client, asked(filter=text), "next"))
    assert [fid for page in pages for fid in fids(page)] == expected
    back = list(walk(client, link(pages[-1], "prev"), "prev"))
    assert [fid for page in reversed(back) for fid in fids(page)] == expected[: len(expected) - len(fids(pages[-1]))]
    assert {page["numberMatched"] for page in pages} == {len(expected)}


@pytest.mark.parametrize("asked_for", AS_BEFORE.values(), ids=AS_BEFORE)
def test_other_pages_come_as_before(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, asked_for: dict[str, str]):
    page = get(client, asked(**asked_for))
    monkeypatch.setattr(costs, "LEAST_ROWS", ROWS + 1)
    assert page["features"] == get(client, asked(f="json", **asked_for))["features"]


def test_a_small_table_is_read_along_the_disk(client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(costs, "LEAST_ROWS", ROWS + 1)
    assert is_along_the_disk(get(client, asked(filter="size < 100")))


def test_pages_of_any_limit_and_offset_are_parts_of_one_list(database: Database, client: FlaskClient):
    expected = matches(database, "size < 100", "size")
    for limit, offset in ((1, 0), (10, 5), (150, 250), (400, 0), (5, 399)):
        page = get(client, asked(limit, offset=str(offset), filter="size < 100"))
        assert fids(page) == expected[offset : offset + limit]


def test_a_walk_goes_on_as_it_began(database: Database, client: FlaskClient, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as before_there_was_an_index:
        before_there_was_an_index.setattr(costs, "LEAST_ROWS", ROWS + 1)
        first = get(client, asked(filter="size < 100"))
    rest = list(walk(client, link(first, "next"), "next"))
    assert all(map(is_along_the_disk, rest[:-1]))
    found = [fid for page in (first, *rest) for fid in fids(page)]
    assert sorted(found) == sorted(matches(database, "size < 100", "size"))


@pytest.mark.parametrize("format", ["json", "jsonfg", "html"])
def test_every_format_has_the_same_page(database: Database, client: FlaskClient, format: str):
    expected = matches(database, "size < 100", "size")
    answer = client.get(asked(3, filter="size < 100", f=format))
    following = asked(3, filter="size < 100", f=format, cursor=cursor_of(answer.text))
    if format == "html":
        shown = re.findall(r"/collections/things/items/([0-9]+)[\"?]", client.get(following).text)
        assert list(dict.fromkeys(map(int, shown))) == expected[3:6]
    else:
        assert fids(answer.json or {}) == expected[:3]
        assert fids(get(client, following)) == expected[3:6]


def cursor_of(text: str) -> str:
    """The first cursor in an answer."""
    return text.partition("cursor=")[2].partition('"')[0].partition("&")[0]


def test_an_export_of_some_has_those_of_a_page(database: Database, client: FlaskClient):
    expected = matches(database, "size < 100", "size")
    given = {"filter": "size < 100", "f": "geojsonl"}
    some, whole = client.get(asked(3, offset="2", **given)), client.get(f"{ITEMS}?{urlencode(given)}")
    assert ids_of_lines(some.data) == expected[2:5]
    assert ids_of_lines(client.get(f"{ITEMS}?{urlencode(given)}&offset=5").data) == expected[5:]
    assert sorted(ids_of_lines(whole.data)) == sorted(expected)


@pytest.mark.parametrize("format", ["json", "jsonfg", "html", "geojsonl", "csv"])
def test_who_has_an_answer_is_told_so_without_a_plan(client: FlaskClient, monkeypatch: pytest.MonkeyPatch, format: str):
    address = asked(3, filter="size < 100", f=format)
    tag = client.get(address).headers["ETag"]
    monkeypatch.setattr(Counts, "estimate", lambda *_: pytest.fail("it is planned"))
    assert client.get(address, headers={"If-None-Match": tag}).status_code == 304


def ids_of_lines(lines: bytes) -> list[int]:
    """The ids of features, one on each line."""
    return [json.loads(line)["id"] for line in lines.splitlines()]


def test_a_search_goes_on_by_its_body(database: Database, client: FlaskClient):
    body = {"filter": "size < 100 AND kind = 'cafe'", "limit": 50}
    found: list[int] = []
    while body:
        page = client.post("/collections/things/search", json=body).json or {}
        found += fids(page)
        body = next((some["body"] for some in page["links"] if some["rel"] == "next"), None)
    assert found == matches(database, "size < 100 AND kind = 'cafe'", "size")


@pytest.mark.parametrize("other", ["size < 101", "size < 100 AND kind = 'cafe'", "score < 100", "kind = 'cafe'"])
def test_a_cursor_of_another_filter_is_refused(client: FlaskClient, other: str):
    cursor = cursor_of(client.get(asked(filter="size < 100")).text)
    refused = client.get(asked(filter=other, cursor=cursor))
    assert (refused.status_code, (refused.json or {})["parameter"]) == (400, "cursor")
    broken = client.get(asked(filter="size < 100", cursor=cursor[:-3]))
    assert broken.status_code == 400


def test_a_cursor_of_the_same_order_is_the_same(database: Database, client: FlaskClient):
    page = get(client, asked(10, filter="size < 100", sortby="size"))
    cursor = cursor_of(str(link(page, "next")))
    assert (
        fids(get(client, asked(10, filter="size < 100", cursor=cursor)))
        == matches(database, "size < 100", "size")[10:20]
    )
