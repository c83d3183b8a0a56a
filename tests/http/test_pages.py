"""HTML pages: complete, escaped, and with the facts on them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from core.database.connections import Database as Pool
from support.cluster import Cluster, Database
from support.publish import publish

PAGES = [
    "/",
    "/api",
    "/conformance",
    "/collections",
    "/collections/places",
    "/collections/stock",
    "/collections/places/queryables",
    "/collections/places/schema",
    "/collections/places/feature-schema",
    "/collections/places/items",
    "/collections/stock/items",
    "/collections/places/items/1",
    "/collections/places/items/7",
    "/collections/places/tiles",
    "/collections/places/tiles/WebMercatorQuad",
    "/collections/places/tiles/WebMercatorQuad/tilejson.json",
    "/collections/places/tiles/WebMercatorQuad/style.json",
    "/tiles",
    "/tiles/WebMercatorQuad",
    "/tiles/WebMercatorQuad/tilejson.json",
    "/tiles/WebMercatorQuad/style.json",
    "/tileMatrixSets",
    "/tileMatrixSets/WebMercatorQuad",
    "/health/live",
    "/health/ready",
    "/problems/cursor-invalid",
    "/map",
]
VOID = {"meta", "link", "img", "input", "br", "hr"}


class Balanced(HTMLParser):
    """Raises AssertionError for a tag that is closed in the wrong place; collects addresses and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def page(client: FlaskClient, url: str) -> str:
    """The text of a page that must be a 200."""
    response = client.get(url, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    return response.text


@pytest.mark.parametrize("url", PAGES)
def test_page_is_whole_and_every_address_on_it_answers(client: FlaskClient, url: str):
    parsed = Balanced(page(client, url))
    own = {address.removeprefix("http://localhost") for address in parsed.addresses if "//localhost" in address}
    assert own
    for address in own:
        is_file = any(f"f={name}" in address for name in ("gpkg", "fgb", "shp", "kml", "parquet"))
        with client.open(address, method="HEAD" if is_file else "GET") as response:
            assert response.status_code == 200, address


def test_pages_ask_nothing_of_other_servers(client: FlaskClient):
    for url in PAGES:
        for address in Balanced(page(client, url)).addresses:
            assert address.startswith("http://localhost") or "opengis.net" in address or "geojson.org" in address


def test_landing_page_lists_the_collections(client: FlaskClient):
    text = page(client, "/")
    assert "3 collections" in text
    assert "ogrinfo -so" in text


def test_table_shows_the_features_and_the_way_on(client: FlaskClient):
    text = page(client, "/collections/places/items?limit=2")
    assert "Helsinki" in text
    assert "10 match" in text
    assert "next →" in text


def test_api_page_lists_the_operations(client: FlaskClient):
    assert Balanced(page(client, "/api")).tags.count("details") >= 20


def test_api_page_names_the_choices_and_gives_examples_as_they_are_typed(client: FlaskClient):
    text = page(client, "/api")
    assert "one of auto, exact, estimated, none" in text
    assert "for example [" not in text, "a list in Python's spelling, which no address takes"


@pytest.mark.parametrize("url", ["/tiles", "/collections/places/tiles", "/tileMatrixSets"])
def test_tables_of_tilesets_begin_with_the_links_to_them(client: FlaskClient, url: str):
    text = page(client, url)
    assert "<thead><tr><th>links</th>" in text
    assert "<th>href</th>" not in text, "a table in a table, of which a window shows nothing"


def test_names_and_values_are_data_and_never_markup(cluster: Cluster):
    database: Database = cluster.clone()
    evil = "<script>alert(1)</script>"
    select = """SELECT 1 AS fid, '<script>alert(1)</script>' AS "<b>", ST_Point(1, 2) AS geom"""
    publish(database, "evil", select, columns={"<b>": "string"})
    with database.connect() as connection:
        connection.execute("UPDATE isthmus.collections SET title = %s, description = %s", [evil, evil])
        connection.commit()
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        for url in ("/", "/collections", "/collections/evil", "/collections/evil/items", "/collections/evil/items/1"):
            text = page(client, url)
            assert "<script>alert" not in text
            assert "<b>" not in text
            assert "alert(1)" in text
    finally:
        pool.close()
        cluster.drop(database)


def test_api_without_collections_says_how_to_publish(cluster: Cluster):
    database = cluster.clone()
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        assert "Copy a spatial file" in page(client, "/")
        assert "Copy a spatial file" in page(client, "/collections")
        assert client.get("/collections").json["collections"] == []
    finally:
        pool.close()
        cluster.drop(database)


def test_a_list_of_objects_and_nulls_is_shown(cluster: Cluster):
    database = cluster.clone()
    select = """SELECT 1 AS fid, '[{"a": "here"}, null, 2]'::jsonb AS things, ST_Point(1, 2) AS geom"""
    publish(database, "lists", select, columns={"things": "json"})
    pool = Pool(database.reader)
    try:
        client = create_app(database.reader, pool).test_client()
        assert "here" in page(client, "/collections/lists/items")
        assert "here" in page(client, "/collections/lists/items/1")
    finally:
        pool.close()
        cluster.drop(database)
