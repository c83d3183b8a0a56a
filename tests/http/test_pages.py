"""HTML pages: complete, escaped, and with the facts on them."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.documents.explore import texts
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
    "/collections/places/explore",
    "/collections/places/items?sortby=-name&q=h&limit=2",
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
            assert address.startswith(("http://localhost", "#")) or "opengis.net" in address or "geojson.org" in address


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


def test_form_of_a_page_asks_without_scripts(client: FlaskClient):
    text = page(client, "/collections/places/items?sortby=-name&limit=25&filter=name+%3C%3E+%27x%27&bbox=0,0,90,90")
    assert 'name="filter" value="name &lt;&gt; &#39;x&#39;"' in text
    assert '<option value="-name" selected>name, descending</option>' in text
    assert "<option selected>25</option>" in text
    assert '<input type="hidden" name="bbox" value="0,0,90,90">' in text, "what has no field is asked again"
    assert "/collections/places/explore?filter=name+%3C%3E+%27x%27&amp;sortby=-name" in text
    exports = re.findall(r'href="http://localhost(/collections/places/items[^"]*f=csv[^"]*)" download', text)
    [address] = [unescape(found) for found in exports]
    assert (
        client.get(address).text.splitlines()[1:2]
        == client.get(
            "/collections/places/items?f=csv&sortby=-name&filter=name+%3C%3E+%27x%27&bbox=0,0,90,90"
        ).text.splitlines()[1:2]
    )


def test_fields_that_were_left_empty_are_not_asked(client: FlaskClient):
    response = client.get("/collections/places/items?f=html&q=&filter=&sortby=&limit=25")
    assert response.status_code == 303
    assert response.headers["Location"] == "http://localhost/collections/places/items?f=html&limit=25"
    assert client.get("/collections/places/items?f=json&q=").status_code == 400, "a program's mistake stays one"


@pytest.mark.parametrize("url", PAGES)
def test_page_may_run_nothing_but_the_servers_own_scripts(client: FlaskClient, url: str):
    response = client.get(url, headers={"Accept": "text/html"})
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self' http://localhost"
    assert "<style" not in response.text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", response.text)
    for kind, body in re.findall(r"<script([^>]*)>(.*?)</script>", response.text, re.DOTALL):
        assert "src=" in kind or "json" in kind, body[:100]


def test_explore_page_is_in_the_language_that_is_wanted(client: FlaskClient):
    def language(query: str, accepted: str) -> str:
        text = client.get(f"/collections/places/explore{query}", headers={"Accept-Language": accepted}).text
        return text.split('<html lang="')[1][:2]

    assert language("", "zh-CN,zh;q=0.9,en;q=0.5") == "zh"
    assert language("", "fi,en;q=0.5") == "en"
    assert language("", "fi") == "en"
    assert language("?lang=zh", "en") == "zh"
    assert client.get("/collections/places/explore?lang=xx").status_code == 400
    assert client.get("/collections/places/explore?colour=a&follow=me").status_code == 400
    assert client.get("/collections/places/explore?bbox=1").status_code == 400
    assert client.get("/collections/none/explore").status_code == 404


def test_languages_have_the_same_texts():
    english, *others = texts().values()
    for other in others:
        assert list(other) == list(english)
        for key, text in english.items():
            assert set(re.findall(r"{\w+}", other[key])) == set(re.findall(r"{\w+}", text))


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
