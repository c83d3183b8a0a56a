"""Pages of large geometries are the same as others, and no worker holds them."""

from __future__ import annotations

import gzip
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from math import inf
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.features.find import Streams
from core.database.connections import Database as Pool
from core.database.statement import Statement, TextRows
from support.cluster import Cluster, Database
from support.processes import peak_bytes, resident_bytes, server_pid
from support.publish import publish
from support.server import running_api

LAKES = """
SELECT n AS fid, 'lake ' || n AS name, n % 3 AS kind, ST_Buffer(ST_Point(n * 6 - 90, 10), 2, 4000) AS geom
FROM generate_series(1, 24) AS n
"""
SEAS = """
SELECT n AS fid, 'sea' AS name, 0 AS kind, ST_Buffer(ST_Point(n * 11 - 170, 10), 5, 150000) AS geom
FROM generate_series(1, 30) AS n
"""
STARS = """
SELECT 1 AS fid, 'sky' AS name, 1 AS kind, ST_Collect(ST_Point(sqrt(n) - 90, mod(n, 80))) AS geom
FROM generate_series(1, 20_000) AS n
"""
TEXTS = """
SELECT n AS fid, n % 3 AS kind,
       (SELECT string_agg(md5((n * 10000 + k)::text), 'ä"') FROM generate_series(1, 1500) AS k) AS name
FROM generate_series(1, 40) AS n
"""
ECHOES = """
SELECT n AS fid, n % 3 AS kind, repeat('echo ', 20_000) AS name,
       jsonb_build_object('said', repeat('echo ', 20_000)) AS words, ST_Point(n, n) AS geom
FROM generate_series(1, 40) AS n
"""
ECHOES_SHORT = "SELECT n AS fid, n % 3 AS kind, repeat('echo ', 12_000) AS name FROM generate_series(1, 40) AS n"
WIDE = [f"property {number}" for number in range(250)]
WIDE_VALUES = ("number", "'a\"b}'", "NULL::text", "1.5::float8", "true", "'[1, {}]'::jsonb")
COLUMNS = {"name": "string", "kind": "integer"}
CRS_3857 = "http://www.opengis.net/def/crs/EPSG/0/3857"
ITEMS = "/collections/lakes/items"


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """Two dozen lakes of a tenth of a megabyte each, the same as a table of somebody else's, and seas of some."""
    database = cluster.clone()
    for id, select in (("lakes", LAKES), ("seas", SEAS)):
        publish(database, id, select, columns=COLUMNS, geometry_type="Polygon", typmod="Polygon")
    publish(database, "stars", STARS, columns=COLUMNS, geometry_type="MultiPoint")
    publish(database, "texts", TEXTS, columns=COLUMNS, srid=None, geometry_type=None)
    publish(database, "echoes", ECHOES, columns={**COLUMNS, "words": "json"})
    values = ", ".join(f'{WIDE_VALUES[place % 6]} AS "{name}"' for place, name in enumerate(WIDE))
    kinds = ("integer", "string", "string", "number", "boolean", "json")
    publish(
        database,
        "wide",
        f"SELECT number AS fid, {values} FROM generate_series(1, 3) AS number",  # type: ignore[arg-type]
        columns={name: kinds[place % 6] for place, name in enumerate(WIDE)},
        srid=None,
        geometry_type=None,
    )
    publish(database, "echoes_short", ECHOES_SHORT, columns=COLUMNS, srid=None, geometry_type=None)
    with database.connect() as connection:
        connection.execute(
            "ALTER TABLE data.texts_4 ALTER name SET STORAGE EXTERNAL; UPDATE data.texts_4 SET name = name || ' '"
        )
        connection.execute("CREATE SCHEMA gis")
        connection.execute(f"CREATE TABLE gis.ponds AS {LAKES}")  # type: ignore[arg-type]
        connection.execute("ALTER TABLE gis.ponds ALTER geom TYPE geometry(Polygon, 4326) USING ST_SetSRID(geom, 4326)")
        connection.execute("ALTER TABLE gis.ponds ADD PRIMARY KEY (fid)")
        connection.execute("CREATE TABLE gis.pools (LIKE gis.ponds, PRIMARY KEY (fid)) PARTITION BY HASH (fid)")
        for part in range(2):
            connection.execute(
                f"CREATE TABLE gis.pools_{part} PARTITION OF gis.pools"  # type: ignore[arg-type]
                f" FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
            )
        connection.execute("INSERT INTO gis.pools SELECT * FROM gis.ponds")
        connection.execute("GRANT USAGE ON SCHEMA gis TO PUBLIC; GRANT SELECT ON gis.ponds, gis.pools TO PUBLIC")
    yield database
    cluster.drop(database)


@pytest.fixture(scope="module")
def app(database: Database) -> Iterator[Flask]:
    """The API that serves both."""
    pool = Pool(database.reader)
    yield create_app(database.reader, pool)
    pool.close()


def held(client: FlaskClient, path: str, **asked: Any) -> Any:
    """The answer of a worker that holds every page."""
    run_texts = Pool.run_texts

    def run(pool: Pool, statement: Statement, **options: Any) -> TextRows:
        return run_texts(pool, statement, **{**options, "most_bytes": inf})

    with patch.object(Pool, "run_texts", run):
        return client.open(path, **asked)


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers hold a megabyte, and show people a tenth, so that tests need no more."""
    monkeypatch.setattr("api.features.service.MOST_HELD", 1_000_000)
    monkeypatch.setattr("api.features.html.MOST_SHOWN", 100_000)


def get(client: FlaskClient, path: str, **asked: Any) -> tuple[Any, bool]:
    """An answer, and whether it was streamed."""
    with patch.object(Streams, "start", autospec=True, side_effect=Streams.start) as started:
        return client.open(path, **asked), started.called


def told(response: Any) -> Any:
    """What a document says, but for when."""
    text = gzip.decompress(response.data) if response.headers.get("Content-Encoding") else response.data
    return json.loads(re.sub(rb'"timeStamp":"[^"]+"', b'"timeStamp":""', text))


def test_the_features_are_large(database: Database):
    with database.connect() as connection:
        row = connection.execute("SELECT sum(pg_column_size(geom)) FROM gis.ponds").fetchone()
    assert row is not None
    assert row[0] > 1_500_000


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("limit=24", 24),
        ("limit=100&count=none", 24),
        ("limit=20&offset=3", 20),
        ("limit=20&sortby=-kind,name", 20),
        ("limit=20&bbox=-90,0,40,11", 20),
        ("limit=24&filter=kind<>7", 24),
        (f"limit=20&crs={CRS_3857}&f=json", 20),
        ("limit=20&f=jsonfg", 20),
    ],
)
def test_a_large_page_is_streamed_and_says_the_same(app: Flask, query: str, number: int):
    client = app.test_client()
    whole, (streamed, is_streamed) = held(client, f"{ITEMS}?{query}"), get(client, f"{ITEMS}?{query}")
    assert (whole.status_code, streamed.status_code, is_streamed) == (200, 200, True)
    assert told(streamed) == told(whole)
    assert len(told(streamed)["features"]) == told(streamed)["numberReturned"] == number
    ours = ("Content-Type", "Content-Crs", "ETag", "Last-Modified", "Cache-Control")
    assert [streamed.headers.get(name) for name in ours] == [whole.headers.get(name) for name in ours]


def test_a_walk_over_large_pages_leads_on_and_back(app: Flask):
    client = app.test_client()
    first = told(client.get(f"{ITEMS}?limit=20"))
    [on] = [link["href"] for link in first["links"] if link["rel"] == "next"]
    second = told(client.get(f"{on.replace('limit=20', 'limit=4')}"))
    assert [feature["id"] for feature in second["features"]] == [21, 22, 23, 24]
    [back] = [link["href"] for link in second["links"] if link["rel"] == "prev"]
    before, is_streamed = get(client, back.replace("limit=4", "limit=20"))
    assert is_streamed
    assert [feature["id"] for feature in told(before)["features"]] == list(range(1, 21))


def test_a_large_page_is_compressed_as_it_comes(app: Flask):
    packed, is_streamed = get(app.test_client(), f"{ITEMS}?limit=24", headers={"Accept-Encoding": "gzip"})
    assert (is_streamed, packed.headers["Content-Encoding"]) == (True, "gzip")
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(told(packed)["features"]) == 24


def test_head_and_a_client_that_has_it_cost_no_page(app: Flask):
    client = app.test_client()
    with patch("api.features.find.Streams.start", side_effect=AssertionError):
        head = client.head(f"{ITEMS}?limit=24")
        assert (head.status_code, head.data) == (200, b"")
        known = client.get(f"{ITEMS}?limit=24", headers={"If-None-Match": head.headers["ETag"]})
        assert known.status_code == 304


def test_a_search_may_have_a_large_page(app: Flask):
    client, asked = app.test_client(), {"json": {"limit": 24, "sortby": "-name"}, "method": "POST"}
    streamed, is_streamed = get(client, "/collections/lakes/search", **asked)
    assert is_streamed
    assert told(streamed) == told(held(client, "/collections/lakes/search", **asked))


@pytest.mark.parametrize("name", ["ponds", "pools"])
def test_a_page_of_a_table_of_somebody_else_is_streamed_too(database: Database, name: str):
    pool = Pool(database.reader)
    client = create_app(replace(database.reader, schemas="gis"), pool).test_client()
    assert name in client.get("/collections?f=json").text
    streamed, is_streamed = get(client, f"/collections/{name}/items?limit=24&f=json")
    assert is_streamed
    assert told(streamed) == told(held(client, f"/collections/{name}/items?limit=24&f=json"))
    pool.close()


def test_a_page_of_long_texts_is_streamed_too(app: Flask):
    client, path = app.test_client(), "/collections/texts/items?limit=30&f=json"
    streamed, is_streamed = get(client, path)
    assert is_streamed
    assert told(streamed) == told(held(client, path))
    assert not get(client, f"{path}&properties=kind")[1]


def test_what_postgresql_compresses_well_counts_as_it_is_sent(app: Flask):
    """Hundreds of megabytes of a text may be two on the disk."""
    client = app.test_client()
    for id, path in (("echoes", "limit=40"), ("echoes", "limit=30&sortby=-kind"), ("echoes_short", "limit=40")):
        streamed, is_streamed = get(client, f"/collections/{id}/items?{path}&f=json")
        assert is_streamed, path
        assert told(streamed) == told(held(client, f"/collections/{id}/items?{path}&f=json"))
    assert not get(client, "/collections/echoes/items?limit=1&f=json")[1]
    assert not get(client, "/collections/echoes/items?limit=40&properties=kind&f=json")[1]


def test_features_of_hundreds_of_properties_are_as_those_of_few(app: Flask):
    client = app.test_client()
    page = client.get("/collections/wide/items?f=json").json["features"]
    assert [list(feature["properties"]) for feature in page] == [WIDE] * 3
    for number, feature in enumerate(page, 1):
        wanted = (number, 'a"b}', None, 1.5, True, [1, {}])
        assert list(feature["properties"].values()) == [wanted[place % 6] for place in range(250)]
    assert client.get("/collections/wide/items?f=geojson").json["features"] == page
    one = client.get("/collections/wide/items/2").json
    assert one["properties"] == page[1]["properties"]
    some = client.get("/collections/wide/items", query_string={"f": "json", "properties": ",".join(WIDE[50:151])}).json
    assert list(some["features"][0]["properties"]) == WIDE[50:151]


def test_a_long_search_finds_what_holds_it_in_any_case(app: Flask):
    client = app.test_client()
    text = client.get("/collections/texts/items/7").json["properties"]["name"][1000:1300].upper()
    found = client.get("/collections/texts/items", query_string={"q": text, "properties": "kind", "f": "json"}).json
    assert [feature["id"] for feature in found["features"]] == [7]
    assert client.get("/collections/lakes/items", query_string={"q": text, "f": "json"}).json["features"] == []


@pytest.mark.parametrize("id", ["echoes", "echoes_short", "texts"])
def test_a_table_for_people_has_long_texts_cut(app: Flask, id: str):
    client = app.test_client()
    page = client.get(f"/collections/{id}/items?limit=40&f=html").text
    assert len(page) < 200_000
    assert "long texts are cut" in page
    assert page.count("…</td>") == (80 if id == "echoes" else 40)
    whole = client.get(f"/collections/{id}/items?limit=1&f=html").text
    assert "long texts are cut" not in whole or id == "echoes"


@pytest.mark.parametrize("query", ["limit=2", "limit=24&skipGeometry=true", "limit=24&resultType=hits"])
def test_other_pages_are_whole(app: Flask, query: str):
    answer, is_streamed = get(app.test_client(), f"{ITEMS}?{query}")
    assert (answer.status_code, is_streamed) == (200, False)


def test_a_page_for_people_has_large_shapes_as_its_map_shows_them(app: Flask):
    client = app.test_client()
    large, small = client.get(f"{ITEMS}?f=html&limit=20"), client.get(f"{ITEMS}?f=html&limit=20&zoom-level=3")
    assert len(large.data) < 100_000
    assert "shapes on the map are simplified" in large.text
    assert large.text.count("lake ") == small.text.count("lake ") >= 20


def test_a_feature_for_people_has_a_large_shape_as_its_map_shows_it(app: Flask):
    page, whole = (app.test_client().get(f"{ITEMS}/3?f={form}") for form in ("html", "json"))
    assert len(page.data) < 50_000 < 200_000 < len(whole.data)
    assert "the map has it simplified" in page.text
    assert "lake 3" in page.text


def test_a_feature_for_people_has_long_texts_cut(app: Flask):
    page = app.test_client().get("/collections/echoes/items/3?f=html").text
    assert len(page) < 10_000
    assert page.count("…</dd>") == 2
    assert "long texts are cut" in page
    page = app.test_client().get("/collections/lakes/items/3?f=html").text
    assert "long texts are cut" not in page


def test_a_feature_for_people_goes_without_a_shape_that_cannot_be_simplified(app: Flask):
    page, whole = (app.test_client().get(f"/collections/stars/items/1?f={form}") for form in ("html", "json"))
    assert len(page.data) < 10_000 < 200_000 < len(whole.data)
    assert "its shape is left out" in page.text
    assert "the map has it simplified" not in page.text


@pytest.mark.parametrize("limit", [30, 600])
def test_memory_stays_flat_while_a_large_page_is_found_and_sent(database: Database, limit: int):
    with running_api(database) as url:
        client = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        client.request("GET", "/collections/seas/items?limit=1")
        client.getresponse().read()
        pid = server_pid(url)
        before = resident_bytes(pid)
        with peak_bytes(pid) as peak:
            client.request("GET", f"/collections/seas/items?limit={limit}&precision=15")
            response, size = client.getresponse(), 0
            while block := response.read(1_000_000):
                size += len(block)
        client.close()
    assert size > 50_000_000
    assert peak() - before < 40_000_000
